//! The learning rate as a function of the step.

use std::fmt::Debug;

use limpid_tensor::Result;

mod constant;
mod cosine_annealing;
mod cosine_warm_restarts;
mod cyclic_triangular;
mod exponential;
mod inverse_time;
mod linear;
mod multi_step;
mod one_cycle;
mod polynomial;
mod reduce_on_plateau;
mod step;
mod warm_up;

pub use constant::Constant;
pub use cosine_annealing::CosineAnnealing;
pub use cosine_warm_restarts::CosineWarmRestarts;
pub use cyclic_triangular::CyclicTriangular;
pub use exponential::Exponential;
pub use inverse_time::InverseTime;
pub use linear::Linear;
pub use multi_step::MultiStep;
pub use one_cycle::{Anneal, OneCycle};
pub use polynomial::Polynomial;
pub use reduce_on_plateau::{Goal, PlateauState, ReduceOnPlateau, Threshold};
pub use step::Step;
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
