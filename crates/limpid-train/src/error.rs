//! What can stop a training run.

use std::path::PathBuf;

use limpid_data::DataError;
use limpid_interop::InteropError;
use limpid_preprocess::PreprocessError;
use thiserror::Error;

use crate::CheckOutcome;

/// Why a run was not started, or did not go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Checks that did not pass and were not waived.
    #[error("training refused: {}", list(failed))]
    Refused {
        /// The checks.
        failed: Vec<CheckOutcome>,
    },
    /// A waiver of a check that was not run.
    #[error("waiver of `{name}`: expected one of {known:?}")]
    UnknownWaiver {
        /// The name that was given.
        name: String,
        /// The names of the checks that were run.
        known: Vec<String>,
    },
    /// A setting outside its range.
    #[error("trainer: `{name}` must be {expected}, found {found}")]
    Setting {
        /// The setting's name.
        name: &'static str,
        /// What must hold.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// An operation failed while training.
    #[error("epoch {epoch}, step {step}: {source}")]
    Step {
        /// The epoch, from 0.
        epoch: usize,
        /// The step since the start of the run, from 0.
        step: u64,
        /// What failed, with the layer's path.
        source: limpid_tensor::Error,
    },
    /// A loss is not finite. The model was put back into its best state so far.
    #[error(
        "epoch {epoch}, step {step}: the {what} is {found}; the model is back in its best state"
    )]
    NotFinite {
        /// The epoch, from 0.
        epoch: usize,
        /// The step since the start of the run, from 0.
        step: u64,
        /// Which number it is: `loss`, `penalty`, `validation loss`.
        what: &'static str,
        /// The number.
        found: f64,
    },
    /// An operation failed before or after training.
    #[error(transparent)]
    Tensor(#[from] limpid_tensor::Error),
    /// The data do not serve.
    #[error(transparent)]
    Data(#[from] DataError),
    /// What is to be learnt could not be fitted.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// A file could not be written or read.
    #[error(transparent)]
    File(#[from] InteropError),
    /// A checkpoint of another run: its data or settings differ.
    #[error("{}: of another run: `{setting}` is {found}, expected {expected}", file.display())]
    OtherRun {
        /// The file.
        file: PathBuf,
        /// The first setting that differs: `optimizer.rule.weight_decay`, `training data`.
        setting: String,
        /// Its value in this run.
        expected: String,
        /// Its value in the checkpoint.
        found: String,
    },
    /// The handler of a signal could not be set up.
    #[error("cannot listen for Ctrl-C: {source}")]
    Signal {
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that is no checkpoint, or not where one belongs.
    #[error("{}: expected {expected}, found {found}", file.display())]
    Checkpoint {
        /// The file.
        file: PathBuf,
        /// What must hold.
        expected: String,
        /// What the file holds.
        found: String,
    },
}

impl TrainError {
    pub(crate) fn setting(
        name: &'static str,
        expected: &'static str,
        found: impl std::fmt::Display,
    ) -> Self {
        Self::Setting {
            name,
            expected,
            found: found.to_string(),
        }
    }
}

fn list(failed: &[CheckOutcome]) -> String {
    let lines = failed
        .iter()
        .map(|check| format!("`{}`: {}", check.name, check.detail));
    lines.collect::<Vec<_>>().join("; ")
}
