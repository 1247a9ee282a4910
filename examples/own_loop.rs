//! The training loop by hand: what the trainer does, in ten lines, with nothing hidden.

#![expect(
    clippy::print_stdout,
    reason = "an example speaks on its standard output"
)]

use limpid::data::synthetic;
use limpid::layers::{Linear, Relu, Sequential};
use limpid::loss::CrossEntropy;
use limpid::optim::Adam;
use limpid::prelude::*;

fn main() -> limpid::Result<()> {
    let run = Stream::new(7);
    let moons = synthetic::two_moons(400, 0.15, &run.fork("moons"))?;
    let train = Split::train_only(moons)?;
    let loader = Loader::classes(&train, 32)?.shuffled();
    let mut model = Sequential::new()
        .with(Linear::new(2, 32, run.fork("hidden"))?)
        .with(Relu)
        .with(Linear::output(32, 2, run.fork("output"))?);
    let mut optimizer = Optimizer::new(Adam::default(), 0.01)?;

    for epoch in 0..30_u64 {
        let mut total = 0.0;
        let stream = run.fork("epoch").fork(epoch);
        for (step, (x, y)) in loader.epoch::<f32>(&stream).enumerate() {
            let mut context = Context::train(stream.fork(step));
            let loss = CrossEntropy::new().forward(&model.forward(&x, &mut context)?, &y)?;
            let gradients = loss.backward()?;
            total += f64::from(loss.item()?);
            // With the loss gone nobody else holds the weights, and the update happens in place.
            drop(loss);
            optimizer.step(&mut model, &gradients)?;
            context.into_updates().apply(&mut model)?;
        }
        if epoch % 10 == 9 {
            println!(
                "epoch {:>2}: loss {:.4}",
                epoch + 1,
                total / loader.batches() as f64
            );
        }
    }
    Ok(())
}
