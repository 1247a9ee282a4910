//! Images seen in a mirror.

use limpid_tensor::Stream;

use super::{Augment, Planes, check_probability};
use crate::DataError;

/// Mirrors an image with a probability. Not for digits or letters: their mirror images are others.
///
/// # Shapes
/// Rows `[height, width]` or `[channels, height, width]`.
///
/// # Example
/// ```
/// use limpid_data::{Augment, Flip};
/// use limpid_tensor::Stream;
///
/// let mut row = [1.0, 2.0, 3.0, 4.0];
/// let always = Flip::horizontal().with_probability(1.0)?;
/// always.augment(&mut row, &[1, 2, 2], &Stream::new(1));
/// assert_eq!(row, [2.0, 1.0, 4.0, 3.0]);
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flip {
    axis: Axis,
    probability: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    Horizontal,
    Vertical,
}

impl Flip {
    /// Left becomes right, in half of the rows.
    pub fn horizontal() -> Self {
        Self {
            axis: Axis::Horizontal,
            probability: 0.5,
        }
    }

    /// Top becomes bottom, in half of the rows.
    pub fn vertical() -> Self {
        Self {
            axis: Axis::Vertical,
            probability: 0.5,
        }
    }

    /// In this share of the rows.
    ///
    /// # Errors
    /// [`DataError::Setting`] unless it lies in [0, 1].
    pub fn with_probability(mut self, probability: f64) -> Result<Self, DataError> {
        self.probability = check_probability(probability)?;
        Ok(self)
    }
}

impl Augment for Flip {
    /// # Errors
    /// [`DataError::Setting`] for rows that are no image.
    fn check(&self, row_shape: &[usize]) -> Result<(), DataError> {
        Planes::of(row_shape).map(|_| ())
    }

    fn augment(&self, row: &mut [f64], row_shape: &[usize], stream: &Stream) {
        if stream.generator().unit() >= self.probability {
            return;
        }
        Planes::each(row, row_shape, |planes, plane| match self.axis {
            Axis::Horizontal => plane
                .chunks_exact_mut(planes.width)
                .for_each(<[f64]>::reverse),
            Axis::Vertical => {
                plane.reverse();
                plane
                    .chunks_exact_mut(planes.width)
                    .for_each(<[f64]>::reverse);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::augmented;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_of_the_rows_are_mirrored() {
        let mirrored = |flip: Flip| {
            let seeds = 0..4000_u64;
            seeds
                .filter(|&seed| augmented(&flip, &[2, 2], seed)[0] != 1.0)
                .count()
        };
        // Four deviations of 4000 coins.
        assert!(mirrored(Flip::horizontal()).abs_diff(2000) < 127);
        assert_eq!(mirrored(Flip::vertical().with_probability(0.0).unwrap()), 0);
        assert_eq!(
            mirrored(Flip::vertical().with_probability(1.0).unwrap()),
            4000
        );
    }

    #[test]
    fn top_becomes_bottom() {
        let always = Flip::vertical().with_probability(1.0).unwrap();
        assert_eq!(
            augmented(&always, &[1, 3, 2], 1),
            [5.0, 6.0, 3.0, 4.0, 1.0, 2.0]
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Flip::horizontal().check(&[4]).is_err());
        assert!(Flip::horizontal().with_probability(1.5).is_err());
        assert!(Flip::horizontal().with_probability(f64::NAN).is_err());
    }

    proptest! {
        #[test]
        fn two_flips_change_nothing(height in 1_usize..5, width in 1_usize..5) {
            for flip in [Flip::horizontal(), Flip::vertical()] {
                let always = flip.with_probability(1.0).unwrap();
                let shape = [2, height, width];
                let mut row = augmented(&always, &shape, 1);
                always.augment(&mut row, &shape, &Stream::new(2));
                let same: Vec<f64> = (1..=2 * height * width).map(|it| it as f64).collect();
                prop_assert_eq!(row, same);
            }
        }
    }
}
