//! Give up what is worse than half of the others.

use super::{Decision, Pruner};
use crate::history::History;
use crate::trial::{State, Trial};

/// Prunes a trial whose best report so far is worse than the median of what the complete trials
/// had reported at the same step.
///
/// # Source
/// Golovin et al. (2017), "Google Vizier", section 3.2.1, with the defaults of Optuna's
/// `MedianPruner`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MedianPruner {
    /// How many trials must be complete before any is pruned; default 5.
    pub startup_trials: usize,
    /// Up to and with this step none is pruned; default 0.
    pub warmup_steps: u64,
}

impl Default for MedianPruner {
    fn default() -> Self {
        Self {
            startup_trials: 5,
            warmup_steps: 0,
        }
    }
}

impl MedianPruner {
    /// With so many trials before the first is pruned.
    #[must_use]
    pub fn with_startup_trials(mut self, startup_trials: usize) -> Self {
        self.startup_trials = startup_trials;
        self
    }

    /// With so many steps before a trial is pruned.
    #[must_use]
    pub fn with_warmup_steps(mut self, warmup_steps: u64) -> Self {
        self.warmup_steps = warmup_steps;
        self
    }
}

impl Pruner for MedianPruner {
    fn name(&self) -> &'static str {
        "median"
    }

    fn decide(&self, history: &History, trial: &Trial) -> crate::Result<Decision> {
        let Some(latest) = trial.reports.last() else {
            return Ok(Decision::Continue);
        };
        let loss = |value| history.direction().loss(value);
        let complete: Vec<&Trial> = history
            .trials()
            .iter()
            .filter(|other| matches!(other.state, State::Complete { .. }))
            .collect();
        if complete.len() < self.startup_trials || latest.step <= self.warmup_steps {
            return Ok(Decision::Continue);
        }
        let mut others: Vec<f64> = complete
            .iter()
            .filter_map(|other| {
                other
                    .reports
                    .iter()
                    .find(|report| report.step == latest.step)
            })
            .map(|report| loss(report.value))
            .filter(|loss| !loss.is_nan())
            .collect();
        others.sort_by(f64::total_cmp);
        let best = trial
            .reports
            .iter()
            .map(|report| loss(report.value))
            .fold(f64::INFINITY, f64::min);
        Ok(match median(&others) {
            Some(median) if best > median => Decision::Prune,
            _ => Decision::Continue,
        })
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        Some(upper)
    } else {
        Some(f64::midpoint(sorted[middle - 1], upper))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Direction;
    use crate::pruner::tests::{history_of, trial_of};

    const CURVES: [&[f64]; 5] = [
        &[1.0, 0.5],
        &[2.0, 0.4],
        &[3.0, 0.3],
        &[4.0, 0.2],
        &[5.0, 0.1],
    ];

    fn decide(pruner: MedianPruner, direction: Direction, curve: &[f64]) -> Decision {
        pruner
            .decide(&history_of(direction, &CURVES), &trial_of(5, curve))
            .unwrap()
    }

    #[test]
    fn worse_than_the_median_is_pruned() {
        let pruner = MedianPruner::default();
        assert_eq!(decide(pruner, Direction::Minimize, &[3.1]), Decision::Prune);
        assert_eq!(
            decide(pruner, Direction::Minimize, &[3.0]),
            Decision::Continue
        );
        assert_eq!(decide(pruner, Direction::Maximize, &[2.9]), Decision::Prune);
        // The best report counts, not the last; the median there is 0.3.
        assert_eq!(
            decide(pruner, Direction::Minimize, &[0.25, 9.0]),
            Decision::Continue
        );
        assert_eq!(
            decide(pruner, Direction::Minimize, &[2.0, 0.35]),
            Decision::Prune
        );
    }

    #[test]
    fn nothing_is_pruned_before_there_is_evidence() {
        let minimize = Direction::Minimize;
        assert_eq!(
            decide(
                MedianPruner::default().with_startup_trials(6),
                minimize,
                &[9.0]
            ),
            Decision::Continue
        );
        assert_eq!(
            decide(
                MedianPruner::default().with_warmup_steps(1),
                minimize,
                &[9.0]
            ),
            Decision::Continue
        );
        assert_eq!(
            decide(MedianPruner::default(), minimize, &[9.0, 9.0, 9.0]),
            Decision::Continue
        );
        assert_eq!(
            decide(MedianPruner::default(), minimize, &[]),
            Decision::Continue
        );
    }

    #[test]
    fn the_median_of_an_even_count_is_the_mean_of_the_middle_two() {
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }
}
