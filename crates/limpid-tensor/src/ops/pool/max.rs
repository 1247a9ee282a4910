//! The largest element of every window.

use super::window::{Pooling, batched, image_of};
use crate::kernel::pool::largest;
use crate::layout::{Shape, count};
use crate::{Backward, Element, InputGradients, Result, Tensor};

struct MaxPoolBackward {
    shape: Shape,
    /// Where in the input each element of the result came from.
    places: Vec<usize>,
}

impl<E: Element> Backward<E> for MaxPoolBackward {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let mut data = vec![E::zero(); count(&self.shape)];
        for (&place, &term) in self.places.iter().zip(gradient.elements().iter()) {
            data[place] += term;
        }
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
            let seen = |axis: usize, place: usize, length: usize| {
                (0..settings.kernel_size[axis]).filter_map(move |tap| {
                    let padded = place * settings.stride[axis] + tap * settings.dilation[axis];
                    padded
                        .checked_sub(settings.padding[axis])
                        .filter(|&at| at < length)
                })
            };
            let planes = count(&input.shape()[..2]);
            let mut places = Vec::with_capacity(planes * down * across);
            for plane in 0..planes {
                let first = plane * height * width;
                for y in 0..down {
                    for x_place in 0..across {
                        let window = seen(0, y, height).flat_map(|row| {
                            seen(1, x_place, width).map(move |column| first + row * width + column)
                        });
                        // A window always sees the image: the padding is at most half of it.
                        places.extend(largest(&x, window));
                    }
                }
            }
            let data = places.iter().map(|&place| x[place]).collect();
            let mut shape = input.layout.shape.clone();
            (shape[2], shape[3]) = (down, across);
            let value = Tensor::from_vec(data, &shape)?;
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
