//! A map of each column for itself, `(x - shift) / scale`: what most scalers come to.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// A shift and a scale for each column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ColumnMap {
    pub(crate) shift: Vec<f64>,
    pub(crate) scale: Vec<f64>,
}

impl ColumnMap {
    pub(crate) fn width(&self) -> usize {
        self.shift.len().min(self.scale.len())
    }

    pub(crate) fn forward(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        self.each(rows, |value, shift, scale| (value - shift) / scale)
    }

    pub(crate) fn backward(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        self.each(rows, |value, shift, scale| value * scale + shift)
    }

    fn each(&self, rows: ArrayView2<'_, f64>, map: impl Fn(f64, f64, f64) -> f64) -> Array2<f64> {
        let mut mapped = rows.to_owned();
        for mut row in mapped.rows_mut() {
            for ((value, &shift), &scale) in row.iter_mut().zip(&self.shift).zip(&self.scale) {
                *value = map(*value, shift, scale);
            }
        }
        mapped
    }
}

/// The scale, or 1 where dividing by it would blow rounding up to the size of data.
///
/// # Source
/// scikit-learn 1.9, `_handle_zeros_in_scale`.
pub(crate) fn nonzero(scale: f64) -> f64 {
    if scale < 10.0 * f64::EPSILON {
        1.0
    } else {
        scale
    }
}
