//! What can go wrong when a transform is fitted.

use limpid_data::DataError;

/// An error of fitting a transform.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreprocessError {
    /// Too few rows for the statistic.
    #[error("{transform}: expected at least {needed} rows to fit on, found {found}")]
    TooFewRows {
        /// The transform.
        transform: &'static str,
        /// Rows needed.
        needed: usize,
        /// Rows there are.
        found: usize,
    },
    /// A NaN or an infinity among the rows to fit on.
    #[error("{transform}: row {row}, column {column}: expected a finite number, found {found}")]
    NotFinite {
        /// The transform.
        transform: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The number.
        found: f64,
    },
    /// A setting outside its range.
    #[error("{transform}: {name}: expected {expected}, found {found}")]
    Setting {
        /// The transform.
        transform: &'static str,
        /// The setting.
        name: &'static str,
        /// What must hold.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The decomposition did not converge.
    #[error("{transform}: expected the covariance's eigenvalues to converge; they did not")]
    NoConvergence {
        /// The transform.
        transform: &'static str,
    },
    /// The data could not be read or does not fit.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl PreprocessError {
    pub(crate) fn setting(
        transform: &'static str,
        name: &'static str,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Self {
        let (expected, found) = (expected.into(), found.to_string());
        Self::Setting {
            transform,
            name,
            expected,
            found,
        }
    }
}
