//! Digits of which five are rare, trained as they are, with class weights, in a balanced order, and with
//! images that are moved and mixed. What counts is the mean of the digits' recalls on the validation part.

#![expect(
    clippy::print_stdout,
    reason = "an example speaks on its standard output"
)]

use limpid::data::{Images, Mixup, Order, Shift, Train, Validation, classics};
use limpid::layers::{Flatten, Linear, Relu, Sequential};
use limpid::loss::{CrossEntropy, CrossEntropySoft, Loss};
use limpid::optim::Adam;
use limpid::prelude::*;
use limpid::train::metric::{Average, BalancedAccuracy, F1, Metric};
use limpid::train::{Clearance, OnSoftTargets, Supervision, Trainer, TrainerConfig};
use ndarray::Array3;

type Parts = (Train<Images>, Validation<Images>);

fn main() -> limpid::Result<()> {
    let stream = Stream::new(7);
    let split = Split::stratified(&digits()?, Default::default(), &stream.fork("split"))?;
    let parts = (split.train, split.validation);
    println!("images of each digit: {:?}", parts.0.class_counts()?);

    let plain = trainer(CrossEntropy::new())?;
    show("as they are", plain, &parts, &stream)?;

    let weights = parts.0.balanced_class_weights()?;
    let weighted = trainer(CrossEntropy::new().with_weight(weights))?;
    show("class weights", weighted, &parts, &stream)?;

    let balanced = trainer(CrossEntropy::new())?.with_order(Order::Balanced);
    show("balanced order", balanced, &parts, &stream)?;

    let moved = trainer(OnSoftTargets::new(CrossEntropySoft::new()))?
        .with_order(Order::Balanced)
        .with_augment(Shift::new(1))
        .with_mix(Mixup::new(0.2)?);
    show("moved and mixed", moved, &parts, &stream)
}

/// The embedded digits as images, with a fifteenth of those from 5 to 9.
fn digits() -> limpid::Result<Images> {
    let table = classics::digits()?;
    let rare = |&row: &usize| table.labels().is_ok_and(|it| it[row] < 5) || row % 15 == 0;
    let table = table.select_rows(&(0..table.len()).filter(rare).collect::<Vec<_>>())?;
    let shades = table.features();
    // From 0 to 16 in the table.
    let pixels = Array3::from_shape_fn((table.len(), 8, 8), |(image, row, column)| {
        (shades[[image, row * 8 + column]] * 15.0) as u8
    });
    Ok(Images::new("digits", pixels, table.labels()?.to_vec(), 10)?)
}

/// A trainer that is judged by what rare digits count in like others.
fn trainer<'a, L: Loss<f32>>(loss: L) -> limpid::Result<Trainer<'a, f32, L>>
where
    L::Target: Supervision<f32>,
    BalancedAccuracy: Metric<f32, L::Target>,
    F1: Metric<f32, L::Target>,
{
    let optimizer = Optimizer::new(Adam::default(), 0.003)?;
    Ok(Trainer::new(loss, optimizer, TrainerConfig::new(40, 32))?
        .judged_by(BalancedAccuracy::new())?
        .with_metric(F1::new(Average::Macro)))
}

fn show<L: Loss<f32>>(
    name: &str,
    mut trainer: Trainer<'_, f32, L>,
    (train, validation): &Parts,
    stream: &Stream,
) -> limpid::Result<()>
where
    L::Target: Supervision<f32>,
{
    let mut model = Sequential::new()
        .with(Flatten::default())
        .with(Linear::new(64, 64, stream.fork("hidden"))?)
        .with(Relu)
        .with(Linear::output(64, 10, stream.fork("output"))?);
    let clearance = Clearance::without_preflight("an example of how rows are fed")?;
    let trained = trainer.start(&mut model, train, Some(validation), stream, clearance)?;
    if let Some(best) = trained.history.best() {
        let metric = |name| best.metric(name).and_then(|it| it.validation);
        println!(
            "{name:<16} balanced accuracy {:.3}, macro F1 {:.3}, accuracy {:.3}",
            metric("balanced accuracy").unwrap_or(f64::NAN),
            metric("macro F1").unwrap_or(f64::NAN),
            best.validation_accuracy.unwrap_or(f64::NAN)
        );
    }
    Ok(())
}
