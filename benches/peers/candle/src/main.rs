//! The workloads in candle. Adam is candle's AdamW without decay; Nesterov's momentum, which candle has not, is
//! written here.

use candle_core::{D, DType, Device, Result, Tensor, Var, backprop::GradStore};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, loss::cross_entropy, ops};
use clap::Parser;
use limpid_peer_shared as shared;
use shared::{Arguments, CLASSES, FEATURES, TIME, measure};

const CPU: Device = Device::Cpu;

enum Update {
    Adam(AdamW),
    Nesterov { rate: f64, velocities: Vec<Var> },
    Plain(f64),
}

impl Update {
    fn new(name: &str, variables: &[Var]) -> Result<Self> {
        let lr = shared::rate(name);
        Ok(match name {
            "W1" | "W3" | "W6" => {
                let settings = ParamsAdamW { lr, weight_decay: 0.0, ..ParamsAdamW::default() };
                Self::Adam(AdamW::new(variables.to_vec(), settings)?)
            }
            "W2" | "W4" => {
                let velocities: Result<_> = variables.iter().map(|it| Var::from_tensor(&it.zeros_like()?)).collect();
                Self::Nesterov { rate: lr, velocities: velocities? }
            }
            _ => Self::Plain(lr),
        })
    }

    fn step(&mut self, variables: &[Var], gradients: &GradStore) -> Result<()> {
        match self {
            Self::Adam(adam) => adam.step(gradients)?,
            Self::Nesterov { rate, velocities } => {
                for (variable, velocity) in variables.iter().zip(velocities) {
                    if let Some(g) = gradients.get(variable) {
                        velocity.set(&((velocity.as_tensor() * 0.9)? + g)?)?;
                        let change = ((velocity.as_tensor() * 0.9)? + g)?;
                        variable.set(&variable.sub(&(change * *rate)?)?)?;
                    }
                }
            }
            Self::Plain(rate) => {
                for variable in variables {
                    if let Some(g) = gradients.get(variable) {
                        variable.set(&variable.sub(&(g * *rate)?)?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Weights are drawn, biases 0; `scales` are the numbers of those that start at 1.
fn variables(shapes: &[Vec<usize>], scales: &[usize]) -> Result<Vec<Var>> {
    let made = shapes.iter().enumerate().map(|(number, shape)| {
        Var::from_tensor(&match shape.len() {
            1 if scales.contains(&number) => Tensor::ones(shape.as_slice(), DType::F32, &CPU)?,
            1 => Tensor::zeros(shape.as_slice(), DType::F32, &CPU)?,
            _ => Tensor::from_vec(shared::weight(number as u64, shape), shape.as_slice(), &CPU)?,
        })
    });
    made.collect()
}

fn tensors(arrays: Vec<Vec<f32>>, shape: &[usize]) -> Result<Vec<Tensor>> {
    arrays.into_iter().map(|array| Tensor::from_vec(array, shape, &CPU)).collect()
}

fn classes(arrays: Vec<Vec<u32>>, shape: &[usize]) -> Result<Vec<Tensor>> {
    arrays.into_iter().map(|array| Tensor::from_vec(array, shape, &CPU)).collect()
}

fn linear(x: &Tensor, p: &[Var]) -> Result<Tensor> {
    x.matmul(&p[0].t()?)?.broadcast_add(&p[1])
}

fn channels(p: &Var) -> Result<Tensor> {
    p.reshape((1, (), 1, 1))
}

fn train(name: &str, given: &Arguments, p: Vec<Var>, loss: impl Fn(&[Var], usize) -> Result<Tensor>) -> Result<()> {
    let mut update = Update::new(name, &p)?;
    let mut step = |batch| -> Result<f64> {
        let loss = loss(&p, batch)?;
        update.step(&p, &loss.backward()?)?;
        Ok(f64::from(loss.to_scalar::<f32>()?))
    };
    measure("candle", name, given, |batch| step(batch).expect("a step"));
    Ok(())
}

fn mlp(name: &str, given: &Arguments, batch: usize, widths: &[usize]) -> Result<()> {
    let batch = given.batch.unwrap_or(batch);
    let shapes: Vec<_> = widths.windows(2).flat_map(|it| [vec![it[1], it[0]], vec![it[1]]]).collect();
    let x = tensors(shared::inputs(&[batch, widths[0]]), &[batch, widths[0]])?;
    let y = classes(shared::classes(batch, widths[widths.len() - 1]), &[batch])?;
    train(name, given, variables(&shapes, &[])?, |p, batch| {
        let mut x = x[batch].clone();
        for layer in (0..p.len()).step_by(2) {
            x = linear(&x, &p[layer..])?;
            if layer + 2 < p.len() {
                x = x.relu()?;
            }
        }
        cross_entropy(&x, &y[batch])
    })
}

fn cnn(given: &Arguments) -> Result<()> {
    let batch = given.batch.unwrap_or(64);
    let shapes = [
        vec![32, 1, 3, 3], vec![32], vec![64, 32, 3, 3], vec![64], vec![128, 9216], vec![128], vec![10, 128], vec![10],
    ];
    let shape = [batch, 1, 28, 28];
    let x = tensors(shared::inputs(&shape), &shape)?;
    let y = classes(shared::classes(batch, 10), &[batch])?;
    train("W3", given, variables(&shapes, &[])?, |p, batch| {
        let z = x[batch].conv2d(&p[0], 0, 1, 1, 1)?.broadcast_add(&channels(&p[1])?)?.relu()?;
        let z = z.conv2d(&p[2], 0, 1, 1, 1)?.broadcast_add(&channels(&p[3])?)?.relu()?;
        let z = linear(&z.max_pool2d(2)?.flatten_from(1)?, &p[4..])?.relu()?;
        cross_entropy(&linear(&z, &p[6..])?, &y[batch])
    })
}

fn normed(x: &Tensor, p: &[Var], padding: usize, stride: usize) -> Result<Tensor> {
    let x = x.conv2d(&p[0], padding, stride, 1, 1)?;
    let mean = x.mean_keepdim((0, 2, 3))?;
    let x = x.broadcast_sub(&mean)?;
    let deviation = (x.sqr()?.mean_keepdim((0, 2, 3))? + 1e-5)?.sqrt()?;
    x.broadcast_div(&deviation)?.broadcast_mul(&channels(&p[1])?)?.broadcast_add(&channels(&p[2])?)
}

fn resnet(given: &Arguments) -> Result<()> {
    let batch = given.batch.unwrap_or(64);
    let (mut shapes, mut scales) = (Vec::new(), Vec::new());
    let mut convolution = |inputs, channels, kernel| {
        scales.push(shapes.len() + 1);
        shapes.extend([vec![channels, inputs, kernel, kernel], vec![channels], vec![channels]]);
    };
    convolution(3, 16, 3);
    let (mut blocks, mut inputs) = (Vec::new(), 16);
    for (channels, first) in [(16, 1), (32, 2), (64, 2)] {
        for stride in [first, 1] {
            convolution(inputs, channels, 3);
            convolution(channels, channels, 3);
            if inputs != channels {
                convolution(inputs, channels, 1);
            }
            blocks.push((stride, inputs != channels));
            inputs = channels;
        }
    }
    shapes.extend([vec![10, 64], vec![10]]);
    let shape = [batch, 3, 32, 32];
    let x = tensors(shared::inputs(&shape), &shape)?;
    let y = classes(shared::classes(batch, 10), &[batch])?;
    train("W4", given, variables(&shapes, &scales)?, |p, batch| {
        let mut z = normed(&x[batch], p, 1, 1)?.relu()?;
        let mut at = 3;
        for &(stride, shortcut) in &blocks {
            let body = normed(&normed(&z, &p[at..], 1, stride)?.relu()?, &p[at + 3..], 1, 1)?;
            at += 6;
            if shortcut {
                z = normed(&z, &p[at..], 0, stride)?;
                at += 3;
            }
            z = (z + body)?.relu()?;
        }
        cross_entropy(&linear(&z.mean((2, 3))?, &p[at..])?, &y[batch])
    })
}

fn sampled(given: &Arguments) -> Result<()> {
    let (batch, questions) = (given.batch.unwrap_or(64), 1 + shared::NOISE_PER_ITEM);
    let shapes = [vec![256, 128], vec![256], vec![CLASSES, 256], vec![CLASSES]];
    let x = tensors(shared::inputs(&[batch, 128]), &[batch, 128])?;
    let rows = classes(shared::rows(batch), &[batch * questions])?;
    let signs: Vec<f32> = (0..questions).map(|it| if it == 0 { 1.0 } else { -1.0 }).collect();
    let signs = Tensor::from_vec(signs, (1, questions), &CPU)?;
    train("W5n", given, variables(&shapes, &[])?, |p, batch_number| {
        let hidden = linear(&x[batch_number], p)?.relu()?;
        let weights = p[2].index_select(&rows[batch_number], 0)?.reshape((batch, questions, 256))?;
        let biases = p[3].index_select(&rows[batch_number], 0)?.reshape((batch, questions))?;
        let scores = (weights.matmul(&hidden.unsqueeze(2)?)?.squeeze(2)? + biases)?;
        // -log sigmoid(s) = log(1 + e^-s); the scores here are far from where that overflows.
        let losses = (scores.broadcast_mul(&signs)?.neg()?.exp()? + 1.0)?.log()?;
        losses.sum(D::Minus1)?.mean_all()
    })
}

fn lstm(given: &Arguments) -> Result<()> {
    let (batch, width) = (given.batch.unwrap_or(32), 128);
    let layer = |inputs| [vec![4 * width, inputs], vec![4 * width, width], vec![4 * width], vec![4 * width]];
    let shapes = [layer(FEATURES), layer(width)].concat();
    let shape = [TIME, batch, FEATURES];
    let x = tensors(shared::inputs(&shape), &shape)?;
    let shape = [TIME, batch, width];
    let targets = (0..shared::BATCHES as u64).map(|it| shared::uniform(shared::TARGETS + it, &shape, 3f64.sqrt()));
    let y = tensors(targets.collect(), &shape)?;
    train("W6", given, variables(&shapes, &[])?, |p, batch_number| {
        let mut x = x[batch_number].clone();
        for p in p.chunks(4) {
            let parts = x.flatten_to(1)?.matmul(&p[0].t()?)?.broadcast_add(&(p[2].as_tensor() + p[3].as_tensor())?)?;
            let parts = parts.reshape((TIME, batch, 4 * width))?;
            let mut h = Tensor::zeros((batch, width), DType::F32, &CPU)?;
            let (mut c, mut outputs) = (h.clone(), Vec::with_capacity(TIME));
            let across = p[1].t()?;
            for time in 0..TIME {
                let gates = (parts.get(time)? + h.matmul(&across)?)?.chunk(4, 1)?;
                let forgotten = (ops::sigmoid(&gates[1])? * c)?;
                c = (forgotten + (ops::sigmoid(&gates[0])? * gates[2].tanh()?)?)?;
                h = (ops::sigmoid(&gates[3])? * c.tanh()?)?;
                outputs.push(h.clone());
            }
            x = Tensor::stack(&outputs, 0)?;
        }
        (x - &y[batch_number])?.sqr()?.mean_all()
    })
}

fn main() -> Result<()> {
    let given = Arguments::parse();
    for name in given.names() {
        match name {
            "W1" => mlp(name, &given, 128, &[784, 512, 512, 10])?,
            "W2" => mlp(name, &given, 32, &[64, 128, 64, 10])?,
            "W3" => cnn(&given)?,
            "W4" => resnet(&given)?,
            "W5" => mlp(name, &given, 64, &[128, 256, CLASSES])?,
            "W5n" => sampled(&given)?,
            "W6" => lstm(&given)?,
            other => panic!("no workload {other}"),
        }
    }
    Ok(())
}
