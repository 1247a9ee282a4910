//! Maps of rows: what a fitted transform is to the data that it transforms.

use ndarray::{Array2, ArrayView2};

use crate::{DataError, Dataset, Images, Table, Target};

/// A map from rows of one width to rows of another, each row for itself. Fitted transforms
/// implement it; parts and loaders apply it.
///
/// # Example
/// ```
/// use limpid_data::RowMap;
/// use ndarray::{Array2, ArrayView2, array};
///
/// struct Halve;
/// impl RowMap for Halve {
///     fn input_width(&self) -> usize { 2 }
///     fn output_width(&self) -> usize { 2 }
///     fn map_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> { &rows / 2.0 }
/// }
/// assert_eq!(Halve.map_rows(array![[1.0, 4.0]].view())?, array![[0.5, 2.0]]);
/// assert!(Halve.map_rows(array![[1.0]].view()).is_err());
/// # Ok::<(), limpid_data::DataError>(())
/// ```
pub trait RowMap: Send + Sync {
    /// Columns of a row that goes in.
    fn input_width(&self) -> usize;

    /// Columns of a row that comes out.
    fn output_width(&self) -> usize;

    /// Maps `[rows, input_width]` to `[rows, output_width]`. Callers have checked the width;
    /// [`RowMap::map_rows`] is the checked form.
    ///
    /// # Panics
    /// An implementation may panic when the width is not `input_width`.
    fn map_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64>;

    /// Maps `[rows, input_width]` to `[rows, output_width]`.
    ///
    /// # Errors
    /// [`DataError::Size`] when the rows have another width.
    fn map_rows(&self, rows: ArrayView2<'_, f64>) -> Result<Array2<f64>, DataError> {
        check_width("rows", self, rows.ncols())?;
        Ok(self.map_block(rows))
    }
}

/// The map takes rows of `width`; `file` names them in the message.
pub(crate) fn check_width(
    file: &str,
    map: &(impl RowMap + ?Sized),
    width: usize,
) -> Result<(), DataError> {
    if width == map.input_width() {
        return Ok(());
    }
    let what = "columns for the transform that was fitted";
    Err(DataError::size(file, what, map.input_width(), width))
}

/// A dataset whose features can be mapped.
pub trait MapFeatures: Dataset {
    /// The dataset that comes out.
    type Mapped: Dataset;

    /// The same rows and targets with the features mapped.
    ///
    /// # Errors
    /// [`DataError::Size`] when the map was made for another width, [`DataError::NotFinite`] when a
    /// mapped number is not finite.
    fn map_features(&self, map: &dyn RowMap) -> Result<Self::Mapped, DataError>;
}

/// A dataset whose target is numbers that can be mapped.
pub trait MapValues: Dataset {
    /// The same rows with the numbers of their target mapped.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] when the target is not one of numbers, [`DataError::Size`] when the
    /// map was made for another width, [`DataError::NotFinite`] when a mapped number is not finite.
    fn map_values(&self, map: &dyn RowMap) -> Result<Self, DataError>;
}

impl MapValues for Table {
    fn map_values(&self, map: &dyn RowMap) -> Result<Self, DataError> {
        let mapped = map.map_rows(self.values()?.view())?;
        self.clone().with_target(Target::Values(mapped))
    }
}

impl MapFeatures for Table {
    type Mapped = Self;

    fn map_features(&self, map: &dyn RowMap) -> Result<Self, DataError> {
        check_width(self.name(), map, self.features().ncols())?;
        self.with_features(map.map_block(self.features()))
    }
}

impl MapFeatures for Array2<f64> {
    type Mapped = Self;

    fn map_features(&self, map: &dyn RowMap) -> Result<Self, DataError> {
        map.map_rows(self.view())
    }
}

/// The mapped images are a table of `f64`, eight times the bytes; a loader's
/// [`with_map`](crate::Loader::with_map) maps batch by batch instead.
impl MapFeatures for Images {
    type Mapped = Table;

    fn map_features(&self, map: &dyn RowMap) -> Result<Table, DataError> {
        let width = self.row_shape().iter().product();
        check_width(self.name(), map, width)?;
        let rows: Vec<usize> = (0..self.len()).collect();
        let pixels = Array2::from_shape_vec((self.len(), width), self.gather(&rows))
            .map_err(|_| DataError::size(self.name(), "pixels of a row", width, 0))?;
        Table::new(
            self.name(),
            map.map_block(pixels.view()),
            self.target().clone(),
        )
    }
}
