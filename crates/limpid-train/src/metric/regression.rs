//! How close predicted numbers are.

use limpid_tensor::{Element, Elements, Error, ErrorKind, Result, Tensor};
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
    /// Of |error| / |target|.
    relative: f64,
    targets: Scatter,
    errors: Scatter,
}

/// A mean, and the squared distances from it, kept up to date as each number comes (Welford 1962),
/// since the difference of two large sums would lose its digits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Scatter {
    mean: f64,
    squared: f64,
}

impl Scatter {
    /// Takes the last of so many numbers.
    fn add(&mut self, value: f64, count: f64) {
        let before = value - self.mean;
        self.mean += before / count;
        self.squared += before * (value - self.mean);
    }

    /// Takes the numbers of another (Chan et al. 1983).
    fn merge(&mut self, count: f64, other: Self, others: f64) {
        let gap = other.mean - self.mean;
        let all = count + others;
        self.mean += gap * others / all;
        self.squared += other.squared + gap * gap * count * others / all;
    }
}

/// The scores of predicted numbers; each is the mean over the outputs.
///
/// # Source
/// Equal scikit-learn's `r2_score`, `mean_absolute_error`, `mean_squared_error`, `root_mean_squared_error`,
/// `explained_variance_score`, `mean_absolute_percentage_error` (1.9).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RegressionScores {
    /// The share of the targets' variance that is explained: 1 - squared errors / scatter of the
    /// targets. Where the targets do not vary, 1 for perfect predictions and 0 for others.
    pub r2: f64,
    /// The mean absolute error, in the target's unit.
    pub mae: f64,
    /// The mean squared error.
    pub mse: f64,
    /// The root of the mean squared error, in the target's unit.
    pub rmse: f64,
    /// 1 - variance of the errors / variance of the targets, blind to a constant error; where the
    /// targets do not vary, 1 for errors that do not and 0 for others.
    pub explained_variance: f64,
    /// The mean of |error| / |target|, as a share; a target below 2.2e-16 counts as that.
    pub mape: f64,
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
        let errors = Errors::new(NAME, prediction, target)?;
        check_outputs(NAME, self.outputs.len(), errors.outputs)?;
        self.outputs.resize(errors.outputs, Output::default());
        for (place, predicted, actual) in errors.iter() {
            if place == 0 {
                self.rows += 1;
            }
            self.outputs[place].add(predicted, actual, self.rows as f64);
        }
        Ok(())
    }

    /// Adds the sums of other rows.
    ///
    /// # Errors
    /// A shape error when they have another number of outputs.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if other.rows == 0 {
            return Ok(());
        }
        check_outputs(NAME, self.outputs.len(), other.outputs.len())?;
        self.outputs.resize(other.outputs.len(), Output::default());
        let counts = (self.rows as f64, other.rows as f64);
        for (own, other) in self.outputs.iter_mut().zip(&other.outputs) {
            own.merge(other, counts);
        }
        self.rows += other.rows;
        Ok(())
    }

    /// The rows, and the sums of each output.
    pub(super) fn state(&self) -> Vec<u64> {
        let sums = self.outputs.iter().flat_map(|it| it.numbers());
        let words = sums.map(f64::to_bits);
        [self.rows].into_iter().chain(words).collect()
    }

    pub(super) fn load(&mut self, state: &[u64]) -> bool {
        let Some((&rows, words)) = state.split_first() else {
            return false;
        };
        let (outputs, rest) = words.as_chunks();
        if !rest.is_empty() {
            return false;
        }
        let outputs = outputs.iter();
        *self = Self {
            rows,
            outputs: outputs
                .map(|words| Output::of_numbers(words.map(f64::from_bits)))
                .collect(),
        };
        true
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
            r2: mean(&|sums| share_explained(sums.squared, sums.targets)),
            mae: mean(&|sums| sums.absolute / rows),
            mse: mean(&|sums| sums.squared / rows),
            rmse: mean(&|sums| (sums.squared / rows).sqrt()),
            explained_variance: mean(&|sums| share_explained(sums.errors.squared, sums.targets)),
            mape: mean(&|sums| sums.relative / rows),
        })
    }
}

impl Output {
    fn numbers(&self) -> [f64; 7] {
        let (targets, errors) = (self.targets, self.errors);
        [
            self.absolute,
            self.squared,
            self.relative,
            targets.mean,
            targets.squared,
            errors.mean,
            errors.squared,
        ]
    }

    fn of_numbers(numbers: [f64; 7]) -> Self {
        let [absolute, squared, relative, target, targets, error, errors] = numbers;
        let scatter = |mean, squared| Scatter { mean, squared };
        Self {
            absolute,
            squared,
            relative,
            targets: scatter(target, targets),
            errors: scatter(error, errors),
        }
    }

    fn add(&mut self, predicted: f64, actual: f64, rows: f64) {
        let error = predicted - actual;
        self.absolute += error.abs();
        self.squared += error * error;
        self.relative += error.abs() / actual.abs().max(f64::EPSILON);
        self.targets.add(actual, rows);
        self.errors.add(error, rows);
    }

    fn merge(&mut self, other: &Self, (rows, others): (f64, f64)) {
        self.absolute += other.absolute;
        self.squared += other.squared;
        self.relative += other.relative;
        self.targets.merge(rows, other.targets, others);
        self.errors.merge(rows, other.errors, others);
    }
}

/// 1 - left / scatter of the targets; where they do not vary, 1 if nothing is left, else 0.
fn share_explained(left: f64, targets: Scatter) -> f64 {
    if targets.squared > 0.0 {
        1.0 - left / targets.squared
    } else if left > 0.0 {
        0.0
    } else {
        1.0
    }
}

/// Predictions and targets, checked.
pub(super) struct Errors<'a, E: Element> {
    pub(super) outputs: usize,
    predicted: Elements<'a, E>,
    actual: Elements<'a, E>,
}

impl<'a, E: Element> Errors<'a, E> {
    /// Both of one shape, `[N]` or `[N, outputs]`, and finite.
    pub(super) fn new(
        name: &'static str,
        prediction: &'a Tensor<E>,
        target: &'a Tensor<E>,
    ) -> Result<Self> {
        let shapes = [prediction.shape(), target.shape()];
        let outputs = match *target.shape() {
            [_] => 1,
            [_, outputs] => outputs,
            _ => {
                let rule = "must be [rows] or [rows, outputs]";
                return Err(Error::shape(name, &shapes, rule));
            }
        };
        if shapes[0] != shapes[1] {
            return Err(Error::shape(name, &shapes, "must be one shape"));
        }
        let (predicted, actual) = (prediction.elements(), target.elements());
        let mut all = predicted.iter().chain(actual.iter());
        if let Some(&found) = all.find(|value| !value.is_finite()) {
            let kind = ErrorKind::NotFinite {
                what: "number".to_owned(),
                found: found.double(),
            };
            return Err(Error::new(name, kind));
        }
        Ok(Self {
            outputs,
            predicted,
            actual,
        })
    }

    /// The output, what was predicted and what is true, row by row.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, f64, f64)> {
        let pairs = self.predicted.iter().zip(self.actual.iter());
        pairs.enumerate().map(|(place, (predicted, actual))| {
            (place % self.outputs, predicted.double(), actual.double())
        })
    }
}

/// As many outputs as before, where there was a before.
pub(super) fn check_outputs(name: &'static str, before: usize, outputs: usize) -> Result<()> {
    if before == 0 || before == outputs {
        return Ok(());
    }
    let rule = format!("must have {before} outputs, as before");
    Err(Error::shape(name, &[&[outputs]], rule))
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
