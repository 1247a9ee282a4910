//! Principal components.

use std::ops::{Add, Div, Mul, Sub};

use limpid_data::{Features, RowMap, Train};
use ndarray::{Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

use crate::column_map::by_column;
use crate::covariance::spectrum;
use crate::matrix::Matrix;
use crate::{Fit, Inverse, PreprocessError, Seen, Transform};

/// How many components are kept.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Components {
    /// As many as there are: the lesser of rows and columns.
    #[default]
    All,
    /// So many, from 1 to the lesser of rows and columns.
    Count(usize),
    /// As few as keep more than this share of the variance, in (0, 1).
    Variance(f64),
}

/// Projects onto the directions in which the training part varies most:
/// ```text
/// y = (x - mean) V^T            whitened: y / sqrt(variance of each component)
/// ```
/// with the eigenvectors of the covariance as the rows of `V`. Variances are divided by rows - 1. Each
/// component points to where its loading of largest magnitude is positive.
///
/// # Source
/// scikit-learn 1.9, `PCA`; Pearson (1901), Hotelling (1933).
///
/// # Example
/// ```
/// use limpid_data::{RowMap, Split, classics};
/// use limpid_preprocess::{Components, Fit, Pca};
///
/// let train = Split::train_only(classics::iris()?)?;
/// let fitted = Pca::new(Components::Variance(0.95)).fit(&train)?;
/// assert_eq!(fitted.output_width(), 2);
/// assert!((fitted.explained_variance_ratio()[0] - 0.924_618_7).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Pca {
    /// How many components are kept; all by default.
    pub components: Components,
    /// Whether each component is divided by its standard deviation; not by default.
    pub whiten: bool,
}

impl Pca {
    /// With so many components, not whitened.
    pub fn new(components: Components) -> Self {
        Self {
            components,
            whiten: false,
        }
    }

    /// With each component divided by its standard deviation, or not.
    #[must_use]
    pub fn with_whiten(mut self, whiten: bool) -> Self {
        self.whiten = whiten;
        self
    }
}

/// A fitted [`Pca`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedPca {
    components: Matrix,
    explained_variance: Vec<f64>,
    explained_variance_ratio: Vec<f64>,
    whiten: bool,
    seen: Seen,
}

impl FittedPca {
    /// The directions, one a row, `[components, columns]`.
    pub fn components(&self) -> ArrayView2<'_, f64> {
        self.components.view()
    }

    /// The variance along each direction, divided by rows - 1.
    pub fn explained_variance(&self) -> &[f64] {
        &self.explained_variance
    }

    /// The share of all variance along each direction.
    pub fn explained_variance_ratio(&self) -> &[f64] {
        &self.explained_variance_ratio
    }

    /// What a component is divided by: never 0, so that a direction without variance stays finite.
    fn deviations(&self) -> Vec<f64> {
        let deviation = |variance: f64| variance.sqrt().max(f64::EPSILON);
        self.explained_variance
            .iter()
            .map(|&v| if self.whiten { deviation(v) } else { 1.0 })
            .collect()
    }
}

impl Fit for Pca {
    type Fitted = FittedPca;

    fn fit<D: Features>(&self, train: &Train<D>) -> Result<FittedPca, PreprocessError> {
        let spectrum = spectrum("pca", train)?;
        let most = spectrum.seen.rows.min(spectrum.scatter.len());
        let total: f64 = spectrum.scatter.iter().sum();
        let ratio = |value: f64| if total > 0.0 { value / total } else { 0.0 };
        let ratios: Vec<f64> = spectrum.scatter.iter().map(|&value| ratio(value)).collect();
        let setting = |name, expected: String, found: String| {
            PreprocessError::setting("pca", name, expected, found)
        };
        let kept = match self.components {
            Components::All => most,
            Components::Count(count) if (1..=most).contains(&count) => count,
            Components::Count(count) => {
                let expected = format!("1 to {most}, the lesser of rows and columns");
                return Err(setting("components", expected, count.to_string()));
            }
            Components::Variance(share) if share > 0.0 && share < 1.0 => {
                let mut sum = 0.0;
                let below = ratios.iter().take_while(|&&ratio| {
                    sum += ratio;
                    sum <= share
                });
                (below.count() + 1).min(most)
            }
            Components::Variance(share) => {
                return Err(setting(
                    "variance kept",
                    "in (0, 1)".to_owned(),
                    share.to_string(),
                ));
            }
        };
        let degrees = (spectrum.seen.rows - 1) as f64;
        Ok(FittedPca {
            components: spectrum.vectors.slice(s![..kept, ..]).to_owned().into(),
            explained_variance: spectrum
                .scatter
                .iter()
                .take(kept)
                .map(|v| v / degrees)
                .collect(),
            explained_variance_ratio: ratios.into_iter().take(kept).collect(),
            whiten: self.whiten,
            seen: spectrum.seen,
        })
    }
}

impl RowMap for FittedPca {
    fn input_width(&self) -> usize {
        self.components.view().ncols()
    }

    fn output_width(&self) -> usize {
        self.components.view().nrows()
    }

    fn map_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let centred = by_column(rows.to_owned(), &self.seen.means(), Sub::sub);
        let mapped = centred.dot(&self.components.view().t());
        by_column(mapped, &self.deviations(), Div::div)
    }
}

impl Transform for FittedPca {
    fn seen(&self) -> &Seen {
        &self.seen
    }
}

/// Exact where all components are kept; else the nearest point of their plane.
impl Inverse for FittedPca {
    fn inverse_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let scaled = by_column(rows.to_owned(), &self.deviations(), Mul::mul);
        let mapped = scaled.dot(&self.components.view());
        by_column(mapped, &self.seen.means(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use limpid_data::{Split, classics};
    use ndarray::array;

    use super::*;

    fn iris() -> Train<limpid_data::Table> {
        Split::train_only(classics::iris().unwrap()).unwrap()
    }

    #[test]
    fn whitened_components_have_unit_variance_and_no_covariance() {
        let fitted = Pca::default().with_whiten(true).fit(&iris()).unwrap();
        let mapped = fitted.transform(iris().features()).unwrap();
        let covariance = mapped.t().dot(&mapped) / 149.0;
        for ((row, column), &value) in covariance.indexed_iter() {
            let want = if row == column { 1.0 } else { 0.0 };
            approx::assert_abs_diff_eq!(value, want, epsilon = 1e-10);
        }
    }

    #[test]
    fn all_components_lose_nothing() {
        for whiten in [false, true] {
            let fitted = Pca::default().with_whiten(whiten).fit(&iris()).unwrap();
            let mapped = fitted.transform(iris().features()).unwrap();
            let back = fitted.inverse(mapped.view()).unwrap();
            assert!(
                (&back - &iris().features())
                    .iter()
                    .all(|error| error.abs() < 1e-10)
            );
        }
    }

    #[test]
    fn a_constant_table_stays_finite_when_whitened() {
        let train = Split::train_only(array![[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]).unwrap();
        let fitted = Pca::default().with_whiten(true).fit(&train).unwrap();
        let mapped = fitted.transform(array![[1.0, 2.0]].view()).unwrap();
        assert!(mapped.iter().all(|value| *value == 0.0), "{mapped}");
    }

    #[test]
    fn more_components_than_rows_or_columns_are_an_error() {
        let train = Split::train_only(array![[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]]).unwrap();
        for components in [
            Components::Count(0),
            Components::Count(3),
            Components::Variance(1.0),
        ] {
            assert!(Pca::new(components).fit(&train).is_err(), "{components:?}");
        }
        let error = Pca::new(Components::Count(3))
            .fit(&train)
            .unwrap_err()
            .to_string();
        let want = "pca: components: expected 1 to 2, the lesser of rows and columns, found 3";
        assert_eq!(error, want);
    }
}
