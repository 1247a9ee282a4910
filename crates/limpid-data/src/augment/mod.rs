//! Training rows that are never twice the same.

mod chain;
mod cutout;
mod flip;
mod gaussian_noise;
mod planes;
mod random_erasing;
mod shift;
mod sometimes;

pub use chain::Chain;
pub use cutout::Cutout;
pub use flip::Flip;
pub use gaussian_noise::GaussianNoise;
pub(crate) use planes::{Planes, Window};
pub use random_erasing::{Erasure, RandomErasing};
pub use shift::{Fill, Shift};
pub use sometimes::Sometimes;

use std::fmt;
use std::sync::Arc;

use limpid_tensor::Stream;

use crate::DataError;

/// Changes a training row by chance in a way that leaves its target what it is.
///
/// A loader applies it to the rows as the dataset has them, before any [`RowMap`](crate::RowMap): pixels lie in
/// [0, 1]. Each row of an epoch has a stream of its own, forked by its place, so that neither batch size
/// nor workers change a bit. Only a loader of a training part takes it, see
/// [`Loader::with_augment`](crate::Loader::with_augment).
///
/// `Debug` shows the settings: a checkpoint knows by it whether a run goes on as it began.
///
/// # Example
/// ```
/// use limpid_data::{Augment, DataError, Fractions, Loader, Split, classics};
/// use limpid_tensor::Stream;
///
/// /// Brighter or darker by up to a tenth.
/// #[derive(Debug)]
/// struct Brightness;
/// impl Augment for Brightness {
///     fn augment(&self, row: &mut [f64], _: &[usize], stream: &Stream) {
///         let change = 0.2 * stream.generator().unit() - 0.1;
///         row.iter_mut().for_each(|pixel| *pixel += change);
///     }
/// }
///
/// let split = Split::random(&classics::digits()?, Fractions::default(), &Stream::new(1))?;
/// let loader = Loader::classes(&split.train, 64)?.with_augment(Brightness)?;
/// let batches = |epoch: usize| loader.epoch::<f32>(&Stream::new(2).fork(epoch)).next().unwrap().0;
/// assert_ne!(batches(0).to_vec(), batches(1).to_vec());
/// # Ok::<(), DataError>(())
/// ```
pub trait Augment: fmt::Debug + Send + Sync {
    /// Rows of this shape can be augmented.
    ///
    /// # Errors
    /// [`DataError::Setting`] where they cannot; none, unless the type says otherwise.
    fn check(&self, row_shape: &[usize]) -> Result<(), DataError> {
        let _ = row_shape;
        Ok(())
    }

    /// Changes `row`, the numbers of one row of this shape, by numbers that `stream` gives.
    ///
    /// # Panics
    /// An implementation may panic where [`Augment::check`] fails.
    fn augment(&self, row: &mut [f64], row_shape: &[usize], stream: &Stream);
}

impl<A: Augment + ?Sized> Augment for Arc<A> {
    fn check(&self, row_shape: &[usize]) -> Result<(), DataError> {
        (**self).check(row_shape)
    }

    fn augment(&self, row: &mut [f64], row_shape: &[usize], stream: &Stream) {
        (**self).augment(row, row_shape, stream);
    }
}

/// A share of cases in [0, 1].
pub(crate) fn check_probability(probability: f64) -> Result<f64, DataError> {
    if (0.0..=1.0).contains(&probability) {
        return Ok(probability);
    }
    Err(DataError::setting("probability", "in [0, 1]", probability))
}

/// A number above 0.
pub(crate) fn check_positive(name: &'static str, value: f64) -> Result<f64, DataError> {
    if value > 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(DataError::setting(name, "a finite number above 0", value))
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// What comes of the row, whose numbers are 1, 2, 3 and so on.
    pub(crate) fn augmented(augment: &dyn Augment, shape: &[usize], seed: u64) -> Vec<f64> {
        augment.check(shape).unwrap();
        let mut row: Vec<f64> = (1..=shape.iter().product())
            .map(|it: usize| it as f64)
            .collect();
        augment.augment(&mut row, shape, &Stream::new(seed));
        row
    }
}
