//! A sweep over learning rates, to choose one by.

use limpid_data::{Dataset, Loader, Train};
use limpid_loss::Loss;
use limpid_nn_layers::{Context, Module};
use limpid_optim::Optimize;
use limpid_tensor::{Element, State, Stream};
use serde::{Deserialize, Serialize};

use crate::step::{measure, update};
use crate::{Supervision, TrainError};

mod curve;
mod smooth;

pub use curve::{NoRate, RateCurve, RateReason, RateSuggestion};
use smooth::Running;

/// How the rates of a sweep lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RateSpacing {
    /// Each by the same factor above the one before.
    #[default]
    Exponential,
    /// Each by the same amount above the one before.
    Linear,
}

/// Why a sweep ended before its last rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RateStop {
    /// The loss rose far above the lowest.
    Diverged,
    /// A loss or a gradient was not finite.
    NotFinite,
}

/// Trains for some steps while the learning rate grows, and takes down what becomes of the loss.
/// Model and optimizer are left as they were, to the bit.
///
/// Losses of single batches are noisy: outliers are taken out by a running median, the rest is
/// averaged. The sweep stops where that rises to `divergence` times its lowest, or where a number is
/// not finite.
///
/// # Source
/// Smith (2017), "Cyclical learning rates for training neural networks", section 3.3.
///
/// # Example
/// ```
/// use limpid_data::{Fractions, Loader, Split, classics};
/// use limpid_loss::CrossEntropy;
/// use limpid_nn_layers::{Linear, Sequential, Tanh};
/// use limpid_optim::{Optimizer, Sgd};
/// use limpid_tensor::Stream;
/// use limpid_train::RateFinder;
///
/// let stream = Stream::new(7);
/// let split = Split::stratified(&classics::iris()?, Fractions::default(), &stream)?;
/// let mut model = Sequential::new()
///     .with(Linear::<f32>::new(4, 16, stream.fork("hidden"))?)
///     .with(Tanh)
///     .with(Linear::output(16, 3, stream.fork("output"))?);
/// let mut optimizer = Optimizer::new(Sgd::new(), 0.1)?;
/// let loader = Loader::classes(&split.train, 16)?.shuffled();
/// let finder = RateFinder::new(1e-5, 10.0);
/// let curve = finder.run(&mut model, &CrossEntropy::new(), &mut optimizer, &loader, &stream)?;
/// let suggestion = curve.suggest()?;
/// assert!(suggestion.rate > 1e-3 && suggestion.rate < 1.0, "{suggestion:?}");
/// assert_eq!(optimizer.rate(), 0.1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RateFinder {
    /// The first rate, above 0.
    pub from: f64,
    /// The last rate, above the first.
    pub to: f64,
    /// How many rates there are, at least 10. The default is 100.
    pub steps: usize,
    /// How the rates lie. The default is [`RateSpacing::Exponential`].
    pub spacing: RateSpacing,
    /// How many losses, an odd number, the running median is of; 1 takes nothing out. The default is
    /// 5.
    pub median: usize,
    /// The share that the average keeps of itself from one rate to the next, in [0, 1). The default
    /// is 0.8.
    pub beta: f64,
    /// The sweep stops where the smoothed loss has risen to this many times its lowest, above 1. The
    /// default is 4. Where the fall so far is greater than the lowest, it counts in its place.
    pub divergence: f64,
}

impl RateFinder {
    /// A sweep of 100 rates.
    pub fn new(from: f64, to: f64) -> Self {
        Self {
            from,
            to,
            steps: 100,
            spacing: RateSpacing::Exponential,
            median: 5,
            beta: 0.8,
            divergence: 4.0,
        }
    }

    /// The same, with so many rates.
    #[must_use]
    pub fn with_steps(self, steps: usize) -> Self {
        Self { steps, ..self }
    }

    /// The same, with rates that lie so.
    #[must_use]
    pub fn with_spacing(self, spacing: RateSpacing) -> Self {
        Self { spacing, ..self }
    }

    /// The same, with a running median of so many losses.
    #[must_use]
    pub fn with_median(self, median: usize) -> Self {
        Self { median, ..self }
    }

    /// The same, with an average that keeps this share of itself.
    #[must_use]
    pub fn with_beta(self, beta: f64) -> Self {
        Self { beta, ..self }
    }

    /// The same, stopped where the loss has risen to this many times its lowest.
    #[must_use]
    pub fn with_divergence(self, divergence: f64) -> Self {
        Self { divergence, ..self }
    }

    /// The rate of a step.
    pub fn rate(&self, step: usize) -> f64 {
        let share = step as f64 / (self.steps.max(2) - 1) as f64;
        match self.spacing {
            RateSpacing::Exponential => self.from * (self.to / self.from).powf(share),
            RateSpacing::Linear => self.from + (self.to - self.from) * share,
        }
    }

    fn check(&self) -> Result<(), TrainError> {
        let require = |holds, name, expected, found: f64| {
            if holds {
                Ok(())
            } else {
                Err(TrainError::setting(name, expected, found))
            }
        };
        let finite = self.from.is_finite() && self.from > 0.0;
        require(finite, "from", "a finite number above 0", self.from)?;
        let above = self.to.is_finite() && self.to > self.from;
        require(above, "to", "a finite number above the first rate", self.to)?;
        require(self.steps >= 10, "steps", "at least 10", self.steps as f64)?;
        let odd = !self.median.is_multiple_of(2);
        require(odd, "median", "an odd number", self.median as f64)?;
        let share = (0.0..1.0).contains(&self.beta);
        require(share, "beta", "in [0, 1)", self.beta)?;
        let above = self.divergence.is_finite() && self.divergence > 1.0;
        require(
            above,
            "divergence",
            "a finite number above 1",
            self.divergence,
        )
    }

    /// Sweeps over the rates, a batch of training rows for each, as many epochs as that takes.
    ///
    /// The loss of a step is that before its update, as it is without penalty. It stands beside the
    /// step's rate: what it shows is what the smaller rates before it have led to.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a setting outside its range; [`TrainError::Step`] where an
    /// operation fails; [`TrainError::Tensor`] when the optimizer cannot be put back. That nothing
    /// fell, or that all diverged, is no error here but of [`RateCurve::suggest`].
    pub fn run<E, M, L, D>(
        &self,
        model: &mut M,
        criterion: &L,
        optimizer: &mut dyn Optimize<E>,
        loader: &Loader<'_, Train<D>, <L::Target as Supervision<E>>::Kind>,
        stream: &Stream,
    ) -> Result<RateCurve, TrainError>
    where
        E: Element,
        M: Module<E>,
        L: Loss<E> + ?Sized,
        L::Target: Supervision<E>,
        D: Dataset,
    {
        self.check()?;
        let (weights, memory) = (State::of(&*model), optimizer.state()?);
        let curve = self.sweep(model, criterion, optimizer, loader, stream);
        weights.apply(model)?;
        optimizer.load(&*model, &memory)?;
        curve
    }

    fn sweep<E, M, L, D>(
        &self,
        model: &mut M,
        criterion: &L,
        optimizer: &mut dyn Optimize<E>,
        loader: &Loader<'_, Train<D>, <L::Target as Supervision<E>>::Kind>,
        stream: &Stream,
    ) -> Result<RateCurve, TrainError>
    where
        E: Element,
        M: Module<E>,
        L: Loss<E> + ?Sized,
        L::Target: Supervision<E>,
        D: Dataset,
    {
        let stream = stream.fork("rate finder");
        let done = |losses, stop| Ok(RateCurve::new(*self, losses, stop));
        let mut losses = Vec::new();
        let mut running = Running::new(self.median, self.beta);
        let mut epoch = 0;
        while losses.len() < self.steps {
            for (input, target) in loader.epoch::<E>(&stream.fork("epoch").fork(epoch)) {
                let step = losses.len();
                if step == self.steps {
                    break;
                }
                let at = |source| TrainError::Step {
                    epoch,
                    step: step as u64,
                    source,
                };
                let rate = self.rate(step);
                optimizer.set_rate(rate).map_err(at)?;
                let context = Context::train(stream.fork("step").fork(step));
                let target = L::Target::of(&target);
                let measured = measure(&*model, criterion, &input, target, context).map_err(at)?;
                losses.push(measured.loss);
                if !measured.loss.is_finite() {
                    return done(losses, Some(RateStop::NotFinite));
                }
                if running.add(measured.loss).rises_above(self.divergence) {
                    return done(losses, Some(RateStop::Diverged));
                }
                let report = update(model, optimizer, &measured.gradients, measured.updates);
                if report.map_err(at)?.skipped {
                    return done(losses, Some(RateStop::NotFinite));
                }
            }
            epoch += 1;
        }
        done(losses, None)
    }
}

#[cfg(test)]
mod tests;
