//! Steps: a batch, its update, and those who watch.

use std::ops::ControlFlow;

use limpid_loss::{Loss, Reduction};
use limpid_nn_layers::{Context, Module};
use limpid_optim::Reporting;
use limpid_tensor::{Element, Stream, Tensor, named_parameters};

use super::Trainer;
use super::epoch::Sums;
use crate::recorder::Recorder;
use crate::run::Run;
use crate::step::{Measured, measure, update};
use crate::{Detail, Per, StepRecord, StepView, Supervision, TrainError};

impl<E, L> Trainer<'_, E, L>
where
    E: Element,
    L: Loss<E>,
    L::Target: Supervision<E>,
{
    pub(super) fn step<M: Module<E>>(
        &mut self,
        model: &mut M,
        run: &mut Run<E>,
        (input, target): (&Tensor<E>, &L::Target),
        stream: Stream,
        sums: &mut Sums,
    ) -> Result<ControlFlow<String>, TrainError> {
        let (epoch, step) = (run.epoch, run.step);
        let at = |source| TrainError::Step {
            epoch,
            step,
            source,
        };
        self.adopt_rate(epoch, step).map_err(at)?;
        let detail = self.detail(step);
        let mut recorder = (detail == Some(Detail::Activations)).then(Recorder::new);
        let context = match &mut recorder {
            Some(recorder) => Context::train(stream).with_tap(recorder),
            None => Context::train(stream),
        };
        let penalty = self.penalty.as_ref();
        let Measured {
            loss,
            penalty,
            hits,
            gradients,
            updates,
        } = measure(&*model, &self.criterion, penalty, input, target, context).map_err(at)?;
        require_finite(run, "loss", loss)?;
        require_finite(run, "penalty", penalty.value)?;
        let weight = self
            .criterion
            .total_weight(target.rows(), target)
            .map_err(at)?;
        let sum = match self.criterion.reduction() {
            Reduction::Sum => loss,
            Reduction::Mean | Reduction::None => loss * weight,
        };
        sums.tally.add(sum, weight, hits, target.rows());
        sums.penalty += penalty.value;
        sums.steps += 1;
        sums.rate = self.optimizer.rate();

        let activations = recorder.map_or(Vec::new(), |it| it.into_activations(&gradients));
        let mut parameter_gradients = Vec::new();
        if detail >= Some(Detail::Gradients) {
            for (path, parameter) in named_parameters(&*model) {
                parameter_gradients.extend(gradients.tensor(parameter).map(|it| (path, it)));
            }
        }
        if detail >= Some(Detail::Norms) {
            self.optimizer.set_reporting(Reporting::Norms);
        }
        let report = update(model, self.optimizer.as_mut(), &gradients, updates).map_err(at)?;
        if detail >= Some(Detail::Norms) {
            self.optimizer.set_reporting(Reporting::Plain);
        }
        if let Some(average) = &mut run.average {
            average.update(&*model).map_err(at)?;
        }
        let record = StepRecord {
            step,
            epoch,
            loss,
            penalty: penalty.value,
            rate: sums.rate,
            gradient_norm: report.gradient_norm.filter(|norm| norm.is_finite()),
            skipped: report.skipped,
        };
        run.history.steps.push(record);
        if detail.is_none() {
            return Ok(ControlFlow::Continue(()));
        }
        Ok(self.show(&StepView {
            record,
            penalty,
            report: &report,
            gradients: &gradients,
            parameter_gradients: &parameter_gradients,
            activations: &activations,
            model: &*model,
        }))
    }

    fn adopt_rate(&mut self, epoch: usize, step: u64) -> Result<(), limpid_tensor::Error> {
        match &self.schedule {
            None => Ok(()),
            Some((schedule, Per::Step)) => self.optimizer.set_rate(schedule.rate(step)),
            Some((schedule, Per::Epoch)) => self.optimizer.set_rate(schedule.rate(epoch as u64)),
        }
    }

    /// How closely this step is looked at; `None` where nobody does.
    fn detail(&self, step: u64) -> Option<Detail> {
        let watches = self.observers.iter().map(|observer| observer.watch());
        let due = watches.filter(|watch| watch.is_due(step));
        due.map(|watch| watch.detail).max()
    }

    /// Shows a step to those who watch it; gives the first wish to end the run.
    fn show(&mut self, view: &StepView<'_, E>) -> ControlFlow<String> {
        let mut wish = ControlFlow::Continue(());
        for observer in &mut self.observers {
            if observer.watch().is_due(view.record.step) {
                let own = observer.on_step(view);
                if wish.is_continue() {
                    wish = own;
                }
            }
        }
        wish
    }
}

pub(super) fn require_finite<E: Element>(
    run: &Run<E>,
    what: &'static str,
    found: f64,
) -> Result<(), TrainError> {
    if found.is_finite() {
        return Ok(());
    }
    Err(TrainError::NotFinite {
        epoch: run.epoch,
        step: run.step,
        what,
        found,
    })
}
