//! One cycle: up to a high rate, and down to almost nothing.

use limpid_tensor::Result;

use super::{Schedule, half_cosine};
use crate::setting;

/// The way from one rate to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anneal {
    /// Half a cosine wave.
    #[default]
    Cosine,
    /// A straight line.
    Linear,
}

impl Anneal {
    fn between(self, start: f64, end: f64, share: f64) -> f64 {
        match self {
            Self::Cosine => half_cosine(start, end, share),
            Self::Linear => start + (end - start) * share,
        }
    }
}

/// From `max_rate / div_factor` up to `max_rate` in the first `pct_start` of the steps, then down
/// to the first rate over `final_div_factor`, where it stays.
///
/// # Range
/// `pct_start` in [0, 1], default 0.3; `div_factor` above 0, default 25; `final_div_factor` above
/// 0, default 1e4. With `three_phase`, the way down is as long as the way up and is followed by one
/// from the first rate to the last.
///
/// # Differs from
/// PyTorch's raises an error after `total_steps`.
///
/// # Source
/// Smith & Topin (2018), "Super-convergence"; equals torch.optim.lr_scheduler.OneCycleLR (2.15).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct OneCycle {
    /// The highest rate.
    pub max_rate: f64,
    /// How many steps the cycle has, at least 1.
    pub total_steps: u64,
    /// The share of the steps in which the rate grows.
    pub pct_start: f64,
    /// The highest rate over the first.
    pub div_factor: f64,
    /// The first rate over the last.
    pub final_div_factor: f64,
    /// The way between them.
    pub anneal: Anneal,
    /// Whether there is a third phase.
    pub three_phase: bool,
}

impl OneCycle {
    /// A cycle of `total_steps` steps with the highest rate `max_rate`.
    pub fn new(max_rate: f64, total_steps: u64) -> Self {
        Self {
            max_rate,
            total_steps,
            pct_start: 0.3,
            div_factor: 25.0,
            final_div_factor: 1e4,
            anneal: Anneal::Cosine,
            three_phase: false,
        }
    }

    /// Sets the share of the steps in which the rate grows.
    #[must_use]
    pub fn with_pct_start(mut self, pct_start: f64) -> Self {
        self.pct_start = pct_start;
        self
    }

    /// Sets the highest rate over the first.
    #[must_use]
    pub fn with_div_factor(mut self, div_factor: f64) -> Self {
        self.div_factor = div_factor;
        self
    }

    /// Sets the first rate over the last.
    #[must_use]
    pub fn with_final_div_factor(mut self, final_div_factor: f64) -> Self {
        self.final_div_factor = final_div_factor;
        self
    }

    /// Sets the way between the rates.
    #[must_use]
    pub fn with_anneal(mut self, anneal: Anneal) -> Self {
        self.anneal = anneal;
        self
    }

    /// Adds a third phase, or does not.
    #[must_use]
    pub fn with_three_phase(mut self, three_phase: bool) -> Self {
        self.three_phase = three_phase;
        self
    }
}

impl Schedule for OneCycle {
    fn rate(&self, step: u64) -> f64 {
        let total = self.total_steps as f64;
        let first = self.max_rate / self.div_factor;
        let last = first / self.final_div_factor;
        let top = self.pct_start * total - 1.0;
        let low = 2.0 * self.pct_start * total - 2.0;
        let phases: &[(f64, f64, f64)] = if self.three_phase {
            &[
                (top, first, self.max_rate),
                (low, self.max_rate, first),
                (total - 1.0, first, last),
            ]
        } else {
            &[
                (top, first, self.max_rate),
                (total - 1.0, self.max_rate, last),
            ]
        };
        let step = step as f64;
        let mut start = 0.0;
        for &(end, from, to) in phases {
            if step <= end && end > start {
                return self
                    .anneal
                    .between(from, to, (step - start) / (end - start));
            }
            start = end;
        }
        last
    }

    fn check(&self) -> Result<()> {
        let of = "one_cycle";
        setting::not_negative(of, "max_rate", self.max_rate)?;
        setting::at_least_one(of, "total_steps", self.total_steps)?;
        let pct_start = self.pct_start;
        setting::require(
            (0.0..=1.0).contains(&pct_start),
            of,
            "pct_start",
            "in [0, 1]",
            pct_start,
        )?;
        setting::positive(of, "div_factor", self.div_factor)?;
        setting::positive(of, "final_div_factor", self.final_div_factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cycle_meets_its_corners() {
        let schedule = OneCycle::new(1.0, 100);
        let near = |step, want: f64| assert!((schedule.rate(step) - want).abs() < 1e-12);
        near(0, 0.04);
        near(29, 1.0);
        near(99, 4e-6);
        near(1000, 4e-6);
    }

    #[test]
    fn three_phases_come_back_to_the_first_rate() {
        let schedule = OneCycle::new(1.0, 100).with_three_phase(true);
        assert!((schedule.rate(58) - 0.04).abs() < 1e-12);
        assert!((schedule.rate(99) - 4e-6).abs() < 1e-12);
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        let refused = |schedule: OneCycle| schedule.check().unwrap_err().to_string();
        assert!(refused(OneCycle::new(f64::NAN, 10)).contains("`max_rate`"));
        assert!(refused(OneCycle::new(0.1, 10).with_pct_start(1.5)).contains("`pct_start`"));
        assert!(refused(OneCycle::new(0.1, 10).with_div_factor(0.0)).contains("`div_factor`"));
    }
}
