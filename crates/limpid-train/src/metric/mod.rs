//! Metrics that take batches one after the other: the result is that of all rows together,
//! however uneven the batches are.
//!
//! A [`Metric`] is one number, which a trainer takes down for both parts after each epoch. [`Classification`],
//! [`Binary`] and [`Regression`] give all the usual numbers of a part at once, [`Confusion`] those of each class.

mod binary;
mod by_class;
mod by_error;
mod class_rows;
mod classification;
mod confusion;
mod flags;
mod median_absolute_error;
#[expect(clippy::module_inception, reason = "it holds the trait of this name")]
mod metric;
mod probability;
mod ranking;
mod regression;
#[cfg(test)]
mod testing;
mod top_k;

pub use binary::{Binary, BinaryScores};
pub use by_class::{Accuracy, BalancedAccuracy, CohenKappa, F1, Matthews, Precision, Recall};
pub use by_error::{ExplainedVariance, Mae, Mape, MeanSquaredError, R2, Rmse};
pub use classification::{Classification, ClassificationScores};
pub use confusion::{Average, ClassReport, Confusion};
pub use flags::Flags;
pub use median_absolute_error::MedianAbsoluteError;
pub use metric::{Better, Metric, Score};
pub use probability::{Brier, CalibrationError, LogLoss};
pub use ranking::{AveragePrecision, RocAuc};
pub use regression::{Regression, RegressionScores};
pub use top_k::TopK;

use limpid_tensor::{Error, Result};

/// As many targets as predictions.
fn check_rows(operation: &'static str, shape: &[usize], targets: usize) -> Result<()> {
    if shape.first() == Some(&targets) {
        return Ok(());
    }
    let rule = "there must be one target for each row";
    Err(Error::shape(operation, &[shape, &[targets]], rule))
}

/// No scores of no rows.
fn check_some(operation: &'static str, rows: u64) -> Result<()> {
    if rows > 0 {
        return Ok(());
    }
    Err(Error::argument(operation, "rows", "at least 1", rows))
}
