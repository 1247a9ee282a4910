//! Batches of a part, in an order that a stream decides.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use limpid_tensor::{Element, Stream, Tensor};
use ndarray::{Array2, ArrayD, IxDyn};

use crate::epoch::Plan;
use crate::row_map::check_width;
use crate::{
    Augment, Blend, Classes, DataError, Dataset, Epoch, Mix, Order, RowMap, SoftClasses,
    TargetKind, Train, Values, Visible,
};

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
    augments: Vec<Arc<dyn Augment + 'a>>,
    mix: Option<Arc<dyn Mix + 'a>>,
    map: Option<Arc<dyn RowMap + 'a>>,
    /// As the dataset has it.
    given_shape: Vec<usize>,
    /// As a batch has it.
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

impl<'a, P: Visible> Loader<'a, P, SoftClasses> {
    /// Batches of `batch_size` rows with the probabilities of their classes, for losses that take
    /// such, and for mixing.
    ///
    /// # Errors
    /// As [`Loader::classes`].
    pub fn soft_classes(part: &'a P, batch_size: usize) -> Result<Self, DataError> {
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
            given_shape: data.row_shape(),
            row_shape: data.row_shape(),
            data,
            batch_size,
            order: Order::Given,
            last: LastBatch::Keep,
            augments: Vec::new(),
            mix: None,
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

    /// One pass over the rows. The stream decides the order, unless that is [`Order::Given`], and all
    /// augmentation: fork it by the epoch.
    pub fn epoch<E: Element>(&self, stream: &Stream) -> Epoch<'_, P, K, E> {
        let mut rows = self.order.draw(self.data, stream);
        rows.truncate(self.rows());
        Epoch::new(Plan {
            loader: self,
            rows,
            stream: *stream,
        })
    }

    /// The batch of these rows, mapped and not augmented.
    ///
    /// # Errors
    /// [`DataError::RowOutOfRange`].
    pub fn batch<E: Element>(&self, rows: &[usize]) -> Result<(Tensor<E>, K::Batch<E>), DataError> {
        self.data.check_rows(rows)?;
        Ok(self.gather(rows, None))
    }

    /// The batch of these rows. `chance` is the epoch's stream and the place of the first row in the
    /// epoch; without it nothing is augmented.
    pub(crate) fn gather<E: Element>(
        &self,
        rows: &[usize],
        chance: Option<(Stream, usize)>,
    ) -> (Tensor<E>, K::Batch<E>) {
        let is_varied = !self.augments.is_empty() || self.mix.is_some();
        let mut blends = Vec::new();
        let inputs: Vec<E> = match (chance.filter(|_| is_varied), &self.map) {
            (None, None) => self.data.gather(rows),
            (chance, map) => {
                let mut values = self.data.gather::<f64>(rows);
                if let Some((stream, place)) = chance {
                    blends = self.vary(&mut values, rows.len(), place, &stream);
                }
                match map {
                    None => values.into_iter().map(E::of).collect(),
                    Some(map) => {
                        let plain = Array2::from_shape_vec((rows.len(), map.input_width()), values);
                        let mapped = plain
                            .map(|plain| map.map_block(plain.view()))
                            .unwrap_or_default();
                        mapped.iter().map(|&value| E::of(value)).collect()
                    }
                }
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
            K::gather(self.data.target(), rows, &blends),
        )
    }

    /// Augments each row by its place in the epoch, then mixes the batch.
    fn vary(&self, values: &mut [f64], rows: usize, place: usize, stream: &Stream) -> Vec<Blend> {
        let shape = &self.given_shape;
        let of_rows = stream.fork("augment");
        let width = shape.iter().product::<usize>().max(1);
        for (row, values) in values.chunks_exact_mut(width).enumerate() {
            let of_row = of_rows.fork(place + row);
            for (number, augment) in self.augments.iter().enumerate() {
                augment.augment(values, shape, &of_row.fork(number));
            }
        }
        self.mix.as_ref().map_or_else(Vec::new, |mix| {
            mix.mix(values, rows, shape, &stream.fork("mix").fork(place))
        })
    }
}

/// What only training rows go through. A loader of any other part has no such method:
/// ```compile_fail,E0599
/// # use limpid_data::{Flip, Fractions, Loader, Split, classics};
/// # use limpid_tensor::Stream;
/// # let split = Split::random(&classics::digits().unwrap(), Fractions::default(), &Stream::new(7)).unwrap();
/// let loader = Loader::classes(&split.validation, 32).unwrap().with_augment(Flip::horizontal());
/// ```
impl<'a, D: Dataset, K: TargetKind> Loader<'a, Train<D>, K> {
    /// With each row of an epoch changed by chance, after what was added before. The rows of
    /// [`Loader::batch`] stay as they are.
    ///
    /// # Errors
    /// [`DataError::Setting`] when rows of this shape cannot be augmented so, or a setting is out of
    /// its range.
    pub fn with_augment(mut self, augment: impl Augment + 'a) -> Result<Self, DataError> {
        augment.check(&self.given_shape)?;
        self.augments.push(Arc::new(augment));
        Ok(self)
    }

    /// With the rows of each batch mixed with each other, and their targets.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] for [`Classes`], which cannot be mixed: use
    /// [`Loader::soft_classes`]; else as [`Loader::with_augment`].
    pub fn with_mix(mut self, mix: impl Mix + 'a) -> Result<Self, DataError> {
        if !K::MIXES {
            return Err(DataError::TargetKind {
                file: self.data.name().to_owned(),
                expected: "numbers or soft classes, which can be mixed",
                found: self.data.target().kind(),
            });
        }
        mix.check(&self.given_shape)?;
        self.mix = Some(Arc::new(mix));
        Ok(self)
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
            .field("augments", &self.augments)
            .field("mix", &self.mix)
            .field("mapped", &self.map.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests;
