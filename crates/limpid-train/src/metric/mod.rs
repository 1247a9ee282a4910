//! Metrics that take batches one after the other: the result is that of all rows together,
//! however uneven the batches are.

mod binary;
mod classification;
mod regression;

pub use binary::{Binary, BinaryScores};
pub use classification::{Classification, ClassificationScores};
pub use regression::{Regression, RegressionScores};

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
