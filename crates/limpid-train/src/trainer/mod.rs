//! The loop over steps and epochs.

use limpid_data::{Dataset, Train, Validation};
use limpid_loss::{Loss, Reduction};
use limpid_nn_layers::Module;
use limpid_optim::{Ema, Optimize, Penalty, Schedule};
use limpid_tensor::{Element, Stream};

use crate::run::Run;
use crate::{
    Checkpoint, Checkpoints, Clearance, History, Observer, Per, Supervision, TrainError, Trained,
    TrainerConfig,
};

mod course;
mod epoch;
mod step;
#[cfg(test)]
mod tests;

/// Trains a model: any module, loss and optimizer, with a schedule, a penalty, early stopping, a
/// moving average of the weights, observers and checkpoints where they are wished for.
///
/// It is made of the same public pieces as a loop by hand, see [`train_step`](crate::train_step).
/// Order and randomness depend on the stream alone: equal streams give equal bits, whoever watches
/// and however many threads there are.
pub struct Trainer<'a, E: Element, L> {
    criterion: L,
    optimizer: Box<dyn Optimize<E> + 'a>,
    config: TrainerConfig,
    schedule: Option<(Box<dyn Schedule + 'a>, Per)>,
    penalty: Option<Penalty>,
    average: Option<f64>,
    observers: Vec<Box<dyn Observer<E> + 'a>>,
    checkpoints: Option<Checkpoints>,
    history: History,
}

impl<'a, E, L> Trainer<'a, E, L>
where
    E: Element,
    L: Loss<E>,
    L::Target: Supervision<E>,
{
    /// A trainer of models by this loss and optimizer.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a setting outside its range, or a loss that is not reduced to one
    /// number.
    pub fn new(
        criterion: L,
        optimizer: impl Optimize<E> + 'a,
        config: TrainerConfig,
    ) -> Result<Self, TrainError> {
        config.check()?;
        if criterion.reduction() == Reduction::None {
            return Err(TrainError::setting("reduction", "mean or sum", "none"));
        }
        Ok(Self {
            criterion,
            optimizer: Box::new(optimizer),
            config,
            schedule: None,
            penalty: None,
            average: None,
            observers: Vec::new(),
            checkpoints: None,
            history: History::default(),
        })
    }

    /// With the learning rate of this schedule, in the place of the optimizer's own.
    ///
    /// # Errors
    /// [`TrainError::Tensor`] when the schedule's settings are out of range.
    pub fn with_schedule(
        mut self,
        schedule: impl Schedule + 'a,
        per: Per,
    ) -> Result<Self, TrainError> {
        schedule.check()?;
        self.schedule = Some((Box::new(schedule), per));
        Ok(self)
    }

    /// With a penalty on the weights, reported apart from the loss.
    #[must_use]
    pub fn with_penalty(mut self, penalty: Penalty) -> Self {
        self.penalty = Some(penalty);
        self
    }

    /// With a moving average of the weights that keeps the share `decay` of itself at each step.
    ///
    /// # Errors
    /// [`TrainError::Tensor`] unless `decay` lies in [0, 1).
    pub fn with_average(mut self, decay: f64) -> Result<Self, TrainError> {
        Ema::<E>::new(decay)?;
        self.average = Some(decay);
        Ok(self)
    }

    /// Watched by `observer`, a value or a `&mut` to one.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer<E> + 'a) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// With checkpoints after epochs.
    #[must_use]
    pub fn with_checkpoints(mut self, checkpoints: Checkpoints) -> Self {
        self.checkpoints = Some(checkpoints);
        self
    }

    /// What has happened so far, also after a run that failed.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Trains `model` from the first epoch. `stream` decides the order of the rows and all that is
    /// random in the model.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when a loss is not finite: the model is then in its best state so
    /// far. [`TrainError::Step`] where an operation fails, [`TrainError::Data`] when the parts do not
    /// serve, [`TrainError::File`] when a checkpoint cannot be written.
    pub fn start<M: Module<E>, D: Dataset>(
        &mut self,
        model: &mut M,
        train: &Train<D>,
        validation: Option<&Validation<D>>,
        stream: &Stream,
        clearance: Clearance,
    ) -> Result<Trained<E>, TrainError> {
        let course = self.course(train, validation, stream)?;
        let average = self.average.map(Ema::new).transpose()?;
        let mut run = Run::new(model, average);
        run.history.waivers = clearance.waivers().to_vec();
        self.conclude(model, &course, run)
    }

    /// Goes on from `checkpoint`, to the same bits as if the run had not been broken off. Data, seed
    /// and settings must be those of the run; only the number of epochs may be another.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] when it is of another run; else as [`Trainer::start`].
    pub fn resume<M: Module<E>, D: Dataset>(
        &mut self,
        model: &mut M,
        train: &Train<D>,
        validation: Option<&Validation<D>>,
        stream: &Stream,
        checkpoint: &Checkpoint<E>,
    ) -> Result<Trained<E>, TrainError> {
        let course = self.course(train, validation, stream)?;
        checkpoint.check_origin(&course.origin)?;
        let run = checkpoint.run(self.average)?;
        checkpoint.model().apply(model)?;
        self.optimizer.load(&*model, checkpoint.optimizer())?;
        self.conclude(model, &course, run)
    }
}

impl<E: Element, L> std::fmt::Debug for Trainer<'_, E, L> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Trainer")
            .field("optimizer", &self.optimizer.name())
            .field("config", &self.config)
            .field("schedule", &self.schedule)
            .field("penalty", &self.penalty)
            .field("average", &self.average)
            .field("observers", &self.observers.len())
            .finish_non_exhaustive()
    }
}
