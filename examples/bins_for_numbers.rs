//! Regression as classification: the progression of diabetes after a year, learnt as a number and as
//! one of several bins, from clean training targets and from such as are, one in twenty, ten times too
//! great. The article prefers bins to the squared error: here is what that is worth. The README of
//! `limpid-loss` has the table.
//!
//! ```sh
//! cargo run --release --example bins_for_numbers
//! ```

#![expect(
    clippy::print_stdout,
    reason = "an example speaks on its standard output"
)]

use limpid::data::{Deal, Table, Target, Train, Validation, classics};
use limpid::layers::{Linear, Relu, Sequential};
use limpid::loss::{BinCoding, BinDecoding, Huber, L1, Mse};
use limpid::optim::Adam;
use limpid::prelude::*;
use limpid::preprocess::Standardize;
use limpid::train::{BinnedTarget, Bins};

/// Splits to average over.
const SPLITS: u64 = 20;
const EPOCHS: u64 = 60;
const HIDDEN: usize = 32;

/// What is learnt.
enum Way {
    /// The number itself, brought to mean 0 and deviation 1, by this loss.
    Number(Box<dyn Loss<f32, Target = Tensor<f32>>>),
    /// Its bin.
    Bin(BinnedTarget, BinDecoding),
}

/// Training features and targets, and the rows to measure on.
struct Task {
    train: Train<Table>,
    held_out: Validation<Table>,
}

fn main() -> limpid::Result<()> {
    let quantiles = || BinnedTarget::new(Bins::Quantile(20));
    let gauss = BinCoding::Gauss { sigma: 0.75 };
    let ways = [
        ("squared error", Way::Number(Box::new(Mse::new()))),
        ("Huber", Way::Number(Box::new(Huber::new()))),
        ("absolute error", Way::Number(Box::new(L1::new()))),
        (
            "20 bins of equal count, mean",
            Way::Bin(quantiles(), BinDecoding::Expectation),
        ),
        (
            "20 bins of equal count, median",
            Way::Bin(quantiles(), BinDecoding::Median),
        ),
        (
            "the same, ordinal, median",
            Way::Bin(
                quantiles().with_coding(BinCoding::Ordinal),
                BinDecoding::Median,
            ),
        ),
        (
            "20 bins of equal width, soft, mean",
            Way::Bin(
                BinnedTarget::new(Bins::Uniform(20)).with_coding(gauss),
                BinDecoding::Expectation,
            ),
        ),
    ];
    println!(
        "mean absolute error and root of the mean squared error on held-out rows, {SPLITS} splits"
    );
    println!(
        "{:36}  {:>15}  {:>15}",
        "learnt by", "clean", "with outliers"
    );
    for (name, way) in &ways {
        let [clean, spoilt] = [errors(way, false)?, errors(way, true)?];
        let both = |[mae, rmse]: [f64; 2]| format!("{mae:.1}  {rmse:.1}");
        println!("{name:36}  {:>15}  {:>15}", both(clean), both(spoilt));
    }
    Ok(())
}

/// Mean absolute and root mean squared error, averaged over the splits.
fn errors(way: &Way, outliers: bool) -> limpid::Result<[f64; 2]> {
    let mut totals = [0.0; 2];
    for split in 0..SPLITS {
        let stream = Stream::new(split);
        let task = task(outliers, &stream)?;
        let predicted = match way {
            Way::Number(loss) => {
                let targets: Vec<f64> = task.train.values()?.iter().copied().collect();
                let count = targets.len() as f64;
                let mean = targets.iter().sum::<f64>() / count;
                let square = |it: &f64| (it - mean) * (it - mean);
                let deviation = (targets.iter().map(square).sum::<f64>() / count).sqrt();
                let scaled = |y: &Tensor<f32>| y.affine(1.0 / deviation, -mean / deviation);
                let model = learnt(&task, loss.as_ref(), 1, scaled, &stream)?;
                model.predict(&held_out(&task)?)?.affine(deviation, mean)
            }
            Way::Bin(recipe, decoding) => {
                let bins = recipe.fit(&task.train)?;
                let model = learnt(&task, &bins, bins.outputs(), Tensor::clone, &stream)?;
                bins.decode(&model.predict(&held_out(&task)?)?, *decoding)?
            }
        };
        let truth = task.held_out.values()?;
        let pairs = predicted.to_vec().into_iter().zip(truth);
        let gaps: Vec<f64> = pairs
            .map(|(found, truth)| f64::from(found) - truth)
            .collect();
        let mean = |of: fn(&f64) -> f64| gaps.iter().map(of).sum::<f64>() / gaps.len() as f64;
        totals[0] += mean(|gap| gap.abs()) / SPLITS as f64;
        totals[1] += mean(|gap| gap * gap).sqrt() / SPLITS as f64;
    }
    Ok(totals)
}

/// A split, the outliers in its training targets alone.
fn task(outliers: bool, stream: &Stream) -> limpid::Result<Task> {
    let clean = classics::diabetes()?;
    let deal = |table: &Table| -> limpid::Result<(Train<Table>, Validation<Table>)> {
        let all = Split::train_only(table.clone())?;
        Ok(all.hold_out(0.2, Deal::Random, &stream.fork("split"))?)
    };
    let mut values = clean.values()?.clone();
    let mut spoils = stream.fork("outliers").generator();
    for value in &mut values {
        if outliers && spoils.unit() < 0.05 {
            *value *= 10.0;
        }
    }
    let (train, _) = deal(&clean.clone().with_target(Target::Values(values))?)?;
    let (_, held_out) = deal(&clean)?;
    let scaling = Standardize::default().fit(&train)?;
    Ok(Task {
        train: scaling.transform_part(&train)?,
        held_out: scaling.transform_part(&held_out)?,
    })
}

/// A network with one hidden layer, trained on what `seen` makes of the targets.
fn learnt(
    task: &Task,
    loss: &dyn Loss<f32, Target = Tensor<f32>>,
    outputs: usize,
    seen: impl Fn(&Tensor<f32>) -> Tensor<f32>,
    stream: &Stream,
) -> limpid::Result<Sequential<f32>> {
    let inputs = task.train.features().ncols();
    let mut model = Sequential::new()
        .with(Linear::new(inputs, HIDDEN, stream.fork("hidden"))?)
        .with(Relu)
        .with(Linear::output(HIDDEN, outputs, stream.fork("output"))?);
    let loader = Loader::values(&task.train, 32)?.shuffled();
    let mut optimizer = Optimizer::new(Adam::default(), 0.003)?;
    for epoch in 0..EPOCHS {
        for (x, y) in loader.epoch::<f32>(&stream.fork("epoch").fork(epoch)) {
            let mut context = Context::train(stream.fork("step"));
            let total = loss.forward(&model.forward(&x, &mut context)?, &seen(&y))?;
            let gradients = total.backward()?;
            drop(total);
            optimizer.step(&mut model, &gradients)?;
        }
    }
    Ok(model)
}

/// The features of the rows to measure on.
fn held_out(task: &Task) -> limpid::Result<Tensor<f32>> {
    let features = task.held_out.features();
    let data = features.iter().map(|&it| it as f32).collect();
    Ok(Tensor::from_vec(
        data,
        [features.nrows(), features.ncols()],
    )?)
}
