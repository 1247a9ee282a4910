#![doc = include_str!("../README.md")]

mod calibration;
mod combine;
mod diversity;
mod ensemble;
mod said;
mod selection;

pub use calibration::{
    CalibrationBin, ExpectedCalibrationError, FittedTemperature, TemperatureScaling,
};
pub use combine::{majority, mean, mean_of_logits, weighted_mean};
pub use diversity::Diversity;
pub use ensemble::{Answer, Ensemble};
pub use limpid_optim::{Ema, Swa};
pub use selection::{GreedySelection, Objective, Selection};
