//! Division by the largest magnitude.

use limpid_data::{Features, RowMap, Train};
use serde::{Deserialize, Serialize};

use crate::column_map::{ColumnMap, map_columns, nonzero};
use crate::{Fit, Inverse, PreprocessError, Scope, Seen, Transform};

/// Divides by the largest training magnitude, which keeps zeros zero:
/// ```text
/// y = x / max |x|
/// ```
/// A column of zeros is left as it is.
///
/// # Source
/// scikit-learn 1.9, `MaxAbsScaler`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MaxAbs {
    /// Which numbers share a magnitude; each column by default.
    pub scope: Scope,
}

/// A fitted [`MaxAbs`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedMaxAbs {
    map: ColumnMap,
    seen: Seen,
}

impl FittedMaxAbs {
    /// What each column is divided by.
    pub fn scale(&self) -> &[f64] {
        &self.map.scale
    }
}

impl Fit for MaxAbs {
    type Fitted = FittedMaxAbs;

    fn fit<D: Features>(&self, train: &Train<D>) -> Result<FittedMaxAbs, PreprocessError> {
        let seen = Seen::of("max_abs", 1, train)?;
        let columns = self.scope.summaries("max_abs", &seen)?;
        let magnitude = columns
            .iter()
            .map(|column| column.maximum.abs().max(column.minimum.abs()));
        let scale: Vec<f64> = magnitude.map(nonzero).collect();
        Ok(FittedMaxAbs {
            map: ColumnMap {
                shift: vec![0.0; scale.len()],
                scale,
            },
            seen,
        })
    }
}

map_columns!(RowMap, Transform, Inverse for FittedMaxAbs);

#[cfg(test)]
mod tests {
    use limpid_data::Split;
    use ndarray::array;

    use super::*;

    #[test]
    fn the_largest_magnitude_becomes_one_and_zeros_stay() {
        let train = Split::train_only(array![[1.0, 0.0], [-4.0, 0.0]]).unwrap();
        let fitted = MaxAbs::default().fit(&train).unwrap();
        let scaled = fitted
            .transform(array![[-4.0, 3.0], [0.0, 0.0]].view())
            .unwrap();
        assert_eq!(scaled, array![[-1.0, 3.0], [0.0, 0.0]]);
    }
}
