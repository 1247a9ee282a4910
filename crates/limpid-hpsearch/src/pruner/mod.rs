//! When a trial is given up early.

mod median;
mod successive_halving;

pub use median::MedianPruner;
pub use successive_halving::SuccessiveHalving;

use crate::error::Result;
use crate::history::History;
use crate::trial::Trial;

/// What a pruner says to a trial that has just reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Go on.
    Continue,
    /// Give up: return [`Outcome::Pruned`](crate::Outcome::Pruned).
    Prune,
}

impl Decision {
    /// Whether to give up.
    pub fn is_prune(self) -> bool {
        self == Self::Prune
    }
}

/// Decides after each report whether a trial goes on. It is a pure function of the history and its
/// own settings. A report that is not finite is pruned by the study itself.
pub trait Pruner: std::fmt::Debug + Send + Sync {
    /// Its name in messages and records.
    fn name(&self) -> &'static str;

    /// Whether `trial`, which has just reported, goes on. It is in `history` as well.
    ///
    /// # Errors
    /// [`SearchError::Setting`](crate::SearchError::Setting) when it is set wrongly.
    fn decide(&self, history: &History, trial: &Trial) -> Result<Decision>;
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::assignment::Assignment;
    use crate::history::Direction;
    use crate::trial::{Report, State};

    /// A complete trial for each curve; step `i + 1` reports the curve's `i`-th value.
    pub(crate) fn history_of(direction: Direction, curves: &[&[f64]]) -> History {
        curves
            .iter()
            .enumerate()
            .fold(History::new(direction), |history, (number, curve)| {
                let value = curve.last().copied().unwrap_or(0.0);
                history.with(Trial {
                    state: State::Complete { value },
                    ..trial_of(number, curve)
                })
            })
    }

    /// A running trial with that curve.
    pub(crate) fn trial_of(number: usize, curve: &[f64]) -> Trial {
        let report = |(place, value): (usize, &f64)| Report {
            step: place as u64 + 1,
            value: *value,
        };
        Trial {
            number,
            stage: 0,
            assignment: Assignment::new(),
            reports: curve.iter().enumerate().map(report).collect(),
            state: State::Running,
        }
    }
}
