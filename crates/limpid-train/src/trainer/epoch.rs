//! Epochs: a pass over the training rows, the validation after it, and what follows from it.

use std::ops::ControlFlow;
use std::thread;

use limpid_data::Dataset;
use limpid_loss::Loss;
use limpid_nn_layers::Module;
use limpid_tensor::Element;

use super::Trainer;
use super::course::Course;
use super::pause::Pause;
use super::step::require_finite;
use super::window::Made;
use crate::evaluation::{KindOf, evaluate_loader};
use crate::run::Run;
use crate::{Ending, EpochRecord, EpochView, StartView, Supervision, TrainError};

/// How a pass over the training rows ended.
enum Pass {
    Whole,
    /// An observer wished the end.
    CutShort(String),
    /// The run was broken off, and is to end here.
    Paused,
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
            steps_per_epoch: course.train.batches().div_ceil(self.accumulation),
            step: run.step,
        };
        self.observers.iter_mut().for_each(|it| it.on_start(&start));
        if run.epoch >= self.config.epochs {
            run.history.ending.get_or_insert(Ending::Finished);
        }
        while run.history.ending.is_none() {
            let mut wish = match self.pass(model, course, run)? {
                Pass::Whole => None,
                Pass::CutShort(reason) => Some(reason),
                Pass::Paused => break,
            };
            let (epoch, step) = (run.epoch, run.step);
            let of_train = self.metrics.take();
            let validation = course.validation.as_ref().map(|loader| {
                let see = |prediction: &_, target: &_| self.metrics.update(prediction, target);
                evaluate_loader(&*model, &self.criterion, loader, see).map_err(|source| {
                    TrainError::Step {
                        epoch,
                        step,
                        source,
                    }
                })
            });
            let validation = validation.transpose()?;
            let of_validation = self.metrics.take();
            let judge = self.metrics.judge();
            let judged = judge
                .as_ref()
                .map(|(place, name, better)| (name.as_str(), *better, of_validation[*place]));
            let observed = judge
                .as_ref()
                .and_then(|&(place, ..)| match course.validation {
                    Some(_) => of_validation[place],
                    None => of_train[place],
                });
            if let Some(validation) = &validation {
                require_finite(run, "validation loss", validation.loss)?;
            }
            let sums = run.sums;
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
                metrics: self.metrics.records(of_train, of_validation),
            };
            let is_best = run.judge(&*model, validation, &self.config, judged);
            if let Some(swa) = run.swa.as_mut().filter(|_| self.swa <= Some(epoch)) {
                swa.update(&*model)?;
            }
            let observed = match judged {
                Some(_) => observed,
                None => Some(self.config.criterion.value(validation.as_ref(), &train)),
            };
            if let (Some(plateau), Some(observed)) = (&mut run.plateau, observed) {
                plateau.observe(observed);
            }
            let view = EpochView {
                record: record.clone(),
                is_best,
                model: &*model,
            };
            for observer in &mut self.observers {
                if let ControlFlow::Break(reason) = observer.on_epoch(&view) {
                    wish.get_or_insert(reason);
                }
            }
            run.close(record, wish, &self.config);
            self.write(&*model, course, run, is_best)?;
        }
        Ok(())
    }

    /// Writes what is due after an epoch.
    fn write<M: Module<E>, D: Dataset>(
        &self,
        model: &M,
        course: &Course<'_, D, KindOf<E, L>>,
        run: &mut Run<E>,
        is_best: bool,
    ) -> Result<(), TrainError> {
        let Some(checkpoints) = &self.checkpoints else {
            return Ok(());
        };
        if let (true, true, Some((reached, state))) = (is_best, checkpoints.best, &run.best) {
            checkpoints.save_best(state, reached, (run.epoch - 1, run.step))?;
        }
        let ends = run.history.ending.is_some();
        if ends || checkpoints.is_due_after_epochs(run.epoch) || self.is_due(run) {
            self.save(model, &course.origin, run)?;
        }
        Ok(())
    }

    /// One pass over the training rows, or what is left of it; ends early where an observer wishes
    /// it, or where the run is to be broken off.
    fn pass<M: Module<E>, D: Dataset>(
        &mut self,
        model: &mut M,
        course: &Course<'_, D, KindOf<E, L>>,
        run: &mut Run<E>,
    ) -> Result<Pass, TrainError> {
        let order = course.stream.fork("order").fork(run.epoch);
        let epoch = course.train.epoch::<E>(&order).from_batch(run.batch);
        thread::scope(|scope| {
            let mut batches = epoch.in_background(scope, self.feed.workers)?;
            self.steps(model, course, run, &mut batches)
        })
    }

    /// The steps that these batches are for.
    fn steps<M: Module<E>, D: Dataset>(
        &mut self,
        model: &mut M,
        course: &Course<'_, D, KindOf<E, L>>,
        run: &mut Run<E>,
        batches: &mut impl Iterator<Item = Made<E, L>>,
    ) -> Result<Pass, TrainError> {
        let all = course.train.batches();
        let chance = course.stream.fork("step");
        while run.batch < all {
            if let Some(pause) = self.pause(run) {
                self.break_off(&*model, &course.origin, run, pause)?;
                return Ok(Pass::Paused);
            }
            let window = batches.by_ref().take(self.accumulation);
            let flow = self.step(model, run, window, chance.fork(run.step))?;
            run.step += 1;
            run.batch = (run.batch + self.accumulation).min(all);
            if let ControlFlow::Break(reason) = flow {
                return Ok(Pass::CutShort(reason));
            }
            if run.batch < all && self.is_due(run) {
                self.save(&*model, &course.origin, run)?;
            }
        }
        // The steps of this epoch may be the last that the budget allows, but Ctrl-C does not wait for
        // a validation.
        match self.pause(run) {
            Some(pause @ Pause::Interrupt) => {
                self.break_off(&*model, &course.origin, run, pause)?;
                Ok(Pass::Paused)
            }
            _ => Ok(Pass::Whole),
        }
    }
}
