//! The largest element of every window.

use ndarray::ArrayD;

use super::search::{Found, search, with_indices};
use super::window::{Pooling, batched, image_of};
use crate::buffers::{self, Storage};
use crate::kernel::pool::{Chosen, Largest};
use crate::kernel::{simd, threads};
use crate::layout::{Shape, count};
use crate::{Backward, Element, InputGradients, Result, Tensor};

const NAME: &str = "max_pool2d";

/// Fewer elements are not worth sharing.
pub(super) const SHARED: usize = 1 << 16;

/// Calls `work` with the first plane's number and some planes of `data`, until all are done.
pub(super) fn by_planes<E: Element>(
    data: &mut [E],
    plane: usize,
    work: impl Fn(usize, &mut [E]) + Sync,
) {
    if data.is_empty() {
        return;
    }
    let planes = match data.len() < SHARED {
        true => data.len() / plane,
        false => (SHARED / 4).div_ceil(plane),
    };
    threads::chunks(data, planes * plane, |first, part| {
        work(first / plane, part)
    });
}

/// Windows that lie side by side, without padding: every element of the image is seen once at most.
#[derive(Clone, Copy)]
struct SideBySide {
    kernel: [usize; 2],
    image: [usize; 2],
    places: [usize; 2],
}

struct SideBySideBackward {
    shape: Shape,
    windows: SideBySide,
    /// Which element of its window each element of the result is.
    chosen: Storage<u8>,
}

impl SideBySide {
    /// These windows, where there is a loop for them.
    fn of(settings: &Pooling, image: [usize; 2], places: [usize; 2]) -> Option<Self> {
        let Pooling {
            kernel_size,
            stride,
            padding,
            dilation,
            ..
        } = *settings;
        let within = (0..2).all(|axis| places[axis] * kernel_size[axis] <= image[axis]);
        let known = (2..=4).contains(&kernel_size[1]) && kernel_size[0] <= 16;
        let simple = stride == kernel_size && padding == [0; 2] && dilation == [1; 2];
        (within && known && simple).then_some(Self {
            kernel: kernel_size,
            image,
            places,
        })
    }

    fn forward<E: Element>(&self, x: &[E], planes: usize) -> (Storage<E>, Storage<u8>) {
        let [plane, results] = [self.image, self.places].map(|[height, width]| height * width);
        let mut out = buffers::take(planes * results);
        let mut chosen = buffers::take(planes * results);
        let level = simd::level();
        let work = |first: usize, (out, chosen): (&mut [E], &mut [u8])| {
            let parts = out
                .chunks_exact_mut(results)
                .zip(chosen.chunks_exact_mut(results));
            for (index, (out, chosen)) in (first / results..).zip(parts) {
                macro_rules! run {
                    ($across:literal) => {
                        level.run(Largest::<E, $across> {
                            plane: &x[index * plane..][..plane],
                            width: self.image[1],
                            height: self.kernel[0],
                            across: self.places[1],
                            out,
                            chosen,
                        })
                    };
                }
                match self.kernel[1] {
                    2 => run!(2),
                    3 => run!(3),
                    _ => run!(4),
                }
            }
        };
        if !out.is_empty() {
            let together = match x.len() < SHARED {
                true => planes,
                false => (SHARED / 4).div_ceil(plane),
            };
            threads::chunks((&mut out[..], &mut chosen[..]), together * results, work);
        }
        (out, chosen)
    }

    fn backward<E: Element>(&self, g: &[E], chosen: &[u8], data: &mut [E]) {
        let [plane, results] = [self.image, self.places].map(|[height, width]| height * width);
        let level = simd::level();
        by_planes(data, plane, |first, data| {
            for (index, data) in (first..).zip(data.chunks_exact_mut(plane)) {
                macro_rules! run {
                    ($across:literal) => {
                        level.run(Chosen::<E, $across> {
                            plane: data,
                            width: self.image[1],
                            height: self.kernel[0],
                            across: self.places[1],
                            gradient: &g[index * results..][..results],
                            chosen: &chosen[index * results..][..results],
                        })
                    };
                }
                match self.kernel[1] {
                    2 => run!(2),
                    3 => run!(3),
                    _ => run!(4),
                }
            }
        });
    }
}

impl<E: Element> Backward<E> for SideBySideBackward {
    fn name(&self) -> &'static str {
        NAME
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let mut data = buffers::take(count(&self.shape));
        self.windows
            .backward(&gradient.elements(), &self.chosen, &mut data);
        inputs.add(0, Tensor::new(data, self.shape.clone()));
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// The largest element of every window. Where several are largest the first has the gradient;
    /// NaN counts as the largest. The padding is never chosen: a dilated window that steps over the
    /// whole image finds -infinity.
    ///
    /// # Shapes
    /// `self`: `[N, C, H, W]` or `[C, H, W]`; result: `[N, C, H', W']` with
    /// H' = floor((H + 2 padding - dilation (kH - 1) - 1) / stride) + 1.
    ///
    /// # Errors
    /// A shape error when there are no such windows; an argument error when a setting is out of
    /// range.
    ///
    /// # Source
    /// Equals `torch.nn.functional.max_pool2d`.
    pub fn max_pool2d(&self, settings: &Pooling) -> Result<Self> {
        batched(self, |input| {
            let [down, across] = settings.places(NAME, input.shape())?;
            let [height, width] = image_of(NAME, input.shape())?;
            let x = input.elements();
            let mut shape = input.layout.shape.clone();
            (shape[2], shape[3]) = (down, across);
            let planes = count(&input.shape()[..2]);
            if let Some(windows) = SideBySide::of(settings, [height, width], [down, across]) {
                let (data, chosen) = windows.forward(&x, planes);
                let value = Tensor::new(data, shape);
                return Ok(value.recorded(&[input], || SideBySideBackward {
                    shape: input.layout.shape.clone(),
                    windows,
                    chosen,
                }));
            }
            let found = search_windows(input, settings, [down, across])?;
            Ok(found.recorded(NAME, input))
        })
    }

    /// [`Tensor::max_pool2d`], with where in its plane each element of the result came from: at
    /// row r and column c it is r W + c. Where a dilated window found nothing it is `usize::MAX`.
    ///
    /// # Shapes
    /// As [`Tensor::max_pool2d`], the indices too.
    ///
    /// # Errors
    /// As [`Tensor::max_pool2d`].
    ///
    /// # Source
    /// Equals `torch.nn.functional.max_pool2d` with `return_indices`.
    pub fn max_pool2d_with_indices(&self, settings: &Pooling) -> Result<(Self, ArrayD<usize>)> {
        with_indices(NAME, self, |input| {
            let places = settings.places(NAME, input.shape())?;
            search_windows(input, settings, places)
        })
    }
}

/// The largest elements of the windows of `settings`, of which there are so many.
fn search_windows<E: Element>(
    input: &Tensor<E>,
    settings: &Pooling,
    places: [usize; 2],
) -> Result<Found<E>> {
    let image = image_of(NAME, input.shape())?;
    search(NAME, input, places, |axis, place| {
        (0..settings.kernel_size[axis]).filter_map(move |tap| {
            let padded = place * settings.stride[axis] + tap * settings.dilation[axis];
            padded
                .checked_sub(settings.padding[axis])
                .filter(|&at| at < image[axis])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, gradient_check};

    fn image() -> Tensor<f64> {
        Tensor::standard_normal([2, 2, 5, 6], Stream::new(1))
    }

    #[test]
    fn windows_that_overlap_pad_dilate_and_reach_beyond_have_gradients() {
        let plain = Pooling::new([2, 3]);
        let settings = [
            (plain, [2, 2, 2, 2]),
            (
                Pooling {
                    stride: [1, 1],
                    ..plain
                },
                [2, 2, 4, 4],
            ),
            (
                Pooling {
                    padding: [1, 1],
                    ..plain
                },
                [2, 2, 3, 2],
            ),
            (
                Pooling {
                    dilation: [2, 1],
                    stride: [1, 2],
                    ..plain
                },
                [2, 2, 3, 2],
            ),
            (
                Pooling {
                    ceil_mode: true,
                    ..plain
                },
                [2, 2, 3, 2],
            ),
        ];
        for (settings, want) in settings {
            assert_eq!(
                image().max_pool2d(&settings).unwrap().shape(),
                want,
                "{settings:?}"
            );
            let weights = Tensor::standard_normal(want, Stream::new(2));
            let function = |x: &[Tensor<f64>]| Ok(x[0].max_pool2d(&settings)?.mul(&weights)?.sum());
            let worst = gradient_check::check(function, &[image()], 1e-6).unwrap();
            assert!(worst.error < 1e-7, "{settings:?}: {worst:?}");
        }
    }

    #[test]
    fn a_window_that_steps_over_the_image_finds_nothing() {
        let settings = Pooling {
            padding: [0, 1],
            dilation: [1, 2],
            ..Pooling::new([1, 2])
        };
        let x = Tensor::<f64>::ones([1, 1, 1]).requires_grad();
        let y = x.max_pool2d(&settings).unwrap();
        assert_eq!(y.to_vec(), [f64::NEG_INFINITY]);
        let gradient = y.sum().backward().unwrap().tensor(&x).unwrap();
        assert_eq!(gradient.to_vec(), [0.0]);
        assert!(
            Tensor::<f64>::ones([1, 1, 0])
                .max_pool2d(&settings)
                .is_err()
        );
    }

    /// The figures are those of PyTorch 2.15.
    #[test]
    fn places_are_told_on_request() {
        let x = Tensor::<f64>::from_fn([1, 4, 5], |place| (place * 7 % 11) as f64);
        let settings = Pooling {
            padding: [1, 1],
            dilation: [2, 2],
            ceil_mode: true,
            ..Pooling::new([2, 2])
        };
        let (largest, places) = x.max_pool2d_with_indices(&settings).unwrap();
        assert_eq!(
            largest.to_vec(),
            [9.0, 9.0, 1.0, 9.0, 9.0, 5.0, 2.0, 5.0, 5.0]
        );
        assert_eq!(largest, x.max_pool2d(&settings).unwrap());
        assert_eq!(places.shape(), [1, 3, 3]);
        assert_eq!(
            places.into_raw_vec_and_offset().0,
            [6, 6, 8, 6, 6, 18, 16, 18, 18]
        );
        let function = |x: &[Tensor<f64>]| {
            let (largest, _) = x[0].max_pool2d_with_indices(&settings)?;
            Ok(largest.square().sum())
        };
        let image = Tensor::standard_normal([1, 4, 5], Stream::new(1));
        let worst = gradient_check::check(function, &[image], 1e-6).unwrap();
        assert!(worst.error < 1e-6, "{worst:?}");
    }

    #[test]
    fn windows_side_by_side_have_gradients_and_leave_no_element_out() {
        for (kernel, want) in [
            ([2, 2], [2, 2, 2, 3]),
            ([3, 3], [2, 2, 1, 2]),
            ([1, 4], [2, 2, 5, 1]),
        ] {
            let settings = Pooling::new(kernel);
            let weights = Tensor::standard_normal(want, Stream::new(2));
            let function = |x: &[Tensor<f64>]| Ok(x[0].max_pool2d(&settings)?.mul(&weights)?.sum());
            let worst = gradient_check::check(function, &[image()], 1e-6).unwrap();
            assert!(worst.error < 1e-7, "{settings:?}: {worst:?}");
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        for settings in [
            Pooling::new([2, 2]),
            Pooling {
                stride: [1, 1],
                ..Pooling::new([2, 2])
            },
        ] {
            let run = |count| {
                threads::with(count, || {
                    let x = Tensor::<f32>::standard_normal([40, 8, 25, 26], Stream::new(1));
                    let x = x.requires_grad();
                    let y = x.max_pool2d(&settings).unwrap();
                    let gradients = y.backward_from(y.detach()).unwrap();
                    (y.to_vec(), gradients.tensor(&x).unwrap().to_vec())
                })
            };
            let want = run(1);
            for count in [2, 3, 4, 8] {
                assert_eq!(run(count), want, "{count} threads, {settings:?}");
            }
        }
    }

    #[test]
    fn the_first_of_equals_has_the_gradient() {
        let x = Tensor::<f64>::ones([1, 2, 2]).requires_grad();
        let y = x.max_pool2d(&Pooling::new([2, 2])).unwrap();
        let gradient = y.sum().backward().unwrap().tensor(&x).unwrap();
        assert_eq!(gradient.to_vec(), [1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn windows_that_do_not_fit_are_named() {
        let error = image().max_pool2d(&Pooling::new([6, 2])).unwrap_err();
        let want = "max_pool2d: shape [2, 2, 5, 6]: the window spans 6, the padded image only 5";
        assert_eq!(error.to_string(), want);
        let wide = Pooling {
            padding: [2, 2],
            ..Pooling::new([2, 2])
        };
        assert!(image().max_pool2d(&wide).is_err());
        assert!(
            Tensor::<f32>::zeros([4, 4])
                .max_pool2d(&Pooling::new([2, 2]))
                .is_err()
        );
    }
}
