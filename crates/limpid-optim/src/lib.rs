#![doc = include_str!("../README.md")]

mod accumulation;
mod average;
mod clip;
mod group;
mod lbfgs;
mod lookahead;
mod noise;
mod optimizer;
mod penalty;
mod report;
pub mod rule;
pub mod schedule;
mod setting;
mod sparse;
mod state;
mod sweep;
pub mod testing;

pub use accumulation::Accumulation;
pub use average::{Ema, Swa};
pub use clip::{Clip, clip_grad_adaptive, clip_grad_norm, clip_grad_value};
pub use group::{Condition, Group, Members};
pub use lbfgs::{Lbfgs, LbfgsConfig, LbfgsEnd, LbfgsReport, LineSearch};
pub use lookahead::Lookahead;
pub use noise::GradientNoise;
pub use optimizer::{NonFinite, Optimize, Optimizer, RowUpdates};
pub use penalty::{MaxNorm, Penalty, PenaltyShare};
pub use report::{ParameterReport, Reporting, StepReport};
pub use rule::adadelta::Adadelta;
pub use rule::adagrad::Adagrad;
pub use rule::adam::{Adam, AdamW};
pub use rule::adamax::Adamax;
pub use rule::lamb::Lamb;
pub use rule::lion::Lion;
pub use rule::mixed::Mixed;
pub use rule::muon::{Muon, RateAdjustment};
pub use rule::nadam::Nadam;
pub use rule::radam::Radam;
pub use rule::rms_prop::RmsProp;
pub use rule::rprop::Rprop;
pub use rule::sgd::Sgd;
pub use rule::{At, Decay, LinearStep, Rule, RuleState, Slot, SlotMut};
pub use schedule::{
    Anneal, Constant, CosineAnnealing, CosineWarmRestarts, CyclicTriangular, Exponential, Goal,
    InverseTime, Linear, MultiStep, OneCycle, PlateauState, Polynomial, ReduceOnPlateau, Schedule,
    Step, Threshold, WarmUp,
};
pub use state::OptimizerState;
