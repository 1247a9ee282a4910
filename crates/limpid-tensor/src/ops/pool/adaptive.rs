//! Windows that are chosen so that there are as many as asked for.

use std::ops::Range;

use ndarray::ArrayD;

use super::average::{Windows, average};
use super::search::{search, with_indices};
use super::window::{batched, image_of};
use crate::{Element, Error, Result, Tensor};

/// Along each axis of an image, what the window at a place sees: window i of n along a length L
/// goes from floor(i L / n) to ceil((i + 1) L / n).
struct Adapted {
    image: [usize; 2],
    output_size: [usize; 2],
}

impl Adapted {
    fn new(name: &'static str, shape: &[usize], output_size: [usize; 2]) -> Result<Self> {
        if output_size.contains(&0) {
            let found = format!("{output_size:?}");
            return Err(Error::argument(name, "output_size", "at least 1", found));
        }
        let image = image_of(name, shape)?;
        if image.contains(&0) {
            let rule = "the image must have at least one element";
            return Err(Error::shape(name, &[shape], rule));
        }
        Ok(Self { image, output_size })
    }

    fn seen(&self, axis: usize, place: usize) -> Range<usize> {
        let (length, size) = (self.image[axis], self.output_size[axis]);
        place * length / size..((place + 1) * length).div_ceil(size)
    }
}

impl<E: Element> Tensor<E> {
    /// Means of windows that are chosen so that the result has `output_size`: window i of n along a
    /// length L goes from floor(i L / n) to ceil((i + 1) L / n).
    ///
    /// # Shapes
    /// `self`: `[N, C, H, W]` or `[C, H, W]`; result: `[N, C, H', W']` with `output_size`
    /// `[H', W']`.
    ///
    /// # Errors
    /// A shape error when the image has another rank or no elements; an argument error when a size
    /// is 0.
    ///
    /// # Source
    /// Equals `torch.nn.functional.adaptive_avg_pool2d`.
    pub fn adaptive_avg_pool2d(&self, output_size: [usize; 2]) -> Result<Self> {
        const NAME: &str = "adaptive_avg_pool2d";
        batched(self, |input| {
            let adapted = Adapted::new(NAME, input.shape(), output_size)?;
            let mut windows = Vec::with_capacity(output_size[0] * output_size[1]);
            for down in 0..output_size[0] {
                for across in 0..output_size[1] {
                    let (rows, columns) = (adapted.seen(0, down), adapted.seen(1, across));
                    let divisor = (rows.len() * columns.len()) as f64;
                    windows.push(((rows, columns), divisor));
                }
            }
            let places = output_size;
            average(NAME, input, Windows { places, windows })
        })
    }

    /// The largest elements of the windows of [`Tensor::adaptive_avg_pool2d`], with where in its
    /// plane each came from, as [`Tensor::max_pool2d_with_indices`] tells it.
    ///
    /// # Shapes
    /// As [`Tensor::adaptive_avg_pool2d`], the indices too.
    ///
    /// # Errors
    /// As [`Tensor::adaptive_avg_pool2d`].
    ///
    /// # Source
    /// Equals `torch.nn.functional.adaptive_max_pool2d` with `return_indices`.
    pub fn adaptive_max_pool2d(&self, output_size: [usize; 2]) -> Result<(Self, ArrayD<usize>)> {
        const NAME: &str = "adaptive_max_pool2d";
        with_indices(NAME, self, |input| {
            let adapted = Adapted::new(NAME, input.shape(), output_size)?;
            search(NAME, input, output_size, |axis, place| {
                adapted.seen(axis, place)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, gradient_check};

    #[test]
    fn gradients_agree_with_differences() {
        let image = Tensor::standard_normal([2, 2, 5, 6], Stream::new(1));
        for output_size in [[3, 4], [1, 1], [7, 2]] {
            let mean =
                |x: &[Tensor<f64>]| Ok(x[0].adaptive_avg_pool2d(output_size)?.square().sum());
            let largest =
                |x: &[Tensor<f64>]| Ok(x[0].adaptive_max_pool2d(output_size)?.0.square().sum());
            let image = std::slice::from_ref(&image);
            for worst in [
                gradient_check::check(mean, image, 1e-4).unwrap(),
                gradient_check::check(largest, image, 1e-6).unwrap(),
            ] {
                assert!(worst.error < 1e-6, "{worst:?}");
            }
        }
    }

    /// The figures are those of PyTorch 2.15.
    #[test]
    fn the_largest_and_their_places_are_found() {
        let x = Tensor::<f64>::from_fn([1, 4, 5], |place| (place * 7 % 11) as f64);
        let (largest, places) = x.adaptive_max_pool2d([3, 2]).unwrap();
        assert_eq!(largest.to_vec(), [9.0, 10.0, 9.0, 10.0, 9.0, 10.0]);
        assert_eq!(places.into_raw_vec_and_offset().0, [6, 3, 6, 14, 17, 14]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_named() {
        let image = Tensor::<f32>::zeros([2, 5, 6]);
        let error = image.adaptive_max_pool2d([0, 1]).unwrap_err();
        let want = "adaptive_max_pool2d: `output_size` must be at least 1, found [0, 1]";
        assert_eq!(error.to_string(), want);
        assert!(image.adaptive_avg_pool2d([0, 1]).is_err());
        for shape in [&[4, 4][..], &[1, 0, 4]] {
            assert!(
                Tensor::<f32>::zeros(shape)
                    .adaptive_avg_pool2d([1, 1])
                    .is_err()
            );
        }
    }
}
