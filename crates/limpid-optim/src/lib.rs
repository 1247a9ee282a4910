#![doc = include_str!("../README.md")]

mod clip;
mod group;
mod optimizer;
mod report;
pub mod rule;
pub mod schedule;
mod setting;
mod state;
mod sweep;

pub use clip::{Clip, clip_grad_norm, clip_grad_value};
pub use group::{Group, Members};
pub use optimizer::{NonFinite, Optimize, Optimizer};
pub use report::{ParameterReport, Reporting, StepReport};
pub use rule::adam::{Adam, AdamW};
pub use rule::sgd::Sgd;
pub use rule::{At, Rule, RuleState, Slot, SlotMut};
pub use schedule::{Constant, CosineAnnealing, OneCycle, Schedule};
pub use state::OptimizerState;
