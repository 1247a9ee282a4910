//! A trial from within its objective.

use std::collections::BTreeMap;

use limpid_tensor::Stream;

use crate::assignment::Assignment;
use crate::domain::Domain;
use crate::error::{Result, SearchError};
use crate::pruner::Decision;
use crate::space::Space;
use crate::study::Study;
use crate::value::Value;

/// A trial that runs: what an objective sees of its study.
///
/// Axes of a declared space are in [`assignment`](Self::assignment) from the start; the `suggest`
/// methods give those too, and any further axis, which then becomes part of the study's space. An
/// axis that is asked for on some paths only is conditional by that alone.
#[derive(Debug)]
pub struct RunningTrial<'study> {
    study: &'study mut Study,
    number: usize,
    proposal: BTreeMap<String, Value>,
    assignment: Assignment,
}

impl<'study> RunningTrial<'study> {
    pub(crate) fn new(
        study: &'study mut Study,
        number: usize,
        proposal: BTreeMap<String, Value>,
    ) -> Self {
        let trial = study.history().get(number);
        let assignment = trial
            .map(|trial| trial.assignment.clone())
            .unwrap_or_default();
        Self {
            study,
            number,
            proposal,
            assignment,
        }
    }

    /// Its number in the study.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The values it has so far.
    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    /// The study it belongs to.
    pub fn study(&self) -> &Study {
        self.study
    }

    /// Its own randomness, for initialisation, shuffling, dropout: the same whenever this trial of
    /// this study is run.
    pub fn stream(&self) -> Stream {
        self.study.trial_stream(self.number)
    }

    /// Reports the objective after `step` units of the resource (epochs from 1, say), and is told
    /// whether to go on. When not, the objective returns
    /// [`Outcome::Pruned`](crate::Outcome::Pruned).
    ///
    /// # Errors
    /// [`SearchError::ReportOrder`] when steps do not rise; those of the pruner.
    pub fn report(&mut self, step: u64, value: f64) -> Result<Decision> {
        self.study.report(self.number, step, value)
    }

    /// A value of any domain. Asked again for the same axis, it gives the same value.
    ///
    /// # Errors
    /// [`SearchError::AxisChanged`] when the axis had another domain before,
    /// [`SearchError::Activity`] when it is declared and not active in this trial; the errors of
    /// [`Space::with`] for a domain that is none, and those of the sampler. All hold for the
    /// methods that name a domain.
    pub fn suggest(&mut self, name: &str, domain: Domain) -> Result<Value> {
        if let Some(known) = self.study.space().get(name) {
            if *known.domain() != domain {
                let (was, now) = (known.domain().to_string(), domain.to_string());
                return Err(SearchError::AxisChanged {
                    axis: name.to_owned(),
                    was,
                    now,
                });
            }
            if let Some(value) = self.assignment.get(name) {
                return Ok(value.clone());
            }
            if !known.is_active(&self.assignment) {
                let axis = name.to_owned();
                return Err(SearchError::Activity {
                    axis,
                    expected: "absent",
                    found: "asked for",
                });
            }
        } else {
            self.study
                .discover(&Space::new().with(name, domain.clone())?)?;
        }
        if let Some(value) = self.proposal.remove(name) {
            return self.assign(name, value);
        }
        let alone = self
            .study
            .suggest_one(self.number, Space::new().with(name, domain)?)?;
        match alone.get(name) {
            Some(value) => self.assign(name, value.clone()),
            None => Err(SearchError::Activity {
                axis: name.to_owned(),
                expected: "present",
                found: "absent",
            }),
        }
    }

    /// A number spread evenly from `low` to `high`.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_uniform(&mut self, name: &str, low: f64, high: f64) -> Result<f64> {
        self.suggest(name, Domain::uniform(low, high))?;
        self.assignment.float(name)
    }

    /// A number whose logarithm is spread evenly.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_log_uniform(&mut self, name: &str, low: f64, high: f64) -> Result<f64> {
        self.suggest(name, Domain::log_uniform(low, high))?;
        self.assignment.float(name)
    }

    /// One of `low`, `low + step`, ... up to `high`.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_quantised(&mut self, name: &str, low: f64, high: f64, step: f64) -> Result<f64> {
        self.suggest(name, Domain::quantised(low, high, step))?;
        self.assignment.float(name)
    }

    /// A whole number from `low` to `high`.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_int(&mut self, name: &str, low: i64, high: i64) -> Result<i64> {
        self.suggest(name, Domain::int(low, high))?;
        self.assignment.int(name)
    }

    /// A whole number whose logarithm is spread evenly.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_log_int(&mut self, name: &str, low: i64, high: i64) -> Result<i64> {
        self.suggest(name, Domain::log_int(low, high))?;
        self.assignment.int(name)
    }

    /// One of `choices`.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_text(&mut self, name: &str, choices: &[&str]) -> Result<&str> {
        self.suggest(name, Domain::categorical(choices.iter().copied()))?;
        self.assignment.text(name)
    }

    fn assign(&mut self, name: &str, value: Value) -> Result<Value> {
        self.assignment.set(name, value.clone());
        self.study
            .trial_mut(self.number)?
            .assignment
            .set(name, value.clone());
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Direction;
    use crate::sampler::Random;

    fn study(seed: u64) -> Study {
        Study::define_by_run(Direction::Minimize, Random, Stream::new(seed))
    }

    #[test]
    fn an_axis_asked_for_on_some_paths_only_is_conditional() {
        let mut study = study(1);
        study
            .optimize(40, |trial| {
                let layers = trial.suggest_int("layers", 1, 2)?;
                if layers == 2 {
                    trial.suggest_log_int("width2", 8, 64)?;
                }
                Ok(layers as f64)
            })
            .unwrap();
        assert_eq!(study.space().len(), 2);
        let deep = |trial: &&crate::Trial| trial.assignment.int("layers").unwrap() == 2;
        assert!((10..30).contains(&study.history().trials().iter().filter(deep).count()));
        for trial in study.history().trials() {
            let has_width = trial.assignment.get("width2").is_some();
            assert_eq!(has_width, trial.assignment.int("layers").unwrap() == 2);
        }
    }

    #[test]
    fn a_discovered_space_gives_the_trials_of_a_declared_one() {
        let space = Space::new()
            .uniform("a", 0.0, 1.0)
            .unwrap()
            .log_uniform("b", 1e-3, 1.0)
            .unwrap();
        let mut declared = Study::new(space, Direction::Minimize, Random, Stream::new(1));
        let mut discovered = study(1);
        declared.optimize(5, |_| Ok(0.0)).unwrap();
        discovered
            .optimize(5, |trial| {
                let a = trial.suggest_uniform("a", 0.0, 1.0)?;
                assert_eq!(trial.suggest_uniform("a", 0.0, 1.0)?, a);
                trial.suggest_log_uniform("b", 1e-3, 1.0)?;
                Ok(0.0)
            })
            .unwrap();
        assert_eq!(declared.history(), discovered.history());
        assert_eq!(declared.space(), discovered.space());
    }

    #[test]
    fn a_mistake_in_the_search_is_no_failure_of_the_trial() {
        let error = study(1).optimize(3, |trial| Ok(trial.suggest_log_uniform("lr", 0.0, 1.0)?));
        assert!(
            matches!(error, Err(SearchError::LogBound { .. })),
            "{error:?}"
        );
        let error = study(1).optimize(3, |trial| {
            let high = 1.0 + trial.number() as f64;
            Ok(trial.suggest_uniform("x", 0.0, high)?)
        });
        assert_eq!(
            error.unwrap_err().to_string(),
            "axis `x`: was uniform(0.0, 1.0), is now uniform(0.0, 2.0): \
             give a different axis a different name"
        );
        let space = Space::new()
            .int("n", 1, 1)
            .unwrap()
            .uniform("x", 0.0, 1.0)
            .unwrap();
        let space = space.uniform("idle", 0.0, 1.0).unwrap().when("x", [2.0]);
        assert!(matches!(space, Err(SearchError::Condition { .. })));
    }
}
