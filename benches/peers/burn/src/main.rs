//! The workloads in burn, on its backends flex and ndarray.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::activation::{log_sigmoid, relu, sigmoid};
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Int, Tensor, TensorData};
use clap::Parser;
use limpid_peer_shared as shared;
use shared::{Arguments, CLASSES, FEATURES, TIME, measure};

/// The parameters of any workload.
#[derive(Module, Debug)]
struct Model {
    convolutions: Vec<Conv2d>,
    norms: Vec<BatchNorm>,
    linears: Vec<Linear>,
    tables: Vec<Param<Tensor<2>>>,
    biases: Vec<Param<Tensor<1>>>,
}

/// A model in the making: the number of the next parameter counts on.
struct Builder {
    model: Model,
    sequence: u64,
    device: Device,
}

impl Builder {
    fn new(device: &Device) -> Self {
        let model = Model { convolutions: vec![], norms: vec![], linears: vec![], tables: vec![], biases: vec![] };
        Self { model, sequence: 0, device: device.clone() }
    }

    fn draw(&mut self, shape: &[usize]) -> Vec<f32> {
        self.sequence += 1;
        shared::weight(self.sequence - 1, shape)
    }

    fn zeros(&mut self, length: usize) -> Param<Tensor<1>> {
        self.sequence += 1;
        Param::from_tensor(Tensor::zeros([length], &self.device))
    }

    /// burn keeps linear weights as `[in, out]`.
    fn turned(&mut self, outputs: usize, inputs: usize) -> Param<Tensor<2>> {
        let rows = self.draw(&[outputs, inputs]);
        let turned = (0..inputs * outputs).map(|at| rows[at % outputs * inputs + at / outputs]).collect::<Vec<_>>();
        Param::from_tensor(Tensor::from_data(TensorData::new(turned, [inputs, outputs]), &self.device))
    }

    fn linear(&mut self, inputs: usize, outputs: usize) {
        let mut layer = LinearConfig::new(inputs, outputs).init(&self.device);
        layer.weight = self.turned(outputs, inputs);
        layer.bias = Some(self.zeros(outputs));
        self.model.linears.push(layer);
    }

    fn table(&mut self, rows: usize, width: usize) {
        let data = TensorData::new(self.draw(&[rows, width]), [rows, width]);
        self.model.tables.push(Param::from_tensor(Tensor::from_data(data, &self.device)));
        let bias = self.zeros(rows);
        self.model.biases.push(bias);
    }

    fn convolution(&mut self, inputs: usize, outputs: usize, kernel: usize, stride: usize, padding: usize, bias: bool) {
        let mut layer = Conv2dConfig::new([inputs, outputs], [kernel; 2])
            .with_stride([stride; 2])
            .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
            .with_bias(bias)
            .init(&self.device);
        let shape = [outputs, inputs, kernel, kernel];
        layer.weight = Param::from_tensor(Tensor::from_data(TensorData::new(self.draw(&shape), shape), &self.device));
        if bias {
            layer.bias = Some(self.zeros(outputs));
        }
        self.model.convolutions.push(layer);
    }

    fn normed(&mut self, inputs: usize, outputs: usize, kernel: usize, stride: usize) {
        self.convolution(inputs, outputs, kernel, stride, kernel / 2, false);
        self.model.norms.push(BatchNormConfig::new(outputs).init(&self.device));
        self.sequence += 2;
    }
}

fn optimizer(name: &str) -> ModuleOptimizer {
    match name {
        "W1" | "W3" | "W6" => AdamConfig::new().with_beta_2(0.999).with_epsilon(1e-8).init(),
        "W2" | "W4" => {
            let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0).with_nesterov(true);
            SgdConfig::new().with_momentum(Some(momentum)).init()
        }
        _ => SgdConfig::new().init(),
    }
}

fn floats<const D: usize>(arrays: Vec<Vec<f32>>, shape: [usize; D], device: &Device) -> Vec<Tensor<D>> {
    arrays.into_iter().map(|array| Tensor::from_data(TensorData::new(array, shape), device)).collect()
}

fn classes(arrays: Vec<Vec<u32>>, device: &Device) -> Vec<Tensor<1, Int>> {
    let tensor = |array: Vec<u32>| {
        let array: Vec<i64> = array.into_iter().map(i64::from).collect();
        let length = array.len();
        Tensor::from_data(TensorData::new(array, [length]), device)
    };
    arrays.into_iter().map(tensor).collect()
}

fn train(name: &str, given: &Arguments, model: Model, loss: impl Fn(&Model, usize) -> Tensor<1>) {
    let (mut model, mut update) = (Some(model), optimizer(name));
    measure(&format!("burn {}", given.mode), name, given, |batch| {
        let current = model.take().expect("a model");
        let loss = loss(&current, batch);
        let gradients = GradientsParams::from_grads(loss.backward(), &current);
        model = Some(update.step(shared::rate(name), current, gradients));
        f64::from(loss.into_scalar::<f32>())
    });
}

fn mlp(name: &str, given: &Arguments, device: &Device, batch: usize, widths: &[usize]) {
    let (batch, inputs, outputs) = (given.batch.unwrap_or(batch), widths[0], widths[widths.len() - 1]);
    let mut builder = Builder::new(device);
    for pair in widths.windows(2) {
        builder.linear(pair[0], pair[1]);
    }
    let x = floats(shared::inputs(&[batch, inputs]), [batch, inputs], device);
    let y = classes(shared::classes(batch, outputs), device);
    let criterion = CrossEntropyLossConfig::new().init(device);
    train(name, given, builder.model, |model, number| {
        let mut x = x[number].clone();
        for (layer, linear) in model.linears.iter().enumerate() {
            x = linear.forward(x);
            if layer + 1 < model.linears.len() {
                x = relu(x);
            }
        }
        criterion.forward(x, y[number].clone())
    });
}

fn cnn(given: &Arguments, device: &Device) {
    let batch = given.batch.unwrap_or(64);
    let mut builder = Builder::new(device);
    builder.convolution(1, 32, 3, 1, 0, true);
    builder.convolution(32, 64, 3, 1, 0, true);
    builder.linear(9216, 128);
    builder.linear(128, 10);
    let x = floats(shared::inputs(&[batch, 1, 28, 28]), [batch, 1, 28, 28], device);
    let y = classes(shared::classes(batch, 10), device);
    let criterion = CrossEntropyLossConfig::new().init(device);
    train("W3", given, builder.model, |model, number| {
        let z = relu(model.convolutions[0].forward(x[number].clone()));
        let z = relu(model.convolutions[1].forward(z));
        let z: Tensor<2> = max_pool2d(z, MaxPoolOptions::new([2, 2]).with_stride([2, 2])).flatten(1, 3);
        let z = model.linears[1].forward(relu(model.linears[0].forward(z)));
        criterion.forward(z, y[number].clone())
    });
}

fn resnet(given: &Arguments, device: &Device) {
    let batch = given.batch.unwrap_or(64);
    let mut builder = Builder::new(device);
    builder.normed(3, 16, 3, 1);
    let (mut shortcuts, mut inputs) = (Vec::new(), 16);
    for (channels, first) in [(16, 1), (32, 2), (64, 2)] {
        for stride in [first, 1] {
            builder.normed(inputs, channels, 3, stride);
            builder.normed(channels, channels, 3, 1);
            if inputs != channels {
                builder.normed(inputs, channels, 1, stride);
            }
            shortcuts.push(inputs != channels);
            inputs = channels;
        }
    }
    builder.linear(64, 10);
    let x = floats(shared::inputs(&[batch, 3, 32, 32]), [batch, 3, 32, 32], device);
    let y = classes(shared::classes(batch, 10), device);
    let criterion = CrossEntropyLossConfig::new().init(device);
    train("W4", given, builder.model, |model, number| {
        let normed = |at: usize, z| model.norms[at].forward(model.convolutions[at].forward(z));
        let (mut z, mut at) = (relu(normed(0, x[number].clone())), 1);
        for &shortcut in &shortcuts {
            let body = normed(at + 1, relu(normed(at, z.clone())));
            at += 2;
            if shortcut {
                z = normed(at, z);
                at += 1;
            }
            z = relu(z + body);
        }
        let z = z.mean_dims(&[2, 3]).flatten(1, 3);
        criterion.forward(model.linears[0].forward(z), y[number].clone())
    });
}

fn sampled(given: &Arguments, device: &Device) {
    let (batch, questions) = (given.batch.unwrap_or(64), 1 + shared::NOISE_PER_ITEM);
    let mut builder = Builder::new(device);
    builder.linear(128, 256);
    builder.table(CLASSES, 256);
    let x = floats(shared::inputs(&[batch, 128]), [batch, 128], device);
    let rows = classes(shared::rows(batch), device);
    let signs: Vec<f32> = (0..questions).map(|it| if it == 0 { 1.0 } else { -1.0 }).collect();
    let signs: Tensor<2> = Tensor::from_data(TensorData::new(signs, [1, questions]), device);
    train("W5n", given, builder.model, |model, number| {
        let hidden = relu(model.linears[0].forward(x[number].clone()));
        let weights = model.tables[0].val().select(0, rows[number].clone()).reshape([batch, questions, 256]);
        let biases = model.biases[0].val().select(0, rows[number].clone()).reshape([batch, questions]);
        let scores = weights.matmul(hidden.reshape([batch, 256, 1])).reshape([batch, questions]) + biases;
        log_sigmoid(scores * signs.clone()).neg().sum_dim(1).mean()
    });
}

fn lstm(given: &Arguments, device: &Device) {
    let (batch, width) = (given.batch.unwrap_or(32), 128);
    let mut builder = Builder::new(device);
    for inputs in [FEATURES, width] {
        for length in [inputs, width] {
            let table = builder.turned(4 * width, length);
            builder.model.tables.push(table);
        }
        for _ in 0..2 {
            let bias = builder.zeros(4 * width);
            builder.model.biases.push(bias);
        }
    }
    let x = floats(shared::inputs(&[TIME, batch, FEATURES]), [TIME * batch, FEATURES], device);
    let shape = [TIME, batch, width];
    let targets = (0..shared::BATCHES as u64).map(|it| shared::uniform(shared::TARGETS + it, &shape, 3f64.sqrt()));
    let y = floats(targets.collect(), [TIME * batch, width], device);
    train("W6", given, builder.model, |model, number| {
        let mut x = x[number].clone();
        for layer in [0, 2] {
            let bias = model.biases[layer].val() + model.biases[layer + 1].val();
            let parts = x.matmul(model.tables[layer].val()) + bias.unsqueeze::<2>();
            let across = model.tables[layer + 1].val();
            let mut h = Tensor::<2>::zeros([batch, width], device);
            let (mut c, mut outputs) = (h.clone(), Vec::with_capacity(TIME));
            for time in 0..TIME {
                let part = parts.clone().slice([time * batch..(time + 1) * batch, 0..4 * width]);
                let gates = part + h.matmul(across.clone());
                let gate = |at: usize| gates.clone().slice([0..batch, at * width..(at + 1) * width]);
                c = sigmoid(gate(1)) * c + sigmoid(gate(0)) * gate(2).tanh();
                h = sigmoid(gate(3)) * c.clone().tanh();
                outputs.push(h.clone());
            }
            x = Tensor::cat(outputs, 0);
        }
        (x - y[number].clone()).square().mean()
    });
}

fn main() {
    let given = Arguments::parse();
    #[expect(deprecated, reason = "the backend is measured for as long as it exists")]
    let device = match given.mode.as_str() {
        "ndarray" => Device::ndarray(),
        _ => Device::flex(),
    }
    .autodiff();
    for name in given.names() {
        match name {
            "W1" => mlp(name, &given, &device, 128, &[784, 512, 512, 10]),
            "W2" => mlp(name, &given, &device, 32, &[64, 128, 64, 10]),
            "W3" => cnn(&given, &device),
            "W4" => resnet(&given, &device),
            "W5" => mlp(name, &given, &device, 64, &[128, 256, CLASSES]),
            "W5n" => sampled(&given, &device),
            "W6" => lstm(&given, &device),
            other => panic!("no workload {other}"),
        }
    }
}
