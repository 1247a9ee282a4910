//! A layer of your own in one file: its parameters, its forward pass, its contract, its training.

#![expect(
    clippy::print_stdout,
    reason = "an example speaks on its standard output"
)]

use limpid::data::synthetic;
use limpid::layers::testing::{check_module, check_precisions};
use limpid::layers::{Linear, Sequential};
use limpid::loss::CrossEntropy;
use limpid::optim::Adam;
use limpid::prelude::*;

/// The highway layer, y = t tanh(W x + b) + (1 - t) x with the gate t = sigmoid(V x + c) (Srivastava
/// et al. 2015, eq. 3). The derived walk names its parameters `transform.weight`, `gate.bias` and so
/// on: for optimizers, summaries, freezing and files.
#[derive(Debug, Parameters)]
struct Highway<E: Element> {
    transform: Linear<E>,
    gate: Linear<E>,
}

impl<E: Element> Highway<E> {
    /// A layer of `features` in and out that carries its input at first: c is -2.
    fn new(features: usize, stream: Stream) -> limpid::tensor::Result<Self> {
        let mut gate = Linear::output(features, features, stream.fork("gate"))?;
        gate.bias = Some(Parameter::new(Tensor::full([features], -2.0)));
        let transform = Linear::new(features, features, stream.fork("transform"))?;
        Ok(Self { transform, gate })
    }
}

impl<E: Element> Module<E> for Highway<E> {
    fn forward(
        &self,
        input: &Tensor<E>,
        context: &mut Context<'_, E>,
    ) -> limpid::tensor::Result<Tensor<E>> {
        // By `call`, observers and errors know each child by its field's name.
        let proposal = context.call("transform", &self.transform, input)?.tanh();
        let gate = context.call("gate", &self.gate, input)?.sigmoid();
        // t h + (1 - t) x = x + t (h - x).
        input.add(&gate.mul(&proposal.sub(input)?)?)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let run = Stream::new(7);
    let batch = Tensor::standard_normal([4, 3], run.fork("batch"));
    check_module(|stream| Highway::new(3, stream), &batch, &[4, 3])?;
    check_precisions(
        |stream| Highway::new(3, stream),
        |stream| Highway::new(3, stream),
        &batch,
    )?;
    println!("the layer holds to the contract of layers");

    let moons = Split::train_only(synthetic::two_moons(400, 0.15, &run.fork("moons"))?)?;
    let loader = Loader::classes(&moons, 32)?.shuffled();
    let mut model = Sequential::new()
        .with(Linear::new(2, 16, run.fork("widen"))?)
        .with(Highway::new(16, run.fork("first"))?)
        .with(Highway::new(16, run.fork("second"))?)
        .with(Linear::output(16, 2, run.fork("output"))?);
    let mut optimizer = Optimizer::new(Adam::default(), 0.01)?;
    for epoch in 0..5_u64 {
        let stream = run.fork("epoch").fork(epoch);
        let mut total = 0.0;
        for (step, (x, y)) in loader.epoch::<f32>(&stream).enumerate() {
            let mut context = Context::train(stream.fork(step));
            let loss = CrossEntropy::new().forward(&model.forward(&x, &mut context)?, &y)?;
            let gradients = loss.backward()?;
            total += f64::from(loss.item()?);
            drop(loss);
            optimizer.step(&mut model, &gradients)?;
        }
        let mean = total / loader.batches() as f64;
        println!("epoch {}: loss {mean:.4}", epoch + 1);
    }
    Ok(())
}
