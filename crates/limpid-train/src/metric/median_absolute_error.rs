//! The error that half of the rows stay below.

use limpid_tensor::{Element, Result, Tensor};

use super::regression::{Errors, check_outputs};
use super::{Better, Metric, Score};
use crate::median::median;

const NAME: &str = "median_absolute_error";

/// The median of the absolute errors, in the target's unit, which a few wild rows do not move. Of several
/// outputs the mean of their medians; of an even number of rows the mean of the middle two. It keeps 8 bytes for
/// each number.
///
/// # Shapes
/// Prediction and target the same `[N]` or `[N, outputs]`.
///
/// # Source
/// Equals scikit-learn's `median_absolute_error` (1.9).
///
/// # Example
/// ```
/// use limpid_tensor::Tensor;
/// use limpid_train::metric::{MedianAbsoluteError, Metric, Score};
///
/// let mut metric = MedianAbsoluteError::new();
/// metric.update(&Tensor::<f64>::zeros([3]), &Tensor::from_vec(vec![1.0, -2.0, 900.0], [3])?)?;
/// assert_eq!(metric.compute(), Some(2.0));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MedianAbsoluteError {
    /// The errors of each output.
    errors: Vec<Vec<f64>>,
}

impl MedianAbsoluteError {
    /// Nothing collected yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Score for MedianAbsoluteError {
    fn name(&self) -> String {
        "median absolute error".to_owned()
    }

    fn better(&self) -> Better {
        Better::Smaller
    }

    fn compute(&self) -> Option<f64> {
        let medians: Option<Vec<f64>> = self.errors.iter().map(|it| median(it)).collect();
        let medians = medians.filter(|it| !it.is_empty())?;
        Some(medians.iter().sum::<f64>() / medians.len() as f64)
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        if !other.errors.is_empty() {
            check_outputs(NAME, self.errors.len(), other.errors.len())?;
            self.errors.resize(other.errors.len(), Vec::new());
        }
        for (own, other) in self.errors.iter_mut().zip(&other.errors) {
            own.extend(other);
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.errors.clear();
    }

    fn state(&self) -> Option<Vec<u64>> {
        Some({
            let rows = self.errors.first().map_or(0, Vec::len) as u64;
            let all = self.errors.iter().flatten().map(|error| error.to_bits());
            [rows].into_iter().chain(all).collect()
        })
    }

    fn load(&mut self, state: &[u64]) -> bool {
        let Some((&rows, words)) = state.split_first() else {
            return false;
        };
        let outputs = words.chunks_exact((rows as usize).max(1));
        if !outputs.remainder().is_empty() {
            return false;
        }
        let numbers = |words: &[u64]| words.iter().map(|&it| f64::from_bits(it)).collect();
        self.errors = outputs.map(numbers).collect();
        true
    }
}

impl<E: Element> Metric<E, Tensor<E>> for MedianAbsoluteError {
    fn update(&mut self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<()> {
        let errors = Errors::new(NAME, prediction, target)?;
        check_outputs(NAME, self.errors.len(), errors.outputs)?;
        self.errors.resize(errors.outputs, Vec::new());
        for (place, predicted, actual) in errors.iter() {
            self.errors[place].push((predicted - actual).abs());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::agrees_on_values;
    use super::*;

    #[test]
    fn the_median_equals_that_of_scikit_learn_in_any_batches() {
        // scikit-learn 1.9.1, the mean over two outputs.
        agrees_on_values(&MedianAbsoluteError::new(), 0.486_373_467_134_153_86);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut metric = MedianAbsoluteError::new();
        assert!(
            metric
                .update(&Tensor::<f64>::ones([2]), &Tensor::ones([3]))
                .is_err()
        );
        assert!(
            metric
                .update(&Tensor::<f64>::full([1], f64::NAN), &Tensor::ones([1]))
                .is_err()
        );
        assert_eq!(metric.compute(), None);
        metric
            .update(&Tensor::<f64>::ones([2, 2]), &Tensor::zeros([2, 2]))
            .unwrap();
        assert!(
            metric
                .update(&Tensor::<f64>::ones([2]), &Tensor::ones([2]))
                .is_err()
        );
    }
}
