#![doc = include_str!("../README.md")]

mod architecture;
mod context;
mod module;
mod tap;

pub use architecture::Architecture;
pub use context::{Context, Mode, Updates};
pub use limpid_derive::Parameters;
pub use module::Module;
pub use tap::{Observation, Tap};
