//! Weights that make up for classes of different size.

use crate::{DataError, Dataset, Train};

/// What losses weigh classes by: pass it to a loss's `with_weight`. Only the training part has such
/// weights:
/// ```compile_fail,E0599
/// # use limpid_data::{Fractions, Split, classics};
/// # let iris = classics::iris().unwrap();
/// # let split = Split::random(&iris, Fractions::default(), &limpid_tensor::Stream::new(7)).unwrap();
/// let weights = split.validation.balanced_class_weights();
/// ```
impl<D: Dataset> Train<D> {
    /// How many rows each class has.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] when the target is not one of classes.
    pub fn class_counts(&self) -> Result<Vec<usize>, DataError> {
        let (labels, names) = self.data.target().classes(self.data.name())?;
        let mut counts = vec![0; names.len()];
        labels.iter().for_each(|&label| counts[label] += 1);
        Ok(counts)
    }

    /// Weights n / (k n_c) for n rows, k classes and n_c rows of class c: all classes together
    /// weigh the same, and a row 1 in the mean.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] when the target is not one of classes, [`DataError::Setting`] when a
    /// class has no row.
    ///
    /// # Source
    /// scikit-learn's `compute_class_weight("balanced", ...)`, after King and Zeng 2001.
    ///
    /// # Example
    /// ```
    /// use limpid_data::{Split, Table, Target};
    /// use ndarray::Array2;
    ///
    /// let target = Target::numbered_classes(vec![0, 0, 0, 1], 2);
    /// let train = Split::train_only(Table::new("toy", Array2::zeros((4, 1)), target)?)?;
    /// assert_eq!(train.balanced_class_weights()?, [2.0 / 3.0, 2.0]);
    /// # Ok::<(), limpid_data::DataError>(())
    /// ```
    pub fn balanced_class_weights(&self) -> Result<Vec<f64>, DataError> {
        let counts = self.filled_classes()?;
        let rows: usize = counts.iter().sum();
        let weight = |&count: &usize| rows as f64 / (counts.len() * count) as f64;
        Ok(counts.iter().map(weight).collect())
    }

    /// Weights (1 - beta) / (1 - beta^n_c), scaled to sum to the number of classes: a new row of a
    /// class adds the less the more there are, since it overlaps with those. `beta` 0 weighs all classes alike, and
    /// towards 1 the weights become those of [`Train::balanced_class_weights`], scaled.
    ///
    /// # Range
    /// `beta` in [0, 1); the source uses 0.9, 0.99, 0.999, 0.9999.
    ///
    /// # Errors
    /// [`DataError::Setting`] for a beta out of range; as [`Train::balanced_class_weights`].
    ///
    /// # Source
    /// Cui et al. 2019, "Class-balanced loss based on effective number of samples", equation 2.
    ///
    /// # Example
    /// ```
    /// use limpid_data::{Split, Table, Target};
    /// use ndarray::Array2;
    ///
    /// let target = Target::numbered_classes(vec![0, 0, 1], 2);
    /// let train = Split::train_only(Table::new("toy", Array2::zeros((3, 1)), target)?)?;
    /// // One over 1 - 0.25 and one over 1 - 0.5, scaled to sum to 2.
    /// let weights = train.effective_class_weights(0.5)?;
    /// assert!((weights[0] - 0.8).abs() < 1e-15 && (weights[1] - 1.2).abs() < 1e-15);
    /// # Ok::<(), limpid_data::DataError>(())
    /// ```
    pub fn effective_class_weights(&self, beta: f64) -> Result<Vec<f64>, DataError> {
        if !(0.0..1.0).contains(&beta) {
            return Err(DataError::setting("beta", "in [0, 1)", beta));
        }
        let counts = self.filled_classes()?;
        // 1 - beta^n without the cancellation of a beta near 1.
        let effective = |&count: &usize| -(count as f64 * beta.ln()).exp_m1();
        let weights: Vec<f64> = counts.iter().map(|count| 1.0 / effective(count)).collect();
        let scale = counts.len() as f64 / weights.iter().sum::<f64>();
        Ok(weights.iter().map(|weight| weight * scale).collect())
    }

    /// The counts, none of them 0.
    fn filled_classes(&self) -> Result<Vec<usize>, DataError> {
        let counts = self.class_counts()?;
        let (_, names) = self.data.target().classes(self.data.name())?;
        match counts.iter().position(|&count| count == 0) {
            None => Ok(counts),
            Some(class) => {
                let found = format!("none of `{}`", names[class]);
                Err(DataError::setting(
                    "class weights",
                    "a row of each class",
                    found,
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::{Split, Table, Target, classics};

    fn with_counts(counts: &[usize]) -> Train<Table> {
        let labels = counts.iter().enumerate();
        let labels: Vec<usize> = labels
            .flat_map(|(class, &count)| vec![class; count])
            .collect();
        let features = Array2::zeros((labels.len(), 1));
        let target = Target::numbered_classes(labels, counts.len());
        Split::train_only(Table::new("toy", features, target).unwrap()).unwrap()
    }

    #[test]
    fn balanced_weights_equal_those_of_scikit_learn() {
        // scikit-learn 1.9.1: compute_class_weight("balanced", classes=[0, 1, 2], y).
        let expected = [
            5.333_333_333_333_333,
            0.842_105_263_157_894_7,
            0.615_384_615_384_615_4,
        ];
        let found = with_counts(&[3, 19, 26]).balanced_class_weights().unwrap();
        assert_eq!(found, expected);
    }

    #[test]
    fn effective_weights_lie_between_none_and_balanced() {
        let train = with_counts(&[3, 19, 26]);
        assert_eq!(train.effective_class_weights(0.0).unwrap(), [1.0; 3]);
        // NumPy: w = (1 - b) / (1 - b**n); w * 3 / w.sum(), with b = 0.99.
        let expected = [
            2.307_656_812_889_723_2,
            0.394_288_514_029_892_9,
            0.298_054_673_080_383_4,
        ];
        let found = train.effective_class_weights(0.99).unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-13, "{found}, {expected}");
        }
        let near = train.effective_class_weights(1.0 - 1e-12).unwrap();
        let balanced = train.balanced_class_weights().unwrap();
        let scale = 3.0 / balanced.iter().sum::<f64>();
        for (near, balanced) in near.iter().zip(balanced) {
            assert!((near - balanced * scale).abs() < 1e-9, "{near}, {balanced}");
        }
    }

    #[test]
    fn weights_that_do_not_exist_are_errors() {
        let error = with_counts(&[3, 0, 2])
            .balanced_class_weights()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "class weights: expected a row of each class, found none of `1`"
        );
        let train = with_counts(&[3, 2]);
        for beta in [-0.1, 1.0, f64::NAN] {
            assert!(train.effective_class_weights(beta).is_err(), "{beta}");
        }
        let values = Split::train_only(classics::diabetes().unwrap()).unwrap();
        assert!(matches!(
            values.class_counts(),
            Err(DataError::TargetKind { .. })
        ));
    }
}
