//! Curves over steps and epochs: losses, accuracies, learning rate, update ratios, dead units.

use crate::figure::{percent, points};
use crate::record::{EpochRow, History, RunRecord, Series};

use super::axis::{Axis, Guide};
use super::chart::{Chart, Line, Stroke, Width};
use super::markup::{Section, escape, grid, reading};
use super::scale::Spacing;
use super::thin::trend;

/// Above this many points a series is drawn as noise with its trend on top.
const POINTS_WITHOUT_TREND: usize = 200;
/// As many trend points.
const TREND_POINTS: usize = 60;
/// As many lines share a chart before their colours would be hard to tell apart.
const LINES_IN_A_CHART: usize = 6;

/// Losses, accuracies and the learning rate.
pub(super) fn training(record: &RunRecord) -> Option<Section> {
    let history = &record.history;
    let charts = [
        step_loss(history),
        epoch_loss(history),
        accuracy(history),
        learning_rate(history),
    ];
    let figures: Vec<String> = charts.iter().flatten().map(Chart::draw).collect();
    Section::unless_empty("training", "Training", grid(&figures))
}

/// Update ratios per weight tensor.
pub(super) fn update_ratios(record: &RunRecord) -> Option<Section> {
    let all = &record.history.update_ratios;
    let values = || {
        all.iter()
            .flat_map(|series| series.points.iter().map(|(_, value)| *value))
    };
    let charts = all.chunks(LINES_IN_A_CHART).map(|series| {
        let y = Axis::new("‖update‖ / ‖weights‖").spaced(Spacing::Log);
        // Charts of one quantity share their range, so that they can be compared.
        let y = y.including(values()).including([1e-3]);
        let mut chart = Chart::new("Update ratio per weight tensor", Axis::new("step"), y);
        chart.width = Width::Full;
        chart.lines = lines_with_trend(series);
        let label = "1e-3, a common reading".to_owned();
        chart.horizontals.push(Guide {
            at: 1e-3,
            label,
            class: "",
        });
        chart.draw()
    });
    let figures: Vec<String> = charts.collect();
    if figures.is_empty() {
        return None;
    }
    let text = "The true update, after momentum, scaling and decay, over the weights it changes. \
        Far above 1e-2 the weights are rewritten rather than improved; far below 1e-4 they hardly \
        learn. Adam starts higher than SGD does: a reading, not an alarm.";
    let body = reading(text) + &grid(&figures);
    Section::unless_empty("updates", "Update ratios", body)
}

/// Share of dead units per layer.
pub(super) fn dead_units(record: &RunRecord) -> Option<Section> {
    let layers: Vec<Series> = record
        .layers
        .iter()
        .filter(|layer| !layer.dead_share.is_empty())
        .map(|layer| Series::new(layer.path.clone(), layer.dead_share.iter().copied()))
        .collect();
    let charts = layers.chunks(LINES_IN_A_CHART).map(|series| {
        let y = Axis::new("share of units")
            .in_percent()
            .including([0.0, 0.05]);
        let mut chart = Chart::new("Dead units per layer", Axis::new("epoch"), y);
        chart.width = Width::Strip;
        chart.lines = lines_with_trend(series);
        let last = |series: &Series| {
            let (_, share) = series.points.last()?;
            Some(format!(
                "<b>{}</b> {}",
                escape(&series.name),
                percent(*share)
            ))
        };
        let shares: Vec<String> = series.iter().filter_map(last).collect();
        chart.note = format!("At the end: {}.", shares.join(", "));
        chart.draw()
    });
    let figures: Vec<String> = charts.collect();
    if figures.is_empty() {
        return None;
    }
    let text = "Units that were zero for every sample of a whole pass over the data. They get no \
        gradient and seldom come back.";
    let body = reading(text) + &grid(&figures);
    Section::unless_empty("dead", "Dead units", body)
}

fn step_loss(history: &History) -> Option<Chart> {
    let series = [
        Series::new("data loss", history.data_loss.iter().copied()),
        Series::new("penalty", history.penalty.iter().copied()),
    ];
    let series: Vec<Series> = series
        .into_iter()
        .filter(|series| !series.points.is_empty())
        .collect();
    if series.is_empty() {
        return None;
    }
    let values = series
        .iter()
        .flat_map(|series| series.points.iter().map(|(_, value)| *value));
    let y = Axis::new("loss").spaced(Spacing::suited_to(values));
    let mut chart = Chart::new("Loss on each mini-batch", Axis::new("step"), y);
    chart.width = Width::Full;
    chart.lines = lines_with_trend(&series);
    if let [.., (_, data)] = *history.data_loss
        && let [.., (_, penalty)] = *history.penalty
        && data + penalty > 0.0
    {
        let share = percent(penalty / (data + penalty));
        chart.note = format!("At the last step the penalty is {share} of the whole loss.");
    }
    Some(chart)
}

fn epoch_loss(history: &History) -> Option<Chart> {
    let lines = train_and_validation(
        history,
        |epoch| epoch.train_loss,
        |epoch| epoch.validation_loss,
    )?;
    let values = lines
        .iter()
        .flat_map(|line| line.points.iter().map(|(_, value)| *value));
    let y = Axis::new("mean data loss").spaced(Spacing::suited_to(values));
    let mut chart = Chart::new("Loss after each epoch", Axis::new("epoch"), y);
    chart.lines = lines;
    chart.verticals = best_epoch(history);
    Some(chart)
}

fn accuracy(history: &History) -> Option<Chart> {
    let lines = train_and_validation(
        history,
        |epoch| epoch.train_accuracy,
        |epoch| epoch.validation_accuracy,
    )?;
    let values = lines
        .iter()
        .flat_map(|line| line.points.iter().map(|(_, value)| *value));
    let y = Axis::new("accuracy").in_percent().focused_on(values);
    let mut chart = Chart::new("Accuracy after each epoch", Axis::new("epoch"), y);
    chart.fill_between = lines.len() == 2;
    chart.lines = lines;
    chart.verticals = best_epoch(history);
    if let Some((epoch, gap)) = generalisation_gap(history) {
        let gap = points(gap);
        chart.note = format!("Train minus validation at epoch {epoch}: {gap}.");
    }
    Some(chart)
}

/// The epoch that counts (the best, else the last) and its train minus validation accuracy.
pub(super) fn generalisation_gap(history: &History) -> Option<(u64, f64)> {
    let row = kept_epoch(history)?;
    Some((row.epoch, row.train_accuracy? - row.validation_accuracy?))
}

/// The row of the epoch whose parameters were kept, else the last row.
pub(super) fn kept_epoch(history: &History) -> Option<&EpochRow> {
    let best = history
        .epochs
        .iter()
        .find(|row| Some(row.epoch) == history.best_epoch);
    best.or(history.epochs.last())
}

fn best_epoch(history: &History) -> Vec<Guide> {
    let guide = |epoch| Guide {
        at: epoch as f64,
        label: format!("kept: {epoch}"),
        class: "",
    };
    history.best_epoch.map(guide).into_iter().collect()
}

/// The lines of the training and the validation part; those without any value are left out.
fn train_and_validation(
    history: &History,
    train: fn(&EpochRow) -> Option<f64>,
    validation: fn(&EpochRow) -> Option<f64>,
) -> Option<Vec<Line>> {
    let line = |name: &str, slot, value: fn(&EpochRow) -> Option<f64>| {
        let point = |row: &EpochRow| (row.epoch as f64, value(row).unwrap_or(f64::NAN));
        let any = history.epochs.iter().any(|row| value(row).is_some());
        let points = history.epochs.iter().map(point).collect();
        any.then(|| Line {
            name: name.into(),
            slot,
            points,
            ..Line::default()
        })
    };
    let lines = [line("train", 1, train), line("validation", 2, validation)];
    let lines: Vec<Line> = lines.into_iter().flatten().collect();
    (!lines.is_empty()).then_some(lines)
}

fn learning_rate(history: &History) -> Option<Chart> {
    if history.learning_rate.is_empty() {
        return None;
    }
    let y = Axis::new("learning rate").including([0.0]);
    let mut chart = Chart::new("Learning rate", Axis::new("step"), y);
    chart.width = Width::Strip;
    let points = positions(&history.learning_rate);
    chart.lines.push(Line {
        name: "rate".into(),
        slot: 1,
        points,
        ..Line::default()
    });
    Some(chart)
}

fn positions(points: &[(u64, f64)]) -> Vec<(f64, f64)> {
    points
        .iter()
        .map(|(at, value)| (*at as f64, *value))
        .collect()
}

/// Short series as they are; of long ones the noise in the back and the trend in front.
fn lines_with_trend(series: &[Series]) -> Vec<Line> {
    let points: Vec<Vec<(f64, f64)>> = series
        .iter()
        .map(|series| positions(&series.points))
        .collect();
    let line = |index: usize, stroke, points| {
        let name = series[index].name.clone();
        Line {
            name,
            slot: index + 1,
            stroke,
            points,
        }
    };
    let long = |points: &[(f64, f64)]| points.len() > POINTS_WITHOUT_TREND;
    let noise = points.iter().enumerate().filter(|(_, points)| long(points));
    let noise = noise.map(|(index, points)| line(index, Stroke::Faint, points.clone()));
    let front = points.iter().enumerate().map(|(index, points)| {
        let points = if long(points) {
            trend(points, TREND_POINTS)
        } else {
            points.clone()
        };
        line(index, Stroke::Plain, points)
    });
    noise.chain(front).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_is_that_of_the_kept_epoch() {
        let row = |epoch, train, validation| EpochRow {
            epoch,
            train_accuracy: Some(train),
            validation_accuracy: Some(validation),
            ..EpochRow::default()
        };
        let mut history = History {
            epochs: vec![row(1, 0.9, 0.875), row(2, 1.0, 0.75)],
            best_epoch: Some(1),
            ..History::default()
        };
        assert_eq!(generalisation_gap(&history).unwrap().0, 1);
        history.best_epoch = None;
        assert_eq!(generalisation_gap(&history), Some((2, 0.25)));
    }

    #[test]
    fn a_run_without_validation_has_one_line() {
        let row = EpochRow {
            epoch: 1,
            train_loss: Some(1.0),
            ..EpochRow::default()
        };
        let history = History {
            epochs: vec![row],
            ..History::default()
        };
        assert_eq!(epoch_loss(&history).unwrap().lines.len(), 1);
        assert!(accuracy(&history).is_none());
    }

    #[test]
    fn thirteen_tensors_make_three_charts() {
        let mut record = RunRecord::default();
        record.history.update_ratios = (0..13)
            .map(|index| Series::new(format!("w{index}"), [(0, 1e-3), (1, 2e-3)]))
            .collect();
        let section = update_ratios(&record).unwrap();
        assert_eq!(section.body.matches("<figure").count(), 3);
    }
}
