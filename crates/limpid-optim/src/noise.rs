//! Noise on gradients.

use limpid_tensor::{Element, Gradient, Result, Stream, Tensor};

use crate::setting;
use crate::state::OptimizerState;

/// Normal noise that is added to every gradient, less at each step.
///
/// ```text
/// gradient + N(0, eta / (1 + t)^gamma),   t updates before this one
/// ```
/// It is added after clipping, which would shorten it otherwise, and makes gradients of a few rows
/// dense. What is drawn depends on the stream, the parameter's path and t alone; the stream is part
/// of the [`OptimizerState`], so that a resumed run draws the same.
///
/// # Range
/// `eta` from 0, the paper tries 0.01, 0.3 and 1; `gamma` from 0, default 0.55.
///
/// # Source
/// Neelakantan et al. (2015), "Adding gradient noise improves learning for very deep networks".
///
/// # Example
/// ```
/// use limpid_optim::{GradientNoise, Optimizer, Sgd};
/// use limpid_tensor::{Parameter, Stream, Tensor};
///
/// let mut weight = Parameter::new(Tensor::<f64>::zeros([10_000]));
/// let noise = GradientNoise::new(0.25, Stream::new(7))?;
/// let mut optimizer = Optimizer::new(Sgd::new(), 1.0)?.with_noise(noise);
/// let gradients = weight.sum().mul_scalar(0.0).backward()?;
/// optimizer.step(&mut weight, &gradients)?;
/// // The first step's noise has the variance eta.
/// let variance = weight.square().mean().item()?;
/// assert!((variance - 0.25).abs() < 0.02, "{variance}");
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GradientNoise {
    eta: f64,
    gamma: f64,
    seed: u64,
}

/// What halves of the seed are called in a state.
const SEED: [&str; 2] = ["noise_seed_low", "noise_seed_high"];

impl GradientNoise {
    /// Noise with the variance `eta` at the first step, and the paper's `gamma`.
    ///
    /// # Errors
    /// An argument error when `eta` is not a finite number from 0.
    pub fn new(eta: f64, stream: Stream) -> Result<Self> {
        setting::not_negative("gradient noise", "eta", eta)?;
        Ok(Self {
            eta,
            gamma: 0.55,
            seed: stream.seed(),
        })
    }

    /// Sets how fast the noise becomes less.
    ///
    /// # Errors
    /// An argument error when `gamma` is not a finite number from 0.
    pub fn with_gamma(self, gamma: f64) -> Result<Self> {
        setting::not_negative("gradient noise", "gamma", gamma)?;
        Ok(Self { gamma, ..self })
    }

    /// The variance after `updates` updates.
    pub fn variance(&self, updates: u64) -> f64 {
        self.eta / (1.0 + updates as f64).powf(self.gamma)
    }

    /// The gradient of the parameter at `path` with the noise that follows `updates` updates.
    pub(crate) fn added<E: Element>(
        &self,
        gradient: &Gradient<E>,
        path: &str,
        updates: u64,
    ) -> Gradient<E> {
        let stream = Stream::new(self.seed).fork(path).fork(updates);
        let deviation = E::of(self.variance(updates).sqrt());
        let noise = Tensor::<E>::standard_normal(gradient.shape(), stream);
        let noise = noise.elements();
        let dense = Gradient::Dense(gradient.to_dense());
        let width = noise.len() / gradient.shape().first().copied().unwrap_or(1).max(1);
        dense.map_rows(|row, part| {
            let drawn = &noise[row * width..][..width];
            for (element, &drawn) in part.iter_mut().zip(drawn) {
                *element += deviation * drawn;
            }
        })
    }

    pub(crate) fn save<E: Element>(&self, state: &mut OptimizerState<E>) {
        let halves = [self.seed & u64::from(u32::MAX), self.seed >> 32];
        for (name, half) in SEED.into_iter().zip(halves) {
            state.numbers.insert(name.to_owned(), half as f64);
        }
    }

    /// The noise that goes on where `state` was saved.
    pub(crate) fn resumed<E: Element>(&self, state: &OptimizerState<E>) -> Result<Self> {
        let [low, high] = SEED.map(|name| state.count(name));
        Ok(Self {
            seed: low? & u64::from(u32::MAX) | high? << 32,
            ..self.clone()
        })
    }

    /// Whether `state` was saved by an optimizer with noise.
    pub(crate) fn is_in<E: Element>(state: &OptimizerState<E>) -> bool {
        state.numbers.contains_key(SEED[0])
    }
}
