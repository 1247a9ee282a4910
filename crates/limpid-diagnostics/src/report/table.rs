//! Tables: checks, the comparison of models, the confusion matrix, configuration and provenance.

use crate::figure::{Shown, duration, percent};
use crate::record::{Confusion, EnsembleRow, ModelKind, RunRecord, Verdict};

use super::markup::{Section, escape, pairs, put, reading};

/// The checks made before training.
pub(super) fn checks(record: &RunRecord) -> Option<Section> {
    if record.checks.is_empty() {
        return None;
    }
    let mut body =
        String::from("<div class=\"scroll\"><table>\n<thead><tr><th>check</th><th></th>");
    body.push_str("<th>expected</th><th>found</th><th>what it means</th></tr></thead>\n<tbody>\n");
    for check in &record.checks {
        let (class, word) = verdict(check.verdict);
        let [name, expected, found, detail] =
            [&check.name, &check.expected, &check.found, &check.detail].map(|text| escape(text));
        put!(
            body,
            "<tr><th scope=\"row\">{name}</th><td><span class=\"badge {class}\">{word}</span>"
        );
        put!(
            body,
            "</td><td class=\"figure\">{expected}</td><td class=\"figure\">{found}</td>"
        );
        put!(body, "<td class=\"detail\">{detail}</td></tr>\n");
    }
    body.push_str("</tbody></table></div>\n");
    Section::unless_empty("checks", "Checks", body)
}

/// The class and the word of a verdict; the word carries a sign, so that colour is not needed.
fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Passed => ("good", "✓ passed"),
        Verdict::Failed => ("fault", "✕ failed"),
        Verdict::Waived => ("warning", "! waived"),
        Verdict::Skipped => ("info", "– skipped"),
    }
}

/// Single nets, averages and ensembles side by side.
pub(super) fn ensemble(record: &RunRecord) -> Option<Section> {
    let rows = &record.ensemble;
    if rows.is_empty() {
        return None;
    }
    type Column = (
        &'static str,
        fn(&EnsembleRow) -> Option<f64>,
        fn(f64) -> String,
        f64,
    );
    // The sign says whether more is better.
    let columns: [Column; 4] = [
        (
            "validation accuracy",
            |row| row.validation_accuracy,
            aligned_percent,
            1.0,
        ),
        ("validation NLL", |row| row.validation_nll, aligned, -1.0),
        (
            "test accuracy",
            |row| row.test_accuracy,
            aligned_percent,
            1.0,
        ),
        ("test NLL", |row| row.test_nll, aligned, -1.0),
    ];
    let mut body =
        String::from("<div class=\"scroll\"><table>\n<thead><tr><th>model</th><th>sort</th>");
    for (name, ..) in &columns {
        put!(body, "<th class=\"number\">{name}</th>");
    }
    body.push_str("</tr></thead>\n<tbody>\n");
    let best = columns.map(|(_, value, _, sign)| {
        rows.iter()
            .filter_map(value)
            .map(|value| sign * value)
            .fold(f64::NEG_INFINITY, f64::max)
    });
    for row in rows {
        let (class, sort) = match row.kind {
            ModelKind::Member => ("", "single net"),
            ModelKind::Average => ("average", "averaged weights"),
            ModelKind::Ensemble => ("ensemble", "ensemble"),
        };
        put!(
            body,
            "<tr class=\"{class}\"><th scope=\"row\">{}</th><td>{sort}</td>",
            escape(&row.name)
        );
        for ((_, value, show, sign), best) in columns.iter().zip(best) {
            let value = value(row);
            let class = if value.is_some_and(|it| sign * it == best) {
                " top"
            } else {
                ""
            };
            put!(
                body,
                "<td class=\"number{class}\">{}</td>",
                value.map_or("–".into(), show)
            );
        }
        body.push_str("</tr>\n");
    }
    body.push_str("</tbody></table></div>\n");
    body +=
        &reading("NLL: negative log-likelihood in nats an item. The best of each column is bold.");
    Section::unless_empty("ensemble", "Models compared", body)
}

/// Percent with two decimals throughout, so that a column can be compared by eye.
fn aligned_percent(share: f64) -> String {
    if share.is_finite() {
        format!("{:.2} %", 100.0 * share)
    } else {
        Shown(share).to_string()
    }
}

/// Four decimals throughout, where that shows anything.
fn aligned(value: f64) -> String {
    if (1e-3..1e3).contains(&value) {
        format!("{value:.4}")
    } else {
        Shown(value).to_string()
    }
}

/// The confusion matrix, with the most frequent mistakes in words.
pub(super) fn confusion(record: &RunRecord) -> Option<Section> {
    let confusion = record.confusion.as_ref()?;
    if confusion.counts.is_empty() {
        return None;
    }
    let cells = || {
        confusion
            .counts
            .iter()
            .enumerate()
            .flat_map(|(row, counts)| {
                counts
                    .iter()
                    .enumerate()
                    .map(move |(column, count)| (row, column, *count))
            })
    };
    let right: u64 = cells()
        .filter(|(row, column, _)| row == column)
        .map(|(.., it)| it)
        .fold(0, u64::saturating_add);
    let total: u64 = cells().map(|(.., it)| it).fold(0, u64::saturating_add);
    let mut mistakes: Vec<(usize, usize, u64)> = cells()
        .filter(|(row, column, count)| row != column && *count > 0)
        .collect();
    mistakes.sort_by_key(|(row, column, count)| (u64::MAX - count, *row, *column));
    let most = mistakes.first().map_or(1, |(.., count)| *count);

    let part = escape(&confusion.part);
    let mut text = format!("{right} of {total} items of the {part} part are right.");
    for (index, (row, column, count)) in mistakes.iter().take(3).enumerate() {
        let lead = if index == 0 {
            " Most frequent mistakes: "
        } else {
            ", "
        };
        let (truth, predicted) = (label(confusion, *row), label(confusion, *column));
        put!(
            text,
            "{lead}<b>{truth}</b> taken for <b>{predicted}</b> ({count})"
        );
    }
    let body = reading(&text) + &matrix(confusion, most);
    Section::unless_empty("confusion", "Confusion", body)
}

fn label(confusion: &Confusion, class: usize) -> String {
    confusion
        .labels
        .get(class)
        .map_or_else(|| class.to_string(), |label| escape(label))
}

fn matrix(confusion: &Confusion, most: u64) -> String {
    let columns = confusion.counts.iter().map(Vec::len).max().unwrap_or(0);
    let mut table = String::from("<div class=\"scroll\"><table class=\"confusion\">\n<thead><tr>");
    table.push_str("<th class=\"corner\">true ↓ predicted →</th>");
    for column in 0..columns {
        put!(table, "<th scope=\"col\">{}</th>", label(confusion, column));
    }
    table.push_str("<th>recall</th></tr></thead>\n<tbody>\n");
    for (row, counts) in confusion.counts.iter().enumerate() {
        put!(
            table,
            "<tr><th scope=\"row\">{}</th>",
            label(confusion, row)
        );
        let total: u64 = counts.iter().copied().fold(0, u64::saturating_add);
        for (column, count) in counts.iter().enumerate() {
            // Mistakes have a scale of their own: beside the diagonal they could not be seen.
            let (class, share) = match (row == column, *count) {
                (_, 0) => ("zero", 0.0),
                (true, count) => ("right", 0.6 * count as f64 / total as f64),
                (false, count) => ("wrong", 0.2 + 0.5 * count as f64 / most as f64),
            };
            put!(
                table,
                "<td class=\"{class}\" style=\"--share:{share:.2}\">{count}</td>"
            );
        }
        for _ in counts.len()..columns {
            table.push_str("<td></td>");
        }
        let recall = counts.get(row).map(|right| *right as f64 / total as f64);
        let recall = recall
            .filter(|it| it.is_finite())
            .map_or("–".into(), percent);
        put!(table, "<td class=\"recall\">{recall}</td></tr>\n");
    }
    table.push_str("</tbody></table></div>\n");
    table
}

/// Configuration, data, versions, times and openings of the test part.
pub(super) fn provenance(record: &RunRecord) -> Option<Section> {
    fn plain(list: &[(String, String)]) -> String {
        pairs(
            list.iter()
                .map(|(name, value)| (name.as_str(), value.clone())),
        )
    }
    let openings = record.test_openings.iter().enumerate();
    let openings: Vec<(String, String)> = openings
        .map(|(index, opening)| (format!("opening {}", index + 1), opening.reason.clone()))
        .collect();
    let mut versions = record.versions.clone();
    versions.extend(
        record
            .seed
            .map(|seed| ("seed".to_owned(), seed.to_string())),
    );
    let times = record
        .wall_times
        .iter()
        .map(|(stage, time)| (stage.as_str(), duration(*time)));
    let blocks = [
        ("Configuration", plain(&record.configuration)),
        ("Data", plain(&record.dataset)),
        ("Seed and versions", plain(&versions)),
        ("Test part", plain(&openings)),
        ("Time", pairs(times)),
    ];
    let mut body = String::new();
    for (title, table) in blocks.into_iter().filter(|(_, table)| !table.is_empty()) {
        put!(
            body,
            "<div class=\"block\"><h3>{title}</h3>\n{table}</div>\n"
        );
    }
    if !body.is_empty() {
        body = format!("<div class=\"blocks\">\n{body}</div>\n");
    }
    Section::unless_empty("provenance", "Provenance", body)
}

#[cfg(test)]
mod tests {
    use super::super::markup::tests::unbalanced;
    use super::*;

    #[test]
    fn the_best_of_each_column_is_marked() {
        let row = |name: &str, accuracy, nll| EnsembleRow {
            name: name.into(),
            test_accuracy: accuracy,
            test_nll: nll,
            ..EnsembleRow::default()
        };
        let rows = vec![
            row("a", Some(0.9), Some(0.3)),
            row("b", Some(0.8), Some(0.2)),
        ];
        let record = RunRecord {
            ensemble: rows,
            ..RunRecord::default()
        };
        let body = ensemble(&record).unwrap().body;
        assert!(
            body.contains("top\">90.00 %") && body.contains("top\">0.2000<"),
            "{body}"
        );
        assert_eq!(body.matches(" top\"").count(), 2);
    }

    #[test]
    fn a_ragged_confusion_matrix_is_drawn_and_its_mistakes_are_named() {
        let confusion = Confusion {
            part: "test".into(),
            labels: vec!["<i>".into()],
            counts: vec![vec![3, 1], vec![0], vec![]],
        };
        let record = RunRecord {
            confusion: Some(confusion),
            ..RunRecord::default()
        };
        let body = super::confusion(&record).unwrap().body;
        assert_eq!(unbalanced(&body), None);
        assert!(body.contains("3 of 4 items"));
        assert!(
            body.contains("<b>&lt;i&gt;</b> taken for <b>1</b> (1)"),
            "{body}"
        );
    }
}
