#![doc = include_str!("../README.md")]

pub mod audit;
mod figure;
pub mod finding;
pub mod gradient_check;
pub mod monitor;
pub mod preflight;
pub mod record;
pub mod report;

pub use finding::{Finding, Place, Severity};
