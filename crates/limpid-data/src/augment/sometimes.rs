//! Augmentations of some of the rows.

use limpid_tensor::Stream;

use super::{Augment, check_probability};
use crate::DataError;

/// Applies an augmentation with a probability, and else leaves the row as it is.
///
/// # Example
/// ```
/// use limpid_data::{Augment, Cutout, Sometimes};
/// use limpid_tensor::Stream;
///
/// let never = Sometimes::new(0.0, Cutout::new(8))?;
/// let mut row = [1.0; 4];
/// never.augment(&mut row, &[2, 2], &Stream::new(1));
/// assert_eq!(row, [1.0; 4]);
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sometimes<A> {
    probability: f64,
    augment: A,
}

impl<A: Augment> Sometimes<A> {
    /// Applies `augment` in this share of the rows.
    ///
    /// # Errors
    /// [`DataError::Setting`] unless it lies in [0, 1].
    pub fn new(probability: f64, augment: A) -> Result<Self, DataError> {
        let probability = check_probability(probability)?;
        Ok(Self {
            probability,
            augment,
        })
    }
}

impl<A: Augment> Augment for Sometimes<A> {
    fn check(&self, row_shape: &[usize]) -> Result<(), DataError> {
        self.augment.check(row_shape)
    }

    fn augment(&self, row: &mut [f64], row_shape: &[usize], stream: &Stream) {
        if stream.fork("sometimes").generator().unit() < self.probability {
            self.augment.augment(row, row_shape, stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::augmented;
    use super::super::{Cutout, Flip};
    use super::*;

    #[test]
    fn the_share_of_rows_is_that_asked_for() {
        let some = Sometimes::new(0.25, Cutout::new(1)).unwrap();
        let changed = (0..4000).filter(|&seed| augmented(&some, &[1, 1], seed) == [0.0]);
        // Four deviations: sqrt(4000 * 3 / 16) is 27.
        assert!(changed.count().abs_diff(1000) < 110);
    }

    #[test]
    fn the_draws_of_what_is_applied_are_its_own() {
        // A flip of half of half of the rows: were the draws the same, it would be of half.
        let some = Sometimes::new(0.5, Flip::horizontal()).unwrap();
        let flipped = (0..4000).filter(|&seed| augmented(&some, &[1, 2], seed) == [2.0, 1.0]);
        assert!(flipped.count().abs_diff(1000) < 110);
        assert!(some.check(&[2]).is_err());
        assert!(Sometimes::new(1.1, Flip::vertical()).is_err());
    }
}
