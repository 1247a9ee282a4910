//! The tree-structured Parzen estimator.

use limpid_tensor::Stream;

use super::parzen::Parzen;
use super::{Random, Sampler};
use crate::assignment::Assignment;
use crate::axis::Axis;
use crate::error::{Result, SearchError};
use crate::history::History;
use crate::space::Space;
use crate::trial::{State, Trial};
use crate::value::Value;

/// Splits the trials into the best few and the rest, estimates on each axis the density `l` of the
/// former and `g` of the latter, draws candidates from `l` and takes the one where `l / g`, and with
/// it the expected improvement, is largest. Axes are treated one by one; a conditional axis learns
/// from the trials that have it.
///
/// Pruned trials count as worse than complete ones, diverged trials as the worst; running and failed
/// ones are left out.
///
/// # Source
/// Bergstra et al. (2011), "Algorithms for hyper-parameter optimization", section 4; split, weights
/// and bandwidths as Optuna's univariate `TPESampler`.
///
/// # Example
/// ```
/// use limpid_hpsearch::{Direction, Study, Tpe};
/// use limpid_tensor::Stream;
///
/// let mut study = Study::define_by_run(Direction::Minimize, Tpe::default(), Stream::new(0));
/// study.optimize(60, |trial| {
///     let lr = trial.suggest_log_uniform("lr", 1e-6, 10.0)?;
///     Ok((lr.log10() + 2.0).powi(2))
/// })?;
/// assert!(study.best()?.value().is_some_and(|loss| loss < 1e-2));
/// # Ok::<(), limpid_hpsearch::SearchError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tpe {
    /// How many trials are drawn at random before; default 10.
    pub startup_trials: usize,
    /// The share of the trials that is the best, in (0, 1), and at most 25 of them; default 0.1.
    pub gamma: f64,
    /// The weight of the prior, where an observation has 1; above 0; default 1.
    pub prior_weight: f64,
    /// How many candidates are drawn; at least 1; default 24.
    pub candidates: usize,
}

/// The best trials are at most so many.
const MOST_GOOD: f64 = 25.0;

impl Default for Tpe {
    fn default() -> Self {
        Self {
            startup_trials: 10,
            gamma: 0.1,
            prior_weight: 1.0,
            candidates: 24,
        }
    }
}

impl Tpe {
    /// With so many random trials before.
    #[must_use]
    pub fn with_startup_trials(mut self, startup_trials: usize) -> Self {
        self.startup_trials = startup_trials;
        self
    }

    /// With that share of the trials as the best.
    #[must_use]
    pub fn with_gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }

    /// With that weight of the prior.
    #[must_use]
    pub fn with_prior_weight(mut self, prior_weight: f64) -> Self {
        self.prior_weight = prior_weight;
        self
    }

    /// With so many candidates.
    #[must_use]
    pub fn with_candidates(mut self, candidates: usize) -> Self {
        self.candidates = candidates;
        self
    }

    fn check(&self) -> Result<()> {
        let wrong = |setting, must, found| {
            Err(SearchError::Setting {
                component: "tpe",
                setting,
                must,
                found,
            })
        };
        match self {
            _ if !(self.gamma > 0.0 && self.gamma < 1.0) => {
                wrong("gamma", "above 0 and below 1", self.gamma)
            }
            _ if !(self.prior_weight > 0.0 && self.prior_weight.is_finite()) => {
                wrong("prior_weight", "above 0 and finite", self.prior_weight)
            }
            Self { candidates: 0, .. } => wrong("candidates", "at least 1", 0.0),
            _ => Ok(()),
        }
    }

    fn choose(&self, axis: &Axis, good: &[&Trial], bad: &[&Trial], stream: Stream) -> Value {
        let good = Parzen::new(axis, &observed(axis, good), self.prior_weight);
        let bad = Parzen::new(axis, &observed(axis, bad), self.prior_weight);
        let mut generator = stream.generator();
        let mut best = (good.draw(&mut generator), f64::NEG_INFINITY);
        for place in 0..self.candidates {
            let value = if place == 0 {
                best.0.clone()
            } else {
                good.draw(&mut generator)
            };
            let gain = good.log_density(&value) - bad.log_density(&value);
            if gain > best.1 {
                best = (value, gain);
            }
        }
        best.0
    }
}

impl Sampler for Tpe {
    fn name(&self) -> &'static str {
        "tpe"
    }

    fn suggest(&self, space: &Space, history: &History, stream: Stream) -> Result<Assignment> {
        self.check()?;
        let mut good = ranked(history);
        if good.len() < self.startup_trials {
            return Random.suggest(space, history, stream);
        }
        let share = (self.gamma * good.len() as f64).ceil().min(MOST_GOOD);
        let mut bad = good.split_off(share as usize);
        // Weights go by age, so both parts are put back in order of time.
        good.sort_by_key(|trial| trial.number);
        bad.sort_by_key(|trial| trial.number);
        let trial = stream.fork("tpe").fork(history.next_number());
        space.assign(|axis| Ok(self.choose(axis, &good, &bad, trial.fork(axis.name()))))
    }
}

/// The trials that say something, best first: complete ones by their objective, then pruned ones by how
/// far they came and how good they were there, then diverged ones.
fn ranked(history: &History) -> Vec<&Trial> {
    let mut ranked = history.ranked();
    let mut pruned: Vec<(u64, f64, &Trial)> = history
        .trials()
        .iter()
        .filter(|trial| trial.state == State::Pruned)
        .map(|trial| match trial.reports.last() {
            Some(report) => (report.step, history.direction().loss(report.value), trial),
            None => (0, 0.0, trial),
        })
        .collect();
    pruned.sort_by(|left, right| right.0.cmp(&left.0).then(left.1.total_cmp(&right.1)));
    ranked.extend(pruned.into_iter().map(|(_, _, trial)| trial));
    let diverged = |trial: &&Trial| matches!(trial.state, State::Diverged { .. });
    ranked.extend(history.trials().iter().filter(diverged));
    ranked
}

/// The values of `axis` in `trials`, where they have it within its present bounds.
fn observed<'trial>(axis: &Axis, trials: &[&'trial Trial]) -> Vec<&'trial Value> {
    trials
        .iter()
        .filter_map(|trial| trial.assignment.get(axis.name()))
        .filter(|value| axis.contains(value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Direction;
    use crate::study::Study;
    use crate::testing::check_sampler;

    #[test]
    fn it_keeps_the_contract() {
        check_sampler(&Tpe::default()).unwrap();
        check_sampler(&Tpe::default().with_startup_trials(0)).unwrap();
    }

    #[test]
    fn wrong_settings_are_refused() {
        let refused = |tpe: Tpe| {
            let history = History::new(Direction::Minimize);
            let result = tpe.suggest(&Space::new(), &history, Stream::new(0));
            matches!(
                result,
                Err(SearchError::Setting {
                    component: "tpe",
                    ..
                })
            )
        };
        assert!(refused(Tpe::default().with_gamma(0.0)));
        assert!(refused(Tpe::default().with_gamma(f64::NAN)));
        assert!(refused(Tpe::default().with_prior_weight(0.0)));
        assert!(refused(Tpe::default().with_candidates(0)));
    }

    /// The objective gets better and better towards a cliff at 0.6.
    #[test]
    fn it_learns_from_trials_that_diverge_but_not_from_those_that_fail() {
        let fell = |diverging: bool| {
            let space = Space::new().uniform("x", 0.0, 1.0).unwrap();
            let mut study = Study::new(space, Direction::Minimize, Tpe::default(), Stream::new(4));
            study
                .optimize(80, |trial| match trial.assignment().float("x")? {
                    x if x <= 0.6 => Ok(-x),
                    _ if diverging => Ok(f64::NAN),
                    _ => Err("out of memory".into()),
                })
                .unwrap();
            let late = &study.history().trials()[40..];
            late.iter().filter(|trial| trial.value().is_none()).count()
        };
        let (diverged, failed) = (fell(true), fell(false));
        assert!(diverged + 8 < failed, "{diverged} and {failed} of 40");
    }
}
