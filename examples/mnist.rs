//! MNIST with one hidden layer: 784-256-10, five epochs, batches of 128, SGD with Nesterov momentum.
//!
//! ```sh
//! LIMPID_DATA=/your/data cargo run --release --example mnist
//! ```
//! with the four IDX files, gzipped or not, in `/your/data/mnist`.

#![expect(
    clippy::print_stdout,
    reason = "an example speaks on its standard output"
)]

use std::process::ExitCode;
use std::time::Instant;

use limpid::data::{Deal, Loader, OpeningRecord, mnist};
use limpid::diagnostics::preflight::Preflight;
use limpid::layers::{Architecture, Flatten, Linear, Relu, Sequential};
use limpid::loss::CrossEntropy;
use limpid::optim::{CosineAnnealing, Sgd};
use limpid::prelude::*;
use limpid::train::{Layout, Per, Progress, Trainer, TrainerConfig, evaluate};

const EPOCHS: usize = 5;
const BATCH: usize = 128;
const RATE: f64 = 0.1;

fn main() -> ExitCode {
    match run() {
        Ok(accuracy) if accuracy >= 0.975 => ExitCode::SUCCESS,
        Ok(accuracy) => {
            eprintln!(
                "mnist: {:.2} % on the test part, expected at least 97.5 %",
                100.0 * accuracy
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("mnist: {error}");
            ExitCode::FAILURE
        }
    }
}

/// 784-256-10 with relu.
struct Perceptron;

impl Architecture for Perceptron {
    type Model<E: Element> = Sequential<E>;

    fn build<E: Element>(&self, stream: Stream) -> limpid::tensor::Result<Sequential<E>> {
        Ok(Sequential::new()
            .with(Flatten::default())
            .with(Linear::new(784, 256, stream.fork("hidden"))?)
            .with(Relu)
            .with(Linear::output(256, 10, stream.fork("output"))?))
    }
}

fn run() -> limpid::Result<f64> {
    let began = Instant::now();
    let stream = Stream::new(0);
    let (all, test) = mnist::load_from_environment()?;
    let (train, validation) =
        all.hold_out(1.0 / 12.0, Deal::Stratified, &stream.fork("validation"))?;
    println!("read        {:.2} s", began.elapsed().as_secs_f64());

    let loss = CrossEntropy::new();
    let mut model = Perceptron.build::<f32>(stream.fork("model"))?;
    let (images, labels) =
        Loader::classes(&train, 512)?.batch::<f32>(&(0..512).collect::<Vec<_>>())?;
    let tiny = images.narrow(0, 0, 20)?;
    let few = images.narrow(0, 0, 4)?.cast::<f64>();
    let clearance = Preflight::new()
        .gradients(
            &mut Perceptron.build::<f64>(stream.fork("model"))?,
            &loss,
            &few,
            &labels[..4],
        )?
        .initial_loss(&model, &loss, &images, &labels)?
        .tiny_subset(&mut model, &loss, &tiny, &labels[..20])?
        .clearance(&[])?;
    println!("checked     {:.2} s", began.elapsed().as_secs_f64());

    let optimizer = Optimizer::new(Sgd::default().with_momentum(0.9).with_nesterov(true), RATE)?;
    let steps = (EPOCHS * train.len().div_ceil(BATCH)) as u64;
    let mut trainer = Trainer::new(loss, optimizer, TrainerConfig::new(EPOCHS, BATCH))?
        .with_schedule(CosineAnnealing::new(RATE, steps), Per::Step)?
        .with_observer(Progress::new("mnist"));
    let trained = trainer.start(&mut model, &train, Some(&validation), &stream, clearance)?;
    for epoch in &trained.history.epochs {
        let accuracy = epoch.validation_accuracy.unwrap_or(f64::NAN);
        let loss = epoch.train_loss;
        println!(
            "epoch {:>2}    training loss {loss:.4}, validation {:.2} %",
            epoch.epoch + 1,
            100.0 * accuracy
        );
    }
    println!("trained     {:.2} s", began.elapsed().as_secs_f64());

    let mut openings = OpeningRecord::new();
    let test = test.open("the figure of this example", &mut openings)?;
    let scores = evaluate(&model, &CrossEntropy::new(), &test, 1000, Layout::AsGiven)?;
    let accuracy = scores.accuracy.unwrap_or(f64::NAN);
    println!(
        "test        {:.2} %, {:.2} s",
        100.0 * accuracy,
        began.elapsed().as_secs_f64()
    );
    Ok(accuracy)
}
