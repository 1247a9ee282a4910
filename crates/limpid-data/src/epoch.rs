//! One pass over a loader's rows.

use std::marker::PhantomData;
use std::thread::Scope;

use limpid_tensor::{Element, Stream, Tensor};

use crate::background::Background;
use crate::{DataError, Loader, TargetKind, Visible};

/// The batches of an epoch by their number.
#[derive(Debug)]
pub(crate) struct Plan<'a, P: Visible, K: TargetKind> {
    pub(crate) loader: &'a Loader<'a, P, K>,
    pub(crate) rows: Vec<usize>,
    pub(crate) stream: Stream,
}

impl<P: Visible, K: TargetKind> Plan<'_, P, K> {
    pub(crate) fn batches(&self) -> usize {
        self.rows.len().div_ceil(self.loader.batch_size())
    }

    /// The batch of this number, which exists: the same bits whoever makes it, and when.
    pub(crate) fn make<E: Element>(&self, batch: usize) -> (Tensor<E>, K::Batch<E>) {
        let start = batch * self.loader.batch_size();
        let end = (start + self.loader.batch_size()).min(self.rows.len());
        let chance = Some((self.stream, start));
        self.loader.gather(&self.rows[start..end], chance)
    }
}

/// One pass over a loader's rows: inputs and targets of each batch. Batches that are skipped
/// (`skip`, `nth`) are not made.
#[derive(Debug)]
pub struct Epoch<'a, P: Visible, K: TargetKind, E> {
    pub(crate) plan: Plan<'a, P, K>,
    pub(crate) next: usize,
    element: PhantomData<E>,
}

impl<'a, P: Visible, K: TargetKind, E: Element> Epoch<'a, P, K, E> {
    pub(crate) fn new(plan: Plan<'a, P, K>) -> Self {
        Self {
            plan,
            next: 0,
            element: PhantomData,
        }
    }

    /// The same batches from this one on, counted from 0: none where there are not so many.
    #[must_use]
    pub fn from_batch(mut self, batch: usize) -> Self {
        self.next = batch.min(self.plan.batches());
        self
    }

    /// The same batches, made by `workers` threads ahead of their use: at most twice as many batches as
    /// workers wait at a time. Order and bits are those of this epoch, whatever the number of workers; 0 makes
    /// each batch when it is asked for.
    ///
    /// Threads of `scope` borrow the loader; they end when all batches are made or the result is dropped, after
    /// the batch that they are making.
    ///
    /// # When to use it
    /// While the caller makes a batch, no other core has work. One or two workers take that time away
    /// wherever it is a tenth of a step or more: augmented images, costly maps, small models. Where
    /// batches are cut in a fiftieth of a step they change nothing that could be measured. Each worker
    /// holds two batches at most. `docs/performance.md` has the figures.
    ///
    /// # Errors
    /// [`DataError::Worker`] when no thread can be started. The same comes as a batch, the last one, when a map
    /// or an augmentation panics.
    ///
    /// # Example
    /// ```
    /// use limpid_data::{DataError, Fractions, Loader, Split, classics};
    /// use limpid_tensor::Stream;
    ///
    /// let split = Split::random(&classics::digits()?, Fractions::default(), &Stream::new(1))?;
    /// let loader = Loader::classes(&split.train, 64)?.shuffled();
    /// let mut rows = 0;
    /// std::thread::scope(|scope| {
    ///     for batch in loader.epoch::<f32>(&Stream::new(2)).in_background(scope, 2)? {
    ///         let (_, labels) = batch?;
    ///         rows += labels.len();
    ///     }
    ///     Ok::<(), DataError>(())
    /// })?;
    /// assert_eq!(rows, loader.rows());
    /// # Ok::<(), DataError>(())
    /// ```
    pub fn in_background<'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        workers: usize,
    ) -> Result<Background<'a, P, K, E>, DataError>
    where
        'a: 'scope,
        P: 'scope,
    {
        Background::start(self, scope, workers)
    }
}

impl<P: Visible, K: TargetKind, E: Element> Iterator for Epoch<'_, P, K, E> {
    type Item = (Tensor<E>, K::Batch<E>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.plan.batches() {
            return None;
        }
        self.next += 1;
        Some(self.plan.make(self.next - 1))
    }

    fn nth(&mut self, skipped: usize) -> Option<Self::Item> {
        self.next = self.next.saturating_add(skipped).min(self.plan.batches());
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.plan.batches() - self.next;
        (left, Some(left))
    }
}

impl<P: Visible, K: TargetKind, E: Element> ExactSizeIterator for Epoch<'_, P, K, E> {}
