//! Images with a square cut out.

use limpid_tensor::Stream;

use super::{Augment, Planes, Window};
use crate::DataError;
use crate::permutation::below;

/// Sets a square of an image to one number. Its centre is any pixel with equal probability, so that a part of
/// the square may lie outside. All channels lose the same pixels.
///
/// # Shapes
/// Rows `[height, width]` or `[channels, height, width]`.
///
/// # Source
/// DeVries and Taylor 2017, "Improved regularization of convolutional neural networks with cutout"; they standardise
/// before, so that their 0 is the mean: give [`Cutout::with_value`] the mean for the same.
///
/// # Example
/// ```
/// use limpid_data::{Augment, Cutout};
/// use limpid_tensor::Stream;
///
/// let mut row = [1.0; 25];
/// Cutout::new(3).augment(&mut row, &[5, 5], &Stream::new(1));
/// let left = row.iter().sum::<f64>();
/// assert!((16.0..=21.0).contains(&left));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Cutout {
    /// The side of the square, in pixels.
    pub size: usize,
    /// What its pixels become; default 0.
    pub value: f64,
}

impl Cutout {
    /// A square of `size` pixels a side, set to 0.
    pub fn new(size: usize) -> Self {
        Self { size, value: 0.0 }
    }

    /// Set to another number.
    #[must_use]
    pub fn with_value(mut self, value: f64) -> Self {
        self.value = value;
        self
    }
}

impl Augment for Cutout {
    /// # Errors
    /// [`DataError::Setting`] for rows that are no image, or a square of no pixel.
    fn check(&self, row_shape: &[usize]) -> Result<(), DataError> {
        if self.size == 0 {
            return Err(DataError::setting("cutout size", "at least 1", 0));
        }
        if !self.value.is_finite() {
            return Err(DataError::setting(
                "cutout value",
                "a finite number",
                self.value,
            ));
        }
        Planes::of(row_shape).map(|_| ())
    }

    fn augment(&self, row: &mut [f64], row_shape: &[usize], stream: &Stream) {
        let mut generator = stream.generator();
        let mut window = None;
        Planes::each(row, row_shape, |planes, plane| {
            let window = *window.get_or_insert_with(|| {
                let centre = (
                    below(&mut generator, planes.height),
                    below(&mut generator, planes.width),
                );
                Window::around(centre, (self.size, self.size), planes)
            });
            window
                .lines(planes)
                .for_each(|line| plane[line].fill(self.value));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::augmented;
    use super::*;

    #[test]
    fn one_pixel_is_cut_anywhere_and_alike_in_all_channels() {
        let mut counts = [0.0; 6];
        for seed in 0..6000 {
            let row = augmented(&Cutout::new(1).with_value(-1.0), &[2, 2, 3], seed);
            let cut: Vec<usize> = (0..12).filter(|&it| row[it] == -1.0).collect();
            assert_eq!((cut.len(), cut[1]), (2, cut[0] + 6));
            counts[cut[0]] += 1.0;
        }
        // Chi-square of 5 degrees of freedom: 0.999 lies at 20.5.
        let distance: f64 = counts
            .iter()
            .map(|it| (it - 1000.0_f64).powi(2) / 1000.0)
            .sum();
        assert!(distance < 20.5, "{distance}");
    }

    #[test]
    fn a_square_is_whole_or_clipped() {
        let cut = |seed| {
            augmented(&Cutout::new(3), &[7, 7], seed)
                .iter()
                .filter(|it| **it == 0.0)
                .count()
        };
        let mut sizes: Vec<usize> = (0..500).map(cut).collect();
        sizes.sort_unstable();
        sizes.dedup();
        assert_eq!(sizes, [4, 6, 9]);
        assert!(Cutout::new(0).check(&[7, 7]).is_err());
        assert!(Cutout::new(1).check(&[7]).is_err());
    }
}
