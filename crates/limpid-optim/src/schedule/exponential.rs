//! Down by a factor at every step.

use limpid_tensor::Result;

use super::Schedule;
use crate::setting;

/// The rate times `gamma` at every step.
///
/// ```text
/// rate * gamma ^ step
/// ```
///
/// # Source
/// Equals torch.optim.lr_scheduler.ExponentialLR (2.15).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Exponential {
    /// The first rate, from 0.
    pub rate: f64,
    /// The factor, in [0, 1].
    pub gamma: f64,
}

impl Exponential {
    /// From `rate`, times `gamma` at every step.
    pub fn new(rate: f64, gamma: f64) -> Self {
        Self { rate, gamma }
    }
}

impl Schedule for Exponential {
    fn rate(&self, step: u64) -> f64 {
        self.rate * self.gamma.powf(step as f64)
    }

    fn check(&self) -> Result<()> {
        setting::not_negative("exponential", "rate", self.rate)?;
        let fits = (0.0..=1.0).contains(&self.gamma);
        setting::require(fits, "exponential", "gamma", "in [0, 1]", self.gamma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_halves() {
        let schedule = Exponential::new(8.0, 0.5);
        assert_eq!((schedule.rate(0), schedule.rate(3)), (8.0, 1.0));
    }

    #[test]
    fn a_growing_rate_is_refused() {
        let error = Exponential::new(8.0, 1.5).check().unwrap_err();
        assert!(error.to_string().contains("`gamma`"), "{error}");
    }
}
