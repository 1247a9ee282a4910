//! Numbers to bins.

use limpid_data::{Features, RowMap, Train};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::quantile::{Between, quantile, sorted_columns};
use crate::{Fit, PreprocessError, Seen, Transform};

/// Divides each column's training range into bins of equal width, numbered from 0. Numbers beyond
/// the range go to the end bins; a column that is constant has a single bin.
///
/// # Source
/// scikit-learn 1.9, `KBinsDiscretizer(encode="ordinal", strategy="uniform")`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscretizeUniform {
    /// The number of bins, at least 2; 5 by default.
    pub n_bins: usize,
}

/// Divides each column into bins that hold about as many training numbers each, numbered from 0.
/// Numbers beyond the range go to the end bins. Where many numbers are equal there are fewer bins; a
/// column that is constant has a single one. The fit holds all numbers in memory.
///
/// # Source
/// scikit-learn 1.9, `KBinsDiscretizer(encode="ordinal", strategy="quantile",
/// quantile_method="averaged_inverted_cdf")`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscretizeQuantile {
    /// The number of bins, at least 2; 5 by default.
    pub n_bins: usize,
}

/// Edges nearer to each other than this make no bin of their own, as in scikit-learn.
const NARROWEST: f64 = 1e-8;

macro_rules! settings {
    ($name:ident) => {
        impl Default for $name {
            fn default() -> Self {
                Self { n_bins: 5 }
            }
        }

        impl $name {
            /// With so many bins.
            pub fn new(n_bins: usize) -> Self {
                Self { n_bins }
            }
        }
    };
}
settings!(DiscretizeUniform);
settings!(DiscretizeQuantile);

/// A fitted [`DiscretizeUniform`] or [`DiscretizeQuantile`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedDiscretize {
    /// The edges of each column's bins in order; none where the column is constant.
    edges: Vec<Vec<f64>>,
    seen: Seen,
}

impl FittedDiscretize {
    /// The edges of each column's bins, one more than there are bins; from minus to plus infinity
    /// where the column was constant.
    pub fn edges(&self) -> Vec<Vec<f64>> {
        let whole = || vec![f64::NEG_INFINITY, f64::INFINITY];
        let column = |edges: &Vec<f64>| {
            if edges.is_empty() {
                whole()
            } else {
                edges.clone()
            }
        };
        self.edges.iter().map(column).collect()
    }
}

impl Fit for DiscretizeUniform {
    type Fitted = FittedDiscretize;

    fn fit<D: Features>(&self, train: &Train<D>) -> Result<FittedDiscretize, PreprocessError> {
        check_bins("discretize_uniform", self.n_bins)?;
        let seen = Seen::of("discretize_uniform", 1, train)?;
        let edges = seen.columns.iter().map(|column| {
            let (low, high) = (column.minimum, column.maximum);
            if low == high {
                return Vec::new();
            }
            let step = (high - low) / self.n_bins as f64;
            let inner = (0..self.n_bins).map(|edge| low + edge as f64 * step);
            inner.chain([high]).collect()
        });
        Ok(FittedDiscretize {
            edges: edges.collect(),
            seen,
        })
    }
}

impl Fit for DiscretizeQuantile {
    type Fitted = FittedDiscretize;

    fn fit<D: Features>(&self, train: &Train<D>) -> Result<FittedDiscretize, PreprocessError> {
        check_bins("discretize_quantile", self.n_bins)?;
        let seen = Seen::of("discretize_quantile", 1, train)?;
        // In per cent and back, as NumPy computes it, so that equal numbers fall to equal bins.
        let step = 100.0 / self.n_bins as f64;
        let levels: Vec<f64> = (0..self.n_bins)
            .map(|edge| edge as f64 * step / 100.0)
            .chain([1.0])
            .collect();
        let edges = sorted_columns(train)?.into_iter().map(|column| {
            if column.first() == column.last() {
                return Vec::new();
            }
            let all = levels
                .iter()
                .map(|&level| quantile(&column, level, Between::Mean));
            let mut before = f64::NEG_INFINITY;
            all.filter(|&edge| edge - std::mem::replace(&mut before, edge) > NARROWEST)
                .collect()
        });
        Ok(FittedDiscretize {
            edges: edges.collect(),
            seen,
        })
    }
}

fn check_bins(transform: &'static str, n_bins: usize) -> Result<(), PreprocessError> {
    if n_bins < 2 {
        return Err(PreprocessError::setting(
            transform,
            "n_bins",
            "at least 2",
            n_bins,
        ));
    }
    Ok(())
}

impl RowMap for FittedDiscretize {
    fn input_width(&self) -> usize {
        self.edges.len()
    }

    fn output_width(&self) -> usize {
        self.edges.len()
    }

    fn map_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut mapped = rows.to_owned();
        for mut row in mapped.rows_mut() {
            for (value, edges) in row.iter_mut().zip(&self.edges) {
                let inner = edges
                    .get(1..edges.len().saturating_sub(1))
                    .unwrap_or_default();
                *value = inner.partition_point(|edge| edge <= value) as f64;
            }
        }
        mapped
    }
}

impl Transform for FittedDiscretize {
    fn seen(&self) -> &Seen {
        &self.seen
    }
}

#[cfg(test)]
mod tests {
    use limpid_data::Split;
    use ndarray::array;

    use super::*;

    fn column(numbers: &[f64]) -> Array2<f64> {
        Array2::from_shape_vec((numbers.len(), 1), numbers.to_vec()).unwrap()
    }

    #[test]
    fn equal_widths_take_the_left_edge_and_clamp() {
        let train = Split::train_only(column(&[0.0, 1.0, 10.0])).unwrap();
        let fitted = DiscretizeUniform::new(2).fit(&train).unwrap();
        assert_eq!(fitted.edges(), [[0.0, 5.0, 10.0]]);
        let bins = fitted
            .transform(column(&[-3.0, 4.9, 5.0, 10.0, 99.0]).view())
            .unwrap();
        assert_eq!(bins, column(&[0.0, 0.0, 1.0, 1.0, 1.0]));
    }

    #[test]
    fn equal_counts_average_at_a_whole_place() {
        let train = Split::train_only(column(&[1.0, 2.0, 4.0, 8.0])).unwrap();
        let fitted = DiscretizeQuantile::new(2).fit(&train).unwrap();
        assert_eq!(fitted.edges(), [[1.0, 3.0, 8.0]]);
    }

    #[test]
    fn many_equal_numbers_make_fewer_bins() {
        let train = Split::train_only(column(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0])).unwrap();
        let fitted = DiscretizeQuantile::new(4).fit(&train).unwrap();
        assert_eq!(fitted.edges(), [[0.0, 0.5, 2.0]]);
    }

    #[test]
    fn a_constant_column_has_one_bin_and_survives_saving() {
        let train = Split::train_only(array![[3.0, 1.0], [3.0, 2.0]]).unwrap();
        for fitted in [
            DiscretizeUniform::new(3).fit(&train).unwrap(),
            DiscretizeQuantile::new(3).fit(&train).unwrap(),
        ] {
            assert_eq!(fitted.edges()[0], [f64::NEG_INFINITY, f64::INFINITY]);
            assert_eq!(
                fitted.transform(array![[9.0, 1.0]].view()).unwrap(),
                array![[0.0, 0.0]]
            );
            let text = serde_json::to_string(&fitted).unwrap();
            assert_eq!(
                serde_json::from_str::<FittedDiscretize>(&text).unwrap(),
                fitted
            );
        }
    }

    #[test]
    fn one_bin_is_no_division() {
        let train = Split::train_only(column(&[1.0, 2.0])).unwrap();
        let error = DiscretizeUniform::new(1)
            .fit(&train)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "discretize_uniform: n_bins: expected at least 2, found 1"
        );
        assert!(DiscretizeQuantile::new(0).fit(&train).is_err());
    }
}
