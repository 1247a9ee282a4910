//! Subtracting the mean.

use limpid_data::{Features, RowMap, Train};
use serde::{Deserialize, Serialize};

use crate::column_map::{ColumnMap, map_columns};
use crate::{Fit, Inverse, PreprocessError, Scope, Seen, Transform};

/// Subtracts the training mean:
/// ```text
/// y = x - mean
/// ```
///
/// # Source
/// scikit-learn 1.9, `StandardScaler(with_std=False)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Center {
    /// Which numbers share a mean; each column by default.
    pub scope: Scope,
}

/// A fitted [`Center`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedCenter {
    map: ColumnMap,
    seen: Seen,
}

impl FittedCenter {
    /// The mean that each column loses.
    pub fn mean(&self) -> &[f64] {
        &self.map.shift
    }
}

impl Fit for Center {
    type Fitted = FittedCenter;

    fn fit<D: Features>(&self, train: &Train<D>) -> Result<FittedCenter, PreprocessError> {
        let seen = Seen::of("center", 1, train)?;
        let columns = self.scope.summaries("center", &seen)?;
        let shift: Vec<f64> = columns.iter().map(|column| column.mean).collect();
        Ok(FittedCenter {
            map: ColumnMap {
                scale: vec![1.0; shift.len()],
                shift,
            },
            seen,
        })
    }
}

map_columns!(RowMap, Transform, Inverse for FittedCenter);

#[cfg(test)]
mod tests {
    use limpid_data::Split;
    use ndarray::array;

    use super::*;

    #[test]
    fn the_training_mean_is_subtracted_from_other_rows_too() {
        let train = Split::train_only(array![[1.0, 10.0], [3.0, 30.0]]).unwrap();
        let fitted = Center::default().fit(&train).unwrap();
        let rows = array![[5.0, 0.0]];
        let centred = fitted.transform(rows.view()).unwrap();
        assert_eq!(centred, array![[3.0, -20.0]]);
        assert_eq!(fitted.inverse(centred.view()).unwrap(), rows);
    }
}
