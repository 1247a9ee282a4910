//! The learning rate as a function of the step.

use std::fmt::Debug;

use limpid_tensor::Result;

mod constant;
mod cosine_annealing;
mod one_cycle;
mod warm_up;

pub use constant::Constant;
pub use cosine_annealing::CosineAnnealing;
pub use one_cycle::{Anneal, OneCycle};
pub use warm_up::WarmUp;

/// The learning rate of every step, as a pure function: nothing to save, nothing to keep in step.
///
/// Whether a step is one update or one epoch is up to who asks.
pub trait Schedule: Debug + Send + Sync {
    /// The rate of step `step`, from 0.
    fn rate(&self, step: u64) -> f64;

    /// Checks the settings; where it passes, every rate is a finite number from 0.
    ///
    /// # Errors
    /// An argument error that names the setting outside its range.
    fn check(&self) -> Result<()>;

    /// The same schedule after `steps` steps in which the rate grows from 0 in a straight line.
    fn warm_up(self, steps: u64) -> WarmUp<Self>
    where
        Self: Sized,
    {
        WarmUp::new(self, steps)
    }
}

impl<S: Schedule + ?Sized> Schedule for Box<S> {
    fn rate(&self, step: u64) -> f64 {
        self.as_ref().rate(step)
    }

    fn check(&self) -> Result<()> {
        self.as_ref().check()
    }
}

/// `high` at 0 and `low` at 1, along half a cosine wave.
fn half_cosine(high: f64, low: f64, share: f64) -> f64 {
    low + (high - low) * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
}
