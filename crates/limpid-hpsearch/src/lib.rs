#![doc = include_str!("../README.md")]

mod assignment;
mod axis;
mod domain;
mod edge;
mod error;
mod history;
mod journal;
mod ladder;
mod narrow;
mod observer;
#[cfg(feature = "progress")]
mod progress;
pub mod pruner;
mod running;
pub mod sampler;
mod space;
mod staged;
mod study;
pub mod testing;
mod trial;
mod value;

pub use assignment::Assignment;
pub use axis::{Axis, Condition};
pub use domain::Domain;
pub use edge::{EdgeCheck, EdgeWarning, Side};
pub use error::{ObjectiveError, Result, SearchError};
pub use history::{Direction, History};
pub use journal::{Journal, Record};
pub use ladder::Scale;
pub use observer::StudyObserver;
#[cfg(feature = "progress")]
pub use progress::Progress;
pub use pruner::{Decision, MedianPruner, Pruner, SuccessiveHalving};
pub use running::RunningTrial;
pub use sampler::{Grid, Halton, Random, Sampler, Tpe};
pub use space::Space;
pub use staged::{Budget, Stage, StageReport, Staged, Widening};
pub use study::{OnFailure, PastStage, Stop, Study};
pub use trial::{Outcome, Report, State, Trial};
pub use value::Value;
