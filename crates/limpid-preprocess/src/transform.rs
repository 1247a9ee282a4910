//! A recipe is fitted, what was fitted transforms.

use limpid_data::{DataError, Features, MapFeatures, Part, RowMap, Train};
use ndarray::{Array2, ArrayView2};

use crate::{PreprocessError, Seen};

/// The features of a part's data after a transform.
type Mapped<P> = <<P as Part>::Data as MapFeatures>::Mapped;

/// A recipe: settings, and how statistics are taken by them. It takes the training part of a split
/// and nothing else, so statistics of the validation or test part cannot reach it.
///
/// ```compile_fail,E0308
/// use limpid_data::{Fractions, Split, classics};
/// use limpid_preprocess::{Fit, Standardize};
/// use limpid_tensor::Stream;
///
/// let iris = classics::iris().unwrap();
/// let split = Split::stratified(&iris, Fractions::default(), &Stream::new(7)).unwrap();
/// Standardize::default().fit(&split.validation).unwrap();
/// ```
pub trait Fit {
    /// What the fit gives.
    type Fitted: Transform;

    /// Takes the statistics of the training part.
    ///
    /// # Errors
    /// [`PreprocessError`] when a setting is out of range, when there are too few rows or a number
    /// is not finite.
    fn fit<D: Features>(&self, train: &Train<D>) -> Result<Self::Fitted, PreprocessError>;
}

/// What was fitted: it maps rows, whole parts, and (as a [`RowMap`]) the batches of a loader, and
/// says what it saw.
pub trait Transform: RowMap {
    /// What the fit saw of the training part.
    fn seen(&self) -> &Seen;

    /// Transforms `[rows, input_width]` to `[rows, output_width]`.
    ///
    /// # Errors
    /// [`DataError::Size`] when the rows have another width than those that it was fitted on.
    fn transform(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>, DataError> {
        self.map_rows(rows)
    }

    /// Transforms a part of a split into the same kind of part; a sealed test part stays sealed.
    ///
    /// # Errors
    /// [`DataError::Size`] when the rows have another width than those that it was fitted on.
    fn transform_part<P: Part>(&self, part: &P) -> Result<P::Of<Mapped<P>>, DataError>
    where
        Self: Sized,
        P::Data: MapFeatures,
    {
        part.map(self)
    }
}

/// A transform that can be undone.
pub trait Inverse: Transform {
    /// Maps `[rows, output_width]` back to `[rows, input_width]`: predictions of a standardised
    /// target to its unit, components to features.
    ///
    /// # Errors
    /// [`DataError::Size`] when the rows have another width than the transform gives.
    fn inverse(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>, DataError> {
        let (expected, found) = (self.output_width(), rows.ncols());
        if expected != found {
            let what = "columns for the inverse of the transform";
            return Err(DataError::size("rows", what, expected, found));
        }
        Ok(self.inverse_block(rows))
    }

    /// Maps back rows whose width was checked.
    ///
    /// # Panics
    /// An implementation may panic when the width is not `output_width`.
    fn inverse_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64>;
}
