//! Down by a factor every so many steps.

use limpid_tensor::Result;

use super::Schedule;
use crate::setting;

/// The rate times `gamma`, once every `step_size` steps.
///
/// ```text
/// rate * gamma ^ floor(step / step_size)
/// ```
///
/// # Source
/// Equals torch.optim.lr_scheduler.StepLR (2.15).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The first rate, from 0.
    pub rate: f64,
    /// How many steps one rate lasts, at least 1.
    pub step_size: u64,
    /// The factor, from 0; default 0.1.
    pub gamma: f64,
}

impl Step {
    /// From `rate` down to a tenth every `step_size` steps.
    pub fn new(rate: f64, step_size: u64) -> Self {
        Self {
            rate,
            step_size,
            gamma: 0.1,
        }
    }

    /// Sets the factor.
    #[must_use]
    pub fn with_gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }
}

impl Schedule for Step {
    fn rate(&self, step: u64) -> f64 {
        self.rate * self.gamma.powf((step / self.step_size.max(1)) as f64)
    }

    fn check(&self) -> Result<()> {
        setting::not_negative("step", "rate", self.rate)?;
        setting::at_least_one("step", "step_size", self.step_size)?;
        setting::not_negative("step", "gamma", self.gamma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_at_multiples() {
        let schedule = Step::new(8.0, 3).with_gamma(0.5);
        let rates: Vec<f64> = (0..8).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates, [8.0, 8.0, 8.0, 4.0, 4.0, 4.0, 2.0, 2.0]);
    }

    #[test]
    fn steps_without_length_are_refused() {
        let schedule = Step::new(0.1, 0);
        assert!(
            schedule
                .check()
                .unwrap_err()
                .to_string()
                .contains("`step_size`")
        );
        assert!(schedule.rate(3).is_finite());
    }
}
