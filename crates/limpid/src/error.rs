//! One error for programs that use several of limpid's crates.

use limpid_data::DataError;
use limpid_diagnostics::report::ReportError;
use limpid_hpsearch::SearchError;
use limpid_interop::InteropError;
use limpid_preprocess::PreprocessError;
use limpid_train::TrainError;

/// A result with any of limpid's errors.
pub type Result<T> = std::result::Result<T, Error>;

/// Any of limpid's errors, so that `?` works throughout a program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Array mathematics, layers, losses, optimizers.
    #[error(transparent)]
    Tensor(#[from] limpid_tensor::Error),
    /// Reading, splitting and batching data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Fitting and applying transforms.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// Training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Searching hyper-parameters.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// Files of other formats.
    #[error(transparent)]
    Interop(#[from] InteropError),
    /// Walking the whole road.
    #[error(transparent)]
    Recipe(#[from] limpid_recipe::RecipeError),
    /// Writing a report.
    #[error(transparent)]
    Report(#[from] ReportError),
}
