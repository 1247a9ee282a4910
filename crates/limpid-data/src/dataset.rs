//! What every dataset can do: count, select and show its rows.

use limpid_tensor::Element;
use ndarray::{Array2, ArrayView2, Axis, s};

use crate::{DataError, Fingerprint, FingerprintBuilder, Target};

/// Rows of equal shape, each with its target; threads may read it at once. Implemented by [`Table`](crate::Table),
/// [`Images`](crate::Images) and, without targets, by `ndarray::Array2<f64>`.
pub trait Dataset: Sized + Sync {
    /// What the dataset is called in messages and records.
    fn name(&self) -> &str;

    /// The number of rows.
    fn len(&self) -> usize;

    /// Whether there is no row.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shape of one row: `[features]` of a table, `[channels, height, width]` of images.
    fn row_shape(&self) -> Vec<usize>;

    /// What is to be predicted, a value for each row.
    fn target(&self) -> &Target;

    /// The dataset of these rows, in this order; a row may come twice.
    ///
    /// # Errors
    /// [`DataError::RowOutOfRange`].
    fn select_rows(&self, rows: &[usize]) -> Result<Self, DataError>;

    /// The features of these rows, one row after the other, in the element type of a network.
    ///
    /// # Panics
    /// When a row lies beyond the end, as indexing does.
    fn gather<E: Element>(&self, rows: &[usize]) -> Vec<E>;

    /// The hash of the content: features and target, not the name.
    fn fingerprint(&self) -> Fingerprint;

    /// Checks row numbers before they are used.
    ///
    /// # Errors
    /// [`DataError::RowOutOfRange`] for the first that lies beyond the end.
    fn check_rows(&self, rows: &[usize]) -> Result<(), DataError> {
        match rows.iter().find(|&&row| row >= self.len()) {
            None => Ok(()),
            Some(&row) => Err(DataError::RowOutOfRange {
                file: self.name().to_owned(),
                row,
                rows: self.len(),
            }),
        }
    }
}

/// Rows of numbers that statistics can be fitted on in one pass, block by block, so that memory
/// does not grow with the rows. Implement it for a source larger than memory.
///
/// # Example
/// ```
/// use limpid_data::Features;
///
/// let iris = limpid_data::classics::iris()?;
/// let (mut rows, mut sum) = (0, 0.0);
/// iris.blocks(&mut |block| {
///     rows += block.nrows();
///     sum += block.column(0).sum();
/// })?;
/// assert_eq!(rows, 150);
/// assert!((sum / 150.0 - 5.843_333).abs() < 1e-6);
/// # Ok::<(), limpid_data::DataError>(())
/// ```
pub trait Features {
    /// The number of columns.
    fn width(&self) -> usize;

    /// Shows all rows in order, in blocks `[rows, width]` of a size that the source chooses.
    ///
    /// # Errors
    /// Whatever reading the source brings.
    fn blocks(&self, visit: &mut dyn FnMut(ArrayView2<'_, f64>)) -> Result<(), DataError>;
}

/// Rows of a block when the source has no reason of its own to choose another.
pub(crate) const BLOCK_ROWS: usize = 1024;

/// Shows the rows of an array that lies in memory.
pub(crate) fn array_blocks(array: ArrayView2<'_, f64>, visit: &mut dyn FnMut(ArrayView2<'_, f64>)) {
    for start in (0..array.nrows()).step_by(BLOCK_ROWS) {
        let end = (start + BLOCK_ROWS).min(array.nrows());
        visit(array.slice(s![start..end, ..]));
    }
}

pub(crate) fn gather_array<E: Element>(array: ArrayView2<'_, f64>, rows: &[usize]) -> Vec<E> {
    let mut values = Vec::with_capacity(rows.len() * array.ncols());
    for &row in rows {
        values.extend(array.row(row).iter().map(|&value| E::of(value)));
    }
    values
}

impl Features for Array2<f64> {
    fn width(&self) -> usize {
        self.ncols()
    }

    fn blocks(&self, visit: &mut dyn FnMut(ArrayView2<'_, f64>)) -> Result<(), DataError> {
        array_blocks(self.view(), visit);
        Ok(())
    }
}

impl Dataset for Array2<f64> {
    fn name(&self) -> &str {
        "array"
    }

    fn len(&self) -> usize {
        self.nrows()
    }

    fn row_shape(&self) -> Vec<usize> {
        vec![self.ncols()]
    }

    fn target(&self) -> &Target {
        &Target::None
    }

    fn select_rows(&self, rows: &[usize]) -> Result<Self, DataError> {
        self.check_rows(rows)?;
        Ok(self.select(Axis(0), rows))
    }

    fn gather<E: Element>(&self, rows: &[usize]) -> Vec<E> {
        gather_array(self.view(), rows)
    }

    fn fingerprint(&self) -> Fingerprint {
        let shape = FingerprintBuilder::new()
            .word(self.nrows() as u64)
            .word(self.ncols() as u64);
        self.iter()
            .fold(shape, |builder, &value| builder.number(value))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn selecting_beyond_the_end_is_an_error_that_counts() {
        let rows = array![[1.0], [2.0]];
        let error = Dataset::select_rows(&rows, &[0, 2]).unwrap_err();
        assert_eq!(error.to_string(), "array: expected a row below 2, found 2");
    }

    #[test]
    fn blocks_show_every_row_once_in_order() {
        let rows = Array2::from_shape_fn((2500, 2), |(row, column)| (row * 2 + column) as f64);
        let mut seen = Vec::new();
        let mut sizes = Vec::new();
        rows.blocks(&mut |block| {
            sizes.push(block.nrows());
            seen.extend(block.iter().copied());
        })
        .unwrap();
        assert_eq!(sizes, [1024, 1024, 452]);
        assert_eq!(seen, rows.iter().copied().collect::<Vec<_>>());
    }

    #[test]
    fn gathering_follows_the_given_order() {
        let rows = array![[1.0, 2.0], [3.0, 4.0]];
        assert_eq!(
            rows.gather::<f32>(&[1, 0, 1]),
            [3.0, 4.0, 1.0, 2.0, 3.0, 4.0]
        );
    }
}
