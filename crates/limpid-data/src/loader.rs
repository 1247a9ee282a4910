//! Batches of a part, in an order that a stream decides.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use limpid_tensor::{Element, Stream, Tensor};
use ndarray::{Array2, ArrayD, IxDyn};

use crate::row_map::check_width;
use crate::{Classes, DataError, Dataset, Order, RowMap, TargetKind, Values, Visible};

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
pub struct Loader<'a, P: Visible, K> {
    data: &'a P::Data,
    batch_size: usize,
    order: Order,
    last: LastBatch,
    map: Option<Arc<dyn RowMap + 'a>>,
    row_shape: Vec<usize>,
    kind: PhantomData<fn() -> K>,
}

impl<'a, P: Visible> Loader<'a, P, Classes> {
    /// Batches of `batch_size` rows with a class each.
    ///
    /// # Errors
    /// [`DataError::Setting`] when `batch_size` is 0, [`DataError::EmptyPart`] when there is no row,
    /// [`DataError::TargetKind`] when the target is not one of classes.
    pub fn classes(part: &'a P, batch_size: usize) -> Result<Self, DataError> {
        Self::new(part, batch_size)
    }
}

impl<'a, P: Visible> Loader<'a, P, Values> {
    /// Batches of `batch_size` rows with numbers each.
    ///
    /// # Errors
    /// [`DataError::Setting`] when `batch_size` is 0, [`DataError::EmptyPart`] when there is no row,
    /// [`DataError::TargetKind`] when the target is not one of numbers.
    pub fn values(part: &'a P, batch_size: usize) -> Result<Self, DataError> {
        Self::new(part, batch_size)
    }
}

impl<'a, P: Visible, K: TargetKind> Loader<'a, P, K> {
    /// Batches of `batch_size` rows with targets of a kind that the context decides.
    ///
    /// # Errors
    /// As [`Loader::classes`] and [`Loader::values`].
    pub fn new(part: &'a P, batch_size: usize) -> Result<Self, DataError> {
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
    ///
    /// # Errors
    /// [`DataError::TargetKind`] when classes are to be balanced and there are none,
    /// [`DataError::Size`] when weights are not as many as rows, [`DataError::Setting`] when
    /// incomplete batches drop and no batch would be left.
    pub fn with_order(mut self, order: Order) -> Result<Self, DataError> {
        order.check(self.data)?;
        self.order = order;
        self.filled()
    }

    /// In a new random order for each epoch's stream.
    #[must_use]
    pub fn shuffled(mut self) -> Self {
        self.order = Order::Shuffled;
        self
    }

    /// With this treatment of the rows that do not fill a batch.
    ///
    /// # Errors
    /// [`DataError::Setting`] when they are to be dropped and no batch would be left.
    pub fn with_last_batch(mut self, last: LastBatch) -> Result<Self, DataError> {
        self.last = last;
        self.filled()
    }

    /// There is a batch.
    fn filled(self) -> Result<Self, DataError> {
        let rows = self.order.rows(self.data.len());
        if self.last == LastBatch::Drop && self.batch_size > rows {
            let expected = format!("at most {rows} (the rows), where incomplete batches drop");
            return Err(DataError::setting("batch size", expected, self.batch_size));
        }
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
        let rows = self.order.rows(self.data.len());
        match self.last {
            LastBatch::Keep => rows,
            LastBatch::Drop => rows / self.batch_size * self.batch_size,
        }
    }

    /// The batches of an epoch.
    pub fn batches(&self) -> usize {
        self.rows().div_ceil(self.batch_size)
    }

    /// One pass over the rows. The stream decides the order, unless that is [`Order::Given`]: fork
    /// it by the epoch.
    pub fn epoch<E: Element>(&self, stream: &Stream) -> Epoch<'_, P, K, E> {
        let mut rows = self.order.draw(self.data, stream);
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

impl<P: Visible, K: TargetKind> fmt::Debug for Loader<'_, P, K> {
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
pub struct Epoch<'a, P: Visible, K: TargetKind, E> {
    loader: &'a Loader<'a, P, K>,
    rows: Vec<usize>,
    next: usize,
    element: PhantomData<E>,
}

impl<P: Visible, K: TargetKind, E: Element> Iterator for Epoch<'_, P, K, E> {
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

impl<P: Visible, K: TargetKind, E: Element> ExactSizeIterator for Epoch<'_, P, K, E> {}

#[cfg(test)]
mod tests;
