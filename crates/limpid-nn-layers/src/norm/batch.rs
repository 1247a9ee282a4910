//! Normalisation over the batch.

use limpid_tensor::{Buffer, Element, Error, Parameter, Result, Tensor, count};

use crate::{Context, Module, Parameters, RunningStatistics};

/// How a [`BatchNorm`] layer is to be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormConfig {
    /// Channels, the length of dimension 1.
    pub channels: usize,
    /// Added to the variance; above 0. The default is 1e-5.
    pub eps: f64,
    /// The share of the new in the running statistics, in `[0, 1]`; without one they are the mean of
    /// all batches so far. The default is 0.1.
    pub momentum: Option<f64>,
    /// Whether a scale and a shift are learned. The default is yes.
    pub affine: bool,
}

impl BatchNormConfig {
    /// For `channels` channels, with PyTorch's defaults.
    pub fn new(channels: usize) -> Self {
        Self {
            channels,
            eps: 1e-5,
            momentum: Some(0.1),
            affine: true,
        }
    }

    /// The same, with this added to the variance.
    #[must_use]
    pub fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// The same, with this share of the new in the running statistics.
    #[must_use]
    pub fn with_momentum(self, momentum: f64) -> Self {
        Self {
            momentum: Some(momentum),
            ..self
        }
    }

    /// The same, with running statistics that are the mean of those of all batches so far.
    #[must_use]
    pub fn with_cumulative_average(self) -> Self {
        Self {
            momentum: None,
            ..self
        }
    }

    /// The same, with a learned scale and shift or without.
    #[must_use]
    pub fn with_affine(self, affine: bool) -> Self {
        Self { affine, ..self }
    }

    /// The layer: scale 1, shift 0, running mean 0, running variance 1.
    ///
    /// # Errors
    /// An argument error when a setting is out of range.
    pub fn build<E: Element>(&self) -> Result<BatchNorm<E>> {
        let Self {
            channels,
            eps,
            momentum,
            affine,
        } = *self;
        if channels == 0 {
            return Err(Error::argument(
                "batch_norm",
                "channels",
                "at least 1",
                channels,
            ));
        }
        if !(eps >= 0.0 && eps.is_finite()) {
            return Err(Error::argument(
                "batch_norm",
                "eps",
                "finite and at least 0",
                eps,
            ));
        }
        if let Some(momentum) = momentum.filter(|share| !(0.0..=1.0).contains(share)) {
            return Err(Error::argument(
                "batch_norm",
                "momentum",
                "in [0, 1]",
                momentum,
            ));
        }
        Ok(BatchNorm {
            weight: affine.then(|| Parameter::new(Tensor::ones([channels]))),
            bias: affine.then(|| Parameter::new(Tensor::zeros([channels]))),
            running_mean: Buffer::new(Tensor::zeros([channels])),
            running_var: Buffer::new(Tensor::ones([channels])),
            num_batches_tracked: Buffer::optional(Tensor::scalar(0.0)),
            eps,
            momentum,
        })
    }
}

/// Brings every channel to mean 0 and variance 1, over the batch in training and by running
/// statistics in evaluation, then scales and shifts it: (x - mean) / sqrt(var + eps) * weight + bias.
///
/// A batch without numbers stays one, and moves nothing.
///
/// In training the running statistics move by `momentum` towards the batch's, or by 1 over the
/// number of batches so far where there is no momentum, through [`Context::update`]; their variance
/// is the unbiased one, the normalisation's is not.
///
/// # Shapes
/// input: `[N, C]` or `[N, C, ...]` up to rank 5; all else: `[C]`.
///
/// # Source
/// Ioffe and Szegedy 2015, "Batch normalization", algorithm 1; equals `torch.nn.BatchNorm1d` to 3d.
///
/// # Example
/// ```
/// use limpid_nn_layers::{BatchNorm, Context, Module};
/// use limpid_tensor::{Stream, Tensor};
///
/// let mut norm = BatchNorm::<f64>::new(1)?;
/// let mut context = Context::train(Stream::new(7));
/// norm.forward(&Tensor::from_vec(vec![1.0, 3.0], [2, 1])?, &mut context)?;
/// context.into_updates().apply(&mut norm)?;
/// assert!((norm.running_mean.item()? - 0.2).abs() < 1e-12);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
pub struct BatchNorm<E: Element> {
    /// The scale, `[C]`.
    pub weight: Option<Parameter<E>>,
    /// The shift, `[C]`.
    pub bias: Option<Parameter<E>>,
    /// The running mean, `[C]`.
    pub running_mean: Buffer<E>,
    /// The running unbiased variance, `[C]`.
    pub running_var: Buffer<E>,
    /// How many batches the running statistics have seen, a scalar. A state may lack it.
    pub num_batches_tracked: Buffer<E>,
    /// Added to the variance.
    pub eps: f64,
    /// The share of the new in the running statistics; without one, 1 over the number of batches.
    pub momentum: Option<f64>,
}

impl<E: Element> BatchNorm<E> {
    /// For `channels` channels, with PyTorch's defaults.
    ///
    /// # Errors
    /// As [`BatchNormConfig::build`].
    pub fn new(channels: usize) -> Result<Self> {
        BatchNormConfig::new(channels).build()
    }

    /// Counts a batch and moves the running statistics towards its `mean` and `variance`.
    fn keep(&self, context: &mut Context<'_, E>, mean: &[f64], variance: &[f64]) -> Result<()> {
        let statistics = context.statistics();
        let mut old = |name, buffer: &Buffer<E>| {
            context.updated(name).unwrap_or_else(|| match statistics {
                RunningStatistics::Begun => Tensor::zeros(buffer.shape()),
                _ => buffer.value().clone(),
            })
        };
        let tracked = old("num_batches_tracked", &self.num_batches_tracked).add_scalar(1.0);
        let share = match (self.momentum, statistics) {
            (Some(momentum), RunningStatistics::Moving) => momentum,
            _ => tracked.item()?.double().recip(),
        };
        let mut moved = |name, buffer, new: &[f64]| {
            let new = Tensor::from_fn([new.len()], |channel| new[channel]).mul_scalar(share);
            old(name, buffer).mul_scalar(1.0 - share).add(&new)
        };
        let mean = moved("running_mean", &self.running_mean, mean)?;
        let variance = moved("running_var", &self.running_var, variance)?;
        context.update("running_mean", mean);
        context.update("running_var", variance);
        context.update("num_batches_tracked", tracked);
        Ok(())
    }
}

impl<E: Element> BatchNorm<E> {
    /// By the batch's statistics, which the running ones are moved towards; rectified or not.
    fn by_batch(
        &self,
        input: &Tensor<E>,
        context: &mut Context<'_, E>,
        rectified: bool,
    ) -> Result<Tensor<E>> {
        self.check(input)?;
        let size = input.shape()[0] * count(&input.shape()[2..]);
        if size == 0 {
            return self.by_running(input);
        }
        if size < 2 {
            let rule = "training needs more than one number a channel";
            return Err(Error::shape("batch_norm", &[input.shape()], rule));
        }
        let (weight, bias) = (self.weight.as_deref(), self.bias.as_deref());
        let done = match rectified {
            true => input.batch_norm_relu(weight, bias, self.eps)?,
            false => input.batch_norm(weight, bias, self.eps)?,
        };
        let unbiased = size as f64 / (size - 1) as f64;
        let variance: Vec<f64> = done.variance.iter().map(|var| var * unbiased).collect();
        self.keep(context, &done.mean, &variance)?;
        Ok(done.output)
    }

    /// By the running statistics.
    fn by_running(&self, input: &Tensor<E>) -> Result<Tensor<E>> {
        self.check(input)?;
        input.batch_norm_by(
            self.running_mean.value(),
            self.running_var.value(),
            self.weight.as_deref(),
            self.bias.as_deref(),
            self.eps,
        )
    }

    fn check(&self, input: &Tensor<E>) -> Result<()> {
        let channels = self.running_mean.len();
        if (2..=5).contains(&input.rank()) && input.shape()[1] == channels {
            return Ok(());
        }
        let rule = format!("must be [N, {channels}, ...] of rank 2 to 5");
        Err(Error::shape("batch_norm", &[input.shape()], rule))
    }
}

impl<E: Element> Module<E> for BatchNorm<E> {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        match context.is_training() {
            true => self.by_batch(input, context, false),
            false => self.by_running(input),
        }
    }

    fn differs_in_training(&self) -> bool {
        true
    }

    fn forward_relu(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        match context.is_training() {
            true => self.by_batch(input, context, true),
            false => Ok(self.by_running(input)?.relu()),
        }
    }

    fn as_batch_norm(&self) -> Option<&BatchNorm<E>> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::{State, Stream};

    #[test]
    fn the_contract_holds_for_every_rank() {
        for shape in [&[6, 3][..], &[3, 3, 2], &[2, 3, 2, 2], &[2, 3, 1, 2, 2]] {
            let input = Tensor::standard_normal(shape, Stream::new(1));
            check_module(|_| BatchNorm::new(3), &input, shape).unwrap();
        }
        let input = Tensor::standard_normal([6, 3], Stream::new(1));
        let plain = |_| BatchNormConfig::new(3).with_affine(false).build();
        check_module(plain, &input, &[6, 3]).unwrap();
    }

    #[test]
    fn running_statistics_move_and_a_second_use_goes_on_from_there() {
        let norm = BatchNormConfig::new(1)
            .with_momentum(0.5)
            .build::<f64>()
            .unwrap();
        let input = Tensor::from_vec(vec![1.0, 3.0], [2, 1]).unwrap();
        let mut context = Context::train(Stream::new(1));
        let output = norm.forward(&input, &mut context).unwrap().to_vec();
        assert!((output[1] - (1.0 + 1e-5_f64).sqrt().recip()).abs() < 1e-12);
        assert_eq!(context.updated("running_mean").unwrap().to_vec(), [1.0]);
        assert_eq!(context.updated("running_var").unwrap().to_vec(), [1.5]);
        norm.forward(&input, &mut context).unwrap();
        assert_eq!(context.updated("running_mean").unwrap().to_vec(), [1.5]);
        assert_eq!(norm.running_mean.to_vec(), [0.0]);
    }

    /// The numbers are those of PyTorch 2.15, `BatchNorm1d(2, momentum=None)`.
    #[test]
    fn without_a_momentum_statistics_are_the_mean_of_all_batches() {
        let config = BatchNormConfig::new(2).with_cumulative_average();
        let mut norm = config.build::<f64>().unwrap();
        for batch in 0..3 {
            let batch = f64::from(batch);
            let rows = vec![1.0, 2.0, 3.0, -1.0, 0.5 * batch, batch];
            let input = Tensor::from_vec(rows, [3, 2]).unwrap();
            let mut context = Context::train(Stream::new(1));
            norm.forward(&input, &mut context).unwrap();
            context.into_updates().apply(&mut norm).unwrap();
        }
        let near = |buffer: &Buffer<f64>, want: [f64; 2]| {
            let found = buffer.to_vec().into_iter().zip(want);
            assert!(found.into_iter().all(|(a, b)| (a - b).abs() < 1e-14));
        };
        near(&norm.running_mean, [1.5, 0.6666666666666667]);
        near(&norm.running_var, [1.8055555555555558, 2.5555555555555554]);
        assert_eq!(norm.num_batches_tracked.item().unwrap(), 3.0);
    }

    #[test]
    fn a_batch_of_nothing_stays_nothing_and_moves_nothing() {
        let norm = BatchNorm::<f64>::new(3).unwrap();
        for shape in [&[0, 3][..], &[2, 3, 0]] {
            let input = Tensor::zeros(shape).requires_grad();
            let mut context = Context::train(Stream::new(1));
            let output = norm.forward(&input, &mut context).unwrap();
            assert_eq!(output.shape(), shape);
            assert_eq!(norm.predict(&input).unwrap().shape(), shape);
            let gradients = output.sum().backward().unwrap();
            let weight = norm.weight.as_deref().unwrap();
            assert_eq!(gradients.tensor(weight).unwrap().to_vec(), [0.0; 3]);
            assert!(context.into_updates().is_empty());
        }
    }

    #[test]
    fn a_state_without_a_count_is_still_read() {
        let mut norm = BatchNorm::<f64>::new(1).unwrap();
        let mut entries = State::of(&norm).entries().to_vec();
        let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
        let want = [
            "weight",
            "bias",
            "running_mean",
            "running_var",
            "num_batches_tracked",
        ];
        assert_eq!(names, want);
        entries.truncate(4);
        entries[2].1 = Tensor::full([1], 7.0);
        State::from_entries(entries.clone())
            .apply(&mut norm)
            .unwrap();
        assert_eq!(norm.running_mean.to_vec(), [7.0]);
        entries.truncate(3);
        let error = State::from_entries(entries).apply(&mut norm).unwrap_err();
        assert!(error.to_string().contains("running_var"), "{error}");
    }

    #[test]
    fn shapes_and_settings_that_do_not_fit_are_named() {
        let norm = BatchNorm::<f64>::new(3).unwrap();
        let error = norm.predict(&Tensor::zeros([2, 4])).unwrap_err();
        let want = "batch_norm: shape [2, 4]: must be [N, 3, ...] of rank 2 to 5";
        assert_eq!(error.to_string(), want);
        let mut context = Context::train(Stream::new(1));
        let error = norm
            .forward(&Tensor::zeros([1, 3]), &mut context)
            .unwrap_err();
        assert!(
            error.to_string().contains("more than one number a channel"),
            "{error}"
        );
        assert!(
            BatchNormConfig::new(3)
                .with_momentum(1.5)
                .build::<f32>()
                .is_err()
        );
    }
}
