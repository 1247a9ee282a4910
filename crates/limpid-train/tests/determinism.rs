//! One seed, one result: whatever the number of threads and of workers, and whoever looks on.
#![expect(clippy::unwrap_used, reason = "what the tests stand on fails the test")]

use std::ops::ControlFlow;

use limpid_data::{Dataset, Fractions, GaussianNoise, Images, Split, classics};
use limpid_loss::CrossEntropy;
use limpid_nn_layers::{BatchNorm, Conv2d, Dropout, Flatten, Linear, MaxPool2d, Relu, Sequential};
use limpid_optim::{Adam, Clip, GradientNoise, Optimizer, Penalty, ReduceOnPlateau};
use limpid_tensor::{State, Stream, threads};
use limpid_train::{
    Clearance, Detail, EpochView, Keep, Observer, StepView, Trained, Trainer, TrainerConfig, Watch,
};

const SEED: u64 = 9;

/// A model of every kind of kernel: convolution, pooling, norms, products, dropout.
fn model(stream: &Stream) -> limpid_tensor::Result<Sequential<f32>> {
    Ok(Sequential::new()
        .with(Conv2d::new(1, 8, [3, 3], stream.fork(1))?)
        .with(BatchNorm::new(8)?)
        .with(Relu)
        .with(MaxPool2d::new([2, 2]))
        .with(Flatten::default())
        .with(Linear::new(72, 256, stream.fork(2))?)
        .with(Relu)
        .with(Dropout::new(0.3)?)
        .with(Linear::output(256, 10, stream.fork(3))?))
}

/// The digits as pictures of one channel.
fn digits() -> Images {
    let table = classics::digits().unwrap();
    let pixels = table.features().mapv(|value| value as u8);
    let pixels = pixels.into_shape_with_order((table.len(), 8, 8)).unwrap();
    let (labels, names) = table.target().classes("digits").unwrap();
    Images::new("digits", pixels, labels.to_vec(), names.len()).unwrap()
}

/// All that a run leaves.
type Left = (Trained<f32>, State<f32>);

fn run(seed: u64, watch: Option<Watch>) -> Left {
    fed(seed, watch, 0)
}

fn fed(seed: u64, watch: Option<Watch>, workers: usize) -> Left {
    let stream = Stream::new(seed);
    let split = Split::stratified(&digits(), Fractions::default(), &stream).unwrap();
    let mut model = model(&stream).unwrap();
    let optimizer = Optimizer::new(Adam::new(), 3e-3)
        .unwrap()
        .with_clip(Clip::Norm(1.0))
        .unwrap()
        .with_noise(GradientNoise::new(1e-4, stream.fork("noise")).unwrap());
    let config = TrainerConfig::new(2, 48).with_keep(Keep::Last);
    let mut trainer = Trainer::new(CrossEntropy::new(), optimizer, config)
        .unwrap()
        .with_penalty(Penalty::l2(1e-4).unwrap())
        .with_plateau(ReduceOnPlateau::new(3e-3).with_patience(0))
        .unwrap()
        .with_accumulation(2)
        .unwrap()
        .with_augment(GaussianNoise::new(0.05).unwrap())
        .with_workers(workers)
        .with_weight_averaging(1)
        .with_average(0.95)
        .unwrap();
    if let Some(watch) = watch {
        trainer = trainer.with_observer(Looks(watch));
    }
    let clearance = Clearance::without_preflight("a test of determinism").unwrap();
    let parts = (&split.train, Some(&split.validation));
    let trained = trainer
        .start(&mut model, parts.0, parts.1, &stream, clearance)
        .unwrap();
    (trained, State::of(&model))
}

/// Looks at everything that there is to see.
struct Looks(Watch);

impl Observer<f32> for Looks {
    fn watch(&self) -> Watch {
        self.0
    }

    fn on_step(&mut self, view: &StepView<'_, f32>) -> ControlFlow<String> {
        assert_eq!(view.record.step % self.0.every, 0);
        ControlFlow::Continue(())
    }

    fn on_epoch(&mut self, view: &EpochView<'_, f32>) -> ControlFlow<String> {
        assert!(view.record.validation_loss.is_some());
        ControlFlow::Continue(())
    }
}

#[test]
fn one_seed_gives_the_same_bits_again_and_another_seed_others() {
    let first = run(SEED, None);
    assert!(first == run(SEED, None));
    assert!(first.1 != run(SEED + 1, None).1);
}

#[test]
fn every_number_of_threads_gives_the_same_bits() {
    let expected = threads::with(1, || run(SEED, None));
    for count in 2..=4 {
        let found = threads::with(count, || run(SEED, None));
        assert!(found == expected, "{count} threads");
    }
}

#[test]
fn every_number_of_workers_gives_the_same_bits() {
    let expected = run(SEED, None);
    for workers in [1, 3] {
        assert!(fed(SEED, None, workers) == expected, "{workers} workers");
    }
}

#[test]
fn whoever_looks_on_changes_no_bit() {
    let expected = run(SEED, None);
    let details = [
        Detail::Plain,
        Detail::Norms,
        Detail::Gradients,
        Detail::Activations,
    ];
    for detail in details {
        let found = run(SEED, Some(Watch::every(2, detail)));
        assert!(found == expected, "{detail:?}");
    }
}
