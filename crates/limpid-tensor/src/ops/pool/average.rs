//! The mean of every window.

use super::max::by_planes;
use super::window::{Pooling, batched, image_of};
use crate::buffers;
use crate::kernel::pool::{Window, window_add, window_sum};
use crate::kernel::reduce::sum;
use crate::layout::{Shape, count};
use crate::{Backward, Element, Error, InputGradients, Result, Tensor};

/// The windows of one plane, each with the number that its sum is divided by.
struct Windows {
    places: [usize; 2],
    windows: Vec<(Window, f64)>,
}

struct AveragePoolBackward {
    name: &'static str,
    shape: Shape,
    windows: Windows,
}

impl<E: Element> Backward<E> for AveragePoolBackward {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let (height, width) = (self.shape[2], self.shape[3]);
        let windows = &self.windows.windows;
        let mut data = buffers::take(count(&self.shape));
        let g = gradient.elements();
        by_planes(&mut data, height * width, |first, data| {
            for (index, plane) in (first..).zip(data.chunks_exact_mut(height * width)) {
                let g = &g[index * windows.len()..][..windows.len()];
                if let ([(window, divisor)], &[g]) = (windows.as_slice(), g)
                    && *window == (0..height, 0..width)
                {
                    plane.fill(g / E::of(*divisor));
                    continue;
                }
                plane.fill(E::zero());
                for ((window, divisor), &g) in windows.iter().zip(g) {
                    window_add(plane, width, window, g / E::of(*divisor));
                }
            }
        });
        inputs.add(0, Tensor::new(data, self.shape.clone()));
        Ok(())
    }
}

fn average<E: Element>(
    name: &'static str,
    input: &Tensor<E>,
    windows: Windows,
) -> Result<Tensor<E>> {
    let [height, width] = image_of(name, input.shape())?;
    let x = input.elements();
    let (plane, results) = (height * width, windows.windows.len());
    let mut data = buffers::take(count(&input.shape()[..2]) * results);
    by_planes(&mut data, results, |first, data| {
        for (index, data) in (first..).zip(data.chunks_exact_mut(results)) {
            let x = &x[index * plane..][..plane];
            for (data, (window, divisor)) in data.iter_mut().zip(&windows.windows) {
                let total = match *window == (0..height, 0..width) {
                    true => sum(x),
                    false => window_sum(x, width, window),
                };
                *data = total / E::of(*divisor);
            }
        }
    });
    let mut shape = input.layout.shape.clone();
    [shape[2], shape[3]] = windows.places;
    let value = Tensor::new(data, shape);
    Ok(value.recorded(&[input], || AveragePoolBackward {
        name,
        shape: input.layout.shape.clone(),
        windows,
    }))
}

impl<E: Element> Tensor<E> {
    /// The mean of every window. The padding counts as zeros, or not at all, as
    /// `count_include_pad` says.
    ///
    /// # Shapes
    /// As [`Tensor::max_pool2d`].
    ///
    /// # Errors
    /// A shape error when there are no such windows; an argument error when a setting is out of
    /// range, or the windows are dilated.
    ///
    /// # Source
    /// Equals `torch.nn.functional.avg_pool2d`.
    pub fn avg_pool2d(&self, settings: &Pooling, count_include_pad: bool) -> Result<Self> {
        if settings.dilation != [1, 1] {
            let found = format!("{:?}", settings.dilation);
            return Err(Error::argument("avg_pool2d", "dilation", "[1, 1]", found));
        }
        batched(self, |input| {
            let places = settings.places("avg_pool2d", input.shape())?;
            let image = image_of("avg_pool2d", input.shape())?;
            // Along one axis: what a window sees of the image, and its length with the padding.
            let seen = |axis: usize, place: usize| {
                let padding = settings.padding[axis];
                let start = place * settings.stride[axis];
                let end = (start + settings.kernel_size[axis]).min(image[axis] + 2 * padding);
                let inside =
                    start.saturating_sub(padding)..end.saturating_sub(padding).min(image[axis]);
                let length = if count_include_pad {
                    end - start
                } else {
                    inside.len()
                };
                (inside, length as f64)
            };
            let mut windows = Vec::with_capacity(places[0] * places[1]);
            for down in 0..places[0] {
                for across in 0..places[1] {
                    let ((rows, height), (columns, width)) = (seen(0, down), seen(1, across));
                    windows.push(((rows, columns), height * width));
                }
            }
            average("avg_pool2d", input, Windows { places, windows })
        })
    }

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
        if output_size.contains(&0) {
            let found = format!("{output_size:?}");
            return Err(Error::argument(NAME, "output_size", "at least 1", found));
        }
        batched(self, |input| {
            let image = image_of(NAME, input.shape())?;
            if image.contains(&0) {
                let rule = "the image must have at least one element";
                return Err(Error::shape(NAME, &[input.shape()], rule));
            }
            let seen = |axis: usize, place: usize| {
                let (length, size) = (image[axis], output_size[axis]);
                place * length / size..((place + 1) * length).div_ceil(size)
            };
            let mut windows = Vec::with_capacity(output_size[0] * output_size[1]);
            for down in 0..output_size[0] {
                for across in 0..output_size[1] {
                    let (rows, columns) = (seen(0, down), seen(1, across));
                    let divisor = (rows.len() * columns.len()) as f64;
                    windows.push(((rows, columns), divisor));
                }
            }
            average(
                NAME,
                input,
                Windows {
                    places: output_size,
                    windows,
                },
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, gradient_check};

    fn image() -> Tensor<f64> {
        Tensor::standard_normal([2, 2, 5, 6], Stream::new(1))
    }

    fn holds(run: impl Fn(&Tensor<f64>) -> Result<Tensor<f64>>, want: [usize; 4]) {
        assert_eq!(run(&image()).unwrap().shape(), want);
        let weights = Tensor::standard_normal(want, Stream::new(2));
        let function = |x: &[Tensor<f64>]| Ok(run(&x[0])?.mul(&weights)?.sum());
        let worst = gradient_check::check(function, &[image()], 1e-4).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn gradients_agree_with_differences() {
        let plain = Pooling {
            padding: [1, 1],
            ..Pooling::new([2, 3])
        };
        holds(|x| x.avg_pool2d(&plain, true), [2, 2, 3, 2]);
        holds(|x| x.avg_pool2d(&plain, false), [2, 2, 3, 2]);
        let beyond = Pooling {
            ceil_mode: true,
            ..plain
        };
        holds(|x| x.avg_pool2d(&beyond, true), [2, 2, 3, 3]);
        holds(|x| x.adaptive_avg_pool2d([3, 4]), [2, 2, 3, 4]);
        holds(|x| x.adaptive_avg_pool2d([1, 1]), [2, 2, 1, 1]);
    }

    #[test]
    fn the_padding_counts_or_does_not() {
        let settings = Pooling {
            padding: [1, 1],
            ..Pooling::new([2, 2])
        };
        let x = Tensor::<f64>::ones([1, 2, 2]);
        assert_eq!(x.avg_pool2d(&settings, true).unwrap().to_vec(), [0.25; 4]);
        assert_eq!(x.avg_pool2d(&settings, false).unwrap().to_vec(), [1.0; 4]);
    }

    #[test]
    fn settings_that_do_not_fit_are_named() {
        let dilated = Pooling {
            dilation: [2, 1],
            ..Pooling::new([2, 2])
        };
        let error = image().avg_pool2d(&dilated, true).unwrap_err();
        let want = "avg_pool2d: `dilation` must be [1, 1], found [2, 1]";
        assert_eq!(error.to_string(), want);
        assert!(image().adaptive_avg_pool2d([0, 1]).is_err());
        assert!(
            Tensor::<f32>::zeros([4, 4])
                .adaptive_avg_pool2d([1, 1])
                .is_err()
        );
    }
}
