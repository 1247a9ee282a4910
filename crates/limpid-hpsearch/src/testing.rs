//! The contract of samplers, to be checked by everybody who writes one.

use limpid_tensor::Stream;

use crate::assignment::Assignment;
use crate::error::{Result, SearchError};
use crate::history::{Direction, History};
use crate::sampler::Sampler;
use crate::space::Space;
use crate::trial::{Report, State, Trial};

/// How many suggestions each rule is checked on.
const SUGGESTIONS: usize = 24;

/// Checks that `sampler` keeps the contract of [`Sampler`]:
/// - suggestions are in bounds, on their steps, and hold the active axes of a conditional space alone;
/// - equal space, history and stream give equal suggestions;
/// - a history that is empty, or has running, pruned, failed and diverged trials only, is fine;
/// - so is one whose trials lie outside of the space or lack axes, as after narrowing;
/// - suggestions differ as the history grows, in either direction.
///
/// A sampler may be exhausted after its first suggestion.
///
/// # Errors
/// [`SearchError::Contract`] naming the rule that is broken; any other error of the sampler.
pub fn check_sampler(sampler: &dyn Sampler) -> Result<()> {
    let space = every_kind()?;
    let ended = [
        State::Running,
        State::Pruned,
        State::Failed {
            reason: "no memory".into(),
        },
        State::Diverged { value: f64::NAN },
    ];
    for direction in [Direction::Minimize, Direction::Maximize] {
        let mut complete = History::new(direction);
        let mut without = History::new(direction);
        for place in 0..SUGGESTIONS {
            let Some(point) = checked(sampler, &space, &complete)? else {
                break;
            };
            let value = (place as f64 * 0.7).sin();
            complete.insert(self::complete(&complete, &point, value));
            let Some(point) = checked(sampler, &space, &without)? else {
                break;
            };
            let state = ended[place % ended.len()].clone();
            let reports = vec![
                Report {
                    step: 1,
                    value: place as f64,
                },
                Report {
                    step: 2,
                    value: f64::NAN,
                },
            ];
            without.insert(Trial {
                state,
                reports,
                ..self::complete(&without, &point, 0.0)
            });
        }
        check_variety(sampler, &complete)?;
        check_strangers(sampler, &complete)?;
    }
    Ok(())
}

/// The first `count` suggestions of `sampler` in a study of seed 0 where every trial scores alike.
///
/// # Errors
/// What the sampler gives.
pub fn draws(sampler: &dyn Sampler, space: &Space, count: usize) -> Result<Vec<Assignment>> {
    let mut history = History::new(Direction::Minimize);
    (0..count)
        .map(|_| {
            let point = sampler.suggest(space, &history, Stream::new(0))?;
            history.insert(complete(&history, &point, 0.0));
            Ok(point)
        })
        .collect()
}

/// The trial that follows on `history`, complete with `value`.
pub fn complete(history: &History, assignment: &Assignment, value: f64) -> Trial {
    Trial {
        number: history.next_number(),
        stage: 0,
        assignment: assignment.clone(),
        reports: Vec::new(),
        state: State::Complete { value },
    }
}

/// A space with an axis of every kind, some of them conditional.
///
/// # Errors
/// None; the result is that of building any space.
pub fn every_kind() -> Result<Space> {
    Space::new()
        .log_uniform("lr", 1e-6, 1.0)?
        .uniform("dropout", 0.0, 0.5)?
        .quantised("label_smoothing", 0.0, 0.3, 0.1)?
        .int("layers", 1, 3)?
        .log_int("width1", 8, 512)?
        .log_int("width2", 8, 512)?
        .when("layers", [2, 3])?
        .quantised_int("batch", 16, 128, 16)?
        .categorical("optimizer", ["sgd", "adam"])?
        .uniform("momentum", 0.0, 0.99)?
        .when("optimizer", ["sgd"])?
        .categorical("nesterov", [true, false])?
        .when("optimizer", ["sgd"])?
        .uniform("fixed", 0.25, 0.25)
}

fn checked(sampler: &dyn Sampler, space: &Space, history: &History) -> Result<Option<Assignment>> {
    let suggest = || match sampler.suggest(space, history, Stream::new(7)) {
        Err(SearchError::Exhausted { .. }) if !history.is_empty() => Ok(None),
        Err(error) => Err(error),
        Ok(point) => Ok(Some(point)),
    };
    let point = suggest()?;
    let again = suggest()?;
    if point != again {
        let found = format!(
            "after {} trials first {point:?}, then {again:?}",
            history.len()
        );
        return Err(broken(
            sampler,
            "equal arguments give equal suggestions",
            found,
        ));
    }
    if let Some(point) = &point {
        space.check(point).map_err(|error| {
            broken(
                sampler,
                "suggestions belong to the space",
                format!("{error} ({point})"),
            )
        })?;
    }
    Ok(point)
}

fn check_variety(sampler: &dyn Sampler, history: &History) -> Result<()> {
    let [first, second, ..] = history.trials() else {
        return Ok(());
    };
    if history
        .trials()
        .iter()
        .all(|trial| trial.assignment == first.assignment)
    {
        let found = format!("each is {}", second.assignment);
        return Err(broken(
            sampler,
            "suggestions differ as the history grows",
            found,
        ));
    }
    Ok(())
}

fn check_strangers(sampler: &dyn Sampler, history: &History) -> Result<()> {
    let other = Space::new()
        .log_uniform("lr", 1e-4, 1e-3)?
        .int("layers", 2, 2)?
        .categorical("optimizer", ["rmsprop", "sgd"])?
        .uniform("unheard", -1.0, 1.0)?;
    // Half of a long history, so that a sampler with finitely many points has some left.
    let mut few = History::new(history.direction());
    history
        .trials()
        .iter()
        .take(2)
        .for_each(|trial| few.insert(trial.clone()));
    checked(sampler, &other, &few)?;
    checked(sampler, &other, history).map(|_| ())
}

fn broken(sampler: &dyn Sampler, rule: &'static str, found: String) -> SearchError {
    SearchError::Contract {
        sampler: sampler.name().to_owned(),
        rule,
        found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::Random;

    #[derive(Debug)]
    struct Faulty(fn(Assignment, &History) -> Assignment);

    impl Sampler for Faulty {
        fn name(&self) -> &'static str {
            "faulty"
        }

        fn suggest(&self, space: &Space, history: &History, stream: Stream) -> Result<Assignment> {
            Ok((self.0)(Random.suggest(space, history, stream)?, history))
        }
    }

    fn broken_rule(fault: fn(Assignment, &History) -> Assignment) -> &'static str {
        match check_sampler(&Faulty(fault)) {
            Err(SearchError::Contract { rule, .. }) => rule,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn faulty_samplers_are_caught() {
        let belongs = "suggestions belong to the space";
        assert_eq!(broken_rule(|point, _| point.with("lr", 2.0)), belongs);
        assert_eq!(broken_rule(|point, _| point.with("batch", 17)), belongs);
        assert_eq!(broken_rule(|_, _| Assignment::new()), belongs);
        assert_eq!(
            broken_rule(|point, _| point.with("momentum", 0.5).with("nesterov", true)),
            belongs
        );
        let stuck: fn(Assignment, &History) -> Assignment = |point, history| {
            history
                .trials()
                .first()
                .map_or(point, |trial| trial.assignment.clone())
        };
        assert_eq!(
            broken_rule(stuck),
            "suggestions differ as the history grows"
        );
    }

    #[test]
    fn a_sampler_with_hidden_state_is_caught() {
        use std::sync::atomic::{AtomicU64, Ordering};
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let rule = broken_rule(|point, _| {
            let calls = CALLS.fetch_add(1, Ordering::Relaxed);
            point.with("dropout", 0.5 / (1.0 + calls as f64))
        });
        assert_eq!(rule, "equal arguments give equal suggestions");
    }
}
