//! The loop over steps and epochs.

use std::ops::ControlFlow;

use limpid_data::{Dataset, Loader, Train, Validation};
use limpid_loss::{Loss, Reduction};
use limpid_nn_layers::{Context, Module};
use limpid_optim::{Ema, Optimize, Penalty, Reporting, Schedule};
use limpid_tensor::{Element, State, Stream, Tensor, named_parameters};

use crate::checkpoint::Origin;
use crate::evaluation::{KindOf, Tally, evaluate_loader, loader};
use crate::recorder::Recorder;
use crate::run::Run;
use crate::step::{Measured, measure, update};
use crate::{
    Checkpoint, Checkpoints, Clearance, Detail, EpochRecord, EpochView, History, Keep, Observer,
    Per, StartView, StepRecord, StepView, Supervision, TrainError, Trained, TrainerConfig,
};

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

/// The parts of a run that do not change.
struct Course<'a, D, K> {
    train: Loader<'a, D, K>,
    validation: Option<Loader<'a, D, K>>,
    stream: Stream,
    origin: Origin,
}

/// The sums over an epoch's steps.
#[derive(Default)]
struct Sums {
    tally: Tally,
    penalty: f64,
    steps: u64,
    rate: f64,
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

    fn course<'d, D: Dataset>(
        &self,
        train: &'d Train<D>,
        validation: Option<&'d Validation<D>>,
        stream: &Stream,
    ) -> Result<Course<'d, D, KindOf<E, L>>, TrainError> {
        let (batch_size, layout) = (self.config.batch_size, self.config.layout);
        let rest = self.config.rest.into();
        let validation_loader = validation
            .map(|part| loader::<E, L, _>(part, batch_size, layout))
            .transpose()?;
        Ok(Course {
            train: loader::<E, L, _>(train, batch_size, layout)?
                .shuffled()
                .with_last_batch(rest)?,
            validation: validation_loader,
            stream: *stream,
            origin: Origin {
                config: self.config,
                seed: stream.seed(),
                criterion: self.criterion.name().to_owned(),
                optimizer: self.optimizer.name().to_owned(),
                average: self.average,
                train: train.fingerprint(),
                validation: validation.map(|part| part.fingerprint()),
            },
        })
    }

    /// Runs to the end, and keeps the history whatever happens.
    fn conclude<M: Module<E>, D: Dataset>(
        &mut self,
        model: &mut M,
        course: &Course<'_, D, KindOf<E, L>>,
        mut run: Run<E>,
    ) -> Result<Trained<E>, TrainError> {
        let outcome = self.epochs(model, course, &mut run);
        self.history = run.history.clone();
        if let Err(error) = outcome {
            if matches!(error, TrainError::NotFinite { .. }) {
                run.refuge.apply(model)?;
            }
            return Err(error);
        }
        let last_state = State::of(model);
        if let (Keep::Best, Some((_, state))) = (self.config.keep, &run.best) {
            state.apply(model)?;
        }
        let (best, best_state) = run.best.unzip();
        Ok(Trained {
            history: run.history,
            best,
            best_state,
            last_state,
            average: run.average.map(|average| average.state()).transpose()?,
        })
    }

    fn epochs<M: Module<E>, D: Dataset>(
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

    fn step<M: Module<E>>(
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
            average.update(&State::of(&*model)).map_err(at)?;
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

fn require_finite<E: Element>(
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

#[cfg(test)]
mod tests;
