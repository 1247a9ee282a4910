//! Zero mean, unit variance.

use limpid_data::{Features, RowMap, Train};
use serde::{Deserialize, Serialize};

use crate::column_map::{ColumnMap, map_columns};
use crate::{Fit, Inverse, PreprocessError, Scope, Seen, Transform};

/// Subtracts the training mean and divides by the training standard deviation (the squares' sum
/// divided by the count):
/// ```text
/// y = (x - mean) / deviation
/// ```
/// A column that is constant in the training part is centred and left unscaled.
///
/// # Source
/// scikit-learn 1.9, `StandardScaler`.
///
/// # Example
/// ```
/// use limpid_data::{Fractions, Split, classics};
/// use limpid_preprocess::{Fit, Standardize, Transform};
/// use limpid_tensor::Stream;
///
/// let split = Split::stratified(&classics::wine()?, Fractions::default(), &Stream::new(7))?;
/// let fitted = Standardize::default().fit(&split.train)?;
/// let train = fitted.transform_part(&split.train)?;
/// let test = fitted.transform_part(&split.test)?; // still sealed
/// assert!(train.features().column(0).mean().unwrap().abs() < 1e-12);
/// assert!((train.features().column(0).std(0.0) - 1.0).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standardize {
    /// Which numbers share a mean and a deviation; each column by default.
    pub scope: Scope,
}

/// A fitted [`Standardize`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedStandardize {
    map: ColumnMap,
    seen: Seen,
}

impl Standardize {
    /// With these numbers sharing a mean and a deviation.
    pub fn with_scope(scope: Scope) -> Self {
        Self { scope }
    }
}

impl FittedStandardize {
    /// The mean that each column loses.
    pub fn mean(&self) -> &[f64] {
        &self.map.shift
    }

    /// What each column is divided by: its standard deviation, or 1 where it is constant.
    pub fn scale(&self) -> &[f64] {
        &self.map.scale
    }
}

impl Fit for Standardize {
    type Fitted = FittedStandardize;

    fn fit<D: Features>(&self, train: &Train<D>) -> Result<FittedStandardize, PreprocessError> {
        let seen = Seen::of("standardize", 1, train)?;
        let columns = self.scope.summaries("standardize", &seen)?;
        let shift = columns.iter().map(|column| column.mean).collect();
        let scale = columns
            .iter()
            .map(|column| {
                if column.is_constant() {
                    1.0
                } else {
                    column.variance.sqrt()
                }
            })
            .collect();
        Ok(FittedStandardize {
            map: ColumnMap { shift, scale },
            seen,
        })
    }
}

map_columns!(RowMap, Transform, Inverse for FittedStandardize);

#[cfg(test)]
mod tests {
    use limpid_data::Split;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_constant_column_is_centred_and_left_unscaled() {
        let train = Split::train_only(array![[1.0, 5.0], [3.0, 5.0]]).unwrap();
        let fitted = Standardize::default().fit(&train).unwrap();
        assert_eq!(
            fitted.transform(array![[3.0, 7.0]].view()).unwrap(),
            array![[1.0, 2.0]]
        );
        assert_eq!(fitted.scale(), [1.0, 1.0]);
    }

    #[test]
    fn one_channel_shares_one_deviation() {
        let train = Split::train_only(array![[0.0, 2.0], [0.0, 2.0]]).unwrap();
        let fitted = Standardize::with_scope(Scope::Channels(1))
            .fit(&train)
            .unwrap();
        assert_eq!(
            (fitted.mean(), fitted.scale()),
            ([1.0; 2].as_slice(), [1.0; 2].as_slice())
        );
    }

    #[test]
    fn rows_of_another_width_are_an_error() {
        let train = Split::train_only(array![[1.0, 5.0], [3.0, 5.0]]).unwrap();
        let fitted = Standardize::default().fit(&train).unwrap();
        let error = fitted
            .transform(array![[3.0]].view())
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "rows: columns for the transform that was fitted: expected 2, found 1"
        );
        assert!(fitted.inverse(array![[3.0]].view()).is_err());
    }

    proptest! {
        #[test]
        fn the_inverse_undoes_it_and_saving_keeps_it(
            numbers in proptest::collection::vec(-1e6..1e6_f64, 3..40)
        ) {
            let rows = Array2::from_shape_vec((numbers.len(), 1), numbers).unwrap();
            let fitted = Standardize::default().fit(&Split::train_only(rows.clone()).unwrap()).unwrap();
            let there = fitted.transform(rows.view()).unwrap();
            let back = fitted.inverse(there.view()).unwrap();
            for (want, got) in rows.iter().zip(&back) {
                prop_assert!((want - got).abs() <= 1e-8, "{want} {got}");
            }
            let text = serde_json::to_string(&fitted).unwrap();
            let again: FittedStandardize = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(again.input_width(), 1);
            prop_assert!((again.scale()[0] - fitted.scale()[0]).abs() <= 1e-15 * fitted.scale()[0]);
        }
    }
}
