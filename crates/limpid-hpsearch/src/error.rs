//! What can go wrong in a search, as values: each says where, what must hold and what was found.

use std::path::PathBuf;

use crate::value::Value;

/// What an objective may fail with: anything that is an error converts into it by `?`.
pub type ObjectiveError = Box<dyn std::error::Error + Send + Sync>;

/// The result of everything in this crate that can fail.
pub type Result<T, E = SearchError> = std::result::Result<T, E>;

/// An error of a space, a sampler, a study or its journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The bounds of an axis are not finite, or the wrong way round.
    #[error(
        "axis `{axis}`: bounds are {low} and {high}: both must be finite, the first at most the second"
    )]
    Bounds {
        /// The axis.
        axis: String,
        /// Its lower bound.
        low: f64,
        /// Its upper bound.
        high: f64,
    },
    /// A logarithmic axis reaches down to zero or below.
    #[error("axis `{axis}`: lower bound of a logarithmic axis is {low}: it must be {must}")]
    LogBound {
        /// The axis.
        axis: String,
        /// Its lower bound.
        low: f64,
        /// What it must be.
        must: &'static str,
    },
    /// The step of a quantised axis is not positive, or wider than the axis.
    #[error("axis `{axis}`: step is {step}: it must be positive and at most the width {width}")]
    Step {
        /// The axis.
        axis: String,
        /// Its step.
        step: f64,
        /// Its width.
        width: f64,
    },
    /// A categorical axis has no choices, or one of them twice.
    #[error("axis `{axis}`: {problem}")]
    Choices {
        /// The axis.
        axis: String,
        /// What is wrong with its choices.
        problem: String,
    },
    /// Two axes of a space bear the same name.
    #[error("axis `{axis}` is in the space already: names must differ")]
    Duplicate {
        /// The axis.
        axis: String,
    },
    /// No axis of that name.
    #[error("no axis `{axis}`: known are {known:?}")]
    UnknownAxis {
        /// The name that was asked for.
        axis: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A value is of another kind than was asked for.
    #[error("axis `{axis}`: expected {expected}, found {found}")]
    WrongKind {
        /// The axis.
        axis: String,
        /// The kind that was asked for.
        expected: &'static str,
        /// The value there is.
        found: Value,
    },
    /// A value lies outside its axis.
    #[error("axis `{axis}`: {value} is not in {domain}")]
    Outside {
        /// The axis.
        axis: String,
        /// The value.
        value: Value,
        /// The axis' domain, as text.
        domain: String,
    },
    /// A condition or limit cannot belong to its axis.
    #[error("axis `{axis}`: {problem}")]
    Condition {
        /// The axis that bears the condition or limit.
        axis: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An assignment lacks an active axis, or has one that is not active.
    #[error("axis `{axis}` is {found} in the assignment, but its conditions say it is {expected}")]
    Activity {
        /// The axis.
        axis: String,
        /// Whether it should be there.
        expected: &'static str,
        /// Whether it is there.
        found: &'static str,
    },
    /// An axis was asked for with another domain than before.
    #[error("axis `{axis}`: was {was}, is now {now}: give a different axis a different name")]
    AxisChanged {
        /// The axis.
        axis: String,
        /// Its domain so far.
        was: String,
        /// The domain that was asked for.
        now: String,
    },
    /// A setting of a sampler, pruner or stage is out of range.
    #[error("{component}: `{setting}` is {found}: it must be {must}")]
    Setting {
        /// What has the setting.
        component: &'static str,
        /// The setting.
        setting: &'static str,
        /// What it must be.
        must: &'static str,
        /// What it is.
        found: f64,
    },
    /// A sampler with finitely many points has given them all.
    #[error("all {points} points have been suggested")]
    Exhausted {
        /// How many there were.
        points: usize,
    },
    /// No trial of that number.
    #[error("no trial {trial} in this study's present stage")]
    UnknownTrial {
        /// The number.
        trial: usize,
    },
    /// A trial was told or reported to after its end.
    #[error("trial {trial} has ended already")]
    Ended {
        /// The trial.
        trial: usize,
    },
    /// The steps of a trial's reports must rise.
    #[error("trial {trial}: report at step {step} after one at step {last}: steps must rise")]
    ReportOrder {
        /// The trial.
        trial: usize,
        /// The step of this report.
        step: u64,
        /// The step of the report before.
        last: u64,
    },
    /// An objective gave NaN or an infinity, in a study that stops at failures.
    #[error("trial {trial}: objective is {value}: it must be finite")]
    NotFinite {
        /// The trial.
        trial: usize,
        /// What the objective gave.
        value: f64,
    },
    /// An objective failed, in a study that stops at failures.
    #[error("trial {trial}: objective failed")]
    Objective {
        /// The trial.
        trial: usize,
        /// Its error.
        #[source]
        source: ObjectiveError,
    },
    /// No trial has been completed, so that there is no best one to go by.
    #[error("{wanted}: none of {trials} trials was completed")]
    NoneComplete {
        /// What needs a completed trial.
        wanted: &'static str,
        /// How many trials there are.
        trials: usize,
    },
    /// A study that begins has trials already.
    #[error("{wanted}: the study must be fresh, but has {trials} trials")]
    NotFresh {
        /// What needs a fresh study.
        wanted: &'static str,
        /// How many trials there are.
        trials: usize,
    },
    /// A recorded study does not fit the one that should go on.
    #[error("cannot resume: {problem}")]
    Resume {
        /// What differs.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("{}: {doing}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was being done with it.
        doing: &'static str,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A line of a journal is not what a journal holds there.
    #[error("{}:{line}: {problem}", path.display())]
    JournalLine {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A sampler breaks its contract, see [`check_sampler`](crate::testing::check_sampler).
    #[error("sampler `{sampler}`: {rule}: {found}")]
    Contract {
        /// The sampler.
        sampler: String,
        /// The rule it breaks.
        rule: &'static str,
        /// What it did.
        found: String,
    },
}
