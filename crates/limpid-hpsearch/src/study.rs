//! A search as a value: space, sampler, history.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use limpid_tensor::Stream;

use crate::assignment::Assignment;
use crate::edge::{EdgeCheck, EdgeWarning};
use crate::error::{ObjectiveError, Result, SearchError};
use crate::history::{Direction, History};
use crate::journal::{Journal, Record};
use crate::observer::StudyObserver;
use crate::pruner::{Decision, Pruner};
use crate::running::RunningTrial;
use crate::sampler::Sampler;
use crate::space::Space;
use crate::trial::{Outcome, Report, State, Trial};

/// What becomes of a study when an objective fails or is not finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The trial is recorded as failed or diverged, and the search goes on.
    #[default]
    Record,
    /// The trial is recorded, and the search ends with the error.
    Stop,
}

/// Why [`Study::optimize`] returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// All trials that were asked for have been run.
    Done,
    /// The sampler has no more to suggest.
    Exhausted,
    /// An observer ended it, for this reason.
    Observer(String),
}

/// A stage that is over: its space and its trials.
#[derive(Clone, Debug, PartialEq)]
pub struct PastStage {
    /// The space that was searched at its end.
    pub space: Space,
    /// Its trials.
    pub history: History,
}

/// A search: asks a sampler what to try, is told how good it was, keeps the history.
///
/// Same space, sampler, stream and objective give the same trials, also when the study was
/// interrupted and resumed from its journal.
///
/// # Example
/// The space may be declared beforehand, or be discovered as the objective asks for values:
/// ```
/// use limpid_hpsearch::{Direction, Random, Study};
/// use limpid_tensor::Stream;
///
/// let mut study = Study::define_by_run(Direction::Minimize, Random, Stream::new(1));
/// study.optimize(60, |trial| {
///     let lr = trial.suggest_log_uniform("lr", 1e-6, 10.0)?;
///     let dropout = trial.suggest_uniform("dropout", 0.0, 0.5)?;
///     Ok((lr.log10() + 2.0).powi(2) + dropout)
/// })?;
/// let best = study.best()?;
/// assert!(best.value().is_some_and(|value| value < 0.3));
/// assert!((1e-3..1e-1).contains(&best.assignment.float("lr")?));
/// # Ok::<(), limpid_hpsearch::SearchError>(())
/// ```
pub struct Study {
    space: Space,
    declared: usize,
    sampler: Box<dyn Sampler>,
    pruner: Option<Box<dyn Pruner>>,
    observers: Vec<Box<dyn StudyObserver>>,
    on_failure: OnFailure,
    stream: Stream,
    history: History,
    past: Vec<PastStage>,
    queue: VecDeque<Assignment>,
    stop: Option<String>,
}

impl Study {
    /// A study of a declared space. All randomness comes from `stream`.
    pub fn new(
        space: Space,
        direction: Direction,
        sampler: impl Sampler + 'static,
        stream: Stream,
    ) -> Self {
        Self {
            declared: space.len(),
            space,
            sampler: Box::new(sampler),
            pruner: None,
            observers: Vec::new(),
            on_failure: OnFailure::default(),
            stream,
            history: History::new(direction),
            past: Vec::new(),
            queue: VecDeque::new(),
            stop: None,
        }
    }

    /// A study whose space is discovered by what the objective asks for.
    pub fn define_by_run(
        direction: Direction,
        sampler: impl Sampler + 'static,
        stream: Stream,
    ) -> Self {
        Self::new(Space::new(), direction, sampler, stream)
    }

    /// With a pruner; without one only reports that are not finite are pruned.
    #[must_use]
    pub fn with_pruner(mut self, pruner: impl Pruner + 'static) -> Self {
        self.pruner = Some(Box::new(pruner));
        self
    }

    /// With one more observer.
    #[must_use]
    pub fn with_observer(mut self, observer: impl StudyObserver + 'static) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// With that answer to failing objectives; default [`OnFailure::Record`].
    #[must_use]
    pub fn with_on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Keeps a journal at `path`: goes on with what it holds, and appends each trial that ends.
    ///
    /// # Errors
    /// [`SearchError::File`] and [`SearchError::JournalLine`] of reading it; those of
    /// [`resume`](Self::resume).
    pub fn with_journal(self, path: impl AsRef<Path>) -> Result<Self> {
        let (journal, record) = Journal::open(path)?;
        let resumed = match record {
            Some(record) => self.resume(record)?,
            None => self,
        };
        Ok(resumed.with_observer(journal))
    }

    /// Goes on where `record` ends: its trials become this study's.
    ///
    /// # Errors
    /// [`SearchError::NotFresh`] when this study has trials already; [`SearchError::Resume`] when
    /// the record's direction or axes differ, or when it has stages.
    pub fn resume(mut self, record: Record) -> Result<Self> {
        self.check_fresh("resuming")?;
        let direction = self.history.direction();
        let mut axes = record.space.axes().iter();
        let same_axes = self
            .space
            .axes()
            .iter()
            .all(|axis| axes.next() == Some(axis));
        let problem = if record.direction != direction {
            format!("recorded to {:?}, now to {direction:?}", record.direction)
        } else if !same_axes {
            format!(
                "recorded axes are {}, now {}",
                listed(&record.space),
                listed(&self.space)
            )
        } else if record.trials.iter().any(|trial| trial.stage > 0) {
            "the record has stages; a staged search cannot be resumed".to_owned()
        } else {
            self.space = record.space;
            record
                .trials
                .into_iter()
                .for_each(|trial| self.history.insert(trial));
            return Ok(self);
        };
        Err(SearchError::Resume { problem })
    }

    /// The space as it is now, with the axes that were discovered.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The trials of the present stage.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The stages that are over.
    pub fn past_stages(&self) -> &[PastStage] {
        &self.past
    }

    /// The sampler.
    pub fn sampler(&self) -> &dyn Sampler {
        self.sampler.as_ref()
    }

    /// The best complete trial of the present stage; of equal ones the earliest.
    ///
    /// # Errors
    /// [`SearchError::NoneComplete`].
    pub fn best(&self) -> Result<&Trial> {
        self.history.best().ok_or(SearchError::NoneComplete {
            wanted: "best trial",
            trials: self.history.len(),
        })
    }

    /// Where the best trials lie at an edge of the space, by [`EdgeCheck::default`].
    pub fn edge_warnings(&self) -> Vec<EdgeWarning> {
        EdgeCheck::default().warnings(&self.space, &self.history)
    }

    /// Tries `assignment` next, before the sampler is asked again: a setting known to be good.
    ///
    /// # Errors
    /// Those of [`Space::check`].
    pub fn enqueue(&mut self, assignment: Assignment) -> Result<()> {
        self.space.check(&assignment)?;
        self.queue.push_back(assignment);
        Ok(())
    }

    /// Searches `space` from now on, keeping the history: a widened one, say.
    pub fn set_space(&mut self, space: Space) {
        self.declared = space.len();
        self.space = space;
    }

    /// Ends the present stage and begins another in `space`, with an empty history: for objectives
    /// that are no longer comparable, such as those after more epochs. Numbers run on.
    pub fn begin_stage(&mut self, space: Space) {
        let history = std::mem::replace(&mut self.history, History::new(Direction::Minimize));
        self.history = history.following();
        let past = PastStage {
            space: std::mem::replace(&mut self.space, space),
            history,
        };
        self.past.push(past);
        self.declared = self.space.len();
    }

    /// Begins a trial, to be ended by [`tell`](Self::tell). Several may run at once. It holds values
    /// of the declared axes; axes are discovered in [`optimize`](Self::optimize) only.
    ///
    /// # Errors
    /// Those of the sampler.
    pub fn ask(&mut self) -> Result<Trial> {
        self.open().map(|(trial, _)| trial)
    }

    /// The randomness of that trial's objective.
    pub fn trial_stream(&self, number: usize) -> Stream {
        self.stream.fork("trial").fork(number)
    }

    /// Records a report of a running trial and says whether it goes on. A report that is not
    /// finite never does.
    ///
    /// # Errors
    /// [`SearchError::UnknownTrial`], [`SearchError::Ended`], [`SearchError::ReportOrder`]; those
    /// of the pruner.
    pub fn report(&mut self, number: usize, step: u64, value: f64) -> Result<Decision> {
        self.trial_mut(number)?
            .push_report(Report { step, value })?;
        if !value.is_finite() {
            return Ok(Decision::Prune);
        }
        match (&self.pruner, self.history.get(number)) {
            (Some(pruner), Some(trial)) => pruner.decide(&self.history, trial),
            _ => Ok(Decision::Continue),
        }
    }

    /// Ends a running trial and tells the observers.
    ///
    /// # Errors
    /// [`SearchError::UnknownTrial`], [`SearchError::Ended`]; those of the observers;
    /// [`SearchError::NotFinite`] after the trial is recorded, when failures stop the study.
    pub fn tell(&mut self, number: usize, outcome: impl Into<Outcome>) -> Result<()> {
        self.trial_mut(number)?.end(outcome.into())?;
        let mut observers = std::mem::take(&mut self.observers);
        let told = self.history.get(number).map_or(Ok(None), |trial| {
            let mut stop = None;
            for observer in &mut observers {
                stop = stop.or(observer.trial_ended(self, trial)?.break_value());
            }
            Ok(stop)
        });
        self.observers = observers;
        self.stop = told?;
        match (
            self.on_failure,
            self.history.get(number).map(|trial| &trial.state),
        ) {
            (OnFailure::Stop, Some(State::Diverged { value })) => Err(SearchError::NotFinite {
                trial: number,
                value: *value,
            }),
            _ => Ok(()),
        }
    }

    /// Runs `trials` more trials one after the other. The objective returns a number, or an
    /// [`Outcome`] where it may be pruned; what it needs, it asks of the [`RunningTrial`].
    ///
    /// # Errors
    /// Those of sampler, pruner and observers, and any [`SearchError`] from within the objective,
    /// since that is a mistake in the search and not in the trial. Other errors of the objective are
    /// recorded, or end the search as [`SearchError::Objective`], see [`OnFailure`].
    pub fn optimize<S: Into<Outcome>>(
        &mut self,
        trials: usize,
        mut objective: impl FnMut(&mut RunningTrial<'_>) -> Result<S, ObjectiveError>,
    ) -> Result<Stop> {
        for _ in 0..trials {
            let (trial, proposal) = match self.open() {
                Err(SearchError::Exhausted { .. }) => return Ok(Stop::Exhausted),
                opened => opened?,
            };
            let outcome = objective(&mut RunningTrial::new(self, trial.number, proposal));
            self.close(trial.number, outcome.map(Into::into))?;
            if let Some(reason) = self.stop.take() {
                return Ok(Stop::Observer(reason));
            }
        }
        Ok(Stop::Done)
    }

    fn close(&mut self, number: usize, outcome: Result<Outcome, ObjectiveError>) -> Result<()> {
        let error = match outcome {
            Ok(outcome) => return self.tell(number, outcome),
            Err(error) => error,
        };
        self.tell(number, Outcome::Failed(with_sources(error.as_ref())))?;
        match (error.downcast::<SearchError>(), self.on_failure) {
            (Ok(mistake), _) => Err(*mistake),
            (Err(_), OnFailure::Record) => Ok(()),
            (Err(source), OnFailure::Stop) => Err(SearchError::Objective {
                trial: number,
                source,
            }),
        }
    }

    /// Begins a trial with values of the declared axes, and proposes some for the discovered ones.
    fn open(&mut self) -> Result<(Trial, BTreeMap<String, crate::Value>)> {
        let suggested = match self.queue.pop_front() {
            Some(assignment) => assignment,
            None => {
                self.sampler
                    .suggest(&self.space, &self.history, self.stream.fork("sampler"))?
            }
        };
        let declared = &self.space.axes()[..self.declared];
        let (mut assignment, mut proposal) = (Assignment::new(), BTreeMap::new());
        for (name, value) in suggested.iter() {
            if declared.iter().any(|axis| axis.name() == name) {
                assignment.set(name, value.clone());
            } else {
                proposal.insert(name.to_owned(), value.clone());
            }
        }
        let (number, stage) = (self.history.next_number(), self.past.len());
        let trial = Trial {
            number,
            stage,
            assignment,
            reports: Vec::new(),
            state: State::Running,
        };
        self.history.insert(trial.clone());
        Ok((trial, proposal))
    }

    /// Lets the sampler choose for one axis of a trial that has begun, as if it were the space.
    pub(crate) fn suggest_one(&mut self, number: usize, axis: Space) -> Result<Assignment> {
        // The trial must not be part of its own past, or its number would be taken.
        let own = self.history.remove(number);
        let suggested = self
            .sampler
            .suggest(&axis, &self.history, self.stream.fork("sampler"));
        own.into_iter().for_each(|trial| self.history.insert(trial));
        suggested
    }

    /// Adds an axis that the objective has asked for.
    pub(crate) fn discover(&mut self, axis: &Space) -> Result<()> {
        axis.axes()
            .iter()
            .try_for_each(|axis| self.space.push(axis.clone()))
    }

    pub(crate) fn trial_mut(&mut self, number: usize) -> Result<&mut Trial> {
        self.history
            .get_mut(number)
            .ok_or(SearchError::UnknownTrial { trial: number })
    }

    pub(crate) fn check_fresh(&self, wanted: &'static str) -> Result<()> {
        let past: usize = self.past.iter().map(|stage| stage.history.len()).sum();
        match past + self.history.len() {
            0 => Ok(()),
            trials => Err(SearchError::NotFresh { wanted, trials }),
        }
    }
}

impl std::fmt::Debug for Study {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Study")
            .field("space", &self.space)
            .field("sampler", &self.sampler)
            .field("pruner", &self.pruner)
            .field("observers", &self.observers.len())
            .field("history", &self.history)
            .finish_non_exhaustive()
    }
}

fn listed(space: &Space) -> String {
    let axes: Vec<String> = space.axes().iter().map(ToString::to_string).collect();
    format!("[{}]", axes.join("; "))
}

fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
