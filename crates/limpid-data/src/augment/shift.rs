//! Images moved a little.

use limpid_tensor::Stream;

use super::{Augment, Planes};
use crate::DataError;
use crate::permutation::below;

/// What fills the pixels that nothing moved to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Fill {
    /// Zeros: black.
    #[default]
    Zero,
    /// This number.
    Value(f64),
    /// The nearest pixel of the border.
    Edge,
    /// The image mirrored at its border, the border itself not repeated.
    Reflect,
}

/// Moves an image by a whole number of pixels along each axis, each from -`rows` to `rows` (down) and -`columns` to
/// `columns` (right), all equally probable. All channels move alike.
///
/// This is also the crop of an image that was padded by so many pixels, as networks for CIFAR-10 are
/// trained with (He et al. 2016, section 4.2, with 4 pixels): `torchvision.transforms.RandomCrop(size, padding)`.
///
/// # Shapes
/// Rows `[height, width]` or `[channels, height, width]`.
///
/// # Example
/// ```
/// use limpid_data::{Augment, Shift};
/// use limpid_tensor::Stream;
///
/// let mut row = [1.0, 2.0, 3.0];
/// Shift::new(0).augment(&mut row, &[1, 3], &Stream::new(1));
/// assert_eq!(row, [1.0, 2.0, 3.0]);
/// ```
#[doc(alias = "RandomCrop")]
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Shift {
    /// By how many pixels at most up or down.
    pub rows: usize,
    /// By how many pixels at most left or right.
    pub columns: usize,
    /// What fills the pixels that nothing moved to; default zeros.
    pub fill: Fill,
}

impl Shift {
    /// By at most so many pixels along both axes, filled with zeros.
    pub fn new(most: usize) -> Self {
        Self {
            rows: most,
            columns: most,
            fill: Fill::Zero,
        }
    }

    /// With another filling.
    #[must_use]
    pub fn with_fill(mut self, fill: Fill) -> Self {
        self.fill = fill;
        self
    }

    /// By at most so many pixels left or right.
    #[must_use]
    pub fn with_columns(mut self, columns: usize) -> Self {
        self.columns = columns;
        self
    }
}

impl Augment for Shift {
    /// # Errors
    /// [`DataError::Setting`] for rows that are no image, one that is smaller than what [`Fill::Reflect`]
    /// mirrors, or a filling that is not finite.
    fn check(&self, row_shape: &[usize]) -> Result<(), DataError> {
        let planes = Planes::of(row_shape)?;
        let most = match self.fill {
            Fill::Value(value) if !value.is_finite() => {
                return Err(DataError::setting("fill", "a finite number", value));
            }
            Fill::Reflect => (planes.height - 1, planes.width - 1),
            _ => (planes.height, planes.width),
        };
        if self.rows > most.0 || self.columns > most.1 {
            let expected = format!("at most {} and {} pixels of this image", most.0, most.1);
            let found = format!("{} and {}", self.rows, self.columns);
            return Err(DataError::setting("shift", expected, found));
        }
        Ok(())
    }

    fn augment(&self, row: &mut [f64], row_shape: &[usize], stream: &Stream) {
        let mut generator = stream.generator();
        let mut offset = |most: usize| below(&mut generator, 2 * most + 1) as isize - most as isize;
        let (down, right) = (offset(self.rows), offset(self.columns));
        if (down, right) == (0, 0) {
            return;
        }
        let mut before = Vec::new();
        Planes::each(row, row_shape, |planes, plane| {
            before.clear();
            before.extend_from_slice(plane);
            let columns: Vec<_> = (0..planes.width)
                .map(|it| self.source(it as isize - right, planes.width))
                .collect();
            for (it, line) in plane.chunks_exact_mut(planes.width).enumerate() {
                let from = self.source(it as isize - down, planes.height);
                for (pixel, column) in line.iter_mut().zip(&columns) {
                    *pixel = match (from, column) {
                        (Some(from), Some(column)) => before[from * planes.width + column],
                        _ => self.outside(),
                    };
                }
            }
        });
    }
}

impl Shift {
    /// Which pixel of `length` stands at `place`; none outside, where a number does.
    fn source(&self, place: isize, length: usize) -> Option<usize> {
        let last = length as isize - 1;
        let place = match self.fill {
            Fill::Zero | Fill::Value(_) => {
                return (0..=last).contains(&place).then_some(place as usize);
            }
            Fill::Edge => place.clamp(0, last),
            Fill::Reflect if place > last => 2 * last - place,
            Fill::Reflect => place.abs(),
        };
        Some(place as usize)
    }

    fn outside(&self) -> f64 {
        match self.fill {
            Fill::Value(value) => value,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::augmented;
    use super::*;
    use proptest::prelude::*;

    /// All that comes of a row of three pixels.
    fn outcomes(shift: Shift) -> Vec<Vec<f64>> {
        let mut all: Vec<Vec<f64>> = (0..200)
            .map(|seed| augmented(&shift, &[1, 3], seed))
            .collect();
        all.sort_by(|left, right| left.partial_cmp(right).unwrap());
        all.dedup();
        all
    }

    #[test]
    fn what_nothing_moved_to_is_filled() {
        let along = |fill| Shift {
            rows: 0,
            columns: 2,
            fill,
        };
        assert_eq!(
            outcomes(along(Fill::Zero)),
            [
                [0.0, 0.0, 1.0],
                [0.0, 1.0, 2.0],
                [1.0, 2.0, 3.0],
                [2.0, 3.0, 0.0],
                [3.0, 0.0, 0.0]
            ]
        );
        assert_eq!(outcomes(along(Fill::Value(9.0)))[4], [9.0, 9.0, 1.0]);
        assert_eq!(
            outcomes(along(Fill::Edge)),
            [
                [1.0, 1.0, 1.0],
                [1.0, 1.0, 2.0],
                [1.0, 2.0, 3.0],
                [2.0, 3.0, 3.0],
                [3.0, 3.0, 3.0]
            ]
        );
        assert_eq!(
            outcomes(along(Fill::Reflect)),
            [
                [1.0, 2.0, 3.0],
                [2.0, 1.0, 2.0],
                [2.0, 3.0, 2.0],
                [3.0, 2.0, 1.0]
            ]
        );
    }

    #[test]
    fn every_offset_is_equally_probable() {
        let shift = Shift::new(1);
        let mut counts = std::collections::BTreeMap::new();
        for seed in 0..9000 {
            let row = augmented(&shift, &[1, 4, 4], seed);
            *counts.entry(format!("{row:?}")).or_insert(0.0) += 1.0;
        }
        assert_eq!(counts.len(), 9);
        // Chi-square of 8 degrees of freedom: 0.999 lies at 26.1.
        let distance: f64 = counts
            .values()
            .map(|count: &f64| (count - 1000.0).powi(2) / 1000.0)
            .sum();
        assert!(distance < 26.1, "{distance}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Shift::new(1).check(&[12]).is_err());
        assert!(
            Shift::new(3)
                .with_fill(Fill::Reflect)
                .check(&[1, 3, 9])
                .is_err()
        );
        assert!(Shift::new(4).check(&[1, 3, 9]).is_err());
        assert!(
            Shift::new(1)
                .with_fill(Fill::Value(f64::NAN))
                .check(&[1, 3, 9])
                .is_err()
        );
        assert!(Shift::new(0).check(&[1, 1, 1]).is_ok());
    }

    proptest! {
        #[test]
        fn a_shift_by_nothing_changes_nothing(height in 1_usize..6, width in 1_usize..6, seed: u64) {
            for fill in [Fill::Zero, Fill::Value(7.0), Fill::Edge, Fill::Reflect] {
                let row = augmented(&Shift::new(0).with_fill(fill), &[2, height, width], seed);
                let same: Vec<f64> = (1..=2 * height * width).map(|it| it as f64).collect();
                prop_assert_eq!(row, same);
            }
        }

        #[test]
        fn channels_move_alike(height in 2_usize..6, width in 2_usize..6, seed: u64) {
            let row = augmented(&Shift::new(1).with_fill(Fill::Edge), &[2, height, width], seed);
            let (first, second) = row.split_at(height * width);
            for (first, second) in first.iter().zip(second) {
                prop_assert_eq!(first + (height * width) as f64, *second);
            }
        }
    }
}
