//! Down to 0 along a power of what is left.

use limpid_tensor::Result;

use super::Schedule;
use crate::setting;

/// From `rate` to 0 at step `total_iters`, where it stays.
///
/// ```text
/// rate * (1 - min(step, total_iters) / total_iters) ^ power
/// ```
///
/// # Source
/// Equals torch.optim.lr_scheduler.PolynomialLR (2.15).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Polynomial {
    /// The first rate, from 0.
    pub rate: f64,
    /// The step from which the rate is 0, at least 1.
    pub total_iters: u64,
    /// The power, above 0; default 1: a straight line.
    pub power: f64,
}

impl Polynomial {
    /// From `rate` in a straight line to 0 at step `total_iters`.
    pub fn new(rate: f64, total_iters: u64) -> Self {
        Self {
            rate,
            total_iters,
            power: 1.0,
        }
    }

    /// Sets the power.
    #[must_use]
    pub fn with_power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }
}

impl Schedule for Polynomial {
    fn rate(&self, step: u64) -> f64 {
        if step >= self.total_iters {
            return 0.0;
        }
        self.rate * (1.0 - step as f64 / self.total_iters as f64).powf(self.power)
    }

    fn check(&self) -> Result<()> {
        setting::not_negative("polynomial", "rate", self.rate)?;
        setting::at_least_one("polynomial", "total_iters", self.total_iters)?;
        setting::positive("polynomial", "power", self.power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_ends_at_zero() {
        let schedule = Polynomial::new(8.0, 4).with_power(2.0);
        let rates: Vec<f64> = (0..6).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates, [8.0, 4.5, 2.0, 0.5, 0.0, 0.0]);
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        assert!(Polynomial::new(8.0, 0).check().is_err());
        assert!(Polynomial::new(8.0, 3).with_power(0.0).check().is_err());
    }
}
