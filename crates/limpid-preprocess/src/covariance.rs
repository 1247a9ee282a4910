//! The covariance of the training part and its eigenvectors.

use limpid_data::{Features, Train};
use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array1, Array2, Axis};

use crate::seen::Gathering;
use crate::{PreprocessError, Seen};

/// The eigenvectors of a covariance and their variances, the greatest first.
pub(crate) struct Spectrum {
    pub(crate) seen: Seen,
    /// Eigenvalues of the scatter (the squares' sum, divided by nothing), never negative.
    pub(crate) scatter: Vec<f64>,
    /// Eigenvectors, one a row, `[columns, columns]`. Each points to where its component of largest
    /// magnitude, the first among equals, is positive.
    pub(crate) vectors: Array2<f64>,
}

/// Takes the covariance in one pass, in memory that does not grow with the rows, and decomposes it.
pub(crate) fn spectrum<D: Features>(
    transform: &'static str,
    train: &Train<D>,
) -> Result<Spectrum, PreprocessError> {
    let width = train.width();
    let mut gathering = Gathering::new(transform);
    let mut scatter = Array2::<f64>::zeros((width, width));
    let (mut rows, mut mean) = (0.0, Array1::<f64>::zeros(width));
    train.blocks(&mut |block| {
        gathering.add(block);
        let Some(block_mean) = block.mean_axis(Axis(0)) else {
            return;
        };
        // Merged as variances are: each block about its own mean, and the means' distance.
        let centred = &block - &block_mean;
        let count = block.nrows() as f64;
        let distance = &block_mean - &mean;
        let total = rows + count;
        scatter += &centred.t().dot(&centred);
        let column = distance.view().insert_axis(Axis(1));
        scatter.scaled_add(rows * count / total, &column.dot(&column.t()));
        mean.scaled_add(count / total, &distance);
        rows = total;
    })?;
    let seen = gathering.finish(2)?;
    let matrix = DMatrix::from_fn(width, width, |row, column| scatter[[row, column]]);
    let eigen = SymmetricEigen::try_new(matrix, f64::EPSILON, 100 * width.max(10))
        .ok_or(PreprocessError::NoConvergence { transform })?;
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|&left, &right| eigen.eigenvalues[right].total_cmp(&eigen.eigenvalues[left]));
    let scatter = order
        .iter()
        .map(|&place| eigen.eigenvalues[place].max(0.0))
        .collect();
    let mut vectors = Array2::from_shape_fn((width, width), |(row, column)| {
        eigen.eigenvectors[(column, order[row])]
    });
    for mut vector in vectors.rows_mut() {
        let largest = vector.iter().copied().fold(0.0, |largest: f64, value| {
            if value.abs() > largest.abs() {
                value
            } else {
                largest
            }
        });
        if largest < 0.0 {
            vector.mapv_inplace(|value| -value);
        }
    }
    Ok(Spectrum {
        seen,
        scatter,
        vectors,
    })
}

#[cfg(test)]
mod tests {
    use limpid_data::Split;
    use ndarray::array;

    use super::*;

    #[test]
    fn a_line_has_one_direction() {
        let train = Split::train_only(array![[1.0, -2.0], [2.0, -4.0], [3.0, -6.0]]).unwrap();
        let spectrum = spectrum("test", &train).unwrap();
        approx::assert_relative_eq!(spectrum.scatter[0], 10.0, max_relative = 1e-12);
        assert!(spectrum.scatter[1] < 1e-12);
        approx::assert_relative_eq!(
            spectrum.vectors[[0, 1]],
            2.0 / 5.0_f64.sqrt(),
            epsilon = 1e-12
        );
        assert!(spectrum.vectors[[0, 0]] < 0.0);
    }

    #[test]
    fn blocks_merge_to_the_covariance_of_all_rows() {
        let rows = Array2::from_shape_fn((2500, 3), |(row, column)| {
            1e4 + ((row * (column + 2)) as f64 * 0.1).sin() * (column + 1) as f64
        });
        let centred = &rows - &rows.mean_axis(Axis(0)).unwrap();
        let want = centred.t().dot(&centred);
        let got = spectrum("test", &Split::train_only(rows).unwrap()).unwrap();
        let values = Array2::from_diag(&Array1::from_vec(got.scatter));
        let again = got.vectors.t().dot(&values).dot(&got.vectors);
        for (want, got) in want.iter().zip(&again) {
            approx::assert_abs_diff_eq!(want, got, epsilon = 1e-7);
        }
    }
}
