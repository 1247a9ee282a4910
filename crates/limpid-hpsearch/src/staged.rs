//! Coarse to fine: many short trials over the whole space, then fewer and longer ones around the
//! best.

use serde::{Deserialize, Serialize};

use crate::edge::{EdgeCheck, EdgeWarning};
use crate::error::{ObjectiveError, Result, SearchError};
use crate::running::RunningTrial;
use crate::space::Space;
use crate::study::{Stop, Study};
use crate::trial::{Outcome, Trial};

/// What a trial of a stage may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Epochs of training.
    pub epochs: usize,
    /// Folds of cross-validation; 1 is a single validation part.
    pub folds: usize,
}

/// One stage of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// How many trials; at least 1. Widening repeats them.
    pub trials: usize,
    /// What each may spend.
    pub budget: Budget,
}

impl Stage {
    /// So many trials of so many epochs on one validation part.
    pub fn new(trials: usize, epochs: usize) -> Self {
        Self {
            trials,
            budget: Budget { epochs, folds: 1 },
        }
    }

    /// With cross-validation over so many folds.
    #[must_use]
    pub fn with_folds(mut self, folds: usize) -> Self {
        self.budget.folds = folds;
        self
    }
}

/// What happens when a stage ends with its best at an edge.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Widening {
    /// It is only reported.
    Never,
    /// The axis is made `factor` times as wide at that edge and the stage's trials are run again,
    /// up to `rounds` times in a stage.
    AtEdges {
        /// How much wider, on the axis' own scale; above 1.
        factor: f64,
        /// How often in a stage.
        rounds: usize,
    },
}

/// How a stage went.
#[derive(Clone, Debug, PartialEq)]
pub struct StageReport {
    /// The stage.
    pub stage: Stage,
    /// The spaces that were searched: the first, and one more for each widening.
    pub spaces: Vec<Space>,
    /// How many trials were run.
    pub trials: usize,
    /// Its best trial.
    pub best: Trial,
    /// Edges where the best lies at the end, widening over.
    pub warnings: Vec<EdgeWarning>,
    /// Why it ended.
    pub stop: Stop,
}

/// A search in stages. After each, the space is narrowed around the stage's best trials, on each
/// axis' own scale. Objectives after different budgets are not comparable, so each stage has a history
/// of its own; the best of one are tried again first in the next.
///
/// # Example
/// ```
/// use limpid_hpsearch::{Direction, Random, Space, Stage, Staged, Study};
/// use limpid_tensor::Stream;
///
/// let space = Space::new().log_uniform("lr", 1e-6, 10.0)?;
/// let mut study = Study::new(space, Direction::Minimize, Random, Stream::new(0));
/// let staged = Staged::new(vec![Stage::new(20, 1), Stage::new(10, 5).with_folds(3)]);
/// let stages = staged.run(&mut study, |trial, budget| {
///     let error = trial.assignment().float("lr")?.log10() + 2.0;
///     Ok(error.powi(2) + 1.0 / budget.epochs as f64)
/// })?;
/// assert_eq!(stages.len(), 2);
/// assert!((study.best()?.assignment.float("lr")?.log10() + 2.0).abs() < 0.2);
/// # Ok::<(), limpid_hpsearch::SearchError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Staged {
    /// The stages in order.
    pub stages: Vec<Stage>,
    /// How many of the best trials of a stage span the space of the next; at least 1; default 5.
    pub keep: usize,
    /// How many of the best trials of a stage are tried again first in the next, among its trials;
    /// default 1.
    pub carry: usize,
    /// How much of an axis' width is kept to both sides of the best; default 0.1.
    pub margin: f64,
    /// What happens at edges; default twice as wide, at most twice a stage.
    pub widening: Widening,
    /// When a best value counts as at an edge.
    pub edges: EdgeCheck,
}

impl Staged {
    /// These stages, with the defaults.
    pub fn new(stages: Vec<Stage>) -> Self {
        Self {
            stages,
            keep: 5,
            carry: 1,
            margin: 0.1,
            widening: Widening::AtEdges {
                factor: 2.0,
                rounds: 2,
            },
            edges: EdgeCheck::default(),
        }
    }

    /// With that answer to best values at edges.
    #[must_use]
    pub fn with_widening(mut self, widening: Widening) -> Self {
        self.widening = widening;
        self
    }

    /// With that many best trials spanning the space of the next stage.
    #[must_use]
    pub fn with_keep(mut self, keep: usize) -> Self {
        self.keep = keep;
        self
    }

    /// With that many best trials tried again in the next stage.
    #[must_use]
    pub fn with_carry(mut self, carry: usize) -> Self {
        self.carry = carry;
        self
    }

    /// Runs the stages in `study`, which afterwards holds the last stage as its history and the
    /// others as its [past stages](Study::past_stages). An observer that breaks ends the search.
    ///
    /// # Errors
    /// [`SearchError::NotFresh`] when the study has trials; [`SearchError::Setting`] for a setting
    /// out of range; [`SearchError::NoneComplete`] when a stage has no complete trial; those of
    /// [`Study::optimize`].
    pub fn run<S: Into<Outcome>>(
        &self,
        study: &mut Study,
        mut objective: impl FnMut(&mut RunningTrial<'_>, Budget) -> Result<S, ObjectiveError>,
    ) -> Result<Vec<StageReport>> {
        self.check()?;
        study.check_fresh("a staged search")?;
        let mut reports: Vec<StageReport> = Vec::new();
        for stage in &self.stages {
            if !reports.is_empty() {
                self.begin_next(study)?;
            }
            let report = self.run_stage(*stage, study, &mut objective)?;
            let observed = matches!(report.stop, Stop::Observer(_));
            reports.push(report);
            if observed {
                break;
            }
        }
        Ok(reports)
    }

    fn begin_next(&self, study: &mut Study) -> Result<()> {
        let ranked = study.history().ranked();
        let best = &ranked[..ranked.len().min(self.keep)];
        let space = study.space().narrowed(best, self.margin)?;
        let carried: Vec<_> = ranked
            .iter()
            .take(self.carry)
            .map(|trial| trial.assignment.clone())
            .collect();
        study.begin_stage(space);
        carried
            .into_iter()
            .try_for_each(|assignment| study.enqueue(assignment))
    }

    fn run_stage<S: Into<Outcome>>(
        &self,
        stage: Stage,
        study: &mut Study,
        objective: &mut impl FnMut(&mut RunningTrial<'_>, Budget) -> Result<S, ObjectiveError>,
    ) -> Result<StageReport> {
        let mut spaces = vec![study.space().clone()];
        loop {
            let stop = study.optimize(stage.trials, |trial| objective(trial, stage.budget))?;
            let best = study.best()?.clone();
            let warnings = self.edges.warnings(study.space(), study.history());
            match self.widening {
                Widening::AtEdges { factor, rounds }
                    if stop == Stop::Done && !warnings.is_empty() && spaces.len() <= rounds =>
                {
                    study.set_space(study.space().widened(&warnings, factor)?);
                    spaces.push(study.space().clone());
                }
                _ => {
                    let trials = study.history().len();
                    return Ok(StageReport {
                        stage,
                        spaces,
                        trials,
                        best,
                        warnings,
                        stop,
                    });
                }
            }
        }
    }

    fn check(&self) -> Result<()> {
        let least = |setting, found: usize| match found {
            0 => Err(SearchError::Setting {
                component: "staged search",
                setting,
                must: "at least 1",
                found: 0.0,
            }),
            _ => Ok(()),
        };
        least("stages", self.stages.len())?;
        least("keep", self.keep)?;
        self.stages.iter().try_for_each(|stage| {
            least("trials", stage.trials)?;
            least("epochs", stage.budget.epochs)?;
            least("folds", stage.budget.folds)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Direction;
    use crate::sampler::Random;
    use limpid_tensor::Stream;

    fn study(high: f64) -> Study {
        seeded(high, 2)
    }

    fn seeded(high: f64, seed: u64) -> Study {
        let space = Space::new()
            .log_uniform("lr", 1e-6, high)
            .and_then(|space| space.uniform("dropout", 0.0, 1.0)?.limited_to(0.0, 1.0))
            .unwrap();
        Study::new(space, Direction::Maximize, Random, Stream::new(seed))
    }

    fn run(staged: &Staged, study: &mut Study) -> Result<Vec<StageReport>> {
        staged.run(study, |trial, budget| {
            let at = trial.assignment();
            let miss =
                (at.float("lr")?.log10() + 1.0).powi(2) + (at.float("dropout")? - 0.3).powi(2);
            Ok(budget.epochs as f64 * budget.folds as f64 - miss)
        })
    }

    fn width(space: &Space) -> f64 {
        let axis = space.get("lr").unwrap();
        let decade = |position| match axis.value_at_position(position) {
            crate::Value::Float(value) => value.log10(),
            other => panic!("{other}"),
        };
        decade(1.0) - decade(0.0)
    }

    #[test]
    fn each_stage_is_narrower_and_nearer() {
        let mut study = study(10.0);
        let staged = Staged::new(vec![
            Stage::new(40, 1),
            Stage::new(20, 3),
            Stage::new(10, 9).with_folds(5),
        ])
        .with_widening(Widening::Never);
        let reports = run(&staged, &mut study).unwrap();
        let widths: Vec<f64> = reports
            .iter()
            .map(|report| width(&report.spaces[0]))
            .collect();
        assert!(
            widths[1] < 0.6 * widths[0] && widths[2] < 0.6 * widths[1],
            "{widths:?}"
        );
        let miss = |report: &StageReport| {
            let budget = report.stage.budget;
            budget.epochs as f64 * budget.folds as f64 - report.best.value().unwrap()
        };
        // The best of a stage is tried again in the next, so it never gets worse.
        assert!(miss(&reports[1]) <= miss(&reports[0]) && miss(&reports[2]) <= miss(&reports[1]));
        let trials: Vec<usize> = study
            .past_stages()
            .iter()
            .map(|past| past.history.len())
            .collect();
        assert_eq!((trials, study.history().len()), (vec![40, 20], 10));
        assert_eq!(study.history().trials()[0].number, 60);
        assert_eq!(study.history().trials()[0].stage, 2);
        assert_eq!(
            study.history().trials()[0].assignment,
            reports[1].best.assignment
        );
    }

    #[test]
    fn three_stages_come_nearer_than_one_of_as_many_trials() {
        let nearer = |seed| {
            let best = |stages: Vec<usize>| {
                let stages = stages
                    .into_iter()
                    .map(|trials| Stage::new(trials, 1))
                    .collect();
                let staged = Staged::new(stages).with_widening(Widening::Never);
                let mut study = seeded(10.0, seed);
                run(&staged, &mut study).unwrap();
                study.best().unwrap().value().unwrap()
            };
            best(vec![40, 20, 10]) > best(vec![70])
        };
        // By chance it would be 10; 17 or more have a probability of 0.0013.
        let wins = (0..20).filter(|seed| nearer(*seed)).count();
        assert!(wins >= 17, "{wins} of 20");
    }

    #[test]
    fn an_optimum_outside_is_found_by_widening() {
        let never = Staged::new(vec![Stage::new(40, 1)]).with_widening(Widening::Never);
        let mut narrow = study(1e-3);
        let reports = run(&never, &mut narrow).unwrap();
        assert_eq!(reports[0].warnings[0].axis, "lr");
        assert_eq!(reports[0].trials, 40);
        let mut widened = study(1e-3);
        let reports = run(
            &Staged::new(vec![Stage::new(40, 1), Stage::new(20, 1)]),
            &mut widened,
        )
        .unwrap();
        assert_eq!((reports[0].spaces.len(), reports[0].trials), (2, 80));
        let lr = widened.best().unwrap().assignment.float("lr").unwrap();
        assert!((0.05..0.2).contains(&lr), "{lr}");
    }

    #[test]
    fn a_stage_without_a_complete_trial_is_an_error() {
        let staged = Staged::new(vec![Stage::new(3, 1), Stage::new(3, 1)]);
        let error = staged
            .run(&mut study(1.0), |_, _| Err::<f64, _>("no".into()))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "best trial: none of 3 trials was completed"
        );
    }

    #[test]
    fn wrong_settings_are_refused() {
        let refused = |staged: Staged| {
            matches!(
                run(&staged, &mut study(1.0)),
                Err(SearchError::Setting { .. })
            )
        };
        assert!(refused(Staged::new(Vec::new())));
        assert!(refused(Staged::new(vec![Stage::new(0, 1)])));
        assert!(refused(Staged::new(vec![Stage::new(1, 1).with_folds(0)])));
        let mut used = study(1.0);
        used.ask().unwrap();
        let staged = Staged::new(vec![Stage::new(1, 1)]);
        assert!(matches!(
            run(&staged, &mut used),
            Err(SearchError::NotFresh { trials: 1, .. })
        ));
    }
}
