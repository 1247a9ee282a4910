//! A matrix that can be saved.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// A matrix whose saved form is its rows; rows of unequal length are refused on reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<f64>>", into = "Vec<Vec<f64>>")]
pub(crate) struct Matrix(Array2<f64>);

impl Matrix {
    pub(crate) fn view(&self) -> ArrayView2<'_, f64> {
        self.0.view()
    }
}

impl From<Array2<f64>> for Matrix {
    fn from(array: Array2<f64>) -> Self {
        Self(array)
    }
}

impl From<Matrix> for Vec<Vec<f64>> {
    fn from(matrix: Matrix) -> Self {
        matrix.0.outer_iter().map(|row| row.to_vec()).collect()
    }
}

impl TryFrom<Vec<Vec<f64>>> for Matrix {
    type Error = String;

    fn try_from(rows: Vec<Vec<f64>>) -> Result<Self, String> {
        let shape = (rows.len(), rows.first().map_or(0, Vec::len));
        if let Some(odd) = rows.iter().find(|row| row.len() != shape.1) {
            return Err(format!(
                "matrix: expected rows of {} numbers, found {}",
                shape.1,
                odd.len()
            ));
        }
        Array2::from_shape_vec(shape, rows.concat())
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_read_as_it_was_saved_and_a_ragged_one_is_refused() {
        let matrix = Matrix::from(ndarray::array![[1.0, 2.5], [3.0, -4.0]]);
        let text = serde_json::to_string(&matrix).unwrap();
        assert_eq!(text, "[[1.0,2.5],[3.0,-4.0]]");
        assert_eq!(serde_json::from_str::<Matrix>(&text).unwrap(), matrix);
        let error = serde_json::from_str::<Matrix>("[[1.0,2.5],[3.0]]")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("expected rows of 2 numbers, found 1"),
            "{error}"
        );
    }
}
