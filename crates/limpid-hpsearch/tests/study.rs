//! A study as its users see it.

use std::ops::ControlFlow;

use limpid_hpsearch::{
    Assignment, Decision, Direction, Grid, Halton, MedianPruner, ObjectiveError, OnFailure,
    Outcome, Random, Sampler, SearchError, Space, State, Stop, Study, Trial,
};
use limpid_tensor::Stream;

fn study(sampler: impl Sampler + 'static, seed: u64) -> limpid_hpsearch::Result<Study> {
    let space = Space::new().uniform("x", 0.0, 1.0)?.int("n", 0, 2)?;
    Ok(Study::new(
        space,
        Direction::Minimize,
        sampler,
        Stream::new(seed),
    ))
}

#[test]
fn same_seed_same_trials() {
    let run = |seed| {
        let mut study = study(Halton, seed).unwrap();
        study
            .optimize(6, |trial| Ok(trial.stream().generator().unit()))
            .unwrap();
        study.history().clone()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn several_trials_can_run_at_once_and_end_in_any_order() {
    let mut study = study(Random, 0).unwrap();
    let (first, second) = (study.ask().unwrap(), study.ask().unwrap());
    assert_ne!(first.assignment, second.assignment);
    study.tell(second.number, 2.0).unwrap();
    study.tell(first.number, 1.0).unwrap();
    assert_eq!(study.best().unwrap().number, 0);
    assert!(matches!(
        study.tell(0, 1.0),
        Err(SearchError::Ended { trial: 0 })
    ));
    assert!(matches!(
        study.tell(9, 1.0),
        Err(SearchError::UnknownTrial { trial: 9 })
    ));
}

#[test]
fn failures_are_recorded_with_their_causes_or_end_the_search() {
    fn fail() -> Result<f64, ObjectiveError> {
        Err(Saving(std::io::Error::other("disk is full")).into())
    }
    #[derive(Debug, thiserror::Error)]
    #[error("saving")]
    struct Saving(#[source] std::io::Error);

    let mut recorded = study(Random, 0).unwrap();
    assert_eq!(recorded.optimize(2, |_| fail()).unwrap(), Stop::Done);
    let reason = "saving: disk is full".to_owned();
    assert_eq!(
        recorded.history().trials()[1].state,
        State::Failed { reason }
    );
    let error = recorded.best().unwrap_err().to_string();
    assert_eq!(error, "best trial: none of 2 trials was completed");
    let mut stopped = study(Random, 0).unwrap().with_on_failure(OnFailure::Stop);
    let error = stopped.optimize(2, |_| fail()).unwrap_err();
    assert!(matches!(error, SearchError::Objective { trial: 0, .. }));
    let error = stopped.optimize(2, |_| Ok(f64::NAN)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "trial 1: objective is NaN: it must be finite"
    );
    assert_eq!(stopped.history().len(), 2);
}

#[test]
fn a_trial_that_is_pruned_says_so() {
    let mut study = study(Random, 0)
        .unwrap()
        .with_pruner(MedianPruner::default().with_startup_trials(2));
    study
        .optimize(4, |trial| {
            let value = if trial.number() == 3 {
                f64::NAN
            } else {
                trial.number() as f64
            };
            match trial.report(1, value)? {
                Decision::Prune => Ok(Outcome::Pruned),
                Decision::Continue => Ok(value.into()),
            }
        })
        .unwrap();
    let states: Vec<&State> = study
        .history()
        .trials()
        .iter()
        .map(|trial| &trial.state)
        .collect();
    assert_eq!(
        states[..3],
        [
            &State::Complete { value: 0.0 },
            &State::Complete { value: 1.0 },
            &State::Pruned
        ]
    );
    assert!(matches!(states[3], State::Diverged { .. }));
}

#[test]
fn a_search_ends_when_an_observer_or_the_sampler_says_so() {
    let enough = |study: &Study, trial: &Trial| {
        Ok(match trial.value() {
            Some(value) if value < 0.5 => {
                ControlFlow::Break(format!("good after {}", study.history().len()))
            }
            _ => ControlFlow::Continue(()),
        })
    };
    let mut watched = study(Random, 0).unwrap().with_observer(enough);
    let stop = watched
        .optimize(9, |trial| Ok(1.0 / (1 + trial.number()) as f64))
        .unwrap();
    assert_eq!(stop, Stop::Observer("good after 3".into()));
    let mut grid = study(Grid::new(2), 0).unwrap();
    assert_eq!(grid.optimize(9, |_| Ok(0.0)).unwrap(), Stop::Exhausted);
    assert_eq!(grid.history().len(), 4);
}

#[test]
fn an_enqueued_setting_comes_first() {
    let mut study = study(Random, 0).unwrap();
    let known = Assignment::new().with("x", 0.25).with("n", 1);
    study.enqueue(known.clone()).unwrap();
    assert!(matches!(
        study.enqueue(Assignment::new()),
        Err(SearchError::Activity { .. })
    ));
    study.optimize(2, |_| Ok(0.0)).unwrap();
    assert_eq!(study.history().trials()[0].assignment, known);
    assert_ne!(study.history().trials()[1].assignment, known);
}
