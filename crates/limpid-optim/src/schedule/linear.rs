//! A straight line between two shares of the rate.

use limpid_tensor::Result;

use super::Schedule;
use crate::setting;

/// From `start_factor` to `end_factor` times the rate in a straight line of `total_iters` steps.
///
/// ```text
/// rate * (start_factor + (end_factor - start_factor) * min(step, total_iters) / total_iters)
/// ```
///
/// # Range
/// Both factors from 0; default 1/3 and 1. `total_iters` at least 1, default 5.
///
/// # Source
/// Equals torch.optim.lr_scheduler.LinearLR (2.15).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Linear {
    /// The full rate, from 0.
    pub rate: f64,
    /// The share of it at step 0.
    pub start_factor: f64,
    /// The share of it from step `total_iters` on.
    pub end_factor: f64,
    /// How many steps the line has.
    pub total_iters: u64,
}

impl Linear {
    /// From a third of `rate` to all of it in 5 steps.
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            start_factor: 1.0 / 3.0,
            end_factor: 1.0,
            total_iters: 5,
        }
    }

    /// Sets the share of the rate at step 0.
    #[must_use]
    pub fn with_start_factor(mut self, start_factor: f64) -> Self {
        self.start_factor = start_factor;
        self
    }

    /// Sets the share of the rate at the end.
    #[must_use]
    pub fn with_end_factor(mut self, end_factor: f64) -> Self {
        self.end_factor = end_factor;
        self
    }

    /// Sets how many steps the line has.
    #[must_use]
    pub fn with_total_iters(mut self, total_iters: u64) -> Self {
        self.total_iters = total_iters;
        self
    }
}

impl Schedule for Linear {
    fn rate(&self, step: u64) -> f64 {
        if step >= self.total_iters {
            return self.rate * self.end_factor;
        }
        let share = step as f64 / self.total_iters as f64;
        self.rate * (self.start_factor + (self.end_factor - self.start_factor) * share)
    }

    fn check(&self) -> Result<()> {
        setting::not_negative("linear", "rate", self.rate)?;
        setting::not_negative("linear", "start_factor", self.start_factor)?;
        setting::not_negative("linear", "end_factor", self.end_factor)?;
        setting::at_least_one("linear", "total_iters", self.total_iters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_meets_its_ends() {
        let schedule = Linear::new(8.0).with_start_factor(0.5).with_total_iters(4);
        let rates: Vec<f64> = (0..6).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates, [4.0, 5.0, 6.0, 7.0, 8.0, 8.0]);
    }

    #[test]
    fn negative_factors_are_refused() {
        let error = Linear::new(1.0).with_end_factor(-1.0).check().unwrap_err();
        assert!(error.to_string().contains("`end_factor`"), "{error}");
    }
}
