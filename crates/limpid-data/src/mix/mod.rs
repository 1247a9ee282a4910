//! Training rows made of two.

mod cut_mix;
mod mixup;

pub use cut_mix::CutMix;
pub use mixup::Mixup;

use std::fmt;
use std::sync::Arc;

use limpid_tensor::Stream;
use rand_distr::{Beta, Distribution};

use crate::augment::check_positive;
use crate::{DataError, permutation};

/// Mixes the rows of a training batch with each other, and their targets with them: numbers, or the
/// probabilities of [`SoftClasses`](crate::SoftClasses). Only a loader of a training part takes it, see
/// [`Loader::with_mix`](crate::Loader::with_mix).
///
/// It comes after each row's own [`Augment`](crate::Augment), and before any [`RowMap`](crate::RowMap). Each batch of an
/// epoch has a stream of its own. `Debug` shows the settings, by which a checkpoint knows them.
pub trait Mix: fmt::Debug + Send + Sync {
    /// Rows of this shape can be mixed.
    ///
    /// # Errors
    /// [`DataError::Setting`] where they cannot; none, unless the type says otherwise.
    fn check(&self, row_shape: &[usize]) -> Result<(), DataError> {
        let _ = row_shape;
        Ok(())
    }

    /// Mixes `inputs`, so many rows of this shape one after the other, and says for each row what
    /// became of it.
    fn mix(
        &self,
        inputs: &mut [f64],
        rows: usize,
        row_shape: &[usize],
        stream: &Stream,
    ) -> Vec<Blend>;
}

impl<M: Mix + ?Sized> Mix for Arc<M> {
    fn check(&self, row_shape: &[usize]) -> Result<(), DataError> {
        (**self).check(row_shape)
    }

    fn mix(
        &self,
        inputs: &mut [f64],
        rows: usize,
        row_shape: &[usize],
        stream: &Stream,
    ) -> Vec<Blend> {
        (**self).mix(inputs, rows, row_shape, stream)
    }
}

/// What a row of a mixed batch is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blend {
    /// The row of the batch that it was mixed with.
    pub partner: usize,
    /// The share of its own, in [0, 1]; the partner has the rest.
    pub share: f64,
}

impl Blend {
    /// The share of `own` and the rest of `partner`.
    pub(crate) fn of(self, own: f64, partner: f64) -> f64 {
        self.share * own + (1.0 - self.share) * partner
    }
}

/// The share that rows keep in a batch, drawn from Beta(alpha, alpha).
fn share(alpha: f64, stream: &Stream) -> f64 {
    // Its parameters were checked; 1 leaves all rows as they are.
    Beta::new(alpha, alpha).map_or(1.0, |beta| {
        beta.sample(&mut stream.fork("share").generator())
    })
}

/// Whom each row is mixed with: a random order of the batch.
fn partners(rows: usize, stream: &Stream) -> Vec<usize> {
    permutation(rows, &stream.fork("partners"))
}

fn check_alpha(alpha: f64) -> Result<f64, DataError> {
    check_positive("alpha", alpha)
}
