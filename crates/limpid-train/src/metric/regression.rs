//! How close predicted numbers are.

use limpid_tensor::{Element, Error, ErrorKind, Result, Tensor};
use serde::{Deserialize, Serialize};

use super::check_some;

const NAME: &str = "regression";

/// Sums up the distances of predicted numbers from true ones, in one pass.
///
/// # Shapes
/// Prediction and target the same `[N]` or `[N, outputs]`.
///
/// # Example
/// ```
/// use limpid_tensor::Tensor;
/// use limpid_train::metric::Regression;
///
/// let mut metric = Regression::new();
/// let prediction = Tensor::from_vec(vec![2.5, 0.0, 2.0, 8.0], [4])?;
/// metric.update(&prediction, &Tensor::from_vec(vec![3.0, -0.5, 2.0, 7.0], [4])?)?;
/// assert_eq!(metric.scores()?.mae, 0.5);
/// assert!((metric.scores()?.r2 - 0.948_608).abs() < 1e-6);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Regression {
    rows: u64,
    outputs: Vec<Output>,
}

/// The sums of one output.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Output {
    absolute: f64,
    squared: f64,
    mean: f64,
    /// Of the targets around their mean, kept up to date as each target comes (Welford 1962), since
    /// the difference of two large sums would lose its digits.
    scatter: f64,
}

/// The scores of predicted numbers; each is the mean over the outputs.
///
/// # Source
/// Equal scikit-learn's `r2_score`, `mean_absolute_error`, `root_mean_squared_error` (1.9).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RegressionScores {
    /// The share of the targets' variance that is explained: 1 - squared errors / scatter of the
    /// targets. Where the targets do not vary, 1 for perfect predictions and 0 for others.
    pub r2: f64,
    /// The mean absolute error, in the target's unit.
    pub mae: f64,
    /// The root of the mean squared error, in the target's unit.
    pub rmse: f64,
}

impl Regression {
    /// Nothing summed up yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sums up the rows of a batch. Nothing is taken of a batch that is refused.
    ///
    /// # Errors
    /// A shape error when the shapes differ from each other or, in their outputs, from the batches
    /// before; a not-finite error for a number that is none.
    pub fn update<E: Element>(&mut self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<()> {
        let shapes = [prediction.shape(), target.shape()];
        let outputs = match *target.shape() {
            [_] => 1,
            [_, outputs] => outputs,
            _ => {
                return Err(Error::shape(
                    NAME,
                    &shapes,
                    "must be [rows] or [rows, outputs]",
                ));
            }
        };
        if shapes[0] != shapes[1] {
            return Err(Error::shape(NAME, &shapes, "must be one shape"));
        }
        if self.rows > 0 && outputs != self.outputs.len() {
            let rule = format!("must have {} outputs, as before", self.outputs.len());
            return Err(Error::shape(NAME, &shapes, rule));
        }
        let (predicted, actual) = (prediction.elements(), target.elements());
        let mut all = predicted.iter().chain(actual.iter());
        if let Some(&found) = all.find(|value| !value.is_finite()) {
            let kind = ErrorKind::NotFinite {
                what: "number".to_owned(),
                found: found.double(),
            };
            return Err(Error::new(NAME, kind));
        }
        self.outputs.resize(outputs, Output::default());
        let rows = predicted.chunks_exact(outputs.max(1));
        for (predicted, actual) in rows.zip(actual.chunks_exact(outputs.max(1))) {
            self.rows += 1;
            for ((sums, predicted), actual) in self.outputs.iter_mut().zip(predicted).zip(actual) {
                sums.add(predicted.double(), actual.double(), self.rows as f64);
            }
        }
        Ok(())
    }

    /// The scores of all rows so far.
    ///
    /// # Errors
    /// An argument error when there is none.
    pub fn scores(&self) -> Result<RegressionScores> {
        check_some(NAME, self.rows)?;
        let rows = self.rows as f64;
        let outputs = self.outputs.len() as f64;
        let mean =
            |score: &dyn Fn(&Output) -> f64| self.outputs.iter().map(score).sum::<f64>() / outputs;
        Ok(RegressionScores {
            r2: mean(&Output::explained),
            mae: mean(&|sums| sums.absolute / rows),
            rmse: mean(&|sums| (sums.squared / rows).sqrt()),
        })
    }
}

impl Output {
    fn add(&mut self, predicted: f64, actual: f64, rows: f64) {
        let error = predicted - actual;
        self.absolute += error.abs();
        self.squared += error * error;
        let before = actual - self.mean;
        self.mean += before / rows;
        self.scatter += before * (actual - self.mean);
    }

    fn explained(&self) -> f64 {
        if self.scatter > 0.0 {
            1.0 - self.squared / self.scatter
        } else if self.squared > 0.0 {
            0.0
        } else {
            1.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::Stream;

    fn vector(values: &[f64]) -> Tensor<f64> {
        Tensor::from_vec(values.to_vec(), [values.len()]).unwrap()
    }

    #[test]
    fn uneven_batches_give_the_scores_of_the_whole() {
        // A large offset, where a difference of sums of squares would have no digit left.
        let target = Tensor::<f64>::standard_normal([60, 2], Stream::new(1)).add_scalar(1e8);
        let noise = Tensor::standard_normal([60, 2], Stream::new(2)).mul_scalar(0.1);
        let prediction = target.add(&noise).unwrap();
        let mut whole = Regression::new();
        whole.update(&prediction, &target).unwrap();
        let mut parts = Regression::new();
        for (start, length) in [(0, 7), (7, 52), (59, 1)] {
            let part = |it: &Tensor<f64>| it.narrow(0, start, length).unwrap();
            parts.update(&part(&prediction), &part(&target)).unwrap();
        }
        assert_eq!(whole, parts);
        let scores = whole.scores().unwrap();
        assert!((scores.r2 - 0.99).abs() < 0.004, "{scores:?}");
    }

    #[test]
    fn the_mean_of_the_targets_explains_nothing() {
        let mut metric = Regression::new();
        metric
            .update(&vector(&[2.0, 2.0, 2.0]), &vector(&[1.0, 2.0, 3.0]))
            .unwrap();
        let scores = metric.scores().unwrap();
        assert_eq!(scores.r2, 0.0);
        assert_eq!(scores.rmse, (2.0_f64 / 3.0).sqrt());
    }

    #[test]
    fn targets_that_do_not_vary_are_explained_or_not() {
        for (predicted, r2) in [(4.0, 1.0), (5.0, 0.0)] {
            let mut metric = Regression::new();
            metric
                .update(&vector(&[predicted; 2]), &vector(&[4.0; 2]))
                .unwrap();
            assert_eq!(metric.scores().unwrap().r2, r2);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut metric = Regression::new();
        assert!(
            metric
                .update(&vector(&[1.0]), &vector(&[1.0, 2.0]))
                .is_err()
        );
        assert!(
            metric
                .update(&vector(&[f64::NAN]), &vector(&[1.0]))
                .is_err()
        );
        assert!(metric.scores().is_err());
        metric.update(&vector(&[1.0]), &vector(&[1.0])).unwrap();
        let two = Tensor::<f64>::ones([3, 2]);
        assert!(metric.update(&two, &two).is_err());
    }
}
