//! The search: one scatter an axis, the progress of the best, the best settings.

use crate::figure::Shown;
use crate::record::{
    AxisScale, Direction, RunRecord, SearchAxis, SearchRecord, TrialRow, TrialState,
};

use super::axis::{Axis, Guide};
use super::chart::{Chart, Dot, Line};
use super::markup::{Section, escape, grid, put, reading};
use super::scale::Spacing;

/// As many trials does the table name.
const BEST_TRIALS: usize = 8;
/// Colours of complete trials by stage; later stages share the last.
const STAGES: [&str; 4] = ["s1", "s2", "s3", "s4"];

/// The search, when there was one.
pub(super) fn search(record: &RunRecord) -> Option<Section> {
    let search = record.search.as_ref()?;
    let stages = stages(search);
    let mut body = summary(search, &stages);
    for warning in &search.edge_warnings {
        let (axis, message) = (escape(&warning.axis), escape(&warning.message));
        put!(
            body,
            "<p class=\"callout warning\"><b>{axis}</b> {message}</p>\n"
        );
    }
    let mut figures: Vec<String> = Vec::new();
    for (index, axis) in search.axes.iter().enumerate() {
        figures.push(scatter(search, index, axis, &stages).draw());
    }
    if !search.trials.is_empty() {
        figures.push(progress(search).draw());
    }
    body += &grid(&figures);
    body += &best_trials(search);
    Section::unless_empty("search", "Search", body)
}

/// The stages' names in the order of their first trial.
fn stages(search: &SearchRecord) -> Vec<&str> {
    let mut stages: Vec<&str> = Vec::new();
    for trial in &search.trials {
        if !stages.contains(&trial.stage.as_str()) {
            stages.push(&trial.stage);
        }
    }
    stages
}

/// The complete trials with a finite objective, the best first; equals in their order.
fn ranked(search: &SearchRecord) -> Vec<(&TrialRow, f64)> {
    let complete = search
        .trials
        .iter()
        .filter(|trial| trial.state == TrialState::Complete);
    let with_objective = complete.filter_map(|trial| Some((trial, trial.objective?)));
    let mut ranked: Vec<(&TrialRow, f64)> = with_objective
        .filter(|(_, objective)| objective.is_finite())
        .collect();
    ranked.sort_by(|(_, left), (_, right)| match search.direction {
        Direction::Minimize => left.total_cmp(right),
        Direction::Maximize => right.total_cmp(left),
    });
    ranked
}

fn summary(search: &SearchRecord, stages: &[&str]) -> String {
    if search.trials.is_empty() {
        return String::new();
    }
    let count = |state| {
        search
            .trials
            .iter()
            .filter(|trial| trial.state == state)
            .count()
    };
    let (complete, pruned, failed) = (
        count(TrialState::Complete),
        count(TrialState::Pruned),
        count(TrialState::Failed),
    );
    let mut text = format!(
        "<b>{}</b> trials: {complete} complete, {pruned} pruned, {failed} failed. ",
        search.trials.len()
    );
    for (index, stage) in stages
        .iter()
        .enumerate()
        .filter(|(_, stage)| !stage.is_empty())
    {
        let class = STAGES[index.min(STAGES.len() - 1)];
        put!(
            text,
            "<span class=\"key round {class}\">{}</span>",
            escape(stage)
        );
    }
    text.push_str("<span class=\"key round pruned\">pruned</span>");
    text.push_str("<span class=\"key round best\">best</span>");
    text.push_str("Trials far from the rest lie on the edge of a chart.");
    reading(&text)
}

fn scatter(search: &SearchRecord, index: usize, axis: &SearchAxis, stages: &[&str]) -> Chart {
    let spacing = if axis.scale == AxisScale::Log {
        Spacing::Log
    } else {
        Spacing::Linear
    };
    let x = Axis::new(axis.name.clone())
        .spaced(spacing)
        .including([axis.low, axis.high])
        .with_names(&axis.choices);
    // Pruned trials were measured early: they may lie far off and say nothing about the rest.
    let ranked = ranked(search);
    let y = Axis::new(search.objective.clone()).focused_on(ranked.iter().map(|(_, y)| *y));
    let mut chart = Chart::new(axis.name.clone(), x, y);
    let warned = search
        .edge_warnings
        .iter()
        .any(|warning| warning.axis == axis.name);
    let best = ranked.first().map(|(trial, _)| *trial);
    let dots = search.trials.iter().filter_map(|trial| {
        let (x, y) = (*trial.values.get(index)?, trial.objective?);
        let stage = stages
            .iter()
            .position(|stage| *stage == trial.stage)
            .unwrap_or(0);
        let class = match trial.state {
            TrialState::Complete if best.is_some_and(|best| std::ptr::eq(best, trial)) => "best",
            TrialState::Complete => STAGES[stage.min(STAGES.len() - 1)],
            TrialState::Pruned | TrialState::Failed => "pruned",
        };
        let (value, objective) = (shown(axis, x), Shown(y));
        let title = format!("trial {}: {} {value}, {objective}", trial.number, axis.name);
        Some(Dot { x, y, class, title })
    });
    chart.dots = dots.collect();
    // What matters lies on top.
    chart.dots.sort_by_key(|dot| match dot.class {
        "pruned" => 0,
        "best" => 2,
        _ => 1,
    });
    if axis.scale != AxisScale::Choice {
        let near = best
            .filter(|_| warned)
            .and_then(|best| nearer_end(axis, *best.values.get(index)?));
        chart.verticals = [axis.low, axis.high]
            .map(|at| Guide {
                at,
                label: String::new(),
                class: if near == Some(at) { "warn" } else { "" },
            })
            .into();
    }
    if warned {
        chart.note =
            "<span class=\"warn\">The best lies close to the end of this range.</span>".into();
    }
    chart
}

/// The end of the axis's range that lies nearer to a value, in the axis's own spacing.
fn nearer_end(axis: &SearchAxis, value: f64) -> Option<f64> {
    let even = |value: f64| match axis.scale {
        AxisScale::Log => value.ln(),
        AxisScale::Linear | AxisScale::Choice => value,
    };
    let distance = |end: f64| (even(value) - even(end)).abs();
    let ends = [axis.low, axis.high];
    ends.into_iter()
        .filter(|end| distance(*end).is_finite())
        .min_by(|left, right| distance(*left).total_cmp(&distance(*right)))
}

/// The best objective so far, trial by trial.
fn progress(search: &SearchRecord) -> Chart {
    let y = Axis::new(search.objective.clone());
    let mut chart = Chart::new("Best so far", Axis::new("trial"), y);
    let better = |left: f64, right: f64| match search.direction {
        Direction::Minimize => left.min(right),
        Direction::Maximize => left.max(right),
    };
    let mut best: Option<f64> = None;
    let mut points = Vec::new();
    for trial in &search.trials {
        let complete = trial.state == TrialState::Complete;
        let reached = trial
            .objective
            .filter(|value| complete && value.is_finite());
        // A stair: the old best lasts until the new one.
        let before = best;
        best = [best, reached].into_iter().flatten().reduce(better);
        points.extend(before.map(|value| (trial.number as f64, value)));
        points.extend(best.map(|value| (trial.number as f64, value)));
    }
    chart.lines.push(Line {
        name: "best so far".into(),
        slot: 1,
        points,
        ..Line::default()
    });
    chart
}

fn best_trials(search: &SearchRecord) -> String {
    let ranked = ranked(search);
    if ranked.is_empty() {
        return String::new();
    }
    let mut table = String::from("<div class=\"scroll\"><table>\n<caption>Best trials</caption>");
    table.push_str("<thead><tr><th>trial</th><th>stage</th>");
    for axis in &search.axes {
        put!(
            table,
            "<th class=\"{}\">{}</th>",
            column(axis),
            escape(&axis.name)
        );
    }
    put!(
        table,
        "<th class=\"number\">{}</th></tr></thead>\n<tbody>\n",
        escape(&search.objective)
    );
    for (trial, objective) in ranked.into_iter().take(BEST_TRIALS) {
        put!(
            table,
            "<tr><td>{}</td><td>{}</td>",
            trial.number,
            escape(&trial.stage)
        );
        for (index, axis) in search.axes.iter().enumerate() {
            let value = trial.values.get(index).copied().unwrap_or(f64::NAN);
            put!(
                table,
                "<td class=\"{}\">{}</td>",
                column(axis),
                escape(&shown(axis, value))
            );
        }
        put!(
            table,
            "<td class=\"number\">{}</td></tr>\n",
            Shown(objective)
        );
    }
    table.push_str("</tbody></table></div>\n");
    table
}

/// How a column of the axis's values is set: numbers by their last digit.
fn column(axis: &SearchAxis) -> &'static str {
    if axis.choices.is_empty() {
        "number"
    } else {
        "choice"
    }
}

/// A value as the axis names it: a choice by its name, a number by its figures.
fn shown(axis: &SearchAxis, value: f64) -> String {
    let is_index = value >= 0.0 && value.fract() == 0.0;
    // A whole number that is not negative; one beyond the choices has no name.
    let choice = if is_index {
        axis.choices.get(value as usize)
    } else {
        None
    };
    choice.cloned().unwrap_or_else(|| {
        if value.is_nan() {
            "–".to_owned()
        } else {
            Shown(value).to_string()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(number: u64, objective: Option<f64>, state: TrialState) -> TrialRow {
        TrialRow {
            number,
            values: vec![0.1],
            objective,
            state,
            ..TrialRow::default()
        }
    }

    fn record(direction: Direction) -> SearchRecord {
        let axis = SearchAxis {
            name: "rate".into(),
            low: 0.0,
            high: 1.0,
            ..SearchAxis::default()
        };
        SearchRecord {
            objective: "score".into(),
            direction,
            axes: vec![axis],
            trials: vec![
                trial(0, Some(0.5), TrialState::Complete),
                trial(1, Some(f64::NAN), TrialState::Complete),
                trial(2, None, TrialState::Failed),
                trial(3, Some(0.9), TrialState::Pruned),
                trial(4, Some(0.7), TrialState::Complete),
            ],
            ..SearchRecord::default()
        }
    }

    #[test]
    fn the_best_is_complete_finite_and_in_the_right_direction() {
        let best = |direction| ranked(&record(direction))[0].0.number;
        assert_eq!(best(Direction::Maximize), 4);
        assert_eq!(best(Direction::Minimize), 0);
    }

    #[test]
    fn the_nearer_end_is_that_of_the_log_axis() {
        let mut axis = SearchAxis {
            low: 1e-4,
            high: 1.0,
            ..SearchAxis::default()
        };
        assert_eq!(nearer_end(&axis, 0.1), Some(1e-4));
        axis.scale = AxisScale::Log;
        assert_eq!(nearer_end(&axis, 0.1), Some(1.0));
        assert_eq!(nearer_end(&axis, f64::NAN), None);
    }

    #[test]
    fn progress_is_a_stair_that_never_falls_back() {
        let points = progress(&record(Direction::Maximize)).lines[0]
            .points
            .clone();
        assert!(points.is_sorted_by(|left, right| left.1 <= right.1));
        assert_eq!(points.last(), Some(&(4.0, 0.7)));
    }

    #[test]
    fn choices_are_named_and_what_does_not_apply_is_a_dash() {
        let choices = vec!["relu".to_owned(), "tanh".to_owned()];
        let axis = SearchAxis {
            choices,
            scale: AxisScale::Choice,
            ..SearchAxis::default()
        };
        assert_eq!(
            [1.0, 0.5, f64::NAN].map(|value| shown(&axis, value)),
            ["tanh", "0.5", "–"]
        );
    }

    #[test]
    fn a_trial_with_too_few_values_has_no_dot_and_no_panic() {
        let mut search = record(Direction::Minimize);
        search.trials[0].values.clear();
        let record = RunRecord {
            search: Some(search),
            ..RunRecord::default()
        };
        assert!(super::search(&record).is_some());
    }
}
