//! What a transform saw of the training part.

use limpid_data::{Features, Train};
use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::PreprocessError;

/// What a fit saw: how many rows, and of each column its range, mean and variance. It is taken in
/// one pass in memory that does not grow with the rows.
///
/// # Example
/// ```
/// use limpid_data::{Split, classics};
/// use limpid_preprocess::{Fit, Standardize, Transform};
///
/// let train = Split::train_only(classics::iris()?)?;
/// let fitted = Standardize::default().fit(&train)?;
/// assert_eq!(fitted.seen().rows, 150);
/// assert_eq!(fitted.seen().columns[0].maximum, 7.9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Rows of the training part.
    pub rows: usize,
    /// Its columns, in order.
    pub columns: Vec<ColumnSummary>,
}

/// What was seen of a column, in the column's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnSummary {
    /// How many numbers there were.
    pub count: usize,
    /// The least of them.
    pub minimum: f64,
    /// The greatest of them.
    pub maximum: f64,
    /// Their mean.
    pub mean: f64,
    /// Their variance, the squares' sum divided by the count.
    pub variance: f64,
}

impl ColumnSummary {
    /// Whether the numbers are the same but for rounding: the variance is within the error that
    /// computing the mean makes.
    ///
    /// # Source
    /// scikit-learn 1.9, `_is_constant_feature`; Chan, Golub and LeVeque (1983), equation 2.4.
    pub fn is_constant(&self) -> bool {
        let (count, epsilon) = (self.count as f64, f64::EPSILON);
        let rounding = count * epsilon * self.variance + (count * self.mean * epsilon).powi(2);
        self.variance <= rounding
    }

    /// One summary of two columns' numbers together.
    pub(crate) fn merge(self, other: Self) -> Self {
        let count = self.count + other.count;
        let (left, right) = (
            self.count as f64 / count as f64,
            other.count as f64 / count as f64,
        );
        let distance = other.mean - self.mean;
        Self {
            count,
            minimum: self.minimum.min(other.minimum),
            maximum: self.maximum.max(other.maximum),
            mean: self.mean + distance * right,
            variance: self.variance * left
                + other.variance * right
                + distance * distance * left * right,
        }
    }
}

impl Seen {
    /// Takes the summary of a training part, for `transform`, which needs `needed` rows.
    pub(crate) fn of<D: Features>(
        transform: &'static str,
        needed: usize,
        train: &Train<D>,
    ) -> Result<Self, PreprocessError> {
        let mut gathering = Gathering::new(transform);
        train.blocks(&mut |block| gathering.add(block))?;
        gathering.finish(needed)
    }

    /// The columns that hold one number only; scaling leaves them unscaled.
    pub fn constant_columns(&self) -> Vec<usize> {
        let columns = self.columns.iter().enumerate();
        columns
            .filter(|(_, column)| column.is_constant())
            .map(|(place, _)| place)
            .collect()
    }

    /// The columns' means.
    pub(crate) fn means(&self) -> Vec<f64> {
        self.columns.iter().map(|column| column.mean).collect()
    }
}

/// A summary in the making. Blocks are merged by the pairwise update of Chan, Golub and LeVeque
/// (1983), which keeps the variance's digits where a sum of squares loses them.
pub(crate) struct Gathering {
    transform: &'static str,
    seen: Option<Seen>,
    rows: usize,
    broken: Option<PreprocessError>,
}

impl Gathering {
    pub(crate) fn new(transform: &'static str) -> Self {
        Self {
            transform,
            seen: None,
            rows: 0,
            broken: None,
        }
    }

    pub(crate) fn add(&mut self, block: ArrayView2<'_, f64>) {
        if self.broken.is_some() || block.nrows() == 0 {
            return;
        }
        let odd = block.indexed_iter().find(|(_, value)| !value.is_finite());
        if let Some(((row, column), &found)) = odd {
            let (transform, row) = (self.transform, self.rows + row);
            self.broken = Some(PreprocessError::NotFinite {
                transform,
                row,
                column,
                found,
            });
            return;
        }
        self.rows += block.nrows();
        let columns = block.axis_iter(Axis(1)).map(|column| {
            let count = column.len() as f64;
            let about = column.sum() / count;
            let deviations = column.iter().map(|value| value - about);
            let (squares, drift) = deviations.fold((0.0, 0.0), |(squares, drift), d| {
                (squares + d * d, drift + d)
            });
            ColumnSummary {
                count: column.len(),
                minimum: column.iter().copied().fold(f64::INFINITY, f64::min),
                maximum: column.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                // Without rounding the drift would be 0; what it is corrects mean and variance.
                mean: about + drift / count,
                variance: ((squares - drift * drift / count) / count).max(0.0),
            }
        });
        let seen = match self.seen.take() {
            None => Seen {
                rows: 0,
                columns: columns.collect(),
            },
            Some(seen) => {
                let pairs = seen.columns.into_iter().zip(columns);
                Seen {
                    rows: 0,
                    columns: pairs.map(|(left, right)| left.merge(right)).collect(),
                }
            }
        };
        self.seen = Some(seen);
    }

    pub(crate) fn finish(self, needed: usize) -> Result<Seen, PreprocessError> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let (transform, found) = (self.transform, self.rows);
        let needed = needed.max(1);
        match self.seen {
            Some(seen) if found >= needed => Ok(Seen {
                rows: found,
                ..seen
            }),
            _ => Err(PreprocessError::TooFewRows {
                transform,
                needed,
                found,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use limpid_data::Split;
    use ndarray::{Array2, array, s};

    use super::*;

    #[test]
    fn many_blocks_give_what_one_block_gives() {
        let rows = Array2::from_shape_fn((3000, 2), |(row, column)| {
            1e6 + (row as f64 * 0.37).sin() * (column + 1) as f64
        });
        let mut whole = Gathering::new("test");
        whole.add(rows.view());
        let mut blocks = Gathering::new("test");
        for start in (0..3000).step_by(700) {
            blocks.add(rows.slice(s![start..(start + 700).min(3000), ..]));
        }
        let (whole, blocks) = (whole.finish(1).unwrap(), blocks.finish(1).unwrap());
        assert_eq!((whole.rows, blocks.rows), (3000, 3000));
        for (left, right) in whole.columns.iter().zip(&blocks.columns) {
            approx::assert_relative_eq!(left.mean, right.mean, max_relative = 1e-15);
            approx::assert_relative_eq!(left.variance, right.variance, max_relative = 1e-9);
            assert_eq!((left.minimum, left.maximum), (right.minimum, right.maximum));
        }
        approx::assert_relative_eq!(whole.columns[0].variance, 0.5, max_relative = 1e-2);
    }

    #[test]
    fn a_constant_is_known_in_spite_of_rounding() {
        let train = Split::train_only(Array2::from_elem((57, 1), 0.1)).unwrap();
        let seen = Seen::of("test", 1, &train).unwrap();
        assert_eq!(seen.constant_columns(), [0]);
        let train = Split::train_only(array![[1e-9], [2e-9]]).unwrap();
        assert_eq!(
            Seen::of("test", 1, &train).unwrap().constant_columns(),
            [0_usize; 0]
        );
    }

    #[test]
    fn a_number_that_is_not_finite_is_named() {
        let train = Split::train_only(array![[1.0, 2.0], [3.0, f64::NAN]]).unwrap();
        let error = Seen::of("test", 1, &train).unwrap_err().to_string();
        assert_eq!(
            error,
            "test: row 1, column 1: expected a finite number, found NaN"
        );
    }

    #[test]
    fn too_few_rows_are_counted() {
        let train = Split::train_only(array![[1.0]]).unwrap();
        let error = Seen::of("test", 2, &train).unwrap_err().to_string();
        assert_eq!(error, "test: expected at least 2 rows to fit on, found 1");
    }
}
