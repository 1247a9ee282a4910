#![doc = include_str!("../README.md")]

mod attributes;
mod case;
mod compare;
mod error;
mod inputs;
mod outputs;
mod report;
pub mod rooms;
mod run;
mod values;

pub use attributes::{Attributes, required};
pub use case::{Case, Precision, read_file};
pub use compare::{Difference, difference};
pub use error::{CaseError, KeyError, OperationError};
pub use inputs::Inputs;
pub use outputs::{Output, Outputs};
pub use report::{Tally, run_all};
pub use run::{Verdict, run};
pub use values::{Data, Values};
