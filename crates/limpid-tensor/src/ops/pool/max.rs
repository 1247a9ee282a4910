//! The largest element of every window.

use super::window::{Pooling, batched, image_of};
use crate::buffers::{self, Storage};
use crate::kernel::pool::{Chosen, Largest, largest};
use crate::kernel::{simd, threads};
use crate::layout::{Shape, count};
use crate::{Backward, Element, InputGradients, Result, Tensor};

/// Fewer elements are not worth sharing.
const SHARED: usize = 1 << 16;

struct MaxPoolBackward {
    shape: Shape,
    /// Where in its plane each element of the result came from.
    places: Storage<u32>,
}

impl<E: Element> Backward<E> for MaxPoolBackward {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let mut data = buffers::zeroed(count(&self.shape));
        let (g, plane) = (gradient.elements(), self.shape[2] * self.shape[3]);
        let results = g.len().checked_div(count(&self.shape[..2])).unwrap_or(0);
        by_planes(&mut data, plane, |first, data| {
            for (index, plane) in (first..).zip(data.chunks_exact_mut(plane)) {
                let own = index * results..(index + 1) * results;
                for (&place, &term) in self.places[own.clone()].iter().zip(&g[own]) {
                    plane[place as usize] += term;
                }
            }
        });
        inputs.add(0, Tensor::new(data, self.shape.clone()));
        Ok(())
    }
}

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
        "max_pool2d"
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
    /// NaN counts as the largest. The padding is never chosen.
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
            let [down, across] = settings.places("max_pool2d", input.shape())?;
            let [height, width] = image_of("max_pool2d", input.shape())?;
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
            let seen = |axis: usize, place: usize, length: usize| {
                (0..settings.kernel_size[axis]).filter_map(move |tap| {
                    let padded = place * settings.stride[axis] + tap * settings.dilation[axis];
                    padded
                        .checked_sub(settings.padding[axis])
                        .filter(|&at| at < length)
                })
            };
            let plane = height * width;
            let mut data = buffers::take(count(&shape));
            let mut places = buffers::take(data.len());
            let work = |first: usize, (data, places): (&mut [E], &mut [u32])| {
                for (index, (data, place)) in (first..).zip(data.iter_mut().zip(places)) {
                    let (x, at) = (
                        &x[index / (down * across) * plane..][..plane],
                        index % (down * across),
                    );
                    let window = seen(0, at / across, height).flat_map(|row| {
                        seen(1, at % across, width).map(move |column| row * width + column)
                    });
                    // A window always sees the image: the padding is at most half of it.
                    let chosen = largest(x, window).unwrap_or(0);
                    (*data, *place) = (x[chosen], chosen as u32);
                }
            };
            let together = match data.len() < SHARED / 4 {
                true => data.len().max(1),
                false => SHARED / 16,
            };
            threads::chunks((&mut data[..], &mut places[..]), together, work);
            let value = Tensor::new(data, shape);
            Ok(value.recorded(&[input], || MaxPoolBackward {
                shape: input.layout.shape.clone(),
                places,
            }))
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
