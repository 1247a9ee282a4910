//! Up and down in straight lines.

use limpid_tensor::Result;

use super::Schedule;
use crate::setting;

/// From `base_rate` in a straight line of `step_size_up` steps to `max_rate`, in one of
/// `step_size_down` steps down, and so on.
///
/// # Source
/// Smith (2017), "Cyclical learning rates for training neural networks"; equals
/// torch.optim.lr_scheduler.CyclicLR (2.15) with `mode="triangular"`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CyclicTriangular {
    /// The lowest rate, from 0.
    pub base_rate: f64,
    /// The highest rate, from 0.
    pub max_rate: f64,
    /// How many steps the way up has, at least 1.
    pub step_size_up: u64,
    /// How many steps the way down has, at least 1.
    pub step_size_down: u64,
}

impl CyclicTriangular {
    /// Between the two rates with `step_size` steps each way.
    pub fn new(base_rate: f64, max_rate: f64, step_size: u64) -> Self {
        Self {
            base_rate,
            max_rate,
            step_size_up: step_size,
            step_size_down: step_size,
        }
    }

    /// Sets how many steps the way down has.
    #[must_use]
    pub fn with_step_size_down(mut self, step_size_down: u64) -> Self {
        self.step_size_down = step_size_down;
        self
    }
}

impl Schedule for CyclicTriangular {
    fn rate(&self, step: u64) -> f64 {
        let (up, down) = (self.step_size_up, self.step_size_down);
        let place = step % up.saturating_add(down).max(1);
        let height = if place < up {
            place as f64 / up as f64
        } else {
            1.0 - (place - up) as f64 / down as f64
        };
        self.base_rate + (self.max_rate - self.base_rate) * height
    }

    fn check(&self) -> Result<()> {
        let of = "cyclic_triangular";
        setting::not_negative(of, "base_rate", self.base_rate)?;
        setting::not_negative(of, "max_rate", self.max_rate)?;
        setting::at_least_one(of, "step_size_up", self.step_size_up)?;
        setting::at_least_one(of, "step_size_down", self.step_size_down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_have_their_own_length() {
        let schedule = CyclicTriangular::new(1.0, 5.0, 4).with_step_size_down(2);
        let rates: Vec<f64> = (0..8).map(|step| schedule.rate(step)).collect();
        assert_eq!(rates, [1.0, 2.0, 3.0, 4.0, 5.0, 3.0, 1.0, 2.0]);
    }

    #[test]
    fn ways_without_length_are_refused() {
        let schedule = CyclicTriangular::new(0.1, 0.2, 0);
        assert!(
            schedule
                .check()
                .unwrap_err()
                .to_string()
                .contains("`step_size_up`")
        );
    }
}
