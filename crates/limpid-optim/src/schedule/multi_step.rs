//! Down by a factor at given steps.

use limpid_tensor::Result;

use super::Schedule;
use crate::setting;

/// The rate times `gamma` at each of the milestones.
///
/// ```text
/// rate * gamma ^ (how many milestones are at most step)
/// ```
/// A milestone that is listed twice counts twice; their order does not matter.
///
/// # Source
/// Equals torch.optim.lr_scheduler.MultiStepLR (2.15).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MultiStep {
    /// The first rate, from 0.
    pub rate: f64,
    /// The steps from which the next rate holds.
    pub milestones: Vec<u64>,
    /// The factor, from 0; default 0.1.
    pub gamma: f64,
}

impl MultiStep {
    /// From `rate` down to a tenth at each of `milestones`.
    pub fn new(rate: f64, milestones: impl Into<Vec<u64>>) -> Self {
        Self {
            rate,
            milestones: milestones.into(),
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

impl Schedule for MultiStep {
    fn rate(&self, step: u64) -> f64 {
        let passed = self
            .milestones
            .iter()
            .filter(|&&milestone| milestone <= step)
            .count();
        self.rate * self.gamma.powf(passed as f64)
    }

    fn check(&self) -> Result<()> {
        setting::not_negative("multi_step", "rate", self.rate)?;
        setting::not_negative("multi_step", "gamma", self.gamma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_at_milestones() {
        let schedule = MultiStep::new(8.0, [4, 1, 4]).with_gamma(0.5);
        let rates: Vec<f64> = (0..6).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates, [8.0, 4.0, 4.0, 4.0, 1.0, 1.0]);
    }

    #[test]
    fn a_negative_factor_is_refused() {
        assert!(MultiStep::new(0.1, [1]).with_gamma(-0.5).check().is_err());
    }
}
