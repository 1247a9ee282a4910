//! Whitening that stays close to the data.

use std::ops::{Add, Sub};

use limpid_data::{Features, RowMap, Train};
use ndarray::{Array1, Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::column_map::by_column;
use crate::covariance::spectrum;
use crate::matrix::Matrix;
use crate::{Fit, Inverse, PreprocessError, Seen, Transform};

/// Whitens, and turns back, so that each column stays as near as it can to what it was:
/// ```text
/// y = (x - mean) V^T (L + epsilon)^(-1/2) V
/// ```
/// with the covariance's eigenvalues `L` (divided by the rows) and eigenvectors, the rows of `V`.
///
/// # Source
/// Bell and Sejnowski (1997), "The independent components of natural scenes are edge filters";
/// Krizhevsky (2009), appendix A.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Zca {
    /// What is added to each variance, in the squared unit of the data: directions that vary less are
    /// not blown up. At least 0; 1e-5 by default.
    pub epsilon: f64,
}

impl Default for Zca {
    fn default() -> Self {
        Self { epsilon: 1e-5 }
    }
}

impl Zca {
    /// With this added to each variance.
    pub fn new(epsilon: f64) -> Self {
        Self { epsilon }
    }
}

/// A fitted [`Zca`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedZca {
    whitening: Matrix,
    unwhitening: Matrix,
    seen: Seen,
}

impl FittedZca {
    /// The symmetric matrix that centred rows are multiplied by, `[columns, columns]`.
    pub fn whitening(&self) -> ArrayView2<'_, f64> {
        self.whitening.view()
    }
}

impl Fit for Zca {
    type Fitted = FittedZca;

    fn fit<D: Features>(&self, train: &Train<D>) -> Result<FittedZca, PreprocessError> {
        let epsilon = self.epsilon;
        if !(epsilon >= 0.0 && epsilon.is_finite()) {
            let expected = "a finite number, 0 or more";
            return Err(PreprocessError::setting(
                "zca", "epsilon", expected, epsilon,
            ));
        }
        let spectrum = spectrum("zca", train)?;
        let rows = spectrum.seen.rows as f64;
        let variances: Array1<f64> = spectrum
            .scatter
            .iter()
            .map(|scatter| scatter / rows + epsilon)
            .collect();
        let (largest, least) = (
            variances.iter().copied().fold(0.0, f64::max),
            variances.fold(f64::MAX, |a, &b| a.min(b)),
        );
        if least <= largest * f64::EPSILON {
            let expected = "more than 0, as some direction has no variance";
            return Err(PreprocessError::setting(
                "zca", "epsilon", expected, epsilon,
            ));
        }
        let rotated = |scale: Array1<f64>| {
            let scaled = &spectrum.vectors.t() * &scale;
            Matrix::from(scaled.dot(&spectrum.vectors))
        };
        Ok(FittedZca {
            whitening: rotated(variances.mapv(|variance| 1.0 / variance.sqrt())),
            unwhitening: rotated(variances.mapv(f64::sqrt)),
            seen: spectrum.seen,
        })
    }
}

impl RowMap for FittedZca {
    fn input_width(&self) -> usize {
        self.whitening.view().nrows()
    }

    fn output_width(&self) -> usize {
        self.whitening.view().ncols()
    }

    fn map_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let centred = by_column(rows.to_owned(), &self.seen.means(), Sub::sub);
        centred.dot(&self.whitening.view())
    }
}

impl Transform for FittedZca {
    fn seen(&self) -> &Seen {
        &self.seen
    }
}

impl Inverse for FittedZca {
    fn inverse_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let mapped = rows.dot(&self.unwhitening.view());
        by_column(mapped, &self.seen.means(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use limpid_data::{Split, classics};
    use ndarray::array;

    use super::*;

    #[test]
    fn whitened_rows_have_the_identity_as_covariance_and_come_back() {
        let iris = Split::train_only(classics::iris().unwrap()).unwrap();
        let fitted = Zca::new(0.0).fit(&iris).unwrap();
        let mapped = fitted.transform(iris.features()).unwrap();
        let covariance = mapped.t().dot(&mapped) / 150.0;
        for ((row, column), &value) in covariance.indexed_iter() {
            let want = if row == column { 1.0 } else { 0.0 };
            approx::assert_abs_diff_eq!(value, want, epsilon = 1e-10);
        }
        let back = fitted.inverse(mapped.view()).unwrap();
        assert!(
            (&back - &iris.features())
                .iter()
                .all(|error| error.abs() < 1e-10)
        );
    }

    #[test]
    fn a_direction_without_variance_needs_an_epsilon() {
        let train = Split::train_only(array![[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]).unwrap();
        let error = Zca::new(0.0).fit(&train).unwrap_err().to_string();
        let want = "zca: epsilon: expected more than 0, as some direction has no variance, found 0";
        assert_eq!(error, want);
        assert!(Zca::default().fit(&train).is_ok());
        assert!(Zca::new(-1.0).fit(&train).is_err());
    }
}
