//! Down with one over the step.

use limpid_tensor::Result;

use super::Schedule;
use crate::setting;

/// The rate over a number that grows with the step: the 1/t decay.
///
/// ```text
/// rate / (1 + decay * step)
/// ```
///
/// # Source
/// Robbins & Monro (1951), "A stochastic approximation method": such rates meet its conditions for
/// convergence.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct InverseTime {
    /// The first rate, from 0.
    pub rate: f64,
    /// How fast it falls, from 0: after 1 / decay steps it has halved.
    pub decay: f64,
}

impl InverseTime {
    /// From `rate`, halved after `1 / decay` steps.
    pub fn new(rate: f64, decay: f64) -> Self {
        Self { rate, decay }
    }
}

impl Schedule for InverseTime {
    fn rate(&self, step: u64) -> f64 {
        self.rate / (1.0 + self.decay * step as f64)
    }

    fn check(&self) -> Result<()> {
        setting::not_negative("inverse_time", "rate", self.rate)?;
        setting::not_negative("inverse_time", "decay", self.decay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_has_halved_after_one_over_the_decay() {
        let schedule = InverseTime::new(8.0, 0.25);
        assert_eq!(
            (schedule.rate(0), schedule.rate(4), schedule.rate(12)),
            (8.0, 4.0, 2.0)
        );
    }

    #[test]
    fn a_negative_decay_is_refused() {
        assert!(InverseTime::new(8.0, -0.25).check().is_err());
    }
}
