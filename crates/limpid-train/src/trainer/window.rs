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
