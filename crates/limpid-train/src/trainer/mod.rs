//! The loop over steps and epochs.

use limpid_data::{Dataset, Train, Validation};
use limpid_loss::{Loss, Reduction};
use limpid_nn_layers::Module;
use limpid_optim::{Ema, Optimize, Penalty, PlateauState, ReduceOnPlateau, Schedule, Swa};
use limpid_tensor::{Element, State, Stream};

use self::feed::Feed;
use self::metrics::Metrics;
use crate::run::Run;
use crate::{
    Budget, Checkpoint, Checkpoints, Clearance, History, Interrupt, Observer, Per, Supervision,
    TrainError, Trained, TrainerConfig,
};

mod course;
mod epoch;
mod feed;
mod metrics;
mod pause;
mod step;
#[cfg(test)]
mod tests;
mod window;

/// Trains a model: any module, loss and optimizer, with a schedule, a penalty, early stopping, a
/// moving average of the weights, observers and checkpoints where they are wished for.
///
/// It is made of the same public pieces as a loop by hand, see [`train_step`](crate::train_step).
/// Order and randomness depend on the stream alone: equal streams give equal bits, whoever watches
/// and however many threads there are.
pub struct Trainer<'a, E: Element, L: Loss<E>> {
    criterion: L,
    optimizer: Box<dyn Optimize<E> + 'a>,
    config: TrainerConfig,
    rate: Rate<'a>,
    penalty: Option<Penalty>,
    average: Option<f64>,
    /// The first epoch whose weights are averaged.
    swa: Option<usize>,
    accumulation: usize,
    feed: Feed,
    metrics: Metrics<'a, E, L::Target>,
    observers: Vec<Box<dyn Observer<E> + 'a>>,
    checkpoints: Option<Checkpoints>,
    budget: Budget,
    interrupt: Option<Interrupt>,
    history: History,
}

/// Where the learning rate comes from.
#[derive(Debug)]
enum Rate<'a> {
    /// The optimizer has it.
    Own,
    Schedule(Box<dyn Schedule + 'a>, Per),
    Plateau(ReduceOnPlateau),
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
            rate: Rate::Own,
            penalty: None,
            average: None,
            swa: None,
            accumulation: 1,
            feed: Feed::new(),
            metrics: Metrics::default(),
            observers: Vec::new(),
            checkpoints: None,
            budget: Budget::new(),
            interrupt: None,
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
        self.rate = Rate::Schedule(Box::new(schedule), per);
        Ok(self)
    }

    /// With a learning rate that falls when what the run is judged by, see [`Criterion`](crate::Criterion), stops
    /// improving on the validation part; the training loss counts where there is none.
    ///
    /// # Errors
    /// [`TrainError::Tensor`] when the recipe's settings are out of range, [`TrainError::Setting`]
    /// when its goal is not that of the criterion.
    pub fn with_plateau(mut self, recipe: ReduceOnPlateau) -> Result<Self, TrainError> {
        recipe.start()?;
        self.check_goal(recipe.goal)?;
        self.rate = Rate::Plateau(recipe);
        Ok(self)
    }

    /// With one update for every `batches` batches, at least 1: as one batch of as many rows, without
    /// its memory. The losses are averaged over all rows, or by the loss's own weights, so that
    /// uneven batches count as they should; the rest of an epoch makes an update of its own. Running
    /// statistics follow each batch. An observer sees the activations of the last batch.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for 0.
    pub fn with_accumulation(mut self, batches: usize) -> Result<Self, TrainError> {
        if batches == 0 {
            return Err(TrainError::setting("accumulation", "at least 1", 0));
        }
        self.accumulation = batches;
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

    /// With stochastic weight averaging: the plain mean of the weights after each epoch from `first`
    /// on, counted from 0. When the run is over, the running statistics of its batch norms are renewed
    /// in a pass over the training rows; the model itself goes its way.
    ///
    /// # Source
    /// Izmailov et al. (2018), "Averaging weights leads to wider optima and better generalization".
    #[must_use]
    pub fn with_weight_averaging(mut self, first: usize) -> Self {
        self.swa = Some(first);
        self
    }

    /// Watched by `observer`, a value or a `&mut` to one.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer<E> + 'a) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// With checkpoints.
    #[must_use]
    pub fn with_checkpoints(mut self, checkpoints: Checkpoints) -> Self {
        self.checkpoints = Some(checkpoints);
        self
    }

    /// Ends with a checkpoint when the budget is used up.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a limit of memory where the system does not tell a process's peak.
    pub fn with_budget(mut self, budget: Budget) -> Result<Self, TrainError> {
        budget.check()?;
        self.budget = budget;
        Ok(self)
    }

    /// Ends with a checkpoint when `interrupt` is set.
    #[must_use]
    pub fn with_interrupt(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = Some(interrupt);
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
    /// serve, [`TrainError::File`] when a checkpoint or its folder cannot be written, [`TrainError::Checkpoint`] when
    /// their folder holds some already.
    pub fn start<M: Module<E>, D: Dataset>(
        &mut self,
        model: &mut M,
        train: &Train<D>,
        validation: Option<&Validation<D>>,
        stream: &Stream,
        clearance: Clearance,
    ) -> Result<Trained<E>, TrainError> {
        let course = self.course(train, validation, stream)?;
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.begin()?;
        }
        let average = self.average.map(Ema::new).transpose()?;
        let swa = self.swa.map(|_| Swa::new());
        let mut run = Run::new(model, average, swa, self.plateau()?);
        run.history.waivers = clearance.waivers().to_vec();
        self.conclude(model, &course, run)
    }

    /// Goes on from `checkpoint`, to the same bits as if the run had not been broken off. Data, seed
    /// and settings must be those of the run; only the number of epochs, which weights are kept, and
    /// what changes no bit may be others. A run that early stopping or an observer has ended stays at
    /// its end, see [`Checkpoint::reopened`].
    ///
    /// Observers begin anew: what they saw of the earlier parts is in the history alone.
    ///
    /// # Errors
    /// [`TrainError::OtherRun`] names the setting when it is of another run; else as
    /// [`Trainer::start`].
    pub fn resume<M: Module<E>, D: Dataset>(
        &mut self,
        model: &mut M,
        train: &Train<D>,
        validation: Option<&Validation<D>>,
        stream: &Stream,
        checkpoint: &Checkpoint<E>,
    ) -> Result<Trained<E>, TrainError> {
        let course = self.course(train, validation, stream)?;
        match self.checkpoints {
            Some(_) => checkpoint.check_origin(&course.origin)?,
            None => checkpoint.check_origin(&self.origin(train, validation, stream))?,
        }
        let run = checkpoint.run(self.average, self.plateau()?)?;
        let before = State::of(model);
        checkpoint.model().apply(model)?;
        let loaded = self.optimizer.load(&*model, checkpoint.optimizer());
        let ready = loaded.map_err(TrainError::from);
        if let Err(error) = ready.and_then(|()| self.go_on(checkpoint, &run)) {
            before.apply(model)?;
            return Err(error);
        }
        self.conclude(model, &course, run)
    }

    /// Goes on from the newest checkpoint that is whole, or starts where there is none: what a run
    /// calls that may be killed at any time. Gives as well why newer checkpoints are not whole.
    ///
    /// # Errors
    /// [`TrainError::Setting`] without checkpoints; else as [`Trainer::start`] and
    /// [`Trainer::resume`]; where no checkpoint of several is whole, what is wrong with the newest.
    pub fn start_or_resume<M: Module<E>, D: Dataset>(
        &mut self,
        model: &mut M,
        train: &Train<D>,
        validation: Option<&Validation<D>>,
        stream: &Stream,
        clearance: Clearance,
    ) -> Result<(Trained<E>, Vec<TrainError>), TrainError> {
        let Some(checkpoints) = &self.checkpoints else {
            let expected = "set by `with_checkpoints`";
            return Err(TrainError::setting("checkpoints", expected, "none"));
        };
        let (checkpoint, mut errors) = checkpoints.latest()?;
        let trained = match checkpoint {
            Some(checkpoint) => self.resume(model, train, validation, stream, &checkpoint)?,
            None if errors.is_empty() => self.start(model, train, validation, stream, clearance)?,
            None => return Err(errors.swap_remove(0)),
        };
        Ok((trained, errors))
    }

    /// Makes the folder of checkpoints ready, once all else is known to fit. The best epoch is that of
    /// the run that goes on, not of a branch that is left.
    fn go_on(&self, checkpoint: &Checkpoint<E>, run: &Run<E>) -> Result<(), TrainError> {
        let Some(checkpoints) = &self.checkpoints else {
            return Ok(());
        };
        let has_left = checkpoints.go_on(checkpoint)?;
        let best = run.best.as_ref().zip(run.history.best());
        if let (true, true, Some(((reached, state), epoch))) = (has_left, checkpoints.best, best) {
            checkpoints.save_best(state, reached, (epoch.epoch, epoch.steps))?;
        }
        Ok(())
    }

    fn plateau(&self) -> Result<Option<PlateauState>, TrainError> {
        match self.rate {
            Rate::Plateau(recipe) => Ok(Some(recipe.start()?)),
            Rate::Own | Rate::Schedule(..) => Ok(None),
        }
    }
}

impl<E: Element, L: Loss<E>> std::fmt::Debug for Trainer<'_, E, L> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Trainer")
            .field("optimizer", &self.optimizer.name())
            .field("config", &self.config)
            .field("rate", &self.rate)
            .field("penalty", &self.penalty)
            .field("average", &self.average)
            .field("feed", &self.feed)
            .field("swa", &self.swa)
            .field("observers", &self.observers.len())
            .finish_non_exhaustive()
    }
}
