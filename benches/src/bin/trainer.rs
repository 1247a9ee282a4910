//! What the trainer costs beside the loop by hand, on workload W2: MLP 64-128-64-10, batch 32, Nesterov, cross-entropy.
//!
//! The ways take turns, so that whatever else the machine does falls on all of them alike.
#![expect(clippy::print_stdout, reason = "the program's result is its output")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use clap::Parser;
use limpid_data::{Loader, Split, Table, Target, Train};
use limpid_diagnostics::monitor::RunMonitor;
use limpid_loss::{CrossEntropy, Loss};
use limpid_nn_layers::{Context, Linear, Module, Relu, Sequential};
use limpid_optim::{Optimizer, Sgd};
use limpid_tensor::{Stream, Tensor, threads};
use limpid_train::{Clearance, Observer, Trainer, TrainerConfig};

const BATCH: usize = 32;
const STEPS_PER_EPOCH: usize = 256;
/// The rows on which a monitor looks at the layers.
const PROBE: usize = 128;

/// Measures the trainer beside the loop by hand.
#[derive(Debug, Parser)]
struct Options {
    /// How often each way is run.
    #[arg(long, default_value_t = 25)]
    rounds: usize,
    /// The epochs of a run, of 256 steps each.
    #[arg(long, default_value_t = 8)]
    epochs: usize,
}

fn model() -> limpid_tensor::Result<Sequential<f32>> {
    let stream = Stream::new(1);
    Ok(Sequential::new()
        .with(Linear::new(64, 128, stream.fork(1))?)
        .with(Relu)
        .with(Linear::new(128, 64, stream.fork(2))?)
        .with(Relu)
        .with(Linear::output(64, 10, stream.fork(3))?))
}

fn optimizer() -> limpid_tensor::Result<Optimizer<f32, Sgd>> {
    let rule = Sgd::default().with_momentum(0.9).with_nesterov(true);
    Optimizer::new(rule, 0.01)
}

fn data() -> Result<Train<Table>, Box<dyn Error>> {
    let rows = BATCH * STEPS_PER_EPOCH;
    let features = Tensor::<f64>::standard_normal([rows, 64], Stream::new(3)).into_array();
    let labels = (0..rows).map(|row| row * 7 % 10).collect();
    let names = (0..10).map(|class| class.to_string()).collect();
    let target = Target::Classes { labels, names };
    let table = Table::new("noise", features.into_dimensionality()?, target)?;
    Ok(Split::train_only(table)?)
}

fn by_hand(train: &Train<Table>, epochs: usize) -> Result<(), Box<dyn Error>> {
    let (mut model, mut optimizer) = (model()?, optimizer()?);
    let (run, criterion) = (Stream::new(7), CrossEntropy::new());
    let loader = Loader::classes(train, BATCH)?.shuffled();
    for epoch in 0..epochs {
        let stream = run.fork(epoch);
        let mut total = 0.0;
        for (step, (x, y)) in loader.epoch::<f32>(&stream).enumerate() {
            let mut context = Context::train(stream.fork(step));
            let loss = criterion.forward(&model.forward(&x, &mut context)?, &y)?;
            let gradients = loss.backward()?;
            total += f64::from(loss.item()?);
            drop(loss);
            optimizer.step(&mut model, &gradients)?;
            context.into_updates().apply(&mut model)?;
        }
        black_box(total);
    }
    Ok(())
}

fn by_trainer(
    train: &Train<Table>,
    epochs: usize,
    observer: Option<&mut dyn Observer<f32>>,
) -> Result<(), Box<dyn Error>> {
    let config = TrainerConfig::new(epochs, BATCH);
    let mut trainer = Trainer::new(CrossEntropy::new(), optimizer()?, config)?;
    if let Some(observer) = observer {
        trainer = trainer.with_observer(observer);
    }
    let clearance = Clearance::without_preflight("a measurement")?;
    trainer.start(&mut model()?, train, None, &Stream::new(7), clearance)?;
    Ok(())
}

/// Microseconds a step of each way in each round.
fn measure(options: &Options) -> Result<[Vec<f64>; 3], Box<dyn Error>> {
    let (train, epochs) = (data()?, options.epochs);
    let loader = Loader::classes(&train, BATCH)?;
    let (probe, labels) = loader.batch::<f32>(&(0..PROBE).collect::<Vec<_>>())?;
    let criterion = CrossEntropy::new();
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..options.rounds {
        for (way, times) in times.iter_mut().enumerate() {
            let begun = Instant::now();
            match way {
                0 => by_hand(&train, epochs)?,
                1 => by_trainer(&train, epochs, None)?,
                _ => {
                    let mut monitor = RunMonitor::new(probe.clone(), labels.clone(), &criterion);
                    by_trainer(&train, epochs, Some(&mut monitor))?;
                    black_box(monitor.layers());
                }
            }
            let steps = (epochs * STEPS_PER_EPOCH) as f64;
            times.push(begun.elapsed().as_secs_f64() * 1e6 / steps);
        }
    }
    Ok(times)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let times = threads::with(1, || measure(&options))?;
    let middle = |times: &[f64]| {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    let hand = &times[0];
    for (name, own) in ["loop by hand", "trainer", "trainer with monitors"]
        .iter()
        .zip(&times)
    {
        let ratios: Vec<f64> = own.iter().zip(hand).map(|(own, hand)| own / hand).collect();
        let least = own.iter().fold(f64::INFINITY, |least, &it| least.min(it));
        println!(
            "{name:<22} {least:7.2} us a step at least, {:7.2} in the middle, {:+5.1} %",
            middle(own),
            100.0 * (middle(&ratios) - 1.0)
        );
    }
    Ok(())
}
