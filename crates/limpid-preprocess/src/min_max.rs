//! Scaling into a range.

use limpid_data::{Features, RowMap, Train};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::column_map::{ColumnMap, nonzero};
use crate::{Fit, Inverse, PreprocessError, Scope, Seen, Transform};

/// Brings the training part's least and greatest number to the ends of a range:
/// ```text
/// y = (x - min) / (max - min) * (high - low) + low
/// ```
/// Other rows may fall outside. A column that is constant in the training part is moved to `low` and
/// scaled by `high - low` alone.
///
/// # Differs from
/// scikit-learn's default range is `[0, 1]`.
///
/// # Source
/// scikit-learn 1.9, `MinMaxScaler`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MinMax {
    /// The range's ends, `low < high`; `[-1, 1]` by default.
    pub range: [f64; 2],
    /// Which numbers share a minimum and a maximum; each column by default.
    pub scope: Scope,
}

impl Default for MinMax {
    fn default() -> Self {
        Self {
            range: [-1.0, 1.0],
            scope: Scope::Columns,
        }
    }
}

impl MinMax {
    /// With the range from `low` to `high`.
    pub fn new(low: f64, high: f64) -> Self {
        Self {
            range: [low, high],
            ..Self::default()
        }
    }
}

/// A fitted [`MinMax`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedMinMax {
    range: [f64; 2],
    /// The minimum and the extent of each column.
    map: ColumnMap,
    seen: Seen,
}

impl FittedMinMax {
    /// The range that the training part was brought into.
    pub fn range(&self) -> [f64; 2] {
        self.range
    }
}

impl Fit for MinMax {
    type Fitted = FittedMinMax;

    fn fit<D: Features>(&self, train: &Train<D>) -> Result<FittedMinMax, PreprocessError> {
        let [low, high] = self.range;
        if !(low < high && low.is_finite() && high.is_finite()) {
            let found = format!("[{low}, {high}]");
            return Err(PreprocessError::setting(
                "min_max",
                "range",
                "low < high",
                found,
            ));
        }
        let seen = Seen::of("min_max", 1, train)?;
        let columns = self.scope.summaries("min_max", &seen)?;
        let shift = columns.iter().map(|column| column.minimum).collect();
        let scale = columns
            .iter()
            .map(|column| nonzero(column.maximum - column.minimum))
            .collect();
        Ok(FittedMinMax {
            range: self.range,
            map: ColumnMap { shift, scale },
            seen,
        })
    }
}

impl RowMap for FittedMinMax {
    fn input_width(&self) -> usize {
        self.map.width()
    }

    fn output_width(&self) -> usize {
        self.map.width()
    }

    fn map_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let [low, high] = self.range;
        self.map
            .forward(rows)
            .mapv_into(|value| value * (high - low) + low)
    }
}

impl Transform for FittedMinMax {
    fn seen(&self) -> &Seen {
        &self.seen
    }
}

impl Inverse for FittedMinMax {
    fn inverse_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let [low, high] = self.range;
        self.map
            .backward(rows.mapv(|value| (value - low) / (high - low)).view())
    }
}

#[cfg(test)]
mod tests {
    use limpid_data::Split;
    use ndarray::array;

    use super::*;

    #[test]
    fn the_ends_are_met_exactly_and_other_rows_may_fall_outside() {
        let train = Split::train_only(array![[0.1], [0.3], [0.7]]).unwrap();
        let fitted = MinMax::default().fit(&train).unwrap();
        let scaled = fitted
            .transform(array![[0.1], [0.7], [1.3]].view())
            .unwrap();
        assert_eq!([scaled[[0, 0]], scaled[[1, 0]]], [-1.0, 1.0]);
        approx::assert_relative_eq!(scaled[[2, 0]], 3.0, max_relative = 1e-12);
        let back = fitted.inverse(scaled.view()).unwrap();
        approx::assert_relative_eq!(back[[2, 0]], 1.3, max_relative = 1e-12);
    }

    #[test]
    fn a_range_that_is_none_is_an_error() {
        let train = Split::train_only(array![[0.1], [0.3]]).unwrap();
        for (low, high) in [
            (1.0, 1.0),
            (1.0, 0.0),
            (0.0, f64::INFINITY),
            (f64::NAN, 1.0),
        ] {
            assert!(MinMax::new(low, high).fit(&train).is_err(), "{low} {high}");
        }
    }
}
