//! Normalisation over the batch.

use crate::buffers::{self, Storage};
use crate::kernel::channels::{Affine, Channels};
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
    numbers: Numbers<E>,
    statistics: Statistics,
    /// Whether a rectifier follows.
    rectified: bool,
    weight: bool,
    bias: bool,
}

/// Where mean and variance come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Statistics {
    /// From the input, whose function they are.
    Own,
    /// From elsewhere.
    Given,
}

/// The numbers of (x - mean) scale + shift.
struct Numbers<E: Element> {
    /// One over the standard deviation.
    spreads: Vec<f64>,
    mean: Storage<E>,
    scale: Storage<E>,
    shift: Storage<E>,
}

impl<E: Element> Numbers<E> {
    fn new(
        [mean, variance]: [&[f64]; 2],
        eps: f64,
        [weight, bias]: [Option<&Tensor<E>>; 2],
    ) -> Self {
        let spreads = variance.iter().map(|it| (it + eps).sqrt().recip());
        let spreads: Vec<f64> = spreads.collect();
        let weight = weight.map(Tensor::elements);
        let factor = |channel: usize| weight.as_ref().map_or(1.0, |it| it[channel].double());
        let scales = spreads.iter().enumerate();
        Self {
            mean: mean.iter().map(|&mean| E::of(mean)).collect(),
            scale: scales
                .map(|(channel, &spread)| E::of(spread * factor(channel)))
                .collect(),
            shift: match bias {
                Some(bias) => buffers::copied(&bias.elements()),
                None => buffers::zeroed(mean.len()),
            },
            spreads,
        }
    }

    fn affine(&self) -> Affine<'_, E> {
        Affine {
            mean: &self.mean,
            scale: &self.scale,
            shift: &self.shift,
        }
    }
}

impl<E: Element> Backward<E> for BatchNormBackward<E> {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    /// With y = (x - m) s w + b: dw = s sum(g (x - m)), db = sum(g) and
    /// dx = s w (g - mean(g) - (x - m) s^2 mean(g (x - m))); where m and s are no functions of x,
    /// dx = s w g.
    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let (x, affine) = (self.input.elements(), self.numbers.affine());
        let sums = match self.channels.size() {
            0 => vec![[0.0; 2]; self.channels.channels],
            _ => {
                let g = gradient.elements();
                self.channels.gradient_sums(&x, &g, affine, self.rectified)
            }
        };
        if inputs.wants(0) {
            let size = self.channels.size() as f64;
            let [mut slopes, mut offsets] = [(); 2].map(|()| buffers::zeroed(sums.len()));
            if self.statistics == Statistics::Own {
                for (channel, &[plain, along]) in sums.iter().enumerate() {
                    let (spread, scale) = (
                        self.numbers.spreads[channel],
                        affine.scale[channel].double(),
                    );
                    slopes[channel] = E::of(-scale * spread * spread * along / size);
                    offsets[channel] = E::of(-scale * plain / size);
                }
            }
            let line: [&[E]; 2] = [&slopes, &offsets];
            // In the gradient's own memory where nobody else holds it.
            let mut g = gradient.into_storage();
            self.channels
                .combine(&x, &mut g, affine, line, self.rectified);
            let gradient = Tensor::new(g, self.input.layout.shape.clone());
            inputs.add(0, gradient);
        }
        let shape = Shape::from_slice(&[sums.len()]);
        if self.weight && inputs.wants(1) {
            let along = sums.iter().zip(&self.numbers.spreads);
            let data: Storage<E> = along
                .map(|(sums, spread)| E::of(sums[1] * spread))
                .collect();
            inputs.add(1, Tensor::new(data, shape.clone()));
        }
        let place = 1 + usize::from(self.weight);
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
        self.normalized(weight, bias, eps, false)
    }

    /// [`Tensor::relu`] of [`Tensor::batch_norm`], bit for bit, in as many passes over memory as the
    /// latter alone.
    ///
    /// # Errors
    /// As [`Tensor::batch_norm`].
    pub fn batch_norm_relu(
        &self,
        weight: Option<&Self>,
        bias: Option<&Self>,
        eps: f64,
    ) -> Result<BatchNormalized<E>> {
        self.normalized(weight, bias, eps, true)
    }

    /// [`Tensor::batch_norm`] with statistics from elsewhere, such as running ones: as no functions
    /// of the input, they have no gradient.
    ///
    /// # Shapes
    /// `self`: `[N, C, ...]`; `mean`, `variance`, `weight`, `bias`: `[C]`; result: as `self`.
    ///
    /// # Errors
    /// A shape error when these do not fit.
    ///
    /// # Source
    /// Ioffe and Szegedy 2015, "Batch normalization", algorithm 2, step 11.
    pub fn batch_norm_by(
        &self,
        mean: &Self,
        variance: &Self,
        weight: Option<&Self>,
        bias: Option<&Self>,
        eps: f64,
    ) -> Result<Self> {
        let layout = self.channels(&[Some(mean), Some(variance), weight, bias])?;
        let mean: Vec<f64> = mean.elements().iter().map(|mean| mean.double()).collect();
        let variance = variance.elements();
        let variance: Vec<f64> = variance.iter().map(|it| it.double()).collect();
        let numbers = Numbers::new([&mean, &variance], eps, [weight, bias]);
        Ok(self.transformed(layout, numbers, Statistics::Given, [weight, bias], false))
    }

    fn normalized(
        &self,
        weight: Option<&Self>,
        bias: Option<&Self>,
        eps: f64,
        rectified: bool,
    ) -> Result<BatchNormalized<E>> {
        let layout = self.channels(&[weight, bias])?;
        if layout.size() == 0 {
            let rule = "every channel must have at least one number";
            return Err(Error::shape("batch_norm", &[self.shape()], rule));
        }
        let moments = layout.moments(&self.elements());
        let mean: Vec<f64> = moments.iter().map(|moments| moments[0]).collect();
        let variance: Vec<f64> = moments.iter().map(|moments| moments[1]).collect();
        let numbers = Numbers::new([&mean, &variance], eps, [weight, bias]);
        let output = self.transformed(layout, numbers, Statistics::Own, [weight, bias], rectified);
        Ok(BatchNormalized {
            output,
            mean,
            variance,
        })
    }

    /// This tensor's layout by channels, for each of which `numbers` must hold one.
    fn channels(&self, numbers: &[Option<&Self>]) -> Result<Channels> {
        let &[outer, channels, ref rest @ ..] = self.shape() else {
            let rule = "must be [N, C, ...]";
            return Err(Error::shape("batch_norm", &[self.shape()], rule));
        };
        for numbers in numbers.iter().flatten() {
            if numbers.shape() != [channels] {
                let rule = format!("must hold one number for each of {channels} channels");
                return Err(Error::shape("batch_norm", &[numbers.shape()], rule));
            }
        }
        Ok(Channels {
            outer,
            channels,
            inner: count(rest),
        })
    }

    /// (x - mean) scale + shift, and no less than 0 if `rectified`.
    fn transformed(
        &self,
        channels: Channels,
        numbers: Numbers<E>,
        statistics: Statistics,
        [weight, bias]: [Option<&Self>; 2],
        rectified: bool,
    ) -> Self {
        let mut data = buffers::take(self.len());
        channels.apply(&self.elements(), numbers.affine(), rectified, &mut data);
        let value = Self::new(data, self.layout.shape.clone());
        let inputs: Vec<&Self> = [Some(self), weight, bias].into_iter().flatten().collect();
        value.recorded(&inputs, || BatchNormBackward {
            input: self.contiguous(),
            channels,
            numbers,
            statistics,
            rectified,
            weight: weight.is_some(),
            bias: bias.is_some(),
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
    fn a_rectifier_in_the_same_passes_changes_no_bit() {
        for shape in [&[70, 3][..], &[3, 2, 3, 2], &[5, 20, 7, 5], &[3, 2, 30, 50]] {
            let [x, weight, bias] = inputs(shape).map(|x| x.cast::<f32>().requires_grad());
            let g = Tensor::standard_normal(shape, Stream::new(5));
            let run = |y: Tensor<f32>| {
                let gradients = y.backward_from(g.clone()).unwrap();
                let all = [&x, &weight, &bias].map(|x| gradients.tensor(x).unwrap().to_vec());
                (y.to_vec(), all)
            };
            let (weight, bias) = (Some(&weight), Some(&bias));
            let apart = x.batch_norm(weight, bias, 1e-5).unwrap().output.relu();
            let done = x.batch_norm_relu(weight, bias, 1e-5).unwrap();
            assert_eq!(run(done.output), run(apart), "{shape:?}");
        }
    }

    #[test]
    fn given_statistics_have_no_gradient() {
        for shape in [&[6, 3][..], &[2, 2, 7, 5]] {
            let weights = Tensor::standard_normal(shape, Stream::new(4));
            let mean = Tensor::standard_normal([shape[1]], Stream::new(5));
            let variance = mean.square();
            let function = |x: &[Tensor<f64>]| {
                let (weight, bias) = (Some(&x[1]), Some(&x[2]));
                let done = x[0].batch_norm_by(&mean, &variance, weight, bias, 1e-3)?;
                Ok(done.mul(&weights)?.sum())
            };
            let worst = gradient_check::check(function, &inputs(shape), 1e-5).unwrap();
            assert!(worst.error < 1e-6, "{shape:?}: {worst:?}");
        }
        let x = Tensor::<f64>::from_vec(vec![5.0, 1.0], [1, 2]).unwrap();
        let [mean, variance] = [[3.0, 1.0], [4.0, 1.0]]
            .map(|numbers| Tensor::from_vec(numbers.to_vec(), [2]).unwrap());
        let y = x.batch_norm_by(&mean, &variance, None, Some(&mean), 0.0);
        assert_eq!(y.unwrap().to_vec(), [4.0, 1.0]);
        assert!(x.batch_norm_by(&mean, &x, None, None, 0.0).is_err());
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
