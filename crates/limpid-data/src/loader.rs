//! Batches of a part, in an order that a stream decides.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use limpid_tensor::{Element, Stream, Tensor};
use ndarray::{Array2, ArrayD, IxDyn};

use crate::row_map::check_width;
use crate::{DataError, Dataset, RowMap, Target, Visible, permutation};

/// The order in which a loader goes through the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// As the part has them.
    #[default]
    Given,
    /// In a new random order for each epoch's stream.
    Shuffled,
}

/// What becomes of the rows that do not fill a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LastBatch {
    /// They make a last, smaller batch.
    #[default]
    Keep,
    /// They are left out of this epoch, so that all batches are of one size. Where the rows do not
    /// fill a single batch, making the loader fails.
    Drop,
}

/// The kind of target that a loader hands out with each batch: [`Classes`] or [`Values`].
pub trait TargetKind: fmt::Debug + Clone + Copy + Send + Sync + 'static {
    /// The targets of a batch, as losses take them.
    type Batch<E: Element>;

    /// The target is of this kind.
    ///
    /// # Errors
    /// [`DataError::TargetKind`].
    fn check(file: &str, target: &Target) -> Result<(), DataError>;

    /// The targets of these rows, of a target that was checked.
    fn gather<E: Element>(target: &Target, rows: &[usize]) -> Self::Batch<E>;
}

/// A class for each row, `Vec<usize>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classes;

/// Numbers for each row, a tensor `[batch, outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values;

impl TargetKind for Classes {
    type Batch<E: Element> = Vec<usize>;

    fn check(file: &str, target: &Target) -> Result<(), DataError> {
        target.classes(file).map(|_| ())
    }

    fn gather<E: Element>(target: &Target, rows: &[usize]) -> Vec<usize> {
        match target {
            Target::Classes { labels, .. } => rows.iter().map(|&row| labels[row]).collect(),
            Target::Values(_) | Target::None => Vec::new(),
        }
    }
}

impl TargetKind for Values {
    type Batch<E: Element> = Tensor<E>;

    fn check(file: &str, target: &Target) -> Result<(), DataError> {
        target.values(file).map(|_| ())
    }

    fn gather<E: Element>(target: &Target, rows: &[usize]) -> Tensor<E> {
        match target {
            Target::Values(values) => {
                let batch = Array2::from_shape_fn((rows.len(), values.ncols()), |(row, column)| {
                    E::of(values[[rows[row], column]])
                });
                Tensor::from_array(batch)
            }
            Target::Classes { .. } | Target::None => Tensor::zeros([0, 0]),
        }
    }
}

/// Batches of a part: inputs `[batch, features]` of a table, `[batch, channels, height, width]` of
/// images, each with its targets.
///
/// # Example
/// ```
/// use limpid_data::{Fractions, Loader, Split, classics};
/// use limpid_tensor::Stream;
///
/// let run = Stream::new(7);
/// let split = Split::stratified(&classics::iris()?, Fractions::default(), &run)?;
/// let loader = Loader::classes(&split.train, 32)?.shuffled();
/// for epoch in 0..2_usize {
///     for (step, (inputs, labels)) in loader.epoch::<f32>(&run.fork(epoch)).enumerate() {
///         assert_eq!(inputs.shape(), [32, 4]);
///         assert_eq!(labels.len(), 32);
///     }
/// }
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Clone)]
pub struct Loader<'a, D, K> {
    data: &'a D,
    batch_size: usize,
    order: Order,
    last: LastBatch,
    map: Option<Arc<dyn RowMap + 'a>>,
    row_shape: Vec<usize>,
    kind: PhantomData<K>,
}

impl<'a, D: Dataset> Loader<'a, D, Classes> {
    /// Batches of `batch_size` rows with a class each.
    ///
    /// # Errors
    /// [`DataError::Setting`] when `batch_size` is 0, [`DataError::EmptyPart`] when there is no row,
    /// [`DataError::TargetKind`] when the target is not one of classes.
    pub fn classes<P: Visible<Data = D>>(
        part: &'a P,
        batch_size: usize,
    ) -> Result<Self, DataError> {
        Self::new(part, batch_size)
    }
}

impl<'a, D: Dataset> Loader<'a, D, Values> {
    /// Batches of `batch_size` rows with numbers each.
    ///
    /// # Errors
    /// [`DataError::Setting`] when `batch_size` is 0, [`DataError::EmptyPart`] when there is no row,
    /// [`DataError::TargetKind`] when the target is not one of numbers.
    pub fn values<P: Visible<Data = D>>(part: &'a P, batch_size: usize) -> Result<Self, DataError> {
        Self::new(part, batch_size)
    }
}

impl<'a, D: Dataset, K: TargetKind> Loader<'a, D, K> {
    /// Batches of `batch_size` rows with targets of a kind that the context decides.
    ///
    /// # Errors
    /// As [`Loader::classes`] and [`Loader::values`].
    pub fn new<P: Visible<Data = D>>(part: &'a P, batch_size: usize) -> Result<Self, DataError> {
        let data = part.data();
        if batch_size == 0 {
            return Err(DataError::setting("batch size", "at least 1", batch_size));
        }
        if data.is_empty() {
            let available = format!("`{}`", data.name());
            return Err(DataError::EmptyPart {
                part: part.role().to_string(),
                available,
            });
        }
        K::check(data.name(), data.target())?;
        Ok(Self {
            row_shape: data.row_shape(),
            data,
            batch_size,
            order: Order::Given,
            last: LastBatch::Keep,
            map: None,
            kind: PhantomData,
        })
    }

    /// In this order.
    #[must_use]
    pub fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// In a new random order for each epoch's stream.
    #[must_use]
    pub fn shuffled(self) -> Self {
        self.with_order(Order::Shuffled)
    }

    /// With this treatment of the rows that do not fill a batch.
    ///
    /// # Errors
    /// [`DataError::Setting`] when they are to be dropped and no batch would be left.
    pub fn with_last_batch(mut self, last: LastBatch) -> Result<Self, DataError> {
        if last == LastBatch::Drop && self.batch_size > self.data.len() {
            let expected = format!(
                "at most {} (the rows), where incomplete batches drop",
                self.data.len()
            );
            return Err(DataError::setting("batch size", expected, self.batch_size));
        }
        self.last = last;
        Ok(self)
    }

    /// With each batch mapped, e.g. standardised by what was fitted on the training part. The rows'
    /// shape stays where their width does; else they become `[width]`.
    ///
    /// # Errors
    /// [`DataError::Size`] when the map was made for rows of another width.
    pub fn with_map(mut self, map: impl RowMap + 'a) -> Result<Self, DataError> {
        check_width(
            self.data.name(),
            &map,
            self.data.row_shape().iter().product(),
        )?;
        if map.output_width() != map.input_width() {
            self.row_shape = vec![map.output_width()];
        }
        self.map = Some(Arc::new(map));
        Ok(self)
    }

    /// With each row as a vector: images become `[batch, channels * height * width]`.
    #[must_use]
    pub fn flat(mut self) -> Self {
        self.row_shape = vec![self.row_shape.iter().product()];
        self
    }

    /// The shape of a row in a batch.
    pub fn row_shape(&self) -> &[usize] {
        &self.row_shape
    }

    /// The rows of a full batch.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// The rows of an epoch.
    pub fn rows(&self) -> usize {
        match self.last {
            LastBatch::Keep => self.data.len(),
            LastBatch::Drop => self.data.len() / self.batch_size * self.batch_size,
        }
    }

    /// The batches of an epoch.
    pub fn batches(&self) -> usize {
        self.rows().div_ceil(self.batch_size)
    }

    /// One pass over the rows. The stream decides the order where it is [`Order::Shuffled`]: fork
    /// it by the epoch.
    pub fn epoch<E: Element>(&self, stream: &Stream) -> Epoch<'_, D, K, E> {
        let mut rows = match self.order {
            Order::Given => (0..self.data.len()).collect(),
            Order::Shuffled => permutation(self.data.len(), stream),
        };
        rows.truncate(self.rows());
        Epoch {
            loader: self,
            rows,
            next: 0,
            element: PhantomData,
        }
    }

    /// The batch of these rows.
    ///
    /// # Errors
    /// [`DataError::RowOutOfRange`].
    pub fn batch<E: Element>(&self, rows: &[usize]) -> Result<(Tensor<E>, K::Batch<E>), DataError> {
        self.data.check_rows(rows)?;
        Ok(self.gather(rows))
    }

    fn gather<E: Element>(&self, rows: &[usize]) -> (Tensor<E>, K::Batch<E>) {
        let inputs: Vec<E> = match &self.map {
            None => self.data.gather(rows),
            Some(map) => {
                let values = self.data.gather::<f64>(rows);
                let plain = Array2::from_shape_vec((rows.len(), map.input_width()), values);
                let mapped = plain
                    .map(|plain| map.map_block(plain.view()))
                    .unwrap_or_default();
                mapped.iter().map(|&value| E::of(value)).collect()
            }
        };
        let mut shape = vec![rows.len()];
        shape.extend(&self.row_shape);
        #[expect(
            clippy::expect_used,
            reason = "a dataset's rows are of the shape that it says"
        )]
        let inputs = ArrayD::from_shape_vec(IxDyn(&shape), inputs)
            .expect("a dataset's rows are of the shape that it says");
        (
            Tensor::from_array(inputs),
            K::gather(self.data.target(), rows),
        )
    }
}

impl<D: Dataset, K: TargetKind> fmt::Debug for Loader<'_, D, K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Loader")
            .field("data", &self.data.name())
            .field("rows", &self.rows())
            .field("batch_size", &self.batch_size)
            .field("order", &self.order)
            .field("last", &self.last)
            .field("mapped", &self.map.is_some())
            .finish()
    }
}

/// One pass over a loader's rows: inputs and targets of each batch.
#[derive(Debug)]
pub struct Epoch<'a, D: Dataset, K: TargetKind, E> {
    loader: &'a Loader<'a, D, K>,
    rows: Vec<usize>,
    next: usize,
    element: PhantomData<E>,
}

impl<D: Dataset, K: TargetKind, E: Element> Iterator for Epoch<'_, D, K, E> {
    type Item = (Tensor<E>, K::Batch<E>);

    fn next(&mut self) -> Option<Self::Item> {
        let end = (self.next + self.loader.batch_size).min(self.rows.len());
        let rows = self
            .rows
            .get(self.next..end)
            .filter(|rows| !rows.is_empty())?;
        self.next = end;
        Some(self.loader.gather(rows))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.rows.len() - self.next).div_ceil(self.loader.batch_size);
        (left, Some(left))
    }
}

impl<D: Dataset, K: TargetKind, E: Element> ExactSizeIterator for Epoch<'_, D, K, E> {}

#[cfg(test)]
mod tests;
