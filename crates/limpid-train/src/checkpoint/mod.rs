//! Where a run can be taken up again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use limpid_optim::{Ema, OptimizerState, PlateauState, Swa};
use limpid_tensor::{Element, Parameters, State};

use crate::clock::Clock;
use crate::origin::Origin;
use crate::run::Run;
use crate::{Ending, History, TrainError};

mod file;
mod record;

use record::{FORMAT, Plateau, Record};

/// Everything that a run needs to go on, from the middle of an epoch or from its end.
///
/// It is one safetensors file: the model's tensors under their own names, so that any program reads
/// them; the others under `optimizer/`, `best/`, `average/`, `swa/` and `refuge/`; record and history attached
/// as bytes, and a checksum over everything. Randomness needs no state of its own: all of it follows
/// from the run's stream and the step.
///
/// It knows the run's data by their fingerprints and every setting that the bits depend on. What it
/// cannot know is what a model does beyond its tensors, as which activations it has, and conditions
/// that are closures, as in [`Members::Where`](limpid_optim::Members::Where).
///
/// # Example
/// ```no_run
/// use limpid_train::Checkpoints;
///
/// let (checkpoint, unreadable) = Checkpoints::new("runs/7").latest::<f32>()?;
/// for error in unreadable {
///     eprintln!("{error}");
/// }
/// if let Some(checkpoint) = checkpoint {
///     println!("{} steps of {} epochs are done", checkpoint.steps(), checkpoint.epochs());
/// }
/// # Ok::<(), limpid_train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<E: Element> {
    file: PathBuf,
    model: State<E>,
    optimizer: OptimizerState<E>,
    best: Option<State<E>>,
    average: Option<State<E>>,
    swa: Option<State<E>>,
    /// Where a loss that is not finite leads back to, if it is neither the best nor this model.
    refuge: Option<State<E>>,
    record: Record,
}

impl<E: Element> Checkpoint<E> {
    pub(crate) fn new<M: Parameters<E> + ?Sized>(
        file: PathBuf,
        model: &M,
        optimizer: OptimizerState<E>,
        run: &Run<E>,
        origin: &Origin,
    ) -> Result<Self, TrainError> {
        let own_refuge = run.best.is_none() && run.batch > 0;
        Ok(Self {
            file,
            model: State::of(model),
            best: run.best.as_ref().map(|(_, state)| state.clone()),
            average: run.average.as_ref().map(Ema::state).transpose()?,
            swa: run.swa.as_ref().map(Swa::state).transpose()?,
            refuge: own_refuge.then(|| run.refuge.clone()),
            record: Record {
                format: FORMAT,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                origin: origin.clone(),
                history: run.history.clone(),
                step: run.step,
                epoch: run.epoch,
                batch: run.batch,
                sums: run.sums,
                metrics: run.metrics.clone(),
                stale: run.stale,
                best: run.best.as_ref().map(|(best, _)| *best),
                average_updates: run.average.as_ref().map(Ema::updates),
                swa_updates: run.swa.as_ref().map(Swa::updates),
                plateau: run.plateau.as_ref().map(Plateau::of),
                elapsed: run.clock.elapsed(),
                optimizer_rule: optimizer.rule.clone(),
                optimizer_numbers: optimizer.numbers.clone(),
            },
            optimizer,
        })
    }

    /// The file that it was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The model's state.
    pub fn model(&self) -> &State<E> {
        &self.model
    }

    /// The optimizer's state.
    pub fn optimizer(&self) -> &OptimizerState<E> {
        &self.optimizer
    }

    /// What had happened.
    pub fn history(&self) -> &History {
        &self.record.history
    }

    /// How many epochs were done.
    pub fn epochs(&self) -> usize {
        self.record.epoch
    }

    /// How many batches of the next epoch were done.
    pub fn batches(&self) -> usize {
        self.record.batch
    }

    /// How many steps were done.
    pub fn steps(&self) -> u64 {
        self.record.step
    }

    /// How long the run had taken, all its parts together.
    pub fn elapsed(&self) -> Duration {
        self.record.elapsed
    }

    /// The version of limpid that wrote it. Another one may go on to other bits.
    pub fn version(&self) -> &str {
        &self.record.version
    }

    /// The same without the end that the run came to. A run that early stopping or an observer has
    /// ended is at its end, and [`Trainer::resume`](crate::Trainer::resume) leaves it there; of this
    /// one it makes more epochs.
    #[must_use]
    pub fn reopened(mut self) -> Self {
        self.record.history.ending = None;
        self.record.stale = 0;
        self
    }

    /// The checkpoint is of a run of this data and these settings.
    pub(crate) fn check_origin(&self, own: &Origin) -> Result<(), TrainError> {
        match self.record.origin.difference(own) {
            None => Ok(()),
            Some(difference) => Err(TrainError::OtherRun {
                file: self.file.clone(),
                setting: difference.setting,
                expected: difference.own,
                found: difference.saved,
            }),
        }
    }

    /// The run, as it was.
    pub(crate) fn run(
        &self,
        decay: Option<f64>,
        plateau: Option<PlateauState>,
    ) -> Result<Run<E>, TrainError> {
        let record = &self.record;
        let average = match (decay, &self.average) {
            (Some(decay), Some(state)) => {
                let updates = record.average_updates.unwrap_or(0);
                Some(Ema::resume(decay, state, updates)?)
            }
            _ => None,
        };
        let plateau = match (&record.plateau, plateau) {
            (Some(saved), Some(start)) => Some(saved.state(start)),
            _ => None,
        };
        let mut history = record.history.clone();
        history.ending = history
            .ending
            .filter(|ending| matches!(ending, Ending::EarlyStop(_) | Ending::Observer(_)));
        let refuge = self.refuge.as_ref().or(self.best.as_ref());
        Ok(Run {
            history,
            step: record.step,
            epoch: record.epoch,
            batch: record.batch,
            sums: record.sums,
            metrics: record.metrics.clone(),
            best: record.best.zip(self.best.clone()),
            stale: record.stale,
            refuge: refuge.unwrap_or(&self.model).clone(),
            average,
            swa: self
                .swa
                .as_ref()
                .map(|state| Swa::resume(state, record.swa_updates.unwrap_or(0))),
            plateau,
            clock: Clock::after(record.elapsed),
        })
    }
}

pub(crate) fn refused(
    file: &Path,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> TrainError {
    TrainError::Checkpoint {
        file: file.to_owned(),
        expected: expected.into(),
        found: found.into(),
    }
}

#[cfg(test)]
mod tests;
