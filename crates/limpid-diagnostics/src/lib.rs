#![doc = include_str!("../README.md")]

pub mod audit;
mod figure;
pub mod finding;
pub mod record;
pub mod report;

pub use finding::{Finding, Place, Severity};
