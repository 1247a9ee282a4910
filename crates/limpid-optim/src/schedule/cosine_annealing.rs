//! Half a cosine wave down, and up again.

use limpid_tensor::Result;

use super::{Schedule, half_cosine};
use crate::setting;

/// From `rate` along half a cosine wave to `eta_min` at step `t_max`; then up again, and so on.
///
/// ```text
/// eta_min + (rate - eta_min) * (1 + cos(pi * step / t_max)) / 2
/// ```
///
/// # Source
/// Loshchilov & Hutter (2017), "SGDR: stochastic gradient descent with warm restarts"; equals
/// torch.optim.lr_scheduler.CosineAnnealingLR (2.15).
///
/// # Example
/// ```
/// use limpid_optim::{CosineAnnealing, Schedule};
///
/// let schedule = CosineAnnealing::new(0.1, 100);
/// assert_eq!(schedule.rate(0), 0.1);
/// assert!((schedule.rate(50) - 0.05).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CosineAnnealing {
    /// The rate at step 0.
    pub rate: f64,
    /// The step of the lowest rate, at least 1.
    pub t_max: u64,
    /// The lowest rate; default 0.
    pub eta_min: f64,
}

impl CosineAnnealing {
    /// From `rate` to 0 at step `t_max`.
    pub fn new(rate: f64, t_max: u64) -> Self {
        Self {
            rate,
            t_max,
            eta_min: 0.0,
        }
    }

    /// Sets the lowest rate.
    #[must_use]
    pub fn with_eta_min(mut self, eta_min: f64) -> Self {
        self.eta_min = eta_min;
        self
    }
}

impl Schedule for CosineAnnealing {
    fn rate(&self, step: u64) -> f64 {
        half_cosine(self.rate, self.eta_min, step as f64 / self.t_max as f64)
    }

    fn check(&self) -> Result<()> {
        setting::not_negative("cosine_annealing", "rate", self.rate)?;
        setting::at_least_one("cosine_annealing", "t_max", self.t_max)?;
        setting::not_negative("cosine_annealing", "eta_min", self.eta_min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wave_goes_on_after_its_lowest_point() {
        let schedule = CosineAnnealing::new(1.0, 10).with_eta_min(0.2);
        let near = |step, want: f64| assert!((schedule.rate(step) - want).abs() < 1e-12);
        near(0, 1.0);
        near(5, 0.6);
        near(10, 0.2);
        near(20, 1.0);
        near(13, schedule.rate(7));
    }

    #[test]
    fn no_steps_are_refused() {
        let error = CosineAnnealing::new(0.1, 0).check().unwrap_err();
        assert!(error.to_string().contains("`t_max`"), "{error}");
    }
}
