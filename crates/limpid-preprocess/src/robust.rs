//! Scaling that outliers do not move.

use limpid_data::{Features, RowMap, Train};
use serde::{Deserialize, Serialize};

use crate::column_map::{ColumnMap, map_columns, nonzero};
use crate::quantile::{Between, quantile, sorted_columns};
use crate::{Fit, Inverse, PreprocessError, Seen, Transform};

/// Subtracts the training median and divides by the distance of two training quantiles:
/// ```text
/// y = (x - median) / (quantile(upper) - quantile(lower))
/// ```
/// A column whose quantiles are equal is centred and left unscaled. The fit holds all numbers in
/// memory.
///
/// # Source
/// scikit-learn 1.9, `RobustScaler`; quantiles by linear interpolation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Robust {
    /// The lower quantile, in `[0, upper)`; 0.25 by default.
    pub lower: f64,
    /// The upper quantile, in `(lower, 1]`; 0.75 by default.
    pub upper: f64,
}

impl Default for Robust {
    fn default() -> Self {
        Self {
            lower: 0.25,
            upper: 0.75,
        }
    }
}

/// A fitted [`Robust`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedRobust {
    map: ColumnMap,
    seen: Seen,
}

impl FittedRobust {
    /// The median that each column loses.
    pub fn center(&self) -> &[f64] {
        &self.map.shift
    }

    /// What each column is divided by.
    pub fn scale(&self) -> &[f64] {
        &self.map.scale
    }
}

impl Fit for Robust {
    type Fitted = FittedRobust;

    fn fit<D: Features>(&self, train: &Train<D>) -> Result<FittedRobust, PreprocessError> {
        let (lower, upper) = (self.lower, self.upper);
        if !(0.0 <= lower && lower < upper && upper <= 1.0) {
            let (expected, found) = ("0 <= lower < upper <= 1", format!("{lower} and {upper}"));
            return Err(PreprocessError::setting(
                "robust",
                "quantiles",
                expected,
                found,
            ));
        }
        let seen = Seen::of("robust", 1, train)?;
        let columns = sorted_columns(train)?;
        let at = |column: &[f64], q| quantile(column, q, Between::Line);
        let shift = columns.iter().map(|column| at(column, 0.5)).collect();
        let scale = columns
            .iter()
            .map(|column| nonzero(at(column, upper) - at(column, lower)))
            .collect();
        Ok(FittedRobust {
            map: ColumnMap { shift, scale },
            seen,
        })
    }
}

map_columns!(RowMap, Transform, Inverse for FittedRobust);

#[cfg(test)]
mod tests {
    use limpid_data::Split;
    use ndarray::array;

    use super::*;

    #[test]
    fn an_outlier_moves_nothing() {
        let train = Split::train_only(array![[1.0], [2.0], [3.0], [4.0], [1e9]]).unwrap();
        let fitted = Robust::default().fit(&train).unwrap();
        assert_eq!(
            (fitted.center(), fitted.scale()),
            ([3.0].as_slice(), [2.0].as_slice())
        );
        assert_eq!(
            fitted.transform(array![[5.0]].view()).unwrap(),
            array![[1.0]]
        );
    }

    #[test]
    fn quantiles_out_of_order_are_an_error() {
        let train = Split::train_only(array![[1.0], [2.0]]).unwrap();
        for (lower, upper) in [
            (0.75, 0.25),
            (0.5, 0.5),
            (-0.1, 0.5),
            (0.5, 1.1),
            (f64::NAN, 1.0),
        ] {
            let fitted = Robust { lower, upper }.fit(&train);
            assert!(
                matches!(fitted, Err(PreprocessError::Setting { .. })),
                "{lower} {upper}"
            );
        }
    }
}
