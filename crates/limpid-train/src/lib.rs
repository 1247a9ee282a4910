#![doc = include_str!("../README.md")]

mod binned_target;
mod budget;
mod checkpoint;
mod checkpoints;
mod clearance;
mod clock;
mod config;
mod early_stop;
mod error;
mod evaluation;
mod history;
mod interrupt;
mod median;
pub mod metric;
mod observer;
mod on_soft_targets;
mod origin;
#[cfg(feature = "progress")]
mod progress;
mod rate_finder;
mod recorder;
mod run;
mod step;
mod supervision;
mod trained;
mod trainer;

pub use binned_target::{BinnedTarget, Bins};
pub use budget::{Budget, Limit};
pub use checkpoint::Checkpoint;
pub use checkpoints::Checkpoints;
pub use clearance::{CheckOutcome, Clearance, Waiver};
pub use config::{Keep, Layout, Per, Rest, TrainerConfig};
pub use early_stop::{Criterion, EarlyStop};
pub use error::TrainError;
pub use evaluation::{Evaluation, evaluate, evaluate_with};
pub use history::{Ending, EpochRecord, History, MetricRecord, StepRecord};
pub use interrupt::Interrupt;
pub use observer::{Activation, Detail, EpochView, Observer, StartView, StepView, Watch};
pub use on_soft_targets::OnSoftTargets;
#[cfg(feature = "progress")]
pub use progress::Progress;
pub use rate_finder::{
    NoRate, RateCurve, RateFinder, RateReason, RateSpacing, RateStop, RateSuggestion,
};
pub use step::{StepOutcome, train_step};
pub use supervision::Supervision;
pub use trained::Trained;
pub use trainer::Trainer;

#[cfg(test)]
mod fixture;
