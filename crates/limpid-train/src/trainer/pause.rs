//! Where a run may be broken off: checkpoints, interrupts, budgets.

use std::path::PathBuf;

use limpid_loss::Loss;
use limpid_nn_layers::Module;
use limpid_tensor::Element;

use super::Trainer;
use crate::origin::Origin;
use crate::run::Run;
use crate::{Checkpoint, Ending, Limit, Supervision, TrainError};

/// Why a run pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    Interrupt,
    Budget(Limit),
}

impl<E, L> Trainer<'_, E, L>
where
    E: Element,
    L: Loss<E>,
    L::Target: Supervision<E>,
{
    /// Why there may be no further step.
    pub(super) fn pause(&self, run: &Run<E>) -> Option<Pause> {
        if self.interrupt.as_ref().is_some_and(|it| it.is_set()) {
            return Some(Pause::Interrupt);
        }
        let limit = self.budget.met(run.step, || run.clock.elapsed())?;
        Some(Pause::Budget(limit))
    }

    /// Ends the run where it can go on.
    pub(super) fn break_off<M: Module<E>>(
        &self,
        model: &M,
        origin: &Origin,
        run: &mut Run<E>,
        pause: Pause,
    ) -> Result<(), TrainError> {
        let checkpoint = self.save(model, origin, run)?;
        run.history.ending = Some(match pause {
            Pause::Interrupt => Ending::Interrupted { checkpoint },
            Pause::Budget(limit) => Ending::Budget { limit, checkpoint },
        });
        Ok(())
    }

    /// Whether a step is followed by a checkpoint, whatever the epoch says.
    pub(super) fn is_due(&self, run: &Run<E>) -> bool {
        let due = |it: &crate::Checkpoints| it.is_due(run.step, || run.clock.since_checkpoint());
        self.checkpoints.as_ref().is_some_and(due)
    }

    /// Writes a checkpoint, where they are wished for.
    pub(super) fn save<M: Module<E>>(
        &self,
        model: &M,
        origin: &Origin,
        run: &mut Run<E>,
    ) -> Result<Option<PathBuf>, TrainError> {
        let Some(checkpoints) = &self.checkpoints else {
            return Ok(None);
        };
        if run.batch > 0 {
            run.metrics = self.metrics.state();
        }
        let (file, state) = (checkpoints.file(run.step), self.optimizer.state()?);
        let checkpoint = Checkpoint::new(file.clone(), model, state, run, origin)?;
        checkpoints.save(&checkpoint)?;
        run.clock.note_checkpoint();
        Ok(Some(file))
    }
}
