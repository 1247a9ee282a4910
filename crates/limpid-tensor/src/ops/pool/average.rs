//! The mean of every window.

use super::max::by_planes;
use super::window::{Pooling, batched, image_of};
use crate::buffers;
use crate::kernel::pool::{Window, window_add, window_sum};
use crate::kernel::reduce::sum;
use crate::layout::{Shape, count};
use crate::ops::along::Taps;
use crate::{Backward, Element, Error, InputGradients, Result, Tensor};

/// The windows of one plane, each with the number that its sum is divided by.
pub(super) struct Windows {
    pub(super) places: [usize; 2],
    pub(super) windows: Vec<(Window, f64)>,
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

pub(super) fn average<E: Element>(
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

/// The means of windows with gaps, one axis after the other.
fn dilated<E: Element>(
    input: &Tensor<E>,
    settings: &Pooling,
    divisor: AverageDivisor,
    (image, places): ([usize; 2], [usize; 2]),
) -> Tensor<E> {
    let seen = |axis: usize| -> Vec<Taps<E>> {
        let padding = settings.padding[axis];
        let (length, padded) = (image[axis], image[axis] + 2 * padding);
        let window = |place: usize| -> Taps<E> {
            let start = place * settings.stride[axis];
            let elements = 0..settings.kernel_size[axis];
            let within = elements.map(|it| start + it * settings.dilation[axis]);
            let within: Vec<usize> = within.filter(|&it| it < padded).collect();
            let inside = within.iter().filter_map(|it| it.checked_sub(padding));
            let inside: Vec<usize> = inside.filter(|&it| it < length).collect();
            let count = match divisor {
                AverageDivisor::Window => within.len(),
                AverageDivisor::Image => inside.len(),
                // Of both axes one divides.
                AverageDivisor::Fixed(divisor) if axis == 0 => divisor,
                AverageDivisor::Fixed(_) => 1,
            };
            let share = E::of(1.0 / count.max(1) as f64);
            inside.into_iter().map(|it| (it, share)).collect()
        };
        (0..places[axis]).map(window).collect()
    };
    let across = input.along("avg_pool2d", 3, seen(1), E::zero());
    across.along("avg_pool2d", 2, seen(0), E::zero())
}

/// What the sum of a window is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AverageDivisor {
    /// The number of its elements, those of the padding counted.
    #[default]
    Window,
    /// The number of its elements that lie in the image.
    Image,
    /// This number, at least 1, whatever it sees.
    Fixed(usize),
}

impl<E: Element> Tensor<E> {
    /// The mean of every window; `divisor` says what of. The padding holds zeros.
    ///
    /// # Shapes
    /// As [`Tensor::max_pool2d`].
    ///
    /// # Errors
    /// A shape error when there are no such windows; an argument error when a setting is out of
    /// range.
    ///
    /// # Source
    /// Equals `torch.nn.functional.avg_pool2d`, which knows no dilation; with one it is ONNX'
    /// `AveragePool`.
    pub fn avg_pool2d(&self, settings: &Pooling, divisor: AverageDivisor) -> Result<Self> {
        if divisor == AverageDivisor::Fixed(0) {
            return Err(Error::argument("avg_pool2d", "divisor", "at least 1", 0));
        }
        batched(self, |input| {
            let places = settings.places("avg_pool2d", input.shape())?;
            let image = image_of("avg_pool2d", input.shape())?;
            if settings.dilation != [1, 1] {
                return Ok(dilated(input, settings, divisor, (image, places)));
            }
            // Along one axis: what a window sees of the image, and its length with the padding.
            let seen = |axis: usize, place: usize| {
                let padding = settings.padding[axis];
                let start = place * settings.stride[axis];
                let end = (start + settings.kernel_size[axis]).min(image[axis] + 2 * padding);
                let inside =
                    start.saturating_sub(padding)..end.saturating_sub(padding).min(image[axis]);
                let length = match divisor {
                    AverageDivisor::Image => inside.len(),
                    AverageDivisor::Window | AverageDivisor::Fixed(_) => end - start,
                };
                (inside, length as f64)
            };
            let mut windows = Vec::with_capacity(places[0] * places[1]);
            for down in 0..places[0] {
                for across in 0..places[1] {
                    let ((rows, height), (columns, width)) = (seen(0, down), seen(1, across));
                    let divided_by = match divisor {
                        AverageDivisor::Fixed(divisor) => divisor as f64,
                        _ => height * width,
                    };
                    windows.push(((rows, columns), divided_by));
                }
            }
            average("avg_pool2d", input, Windows { places, windows })
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
        holds(
            |x| x.avg_pool2d(&plain, AverageDivisor::Window),
            [2, 2, 3, 2],
        );
        holds(
            |x| x.avg_pool2d(&plain, AverageDivisor::Image),
            [2, 2, 3, 2],
        );
        let beyond = Pooling {
            ceil_mode: true,
            ..plain
        };
        holds(
            |x| x.avg_pool2d(&beyond, AverageDivisor::Window),
            [2, 2, 3, 3],
        );
        holds(
            |x| x.avg_pool2d(&beyond, AverageDivisor::Fixed(3)),
            [2, 2, 3, 3],
        );
    }

    #[test]
    fn the_padding_counts_or_does_not() {
        let settings = Pooling {
            padding: [1, 1],
            ..Pooling::new([2, 2])
        };
        let x = Tensor::<f64>::ones([1, 2, 2]);
        assert_eq!(
            x.avg_pool2d(&settings, AverageDivisor::Window)
                .unwrap()
                .to_vec(),
            [0.25; 4]
        );
        assert_eq!(
            x.avg_pool2d(&settings, AverageDivisor::Image)
                .unwrap()
                .to_vec(),
            [1.0; 4]
        );
    }

    /// The figures are those of PyTorch 2.15.
    #[test]
    fn the_divisor_can_be_a_number_of_ones_own() {
        let x = Tensor::<f64>::from_fn([1, 4, 5], |place| (place * 7 % 11) as f64);
        let settings = Pooling {
            padding: [1, 1],
            ..Pooling::new([2, 2])
        };
        let thirds = x.avg_pool2d(&settings, AverageDivisor::Fixed(3)).unwrap();
        let sums = [0.0, 10.0, 16.0, 6.0, 21.0, 22.0, 6.0, 11.0, 6.0];
        assert_eq!(thirds.to_vec(), sums.map(|sum: f64| sum / 3.0));
    }

    /// The figures of the first are those of ONNX' `averagepool_2d_dilations`.
    #[test]
    fn windows_may_have_gaps() {
        let settings = Pooling {
            stride: [1, 1],
            dilation: [2, 2],
            ..Pooling::new([2, 2])
        };
        let x = Tensor::<f64>::from_fn([1, 4, 4], |place| place as f64 + 1.0);
        let means = x.avg_pool2d(&settings, AverageDivisor::Window).unwrap();
        assert_eq!(means.to_vec(), [6.0, 7.0, 10.0, 11.0]);
        let padded = Pooling {
            padding: [1, 1],
            ..settings
        };
        for (divisor, first) in [
            (AverageDivisor::Window, 6.0 / 4.0),
            (AverageDivisor::Image, 6.0),
            (AverageDivisor::Fixed(3), 2.0),
        ] {
            let means = x.avg_pool2d(&padded, divisor).unwrap();
            assert_eq!((means.shape(), means.to_vec()[0]), (&[1, 4, 4][..], first));
            holds(|x| x.avg_pool2d(&padded, divisor), [2, 2, 5, 6]);
        }
    }

    #[test]
    fn settings_that_do_not_fit_are_named() {
        let error = image()
            .avg_pool2d(&Pooling::new([2, 2]), AverageDivisor::Fixed(0))
            .unwrap_err();
        let want = "avg_pool2d: `divisor` must be at least 1, found 0";
        assert_eq!(error.to_string(), want);
    }
}
