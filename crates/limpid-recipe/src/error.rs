//! What can go wrong on the road.

use std::path::PathBuf;

use limpid_data::DataError;
use limpid_diagnostics::report::ReportError;
use limpid_hpsearch::SearchError;
use limpid_interop::InteropError;
use limpid_preprocess::PreprocessError;
use limpid_train::TrainError;

/// An error of one of the stages of the road.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// Reading, splitting and batching the table.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Fitting and applying the transform.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// Arithmetic, models and losses.
    #[error(transparent)]
    Tensor(#[from] limpid_tensor::Error),
    /// The search.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// Training, or its refusal to start.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Writing a checkpoint.
    #[error(transparent)]
    Interop(#[from] InteropError),
    /// Writing the report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A setting out of its range.
    #[error("settings: `{name}` must be {expected}, found {found}")]
    Setting {
        /// The setting's name.
        name: &'static str,
        /// What must hold.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// A file or folder of the run that could not be made.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that could not be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of settings that does not hold settings.
    #[error("{}: no settings of a run: {source}", path.display())]
    Settings {
        /// Which one.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
}
