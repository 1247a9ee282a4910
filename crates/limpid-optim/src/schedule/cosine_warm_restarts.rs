//! Cosine waves that start anew, each longer than the one before.

use limpid_tensor::Result;

use super::{Schedule, half_cosine};
use crate::setting;

/// From `rate` along half a cosine wave to `eta_min`, then at once to `rate` again; each wave is
/// `t_mult` times as long as the one before.
///
/// # Source
/// Loshchilov & Hutter (2017), "SGDR: stochastic gradient descent with warm restarts"; equals
/// torch.optim.lr_scheduler.CosineAnnealingWarmRestarts (2.15).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CosineWarmRestarts {
    /// The rate at the start of every wave.
    pub rate: f64,
    /// The length of the first wave, at least 1.
    pub t_0: u64,
    /// What the length is multiplied by, at least 1; default 1.
    pub t_mult: u64,
    /// The rate that waves fall towards; default 0.
    pub eta_min: f64,
}

impl CosineWarmRestarts {
    /// From `rate` to 0 in waves of `t_0` steps.
    pub fn new(rate: f64, t_0: u64) -> Self {
        Self {
            rate,
            t_0,
            t_mult: 1,
            eta_min: 0.0,
        }
    }

    /// Sets what the length is multiplied by.
    #[must_use]
    pub fn with_t_mult(mut self, t_mult: u64) -> Self {
        self.t_mult = t_mult;
        self
    }

    /// Sets the rate that waves fall towards.
    #[must_use]
    pub fn with_eta_min(mut self, eta_min: f64) -> Self {
        self.eta_min = eta_min;
        self
    }

    /// The place within its wave, and the wave's length.
    fn place(&self, step: u64) -> (u64, u64) {
        let mut length = self.t_0.max(1);
        if self.t_mult <= 1 {
            return (step % length, length);
        }
        let mut place = step;
        while place >= length {
            place -= length;
            length = length.saturating_mul(self.t_mult);
        }
        (place, length)
    }
}

impl Schedule for CosineWarmRestarts {
    fn rate(&self, step: u64) -> f64 {
        let (place, length) = self.place(step);
        half_cosine(self.rate, self.eta_min, place as f64 / length as f64)
    }

    fn check(&self) -> Result<()> {
        let of = "cosine_warm_restarts";
        setting::not_negative(of, "rate", self.rate)?;
        setting::at_least_one(of, "t_0", self.t_0)?;
        setting::at_least_one(of, "t_mult", self.t_mult)?;
        setting::not_negative(of, "eta_min", self.eta_min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_grow() {
        let schedule = CosineWarmRestarts::new(1.0, 2).with_t_mult(3);
        let starts: Vec<u64> = (0..30)
            .filter(|&step| schedule.place(step).0 == 0)
            .collect();
        assert_eq!(starts, [0, 2, 8, 26]);
        assert_eq!(schedule.rate(26), 1.0);
        assert!((schedule.rate(5) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn waves_of_one_length_come_back() {
        let schedule = CosineWarmRestarts::new(1.0, 4).with_eta_min(0.5);
        assert_eq!(schedule.rate(4_000_001), schedule.rate(1));
    }

    #[test]
    fn waves_without_length_are_refused() {
        assert!(CosineWarmRestarts::new(1.0, 0).check().is_err());
        assert!(
            CosineWarmRestarts::new(1.0, 4)
                .with_t_mult(0)
                .check()
                .is_err()
        );
    }
}
