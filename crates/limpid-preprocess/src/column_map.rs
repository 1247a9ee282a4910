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

/// Writes the traits of a fitted transform that is a [`ColumnMap`], its field `map`, and what it
/// has `seen`.
macro_rules! map_columns {
    ($RowMap:ident, $Transform:ident, $Inverse:ident for $Fitted:ident) => {
        impl $RowMap for $Fitted {
            fn input_width(&self) -> usize {
                self.map.width()
            }

            fn output_width(&self) -> usize {
                self.map.width()
            }

            fn map_block(&self, rows: ndarray::ArrayView2<'_, f64>) -> ndarray::Array2<f64> {
                self.map.forward(rows)
            }
        }

        impl $Transform for $Fitted {
            fn seen(&self) -> &$crate::Seen {
                &self.seen
            }
        }

        impl $Inverse for $Fitted {
            fn inverse_block(&self, rows: ndarray::ArrayView2<'_, f64>) -> ndarray::Array2<f64> {
                self.map.backward(rows)
            }
        }
    };
}
pub(crate) use map_columns;

/// The rows with each number changed by `map`, which also takes what `columns` holds for its column.
pub(crate) fn by_column(
    mut rows: Array2<f64>,
    columns: &[f64],
    map: impl Fn(f64, f64) -> f64,
) -> Array2<f64> {
    for mut row in rows.rows_mut() {
        for (value, &column) in row.iter_mut().zip(columns) {
            *value = map(*value, column);
        }
    }
    rows
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
