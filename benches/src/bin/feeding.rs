//! Times epochs of a small net on images like MNIST's, whose batches are made in several ways and by
//! several workers, and prints microseconds a batch.
//!
//! ```sh
//! cargo run --release -p limpid-benches --bin feeding -- --threads 2 --batch 64
//! ```

#![expect(clippy::print_stdout, reason = "the program's result is its output")]

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use limpid_data::{
    Classes, GaussianNoise, Images, Loader, RandomErasing, RowMap, Shift, Split, Train,
};
use limpid_loss::{CrossEntropy, Loss};
use limpid_nn_layers::{Context, Flatten, Linear, Module, Relu, Sequential};
use limpid_optim::{Optimizer, Sgd};
use limpid_tensor::Stream;
use ndarray::{Array2, Array3, ArrayView2};

/// Times epochs of 784-256-10 by the ways that its batches are made.
#[derive(Debug, Parser)]
struct Arguments {
    /// Threads that compute.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Images of a batch.
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Images of an epoch.
    #[arg(long, default_value_t = 12_800)]
    images: usize,
    /// Timed epochs, of which the least is given.
    #[arg(long, default_value_t = 5)]
    repeats: u64,
}

/// What a fitted standardisation does, at MNIST's mean and deviation.
struct Standardise;

impl RowMap for Standardise {
    fn input_width(&self) -> usize {
        784
    }

    fn output_width(&self) -> usize {
        784
    }

    fn map_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        rows.mapv(|pixel| (pixel - 0.1307) / 0.3081)
    }
}

type Feed<'a> = Loader<'a, Train<Images>, Classes>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    limpid_tensor::threads::set(arguments.threads);
    let pixel = |(image, row, column): (usize, usize, usize)| {
        ((image * 31 + row * row * 7 + column * 13) % 256) as u8
    };
    let pixels = Array3::from_shape_fn((arguments.images, 28, 28), pixel);
    let labels = (0..arguments.images).map(|image| image % 10).collect();
    let train = Split::train_only(Images::new("like MNIST", pixels, labels, 10)?)?;
    let plain = || Loader::classes(&train, arguments.batch).map(Loader::shuffled);
    let augmented = plain()?
        .with_augment(Shift::new(2))?
        .with_augment(RandomErasing::new(0.5)?)?;
    let noisy = plain()?
        .with_augment(Shift::new(2))?
        .with_augment(GaussianNoise::new(0.05)?)?;
    println!("made            workers  batches alone  with steps (microseconds a batch)");
    for (name, loader) in [
        ("plain", plain()?),
        ("standardised", plain()?.with_map(Standardise)?),
        ("shift, erase", augmented.with_map(Standardise)?),
        ("shift, noise", noisy.with_map(Standardise)?),
    ] {
        for workers in [0, 1, 2] {
            let alone = least(&arguments, |epoch| {
                batches(&loader, workers, epoch, |_, _| Ok(()))
            })?;
            let mut model = Sequential::new()
                .with(Flatten::default())
                .with(Linear::new(784, 256, Stream::new(1))?)
                .with(Relu)
                .with(Linear::output(256, 10, Stream::new(2))?);
            let mut optimizer = Optimizer::new(Sgd::default().with_momentum(0.9), 0.01)?;
            let trained = least(&arguments, |epoch| {
                batches(&loader, workers, epoch, |input, labels| {
                    let mut context = Context::train(Stream::new(3));
                    let output = model.forward(input, &mut context)?;
                    let loss = CrossEntropy::new().forward(&output, labels)?;
                    let gradients = loss.backward()?;
                    drop((loss, output));
                    optimizer.step(&mut model, &gradients)?;
                    Ok(())
                })
            })?;
            let each = |time: Duration| time.as_secs_f64() * 1e6 / loader.batches() as f64;
            let (alone, trained) = (each(alone), each(trained));
            println!("{name:<16}{workers:>7}{alone:>15.0}{trained:>12.0}");
        }
    }
    Ok(())
}

/// The least time of an epoch, after one that is not timed.
fn least(
    arguments: &Arguments,
    mut epoch: impl FnMut(u64) -> Result<(), Box<dyn Error>>,
) -> Result<Duration, Box<dyn Error>> {
    epoch(0)?;
    let mut least = Duration::MAX;
    for repeat in 1..=arguments.repeats {
        let began = Instant::now();
        epoch(repeat)?;
        least = least.min(began.elapsed());
    }
    Ok(least)
}

/// An epoch, with `step` for each batch.
fn batches(
    loader: &Feed<'_>,
    workers: usize,
    epoch: u64,
    mut step: impl FnMut(&limpid_tensor::Tensor<f32>, &[usize]) -> limpid_tensor::Result<()>,
) -> Result<(), Box<dyn Error>> {
    thread::scope(|scope| {
        let epoch = loader.epoch::<f32>(&Stream::new(epoch));
        for batch in epoch.in_background(scope, workers)? {
            let (input, labels) = batch?;
            step(&input, &labels)?;
        }
        Ok(())
    })
}
