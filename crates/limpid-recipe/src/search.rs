//! The search for the setting.

use limpid_diagnostics::record::{
    AxisScale, Direction as RecordDirection, EdgeWarning, SearchAxis, SearchRecord, TrialRow,
    TrialState,
};
use limpid_hpsearch::{
    Direction, Domain, History, ObjectiveError, Outcome, Progress, Random, Scale, Space, Stage,
    Staged, State, Study, Value,
};
use limpid_tensor::Stream;
use limpid_train::{Clearance, TrainError};

use crate::fit::Plan;
use crate::{Choice, Parts, RecipeError, Settings};

/// What the search ended with.
pub(crate) struct Found {
    pub(crate) choice: Choice,
    pub(crate) record: SearchRecord,
    /// Where the best lies at an edge.
    pub(crate) warnings: Vec<String>,
}

/// Random trials, coarse to fine: many of few epochs over the whole space, then fewer and longer
/// ones around the best. The objective is the validation loss.
pub(crate) fn search(
    parts: &Parts,
    settings: &Settings,
    stream: Stream,
    progress: bool,
) -> Result<Found, RecipeError> {
    let mut study = Study::new(
        Choice::space()?,
        Direction::Minimize,
        Random,
        stream.fork("search"),
    );
    if progress {
        let trials = settings.stages.iter().map(|(trials, _)| trials).sum();
        study = study.with_observer(Progress::new(trials));
    }
    let stages = settings
        .stages
        .iter()
        .map(|&(trials, epochs)| Stage::new(trials, epochs));
    let reports = Staged::new(stages.collect()).run(&mut study, |trial, budget| {
        let choice = Choice::of(trial.assignment())?;
        let plan = Plan {
            settings,
            choice,
            epochs: budget.epochs,
            label: String::new(),
        };
        objective(&plan, parts, trial.stream())
    })?;
    let choice = Choice::of(&study.best()?.assignment)?;
    let warnings = study.edge_warnings();
    let mut trials = Vec::new();
    let past = study
        .past_stages()
        .iter()
        .map(|stage| (&stage.space, &stage.history));
    for (stage, (space, history)) in past.chain([(study.space(), study.history())]).enumerate() {
        let epochs = reports
            .get(stage)
            .map_or(0, |report| report.stage.budget.epochs);
        trials.extend(rows(
            space,
            history,
            &format!("{}: {epochs} epochs", stage + 1),
        ));
    }
    let record = SearchRecord {
        objective: "validation loss".to_owned(),
        direction: RecordDirection::Minimize,
        axes: Choice::space()?
            .axes()
            .iter()
            .map(|axis| described(axis.name(), axis.domain()))
            .collect(),
        trials,
        edge_warnings: warnings
            .iter()
            .map(|warning| EdgeWarning {
                axis: warning.axis.clone(),
                message: warning.to_string(),
            })
            .collect(),
    };
    let warnings = warnings.iter().map(ToString::to_string).collect();
    Ok(Found {
        choice,
        record,
        warnings,
    })
}

/// The validation loss of a model trained by `plan`. One that diverges says so, which is an answer
/// and no failure.
fn objective(plan: &Plan<'_>, parts: &Parts, stream: Stream) -> Result<Outcome, ObjectiveError> {
    // Trials are cheap and many; the checks were made once, on the model that they vary.
    let clearance = Clearance::without_preflight("a trial of the search")?;
    match plan.train(parts, stream, clearance, None) {
        Ok(member) => {
            let best = member
                .history
                .best()
                .and_then(|epoch| epoch.validation_loss);
            Ok(Outcome::Complete(best.unwrap_or(f64::INFINITY)))
        }
        Err(RecipeError::Train(TrainError::NotFinite { .. })) => {
            Ok(Outcome::Complete(f64::INFINITY))
        }
        Err(error) => Err(error.into()),
    }
}

fn rows(space: &Space, history: &History, stage: &str) -> Vec<TrialRow> {
    history
        .trials()
        .iter()
        .map(|trial| TrialRow {
            number: trial.number as u64,
            values: space
                .axes()
                .iter()
                .map(|axis| match trial.assignment.get(axis.name()) {
                    Some(Value::Float(value)) => *value,
                    Some(Value::Int(value)) => *value as f64,
                    _ => f64::NAN,
                })
                .collect(),
            objective: trial.value(),
            stage: stage.to_owned(),
            state: match trial.state {
                State::Complete { .. } | State::Running => TrialState::Complete,
                State::Pruned => TrialState::Pruned,
                State::Diverged { .. } | State::Failed { .. } => TrialState::Failed,
            },
        })
        .collect()
}

/// An axis as the report draws it. The recipe has axes of numbers only.
fn described(name: &str, domain: &Domain) -> SearchAxis {
    let (low, high, log) = match domain {
        Domain::Float {
            low, high, scale, ..
        } => (*low, *high, *scale == Scale::Log),
        Domain::Int {
            low, high, scale, ..
        } => (*low as f64, *high as f64, *scale == Scale::Log),
        Domain::Categorical { .. } => (f64::NAN, f64::NAN, false),
    };
    let scale = if log {
        AxisScale::Log
    } else {
        AxisScale::Linear
    };
    SearchAxis {
        name: name.to_owned(),
        scale,
        low,
        high,
        choices: Vec::new(),
    }
}
