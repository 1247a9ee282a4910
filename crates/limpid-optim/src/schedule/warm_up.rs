//! A slow start before any schedule.

use limpid_tensor::Result;

use super::Schedule;
use crate::setting;

/// For `steps` steps in a straight line from `start_factor` times the inner schedule's first rate
/// up to it; then the inner schedule from its beginning.
///
/// # Source
/// Goyal et al. (2017), "Accurate, large minibatch SGD", section 2.2.
///
/// # Example
/// ```
/// use limpid_optim::{Constant, Schedule};
///
/// let schedule = Constant(0.4).warm_up(4);
/// let rates: Vec<f64> = (0..6).map(|step| schedule.rate(step)).collect();
/// assert_eq!(rates, [0.0, 0.1, 0.2, 0.30000000000000004, 0.4, 0.4]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct WarmUp<S> {
    /// What follows.
    pub inner: S,
    /// How many steps the start has.
    pub steps: u64,
    /// The share of the inner schedule's first rate at step 0, in [0, 1]; default 0.
    pub start_factor: f64,
}

impl<S: Schedule> WarmUp<S> {
    /// From 0 to the first rate of `inner` in `steps` steps.
    pub fn new(inner: S, steps: u64) -> Self {
        Self {
            inner,
            steps,
            start_factor: 0.0,
        }
    }

    /// Sets the share of the first rate at step 0.
    #[must_use]
    pub fn with_start_factor(mut self, start_factor: f64) -> Self {
        self.start_factor = start_factor;
        self
    }
}

impl<S: Schedule> Schedule for WarmUp<S> {
    fn rate(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.inner.rate(step - self.steps);
        }
        let share = step as f64 / self.steps as f64;
        self.inner.rate(0) * (self.start_factor + (1.0 - self.start_factor) * share)
    }

    fn check(&self) -> Result<()> {
        let start = self.start_factor;
        let fits = (0.0..=1.0).contains(&start);
        setting::require(fits, "warm_up", "start_factor", "in [0, 1]", start)?;
        self.inner.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Constant, CosineAnnealing};

    #[test]
    fn the_inner_schedule_starts_after_it() {
        let inner = CosineAnnealing::new(1.0, 10);
        let schedule = inner.warm_up(5).with_start_factor(0.5);
        assert_eq!(schedule.rate(0), 0.5);
        assert_eq!(
            (schedule.rate(5), schedule.rate(9)),
            (inner.rate(0), inner.rate(4))
        );
        assert_eq!(inner.warm_up(0).rate(3), inner.rate(3));
    }

    #[test]
    fn the_inner_settings_are_checked_too() {
        assert!(Constant(-1.0).warm_up(3).check().is_err());
        assert!(
            Constant(1.0)
                .warm_up(3)
                .with_start_factor(2.0)
                .check()
                .is_err()
        );
    }
}
