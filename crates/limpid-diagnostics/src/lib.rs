#![doc = include_str!("../README.md")]

mod figure;
pub mod finding;
pub mod record;

pub use finding::{Finding, Place, Severity};
