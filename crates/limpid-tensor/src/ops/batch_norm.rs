//! Normalisation over the batch.

use crate::buffers::{self, Storage};
use crate::kernel::channels::Channels;
use crate::layout::{Shape, count};
use crate::{Backward, Element, Error, InputGradients, Result, Tensor};

/// What [`Tensor::batch_norm`] gives.
#[derive(Debug)]
pub struct BatchNormalized<E: Element> {
    /// The channels with mean 0 and variance 1, scaled and shifted.
    pub output: Tensor<E>,
    /// The channels' means.
    pub mean: Vec<f64>,
    /// The channels' variances: mean squares around the mean.
    pub variance: Vec<f64>,
}

struct BatchNormBackward<E: Element> {
    input: Tensor<E>,
    channels: Channels,
    mean: Storage<E>,
    /// One over the standard deviation.
    scale: Vec<f64>,
    weight: Option<Tensor<E>>,
    bias: bool,
}

impl<E: Element> Backward<E> for BatchNormBackward<E> {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    /// With y = (x - m) s w + b: dw = s sum(g (x - m)), db = sum(g) and
    /// dx = s w (g - mean(g) - (x - m) s^2 mean(g (x - m))).
    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let (x, g) = (self.input.elements(), gradient.elements());
        let sums = self.channels.gradient_sums(&x, &g, &self.mean);
        if inputs.wants(0) {
            let weight = self.weight.as_ref().map(Tensor::elements);
            let size = self.channels.size() as f64;
            let [mut scales, mut slopes, mut shifts] = [(); 3].map(|()| buffers::take(sums.len()));
            for (channel, &[plain, along]) in sums.iter().enumerate() {
                let spread = self.scale[channel];
                let factor = weight
                    .as_ref()
                    .map_or(1.0, |weight| weight[channel].double());
                let scale = spread * factor;
                scales[channel] = E::of(scale);
                slopes[channel] = E::of(-scale * spread * spread * along / size);
                shifts[channel] = E::of(-scale * plain / size);
            }
            let mut data = buffers::take(x.len());
            let numbers: [&[E]; 4] = [&self.mean, &scales, &slopes, &shifts];
            self.channels.combine(&x, &g, numbers, &mut data);
            inputs.add(0, Tensor::new(data, self.input.layout.shape.clone()));
        }
        let shape = Shape::from_slice(&[sums.len()]);
        if self.weight.is_some() && inputs.wants(1) {
            let along = sums.iter().zip(&self.scale);
            let data: Storage<E> = along.map(|(sums, scale)| E::of(sums[1] * scale)).collect();
            inputs.add(1, Tensor::new(data, shape.clone()));
        }
        let place = 1 + usize::from(self.weight.is_some());
        if self.bias && inputs.wants(place) {
            let data: Storage<E> = sums.iter().map(|sums| E::of(sums[0])).collect();
            inputs.add(place, Tensor::new(data, shape));
        }
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// Every channel brought to mean 0 and variance 1 over the batch, then scaled and shifted:
    /// (x - mean) / sqrt(variance + eps) * weight + bias, as one operation.
    ///
    /// # Shapes
    /// `self`: `[N, C, ...]`; `weight`, `bias`: `[C]`; result: as `self`.
    ///
    /// # Errors
    /// A shape error when these do not fit, or a channel has no numbers.
    ///
    /// # Source
    /// Ioffe and Szegedy 2015, "Batch normalization", algorithm 1.
    pub fn batch_norm(
        &self,
        weight: Option<&Self>,
        bias: Option<&Self>,
        eps: f64,
    ) -> Result<BatchNormalized<E>> {
        let &[outer, channels, ref rest @ ..] = self.shape() else {
            let rule = "must be [N, C, ...]";
            return Err(Error::shape("batch_norm", &[self.shape()], rule));
        };
        let layout = Channels {
            outer,
            channels,
            inner: count(rest),
        };
        if layout.size() == 0 {
            let rule = "every channel must have at least one number";
            return Err(Error::shape("batch_norm", &[self.shape()], rule));
        }
        for numbers in [weight, bias].into_iter().flatten() {
            if numbers.shape() != [channels] {
                let rule = format!("must hold one number for each of {channels} channels");
                return Err(Error::shape("batch_norm", &[numbers.shape()], rule));
            }
        }
        let x = self.elements();
        let moments = layout.moments(&x);
        let mean: Vec<f64> = moments.iter().map(|moments| moments[0]).collect();
        let variance: Vec<f64> = moments.iter().map(|moments| moments[1]).collect();
        let spreads = variance
            .iter()
            .map(|variance| (variance + eps).sqrt().recip());
        let spreads: Vec<f64> = spreads.collect();
        let means: Storage<E> = mean.iter().map(|&mean| E::of(mean)).collect();
        let factors = weight.map(Self::elements);
        let scales = spreads
            .iter()
            .enumerate()
            .map(|(channel, &spread)| match &factors {
                Some(factors) => E::of(spread * factors[channel].double()),
                None => E::of(spread),
            });
        let scales: Storage<E> = scales.collect();
        let shifts = match bias {
            Some(bias) => buffers::copied(&bias.elements()),
            None => buffers::zeroed(channels),
        };
        let mut data = buffers::take(x.len());
        layout.scale(&x, [&means, &scales, &shifts], &mut data);
        let value = Self::new(data, self.layout.shape.clone());
        let inputs = [Some(self), weight, bias];
        let inputs: Vec<&Self> = inputs.into_iter().flatten().collect();
        let output = value.recorded(&inputs, || BatchNormBackward {
            input: self.contiguous(),
            channels: layout,
            mean: means,
            scale: spreads,
            weight: weight.map(Self::detach),
            bias: bias.is_some(),
        });
        Ok(BatchNormalized {
            output,
            mean,
            variance,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, gradient_check, threads};

    fn inputs(shape: &[usize]) -> [Tensor<f64>; 3] {
        [
            Tensor::standard_normal(shape, Stream::new(1)),
            Tensor::standard_normal([shape[1]], Stream::new(2)),
            Tensor::standard_normal([shape[1]], Stream::new(3)),
        ]
    }

    #[test]
    fn gradients_agree_with_differences_for_short_and_for_long_lines() {
        for shape in [&[6, 3][..], &[3, 2, 3, 2], &[2, 2, 7, 5]] {
            let weights = Tensor::standard_normal(shape, Stream::new(4));
            let function = |x: &[Tensor<f64>]| {
                let done = x[0].batch_norm(Some(&x[1]), Some(&x[2]), 1e-3)?;
                Ok(done.output.mul(&weights)?.sum())
            };
            let worst = gradient_check::check(function, &inputs(shape), 1e-5).unwrap();
            assert!(worst.error < 1e-6, "{shape:?}: {worst:?}");
            let plain = |x: &[Tensor<f64>]| {
                let done = x[0].batch_norm(None, Some(&x[1]), 1e-3)?;
                Ok(done.output.mul(&weights)?.sum())
            };
            let worst = gradient_check::check(plain, &inputs(shape)[..2], 1e-5).unwrap();
            assert!(worst.error < 1e-6, "{shape:?}: {worst:?}");
        }
    }

    #[test]
    fn two_numbers_become_minus_one_and_one() {
        let x = Tensor::<f64>::from_vec(vec![1e6, 1e6 + 2.0], [2, 1]).unwrap();
        let done = x.batch_norm(None, None, 0.0).unwrap();
        assert_eq!(done.output.to_vec(), [-1.0, 1.0]);
        assert_eq!((done.mean, done.variance), (vec![1e6 + 1.0], vec![1.0]));
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        for shape in [&[64, 70, 5, 4][..], &[40, 12, 20, 13], &[600, 130]] {
            let run = |count| {
                threads::with(count, || {
                    let [x, weight, bias] = inputs(shape).map(|x| x.cast::<f32>().requires_grad());
                    let y = x
                        .batch_norm(Some(&weight), Some(&bias), 1e-5)
                        .unwrap()
                        .output;
                    let gradients = y.backward_from(y.detach()).unwrap();
                    let all = [&x, &weight, &bias].map(|x| gradients.tensor(x).unwrap().to_vec());
                    (y.to_vec(), all)
                })
            };
            let want = run(1);
            for count in [2, 3, 4, 8] {
                assert_eq!(run(count), want, "{count} threads, {shape:?}");
            }
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let [x, weight, _] = inputs(&[2, 3]);
        let error = x.batch_norm(Some(&weight.narrow(0, 0, 2).unwrap()), None, 0.0);
        let want = "batch_norm: shape [2]: must hold one number for each of 3 channels";
        assert_eq!(error.unwrap_err().to_string(), want);
        assert!(
            Tensor::<f32>::zeros([3])
                .batch_norm(None, None, 0.0)
                .is_err()
        );
        assert!(
            Tensor::<f32>::zeros([0, 3])
                .batch_norm(None, None, 0.0)
                .is_err()
        );
    }
}
