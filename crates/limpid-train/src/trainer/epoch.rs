//! Epochs: a pass over the training rows, the validation after it, and what follows from it.

use std::ops::ControlFlow;

use limpid_data::Dataset;
use limpid_loss::Loss;
use limpid_nn_layers::Module;
use limpid_tensor::Element;

use super::Trainer;
use super::course::Course;
use super::step::require_finite;
use crate::evaluation::{KindOf, Tally, evaluate_loader};
use crate::run::Run;
use crate::{Checkpoint, EpochRecord, EpochView, StartView, Supervision, TrainError};

/// The sums over an epoch's steps.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) tally: Tally,
    pub(super) penalty: f64,
    pub(super) steps: u64,
    pub(super) rate: f64,
}

impl<E, L> Trainer<'_, E, L>
where
    E: Element,
    L: Loss<E>,
    L::Target: Supervision<E>,
{
    pub(super) fn epochs<M: Module<E>, D: Dataset>(
        &mut self,
        model: &mut M,
        course: &Course<'_, D, KindOf<E, L>>,
        run: &mut Run<E>,
    ) -> Result<(), TrainError> {
        let start = StartView {
            epochs: self.config.epochs,
            steps_per_epoch: course.train.batches(),
            step: run.step,
        };
        self.observers.iter_mut().for_each(|it| it.on_start(&start));
        while run.epoch < self.config.epochs {
            let (sums, mut wish) = self.epoch(model, course, run)?;
            let (epoch, step) = (run.epoch, run.step);
            let validation = course.validation.as_ref().map(|loader| {
                evaluate_loader(&*model, &self.criterion, loader).map_err(|source| {
                    TrainError::Step {
                        epoch,
                        step,
                        source,
                    }
                })
            });
            let validation = validation.transpose()?;
            if let Some(validation) = &validation {
                require_finite(run, "validation loss", validation.loss)?;
            }
            let train = sums.tally.finish(self.criterion.reduction());
            let record = EpochRecord {
                epoch,
                steps: step,
                train_loss: train.loss,
                train_accuracy: train.accuracy,
                penalty: sums.penalty / sums.steps as f64,
                validation_loss: validation.map(|it| it.loss),
                validation_accuracy: validation.and_then(|it| it.accuracy),
                rate: sums.rate,
            };
            let is_best = run.judge(&*model, validation, &self.config);
            let view = EpochView {
                record,
                is_best,
                model: &*model,
            };
            for observer in &mut self.observers {
                if let ControlFlow::Break(reason) = observer.on_epoch(&view) {
                    wish.get_or_insert(reason);
                }
            }
            let ends = run.close(record, wish, &self.config);
            if let Some(checkpoints) = &self.checkpoints
                && (ends || checkpoints.is_due(run.epoch))
            {
                let state = self.optimizer.state()?;
                checkpoints.save(&Checkpoint::new(&*model, state, run, &course.origin)?)?;
            }
            if ends {
                break;
            }
        }
        Ok(())
    }

    /// One pass over the training rows; ends early where an observer wishes it.
    fn epoch<M: Module<E>, D: Dataset>(
        &mut self,
        model: &mut M,
        course: &Course<'_, D, KindOf<E, L>>,
        run: &mut Run<E>,
    ) -> Result<(Sums, Option<String>), TrainError> {
        let mut sums = Sums::default();
        let order = course.stream.fork("order").fork(run.epoch);
        for (input, target) in course.train.epoch::<E>(&order) {
            let target = L::Target::of(&target);
            let stream = course.stream.fork("step").fork(run.step);
            let flow = self.step(model, run, (&input, target), stream, &mut sums)?;
            run.step += 1;
            if let ControlFlow::Break(reason) = flow {
                return Ok((sums, Some(reason)));
            }
        }
        Ok((sums, None))
    }
}
