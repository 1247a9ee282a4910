//! Regression as classification, fitted to the training part.

use limpid_data::{Table, Train};
use limpid_loss::{BinCoding, BinnedRegression};
use limpid_preprocess::{DiscretizeQuantile, DiscretizeUniform, Fit, FittedDiscretize};
use ndarray::Array2;

use crate::TrainError;

/// Where the edges of bins lie.
#[derive(Clone, Debug, PartialEq)]
pub enum Bins {
    /// So many of equal width, over the range of the training targets.
    Uniform(usize),
    /// So many that hold about as many training targets each; fewer, where many of them are equal.
    Quantile(usize),
    /// Between these edges.
    Edges(Vec<f64>),
    /// Around each whole number from the first to the last: marks, stars.
    Levels(i32, i32),
}

/// How a number is to be learnt as one of several bins. What is fitted to the training part is a
/// [`BinnedRegression`]: the loss, and the way back from logits to numbers.
///
/// # Example
/// ```
/// use limpid_data::Split;
/// use limpid_train::{BinnedTarget, Bins};
/// use ndarray::array;
///
/// let targets = Split::train_only(array![[0.0], [1.0], [2.0], [8.0]])?;
/// let uniform = BinnedTarget::new(Bins::Uniform(4)).fit_values(&targets)?;
/// assert_eq!(uniform.edges(), [0.0, 2.0, 4.0, 6.0, 8.0]);
/// let halves = BinnedTarget::new(Bins::Quantile(2)).fit_values(&targets)?;
/// assert_eq!((halves.edges(), halves.values()), (&[0.0, 1.5, 8.0][..], &[0.5, 5.0][..]));
/// # Ok::<(), limpid_train::TrainError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BinnedTarget {
    /// Where the edges lie.
    pub bins: Bins,
    /// What a number becomes; by default its bin.
    pub coding: BinCoding,
}

impl BinnedTarget {
    /// Of these bins.
    pub fn new(bins: Bins) -> Self {
        Self {
            bins,
            coding: BinCoding::default(),
        }
    }

    /// With another coding.
    #[must_use]
    pub fn with_coding(mut self, coding: BinCoding) -> Self {
        self.coding = coding;
        self
    }

    /// Fitted to the target of a table.
    ///
    /// # Errors
    /// As [`BinnedTarget::fit_values`]; that of a target that holds no numbers.
    pub fn fit(&self, train: &Train<Table>) -> Result<BinnedRegression, TrainError> {
        self.fit_values(&train.target_values()?)
    }

    /// Fitted to targets, one a row. Bins of equal count are decoded by the means of their targets, since
    /// their outer ones are wide; all others by their middles.
    ///
    /// # Errors
    /// A setting's error unless there is one column of targets; an argument error when fewer than two bins
    /// are asked for, or the targets are constant; those of targets that are not finite.
    pub fn fit_values(&self, train: &Train<Array2<f64>>) -> Result<BinnedRegression, TrainError> {
        let columns = train.ncols();
        if columns != 1 {
            return Err(TrainError::setting(
                "target",
                "one column of numbers",
                columns,
            ));
        }
        let of_edges = |fitted: FittedDiscretize| BinnedRegression::new(fitted.edges().concat());
        let fitted = match &self.bins {
            Bins::Uniform(bins) => of_edges(DiscretizeUniform::new(*bins).fit(train)?)?,
            Bins::Quantile(bins) => {
                let fitted = of_edges(DiscretizeQuantile::new(*bins).fit(train)?)?;
                let means = means(&fitted, train);
                fitted.with_values(means)?
            }
            Bins::Edges(edges) => BinnedRegression::new(edges.as_slice())?,
            &Bins::Levels(first, last) => BinnedRegression::levels(first, last)?,
        };
        Ok(fitted.with_coding(self.coding))
    }
}

/// The mean of the targets in each bin; the middle of a bin without any.
fn means(bins: &BinnedRegression, targets: &Array2<f64>) -> Vec<f64> {
    let mut sums = vec![(0.0, 0_usize); bins.bins()];
    for &target in targets {
        let (sum, count) = &mut sums[bins.bin(target)];
        *sum += target;
        *count += 1;
    }
    let means = sums.into_iter().zip(bins.values());
    means
        .map(|((sum, count), &middle)| {
            if count > 0 {
                sum / count as f64
            } else {
                middle
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use limpid_data::{Split, classics};
    use ndarray::array;

    use super::*;

    #[test]
    fn every_kind_of_bins_is_fitted() {
        let table = Split::train_only(classics::diabetes().unwrap()).unwrap();
        for (bins, expected) in [
            (Bins::Uniform(10), 10),
            (Bins::Quantile(10), 10),
            (Bins::Edges(vec![0.0, 100.0, 200.0, 400.0]), 3),
            (Bins::Levels(25, 346), 322),
        ] {
            let recipe = BinnedTarget::new(bins).with_coding(BinCoding::Gauss { sigma: 0.75 });
            let fitted = recipe.fit(&table).unwrap();
            assert_eq!(fitted.bins(), expected);
            assert_eq!(fitted.coding, recipe.coding);
        }
    }

    #[test]
    fn bins_of_equal_count_are_decoded_by_their_means() {
        let train = Split::train_only(array![[1.0], [2.0], [3.0], [1e6]]).unwrap();
        let fitted = BinnedTarget::new(Bins::Quantile(2))
            .fit_values(&train)
            .unwrap();
        assert_eq!(fitted.edges(), [1.0, 2.5, 1e6]);
        assert_eq!(fitted.values(), [1.5, 500_001.5]);
    }

    #[test]
    fn what_cannot_be_binned_is_refused() {
        let fit = |bins: Bins, rows: Array2<f64>| {
            BinnedTarget::new(bins).fit_values(&Split::train_only(rows).unwrap())
        };
        assert!(fit(Bins::Uniform(4), array![[3.0], [3.0]]).is_err());
        assert!(fit(Bins::Quantile(1), array![[1.0], [2.0]]).is_err());
        assert!(fit(Bins::Edges(vec![1.0, 0.0]), array![[1.0], [2.0]]).is_err());
        let error = fit(Bins::Uniform(4), array![[1.0, 2.0]]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "trainer: `target` must be one column of numbers, found 2"
        );
    }
}
