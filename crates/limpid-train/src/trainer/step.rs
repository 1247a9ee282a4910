//! Steps: a batch, its update, and those who watch.

use std::ops::ControlFlow;

use limpid_loss::Loss;
use limpid_nn_layers::Module;
use limpid_optim::Reporting;
use limpid_tensor::{Element, Stream, named_parameters};

use super::window::{Made, Window, restore};
use super::{Rate, Trainer};
use crate::run::Run;
use crate::step::update;
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
        batches: impl Iterator<Item = Made<E, L>>,
        stream: Stream,
    ) -> Result<ControlFlow<String>, TrainError> {
        let (epoch, step) = (run.epoch, run.step);
        let at = |source| TrainError::Step {
            epoch,
            step,
            source,
        };
        self.adopt_rate(run).map_err(at)?;
        let detail = self.detail(step);
        let records = detail == Some(Detail::Activations);
        let Window {
            loss,
            mut gradients,
            updates,
            activations,
            buffers,
        } = self.gather(model, run, batches, stream, records)?;
        let penalty = self.penalty.as_ref();
        let penalty = penalty.map(|it| it.add_to(&*model, &mut gradients));
        let penalty = penalty.transpose().map_err(at)?.unwrap_or_default();
        require_finite(run, "penalty", penalty.value)?;
        let rate = self.optimizer.rate();
        run.sums.penalty += penalty.value;
        run.sums.steps += 1;
        run.sums.rate = rate;

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
        if report.skipped && !buffers.is_empty() {
            restore(model, buffers).map_err(at)?;
        }
        if let Some(average) = &mut run.average {
            average.update(&*model).map_err(at)?;
        }
        let record = StepRecord {
            step,
            epoch,
            loss,
            penalty: penalty.value,
            rate,
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

    fn adopt_rate(&mut self, run: &Run<E>) -> Result<(), limpid_tensor::Error> {
        let rate = match (&self.rate, &run.plateau) {
            (Rate::Schedule(schedule, Per::Step), _) => schedule.rate(run.step),
            (Rate::Schedule(schedule, Per::Epoch), _) => schedule.rate(run.epoch as u64),
            (Rate::Plateau(_), Some(plateau)) => plateau.rate,
            (Rate::Plateau(_) | Rate::Own, _) => return Ok(()),
        };
        self.optimizer.set_rate(rate)
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
