//! Let one in several go on at each rung.

use super::{Decision, Pruner};
use crate::error::{Result, SearchError};
use crate::history::History;
use crate::trial::Trial;

/// Asynchronous successive halving: at the rungs `min_resource * reduction_factor^k` a trial goes
/// on only if it is among the best `1 / reduction_factor` of all that have reached the rung so
/// far (or the best of them, while they are fewer than that).
///
/// # Source
/// Li et al. (2020), "A system for massively parallel hyperparameter tuning" (ASHA), algorithm 2,
/// with the stopping form and default factor of Optuna's `SuccessiveHalvingPruner`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SuccessiveHalving {
    /// The step of the first rung, in the unit of the reports; at least 1; default 1.
    pub min_resource: u64,
    /// How many reach a rung for one that leaves it; at least 2; default 4.
    pub reduction_factor: u64,
}

impl Default for SuccessiveHalving {
    fn default() -> Self {
        Self {
            min_resource: 1,
            reduction_factor: 4,
        }
    }
}

impl SuccessiveHalving {
    /// With the first rung at that step.
    #[must_use]
    pub fn with_min_resource(mut self, min_resource: u64) -> Self {
        self.min_resource = min_resource;
        self
    }

    /// With so many trials at a rung for one that leaves it.
    #[must_use]
    pub fn with_reduction_factor(mut self, reduction_factor: u64) -> Self {
        self.reduction_factor = reduction_factor;
        self
    }

    fn check(&self) -> Result<()> {
        let settings = [
            ("min_resource", self.min_resource, 1, "at least 1"),
            ("reduction_factor", self.reduction_factor, 2, "at least 2"),
        ];
        match settings.iter().find(|(_, found, least, _)| found < least) {
            None => Ok(()),
            Some((setting, found, _, must)) => Err(SearchError::Setting {
                component: "successive halving",
                setting,
                must,
                found: *found as f64,
            }),
        }
    }
}

impl Pruner for SuccessiveHalving {
    fn name(&self) -> &'static str {
        "successive_halving"
    }

    fn decide(&self, history: &History, trial: &Trial) -> Result<Decision> {
        self.check()?;
        let Some(latest) = trial.reports.last() else {
            return Ok(Decision::Continue);
        };
        let before = trial
            .reports
            .iter()
            .rev()
            .nth(1)
            .map_or(0, |report| report.step);
        let rungs = std::iter::successors(Some(self.min_resource), |rung| {
            rung.checked_mul(self.reduction_factor)
        });
        // Only the rungs that the latest report has reached are judged, each once.
        for rung in rungs
            .take_while(|rung| *rung <= latest.step)
            .filter(|rung| *rung > before)
        {
            let loss = |trial: &Trial| {
                let report = trial.reports.iter().find(|report| report.step >= rung)?;
                Some(history.direction().loss(report.value)).filter(|loss| !loss.is_nan())
            };
            let Some(own) = loss(trial) else {
                return Ok(Decision::Prune);
            };
            let others = history
                .trials()
                .iter()
                .filter(|other| other.number != trial.number);
            let mut losses: Vec<f64> = others.filter_map(loss).chain([own]).collect();
            losses.sort_by(f64::total_cmp);
            let places = (losses.len() as u64 / self.reduction_factor).max(1);
            if own > losses[places as usize - 1] {
                return Ok(Decision::Prune);
            }
        }
        Ok(Decision::Continue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Direction;
    use crate::pruner::tests::{history_of, trial_of};

    fn decide(pruner: SuccessiveHalving, curve: &[f64]) -> Decision {
        let curves: [&[f64]; 7] = [&[1.0], &[2.0], &[3.0], &[4.0], &[5.0], &[6.0], &[7.0, 0.5]];
        pruner
            .decide(
                &history_of(Direction::Minimize, &curves),
                &trial_of(7, curve),
            )
            .unwrap()
    }

    #[test]
    fn one_in_four_leaves_the_first_rung() {
        // Eight trials have reached it, so the two best go on.
        assert_eq!(
            decide(SuccessiveHalving::default(), &[1.5]),
            Decision::Continue
        );
        assert_eq!(
            decide(SuccessiveHalving::default(), &[2.5]),
            Decision::Prune
        );
        assert_eq!(
            decide(
                SuccessiveHalving::default().with_reduction_factor(2),
                &[2.5]
            ),
            Decision::Continue
        );
    }

    #[test]
    fn between_rungs_nothing_is_judged() {
        assert_eq!(
            decide(SuccessiveHalving::default(), &[1.5, 9.0]),
            Decision::Continue
        );
        assert_eq!(
            decide(SuccessiveHalving::default().with_min_resource(2), &[9.0]),
            Decision::Continue
        );
        // At the second rung of factor 2 the other that reached it had 0.5.
        assert_eq!(
            decide(
                SuccessiveHalving::default().with_reduction_factor(2),
                &[1.5, 0.6]
            ),
            Decision::Prune
        );
    }

    #[test]
    fn the_first_to_reach_a_rung_goes_on() {
        let alone = history_of(Direction::Maximize, &[]);
        let decision = SuccessiveHalving::default()
            .decide(&alone, &trial_of(0, &[0.1]))
            .unwrap();
        assert_eq!(decision, Decision::Continue);
    }

    #[test]
    fn a_factor_of_one_is_refused() {
        let alone = history_of(Direction::Minimize, &[]);
        let error = SuccessiveHalving::default()
            .with_reduction_factor(1)
            .decide(&alone, &trial_of(0, &[0.1]))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "successive halving: `reduction_factor` is 1: it must be at least 2"
        );
    }
}
