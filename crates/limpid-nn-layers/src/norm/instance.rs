//! Normalisation over one channel of one item.

use limpid_tensor::{Buffer, Element, Error, Parameter, Result, Tensor, count};

use crate::{Context, Module, Parameters, RunningStatistics};

/// Brings every channel of every item to mean 0 and variance 1 over its `D` spatial dimensions:
/// (x - mean) / sqrt(var + eps), by the biased variance; where asked for, scaled and shifted after
/// that. The same in training and in evaluation, whatever the batch, unless
/// [`InstanceNorm::with_running_statistics`] asks for running ones: then training moves them by
/// `momentum` towards the batch's means of its items' means and unbiased variances, through
/// [`Context::update`], and evaluation normalises by them.
///
/// # Shapes
/// input: `[N, C, ...]` or `[C, ...]` with `D` dimensions behind the channels; weight, bias: `[C]`.
///
/// # Errors
/// A shape error when the input has another rank or number of channels, or a channel has only one
/// number, which has no spread.
///
/// # Source
/// Ulyanov et al. 2016, "Instance normalization"; equals `torch.nn.InstanceNorm1d` and
/// `InstanceNorm2d`.
///
/// # Example
/// ```
/// use limpid_nn_layers::{InstanceNorm1d, Module};
/// use limpid_tensor::Tensor;
///
/// let norm = InstanceNorm1d::<f64>::new(2)?.with_eps(0.0);
/// let input = Tensor::from_vec(vec![1.0, 3.0, 10.0, 0.0], [1, 2, 2])?;
/// assert_eq!(norm.predict(&input)?.to_vec(), [-1.0, 1.0, 1.0, -1.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
pub struct InstanceNorm<E: Element, const D: usize> {
    /// The scale, `[C]`. By default there is none.
    pub weight: Option<Parameter<E>>,
    /// The shift, `[C]`. By default there is none.
    pub bias: Option<Parameter<E>>,
    /// The running mean, `[C]`, where it is kept. By default it is not.
    pub running_mean: Option<Buffer<E>>,
    /// The running unbiased variance, `[C]`, where it is kept.
    pub running_var: Option<Buffer<E>>,
    /// A scalar 0 beside the running statistics: PyTorch has it in its states, and does not count.
    pub num_batches_tracked: Option<Buffer<E>>,
    /// How many channels there are.
    pub num_features: usize,
    /// The share of the new in the running statistics. The default is 0.1.
    pub momentum: f64,
    /// Added to the variance. The default is 1e-5.
    pub eps: f64,
}

/// Over the length of `[N, C, L]` or `[C, L]`.
pub type InstanceNorm1d<E> = InstanceNorm<E, 1>;
/// Over height and width of `[N, C, H, W]` or `[C, H, W]`.
pub type InstanceNorm2d<E> = InstanceNorm<E, 2>;

impl<E: Element, const D: usize> InstanceNorm<E, D> {
    /// For so many channels; without scale and shift, eps 1e-5.
    ///
    /// # Errors
    /// An argument error when there are no channels.
    pub fn new(num_features: usize) -> Result<Self> {
        if num_features == 0 {
            let name = "num_features";
            return Err(Error::argument("instance_norm", name, "at least 1", 0));
        }
        Ok(Self {
            weight: None,
            bias: None,
            running_mean: None,
            running_var: None,
            num_batches_tracked: None,
            num_features,
            momentum: 0.1,
            eps: 1e-5,
        })
    }

    /// The same, with a scale of 1 and a shift of 0 to be learned.
    #[must_use]
    pub fn with_affine(self) -> Self {
        Self {
            weight: Some(Parameter::new(Tensor::ones([self.num_features]))),
            bias: Some(Parameter::new(Tensor::zeros([self.num_features]))),
            ..self
        }
    }

    /// The same, with running statistics, a mean of 0 and a variance of 1, to evaluate by.
    #[must_use]
    pub fn with_running_statistics(self) -> Self {
        let channels = [self.num_features];
        Self {
            running_mean: Some(Buffer::new(Tensor::zeros(channels))),
            running_var: Some(Buffer::new(Tensor::ones(channels))),
            num_batches_tracked: Some(Buffer::optional(Tensor::scalar(0.0))),
            ..self
        }
    }

    /// The same, with this share of the new in the running statistics.
    ///
    /// # Errors
    /// An argument error when it lies outside `[0, 1]`.
    pub fn with_momentum(self, momentum: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&momentum) {
            let expected = "in [0, 1]";
            return Err(Error::argument(
                "instance_norm",
                "momentum",
                expected,
                momentum,
            ));
        }
        Ok(Self { momentum, ..self })
    }

    /// Moves the running statistics towards those of `input`, `[N, C, ...]`.
    fn keep(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<()> {
        let (Some(mean), Some(variance)) = (&self.running_mean, &self.running_var) else {
            return Ok(());
        };
        if input.size(0)? == 0 || context.statistics() != RunningStatistics::Moving {
            return Ok(());
        }
        let input = input.detach();
        let space: Vec<isize> = (0..D as isize).map(|axis| axis - D as isize).collect();
        let batch = |of_items: Tensor<E>| of_items.mean_dim(&[0], false);
        for (name, buffer, new) in [
            ("running_mean", mean, batch(input.mean_dim(&space, false)?)?),
            (
                "running_var",
                variance,
                batch(input.var(&space, 1.0, false)?)?,
            ),
        ] {
            let old = context.updated(name);
            let old = old.unwrap_or_else(|| buffer.value().clone());
            let moved = old.mul_scalar(1.0 - self.momentum);
            context.update(name, moved.add(&new.mul_scalar(self.momentum))?);
        }
        Ok(())
    }

    /// The same, with this added to the variance.
    #[must_use]
    pub fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }
}

impl<E: Element, const D: usize> Module<E> for InstanceNorm<E, D> {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let (shape, channels) = (input.shape(), self.num_features);
        let refused = |rule: String| Err(Error::shape("instance_norm", &[shape], rule));
        let item = match shape.len().checked_sub(D) {
            Some(1) => shape,
            Some(2) => &shape[1..],
            _ => &[],
        };
        let Some((&found, rest)) = item.split_first() else {
            return refused(format!("must be [N, C, ...] or [C, ...] with {D} behind C"));
        };
        if found != channels {
            return refused(format!("must have {channels} channels"));
        }
        let items = match shape.len() - D {
            1 => input.unsqueeze(0)?,
            _ => input.clone(),
        };
        let (weight, bias) = (self.weight.as_deref(), self.bias.as_deref());
        if let (false, Some(mean), Some(variance)) =
            (context.is_training(), &self.running_mean, &self.running_var)
        {
            let (mean, variance) = (mean.value(), variance.value());
            let done = items.batch_norm_by(mean, variance, weight, bias, self.eps)?;
            return done.reshape(shape);
        }
        if count(rest) == 1 {
            return refused("a channel must have more than one number".to_owned());
        }
        if input.is_empty() {
            return Ok(input.clone());
        }
        if context.is_training() {
            self.keep(&items, context)?;
        }
        let done = items.group_norm(channels, weight, bias, self.eps)?;
        done.reshape(shape)
    }

    fn differs_in_training(&self) -> bool {
        self.running_mean.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::{Stream, named_buffers};

    #[test]
    fn the_contract_holds_in_one_and_two_dimensions() {
        let line = Tensor::standard_normal([2, 3, 4], Stream::new(1));
        check_module(|_| InstanceNorm1d::new(3), &line, &[2, 3, 4]).unwrap();
        let affine = |_| Ok(InstanceNorm1d::new(3)?.with_affine());
        check_module(affine, &line, &[2, 3, 4]).unwrap();
        let image = Tensor::standard_normal([2, 3, 2, 2], Stream::new(1));
        let affine = |_| Ok(InstanceNorm2d::new(3)?.with_affine());
        check_module(affine, &image, &[2, 3, 2, 2]).unwrap();
        let alone = image.narrow(0, 1, 1).unwrap().squeeze(0).unwrap();
        check_module(affine, &alone, &[3, 2, 2]).unwrap();
        let tracking = |_| {
            Ok(InstanceNorm2d::new(3)?
                .with_affine()
                .with_running_statistics())
        };
        check_module(tracking, &image, &[2, 3, 2, 2]).unwrap();
        check_module(tracking, &alone, &[3, 2, 2]).unwrap();
    }

    /// The figures are those of PyTorch 2.15.
    #[test]
    fn the_figures_are_those_of_the_reference() {
        let input = Tensor::from_vec(vec![1.0, 2.0, 4.0, 0.0, 3.0, 5.0], [1, 2, 3]).unwrap();
        let close = |norm: &InstanceNorm1d<f64>, input: &Tensor<f64>, want: [f64; 6]| {
            let found = norm.predict(input).unwrap().to_vec();
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-14;
            assert!(found.iter().zip(&want).all(near), "{found:?}");
        };
        let plain = InstanceNorm1d::new(2).unwrap();
        let want = [
            -1.0690415314502977,
            -0.2672603828625746,
            1.3363019143128716,
            -1.2977698322143143,
            0.16222122902678937,
            1.1355486031875253,
        ];
        close(&plain, &input.squeeze(0).unwrap(), want);
        let affine = InstanceNorm1d {
            weight: Some(Parameter::new(
                Tensor::from_vec(vec![1.0, 2.0], [2]).unwrap(),
            )),
            bias: Some(Parameter::new(
                Tensor::from_vec(vec![0.0, 0.5], [2]).unwrap(),
            )),
            ..plain
        };
        let [a, b, c, ..] = want;
        let want = [
            a,
            b,
            c,
            -2.0955396644286286,
            0.8244424580535787,
            2.7710972063750505,
        ];
        close(&affine, &input, want);
    }

    /// The numbers are those of PyTorch 2.15, `InstanceNorm1d(2, track_running_stats=True)`.
    #[test]
    fn running_statistics_move_in_training_and_serve_in_evaluation() {
        let rows = vec![1.0, 2.0, 4.0, 0.0, 3.0, 5.0, -1.0, 0.5, 2.0, 3.0, 3.5, 7.0];
        let input = Tensor::from_vec(rows, [2, 2, 3]).unwrap();
        let mut norm = InstanceNorm1d::<f64>::new(2)
            .unwrap()
            .with_running_statistics();
        for _ in 0..2 {
            let mut context = Context::train(Stream::new(1));
            norm.forward(&input, &mut context).unwrap();
            context.into_updates().apply(&mut norm).unwrap();
        }
        let near = |found: Vec<f64>, want: &[f64]| {
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-14;
            assert!(found.iter().zip(want).all(near), "{found:?}");
        };
        let mean = norm.running_mean.as_ref().unwrap();
        near(mean.to_vec(), &[0.2691666666666667, 0.6808333333333333]);
        let variance = norm.running_var.as_ref().unwrap();
        near(variance.to_vec(), &[1.2454166666666668, 1.862916666666667]);
        let want = [
            0.6548762902172466,
            1.5509441901724301,
            3.3430799900827974,
            -0.4988189349845007,
            1.699159236305833,
            3.164478017166055,
        ];
        near(norm.predict(&input).unwrap().to_vec(), &want);
        let names = named_buffers(&norm).into_iter().map(|(name, _)| name);
        let want = ["running_mean", "running_var", "num_batches_tracked"];
        assert_eq!(names.collect::<Vec<_>>(), want);
        assert!(norm.with_momentum(1.5).is_err());
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let norm = InstanceNorm1d::<f64>::new(2).unwrap();
        let error = |shape: &[usize]| norm.predict(&Tensor::zeros(shape)).unwrap_err();
        let want = "instance_norm: shape [4, 2, 1]: a channel must have more than one number";
        assert_eq!(error(&[4, 2, 1]).to_string(), want);
        let want = "instance_norm: shape [4, 3, 5]: must have 2 channels";
        assert_eq!(error(&[4, 3, 5]).to_string(), want);
        for shape in [&[0, 2, 3][..], &[3, 2, 0]] {
            assert_eq!(norm.predict(&Tensor::zeros(shape)).unwrap().shape(), shape);
        }
        for shape in [&[2][..], &[], &[1, 2, 3, 4]] {
            assert!(error(shape).to_string().contains("with 1 behind C"));
        }
        assert!(InstanceNorm2d::<f64>::new(0).is_err());
    }
}
