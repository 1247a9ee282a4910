//! One try: what was assigned, what was reported on the way, how it ended.

use serde::{Deserialize, Serialize};

use crate::assignment::Assignment;
use crate::error::{Result, SearchError};
use crate::value::any_float;

/// How far a trial has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Not ended yet. Samplers see it, so that several trials at once need not try the same.
    Running,
    /// Ended with a finite objective.
    Complete {
        /// The objective, in its own direction.
        value: f64,
    },
    /// Ended early because it promised too little.
    Pruned,
    /// Ended with an objective or report that is NaN or infinite: the setting itself is bad.
    Diverged {
        /// What the objective was.
        #[serde(with = "any_float")]
        value: f64,
    },
    /// Ended by an error, which says nothing of how good the setting is.
    Failed {
        /// The error and its sources.
        reason: String,
    },
}

/// How an objective says that a trial ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was evaluated to the end. NaN and infinities make the trial [`State::Diverged`].
    Complete(f64),
    /// It was stopped since its reports promised too little.
    Pruned,
    /// It failed, for this reason.
    Failed(String),
}

impl From<f64> for Outcome {
    fn from(value: f64) -> Self {
        Self::Complete(value)
    }
}

/// An objective on the way, after `step` units of the resource (epochs, folds, ...).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How much of the resource has been used; from 1 when it counts finished epochs.
    pub step: u64,
    /// The objective there, in its own direction.
    #[serde(with = "any_float")]
    pub value: f64,
}

/// One try of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its place in the study, from 0, running on through all stages.
    pub number: usize,
    /// The stage it belongs to, from 0; 0 in a study without stages.
    #[serde(default)]
    pub stage: usize,
    /// What it tries.
    pub assignment: Assignment,
    /// What it reported, in order of rising steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<Report>,
    /// How it stands.
    #[serde(flatten)]
    pub state: State,
}

impl Trial {
    /// The objective of a complete trial.
    pub fn value(&self) -> Option<f64> {
        match self.state {
            State::Complete { value } => Some(value),
            _ => None,
        }
    }

    /// Whether it is still running.
    pub fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// The last report up to and with `step`.
    pub fn report_at(&self, step: u64) -> Option<&Report> {
        self.reports.iter().rev().find(|report| report.step <= step)
    }

    pub(crate) fn push_report(&mut self, report: Report) -> Result<()> {
        if !self.is_running() {
            return Err(SearchError::Ended { trial: self.number });
        }
        if let Some(last) = self.reports.last().filter(|last| last.step >= report.step) {
            return Err(SearchError::ReportOrder {
                trial: self.number,
                step: report.step,
                last: last.step,
            });
        }
        self.reports.push(report);
        Ok(())
    }

    pub(crate) fn end(&mut self, outcome: Outcome) -> Result<()> {
        if !self.is_running() {
            return Err(SearchError::Ended { trial: self.number });
        }
        let last = self.reports.last().map(|report| report.value);
        self.state = match (outcome, last) {
            (Outcome::Complete(value), _) if value.is_finite() => State::Complete { value },
            (Outcome::Complete(value), _) => State::Diverged { value },
            (Outcome::Pruned, Some(value)) if !value.is_finite() => State::Diverged { value },
            (Outcome::Pruned, _) => State::Pruned,
            (Outcome::Failed(reason), _) => State::Failed { reason },
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Trial {
        Trial {
            number: 4,
            stage: 0,
            assignment: Assignment::new(),
            reports: Vec::new(),
            state: State::Running,
        }
    }

    #[test]
    fn an_objective_that_is_not_finite_is_a_divergence() {
        let mut trial = running();
        trial.end(f64::INFINITY.into()).unwrap();
        assert_eq!(
            trial.state,
            State::Diverged {
                value: f64::INFINITY
            }
        );
        let mut trial = running();
        trial
            .push_report(Report {
                step: 1,
                value: f64::NEG_INFINITY,
            })
            .unwrap();
        trial.end(Outcome::Pruned).unwrap();
        assert_eq!(
            trial.state,
            State::Diverged {
                value: f64::NEG_INFINITY
            }
        );
    }

    #[test]
    fn a_trial_ends_once_and_reports_in_order() {
        let mut trial = running();
        trial
            .push_report(Report {
                step: 3,
                value: 1.0,
            })
            .unwrap();
        let error = trial
            .push_report(Report {
                step: 3,
                value: 1.0,
            })
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "trial 4: report at step 3 after one at step 3: steps must rise"
        );
        trial.end(1.0.into()).unwrap();
        assert!(matches!(
            trial.end(2.0.into()),
            Err(SearchError::Ended { trial: 4 })
        ));
        assert_eq!(trial.value(), Some(1.0));
    }

    #[test]
    fn every_state_survives_json() {
        let states = [
            State::Complete { value: 0.1 + 0.2 },
            State::Pruned,
            State::Diverged {
                value: f64::INFINITY,
            },
            State::Failed {
                reason: "no \"disk\"".into(),
            },
        ];
        for state in states {
            let reports = vec![
                Report {
                    step: 1,
                    value: f64::NEG_INFINITY,
                },
                Report {
                    step: 2,
                    value: 0.3,
                },
            ];
            let trial = Trial {
                state,
                reports,
                ..running()
            };
            let text = serde_json::to_string(&trial).unwrap();
            assert_eq!(
                serde_json::from_str::<Trial>(&text).unwrap(),
                trial,
                "{text}"
            );
        }
    }
}
