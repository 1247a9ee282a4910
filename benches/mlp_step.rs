//! One training step of a multilayer perceptron: forward, loss, backward, update.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use limpid_loss::{CrossEntropy, Loss};
use limpid_nn_layers::{Context, Linear, Module, Relu, Sequential};
use limpid_optim::{Adam, Optimizer, Rule, Sgd};
use limpid_tensor::{Result, Stream, Tensor};

fn model(widths: &[usize]) -> Result<Sequential<f32>> {
    let mut model = Sequential::new();
    for (layer, pair) in widths.windows(2).enumerate() {
        if layer > 0 {
            model = model.with(Relu);
        }
        model = model.with(Linear::new(pair[0], pair[1], Stream::new(0).fork(layer))?);
    }
    Ok(model)
}

fn bench<R: Rule<f32>>(
    criterion: &mut Criterion,
    name: &str,
    widths: &[usize],
    batch: usize,
    rule: R,
    rate: f64,
) {
    let stream = Stream::new(1);
    let x = Tensor::<f32>::standard_normal([batch, widths[0]], stream);
    let y: Vec<usize> = (0..batch).map(|row| row % 10).collect();
    let (Ok(mut model), Ok(mut optimizer)) = (model(widths), Optimizer::new(rule, rate)) else {
        return;
    };
    let mut step = || -> Result<()> {
        let mut context = Context::train(stream);
        let loss = CrossEntropy::new().forward(&model.forward(&x, &mut context)?, &y)?;
        let gradients = loss.backward()?;
        drop(loss);
        optimizer.step(&mut model, &gradients)?;
        Ok(())
    };
    criterion.bench_function(name, |bencher| bencher.iter(|| black_box(step())));
}

fn steps(criterion: &mut Criterion) {
    let wide = [784, 512, 512, 10];
    bench(
        criterion,
        "W1: 784-512-512-10, batch 128, Adam",
        &wide,
        128,
        Adam::default(),
        1e-3,
    );
    let small = [64, 128, 64, 10];
    let nesterov = Sgd::default().with_momentum(0.9).with_nesterov(true);
    bench(
        criterion,
        "W2: 64-128-64-10, batch 32, Nesterov",
        &small,
        32,
        nesterov,
        0.01,
    );
}

criterion_group!(benches, steps);
criterion_main!(benches);
