//! The batches of one update.

use limpid_data::{DataError, TargetKind};
use limpid_loss::{Loss, Reduction};
use limpid_nn_layers::{Context, Module, Updates};
use limpid_optim::Accumulation;
use limpid_tensor::{
    Element, Gradients, Result, Stream, Tensor, for_each_buffer_mut, named_buffers,
};

use super::Trainer;
use super::step::require_finite;
use crate::evaluation::KindOf;
use crate::recorder::Recorder;
use crate::run::Run;
use crate::step::{Measured, measure};
use crate::{Activation, Supervision, TrainError};

/// What the batches of an update add up to.
pub(super) struct Window<E: Element> {
    pub(super) loss: f64,
    pub(super) gradients: Gradients<E>,
    /// Those of the last batch; the others are in the model.
    pub(super) updates: Updates<E>,
    /// Of the last batch.
    pub(super) activations: Vec<Activation<E>>,
    /// What the model's buffers were before, if batches have changed them.
    pub(super) buffers: Vec<Tensor<E>>,
}

/// A loss's targets, as a loader hands them out.
type BatchOf<E, L> = <KindOf<E, L> as TargetKind>::Batch<E>;

/// A batch, or why there is none.
pub(super) type Made<E, L> = std::result::Result<(Tensor<E>, BatchOf<E, L>), DataError>;

impl<E, L> Trainer<'_, E, L>
where
    E: Element,
    L: Loss<E>,
    L::Target: Supervision<E>,
{
    /// Runs the batches forwards and backwards.
    pub(super) fn gather<M: Module<E>>(
        &mut self,
        model: &mut M,
        run: &mut Run<E>,
        batches: impl Iterator<Item = Made<E, L>>,
        stream: Stream,
        records: bool,
    ) -> std::result::Result<Window<E>, TrainError> {
        let (epoch, step) = (run.epoch, run.step);
        let at = |source| TrainError::Step {
            epoch,
            step,
            source,
        };
        let reduction = self.criterion.reduction();
        let mut all = Accumulated::default();
        let mut window: Option<Window<E>> = None;
        for (place, batch) in batches.enumerate() {
            let (input, target) = batch?;
            let target = L::Target::of(&target);
            let stream = match self.accumulation {
                1 => stream,
                _ => stream.fork(place),
            };
            let buffers = match window.take() {
                None => Vec::new(),
                Some(earlier) => earlier.settle(model).map_err(at)?,
            };
            let mut recorder = records.then(Recorder::new);
            let context = match &mut recorder {
                Some(recorder) => Context::train(stream).with_tap(recorder),
                None => Context::train(stream),
            };
            let Measured {
                prediction,
                loss,
                hits,
                gradients,
                updates,
            } = measure(&*model, &self.criterion, &input, target, context).map_err(at)?;
            require_finite(run, "loss", loss)?;
            let weight = self.criterion.total_weight(target.rows(), target);
            let weight = weight.map_err(at)?;
            let sum = match reduction {
                Reduction::Sum => loss,
                Reduction::Mean | Reduction::None => loss * weight,
            };
            run.sums.tally.add(sum, weight, hits, target.rows());
            self.metrics.update(&prediction, target).map_err(at)?;
            let activations = recorder.map_or(Vec::new(), |it| it.into_activations(&gradients));
            let (loss, gradients) = match self.accumulation {
                1 => (loss, gradients),
                _ => {
                    let weight = Some(weight).filter(|_| reduction != Reduction::Sum);
                    all.add(gradients, sum, weight).map_err(at)?;
                    (all.loss(), Gradients::default())
                }
            };
            window = Some(Window {
                loss,
                gradients,
                updates,
                activations,
                buffers,
            });
        }
        let mut window = window.ok_or_else(|| TrainError::setting("batches", "at least 1", 0))?;
        if self.accumulation > 1 {
            window.gradients = all.take();
        }
        Ok(window)
    }
}

impl<E: Element> Window<E> {
    /// Puts the updates into the model; gives what the buffers were before the first ones.
    fn settle<M: Module<E>>(self, model: &mut M) -> Result<Vec<Tensor<E>>> {
        if self.updates.is_empty() {
            return Ok(self.buffers);
        }
        let before = if self.buffers.is_empty() {
            let buffers = named_buffers(&*model).into_iter();
            buffers.map(|(_, buffer)| buffer.value().clone()).collect()
        } else {
            self.buffers
        };
        self.updates.apply(model)?;
        Ok(before)
    }
}

/// Takes back what the batches of a skipped update have left in the model's buffers.
pub(super) fn restore<E: Element, M: Module<E>>(
    model: &mut M,
    buffers: Vec<Tensor<E>>,
) -> Result<()> {
    let mut buffers = buffers.into_iter();
    let mut outcome = Ok(());
    for_each_buffer_mut(model, |path, buffer| {
        if let (Ok(()), Some(value)) = (&outcome, buffers.next()) {
            outcome = buffer.set(value).map_err(|error| error.at(path));
        }
    });
    outcome
}

/// The gradients and losses of several batches: their weighted means, or sums.
#[derive(Default)]
struct Accumulated<E: Element> {
    mean: Accumulation<E>,
    sum: Gradients<E>,
    loss: f64,
    weight: Option<f64>,
}

impl<E: Element> Accumulated<E> {
    /// Adds a batch, whose loss is `sum` divided by `weight`, or `sum` itself.
    fn add(&mut self, gradients: Gradients<E>, sum: f64, weight: Option<f64>) -> Result<()> {
        self.loss += sum;
        match weight {
            Some(weight) => {
                self.weight = Some(self.weight.unwrap_or(0.0) + weight);
                self.mean.add(gradients, weight)
            }
            None => {
                self.sum = std::mem::take(&mut self.sum).plus(gradients);
                Ok(())
            }
        }
    }

    fn loss(&self) -> f64 {
        self.loss / self.weight.unwrap_or(1.0)
    }

    fn take(&mut self) -> Gradients<E> {
        match self.weight {
            Some(_) => self.mean.take(),
            None => std::mem::take(&mut self.sum),
        }
    }
}

#[cfg(test)]
mod tests {
    use limpid_data::{Split, Table, Target};
    use limpid_loss::{CrossEntropy, Mse};
    use limpid_nn_layers::{BatchNorm, Linear, Parameters, Sequential, Tanh};
    use limpid_optim::{Optimizer, Sgd};
    use limpid_tensor::{Parameter, State};

    use super::*;
    use crate::fixture::{clearance, split};
    use crate::{Keep, TrainerConfig};

    fn plain() -> Sequential<f64> {
        let stream = Stream::new(3);
        Sequential::new()
            .with(Linear::new(4, 8, stream.fork(1)).unwrap())
            .with(Tanh)
            .with(Linear::new(8, 3, stream.fork(2)).unwrap())
    }

    fn trained(loss: CrossEntropy, rows: usize, batches: usize) -> (State<f64>, Vec<f64>, f64) {
        let split = split();
        let mut model = plain();
        let config = TrainerConfig::new(2, rows).with_keep(Keep::Last);
        let sgd = Optimizer::new(Sgd::new().with_momentum(0.9), 0.01).unwrap();
        let mut trainer = Trainer::new(loss, sgd, config)
            .unwrap()
            .with_accumulation(batches)
            .unwrap();
        let stream = Stream::new(5);
        let trained = trainer
            .start(&mut model, &split.train, None, &stream, clearance())
            .unwrap();
        let losses = trained.history.steps.iter().map(|step| step.loss);
        let mean = trained.history.epochs[1].train_loss;
        (State::of(&model), losses.collect(), mean)
    }

    /// 90 rows: batches of 8 leave one of 2, and an update of 3 batches one of fewer.
    #[test]
    fn several_batches_train_as_one_of_all_their_rows() {
        let losses = [
            CrossEntropy::new(),
            CrossEntropy::new().with_weight([1.0, 5.0, 0.5]),
            CrossEntropy::new().with_reduction(Reduction::Sum),
        ];
        for loss in losses {
            let (whole, parts) = (trained(loss.clone(), 24, 1), trained(loss, 8, 3));
            assert_eq!(whole.1.len(), 8);
            for (whole, parts) in whole.1.iter().zip(&parts.1) {
                assert!((whole - parts).abs() < 1e-11 * whole, "{whole} {parts}");
            }
            assert!((whole.2 - parts.2).abs() < 1e-11 * whole.2);
            for ((name, whole), (_, parts)) in whole.0.entries().iter().zip(parts.0.entries()) {
                let apart = whole.sub(parts).unwrap().abs().to_vec();
                assert!(apart.iter().all(|&it| it < 1e-11), "{name}: {apart:?}");
            }
        }
    }

    /// Adds nothing, by a way whose gradient is not a number.
    #[derive(Debug, Parameters)]
    struct Steep {
        weight: Parameter<f64>,
    }

    impl Module<f64> for Steep {
        fn forward(&self, input: &Tensor<f64>, _: &mut Context<'_, f64>) -> Result<Tensor<f64>> {
            input.add(&self.weight.mul_scalar(0.0).sqrt())
        }
    }

    #[test]
    fn statistics_follow_each_batch_and_a_skipped_update_takes_them_back() {
        let run = |steep: bool| {
            let inputs = ndarray::Array2::from_shape_fn((4, 1), |(row, _)| row as f64);
            let targets = Target::Values(ndarray::Array2::zeros((4, 1)));
            let split = Split::train_only(Table::new("rows", inputs, targets).unwrap()).unwrap();
            let mut model = Sequential::new().with(BatchNorm::new(1).unwrap());
            if steep {
                let weight = Parameter::new(Tensor::ones([1]));
                model = model.with(Steep { weight });
            }
            let before = State::of(&model);
            let config = TrainerConfig::new(1, 2).with_keep(Keep::Last);
            let sgd = Optimizer::new(Sgd::new(), 1e-3).unwrap();
            let trained = Trainer::new(Mse::new(), sgd, config)
                .unwrap()
                .with_accumulation(2)
                .unwrap()
                .start(&mut model, &split, None, &Stream::new(2), clearance())
                .unwrap();
            (before, State::of(&model), trained.history.steps[0].skipped)
        };
        let (_, after, skipped) = run(false);
        assert!(!skipped);
        let found = after.get("0.running_mean").unwrap().to_vec()[0];
        // Rows 0 to 3 in batches of two: the mean of the first one fades by 0.9.
        let ways = [0.5, 1.0, 1.5, 2.0, 2.5].map(|first| 0.09 * first + 0.1 * (3.0 - first));
        assert!(ways.iter().any(|it| (it - found).abs() < 1e-12), "{found}");
        let (before, after, skipped) = run(true);
        assert!(skipped);
        assert_eq!(before, after);
    }
}
