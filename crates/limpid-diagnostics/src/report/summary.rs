//! What a reader sees first: the outcome, the key figures, the findings.

use crate::figure::{Shown, duration, percent, points};
use crate::finding::{Finding, Severity};
use crate::record::{EnsembleRow, ModelKind, Outcome, RunRecord, Verdict};

use super::curves::{generalisation_gap, kept_epoch};
use super::markup::{escape, put};

/// One figure in large type.
#[derive(Debug)]
struct Figure {
    label: &'static str,
    value: String,
    note: String,
}

/// The heading, the outcome and the key figures.
pub(super) fn header(record: &RunRecord) -> String {
    let mut page = String::new();
    let (class, sign, word) = match record.outcome() {
        Outcome::Clean => ("good", "✓", "Clean"),
        Outcome::Warning => ("warning", "!", "Warnings"),
        Outcome::Fault => ("fault", "✕", "Faults"),
    };
    put!(page, "<header>\n<p class=\"kind\">Training report</p>\n");
    put!(page, "<h1>{}</h1>\n", escape(title(record)));
    put!(
        page,
        "<p class=\"outcome\"><span class=\"badge {class}\">{sign} {word}</span> "
    );
    put!(page, "{}</p>\n", sentence(record));
    let figures = key_figures(record);
    if !figures.is_empty() {
        page.push_str("<div class=\"figures\">\n");
        for Figure { label, value, note } in figures {
            put!(
                page,
                "<div><span class=\"name\">{label}</span><span class=\"value\">{value}</span>"
            );
            put!(
                page,
                "<span class=\"aside\">{}</span></div>\n",
                escape(&note)
            );
        }
        page.push_str("</div>\n");
    }
    page.push_str("</header>\n");
    page
}

/// The run's title, or what stands for one.
pub(super) fn title(record: &RunRecord) -> &str {
    if record.title.is_empty() {
        "A run without a title"
    } else {
        &record.title
    }
}

/// The findings, the most severe first.
pub(super) fn findings(record: &RunRecord) -> String {
    if record.findings.is_empty() {
        return String::new();
    }
    let mut findings: Vec<&Finding> = record.findings.iter().collect();
    findings.sort_by(|left, right| Finding::by_severity(left, right));
    let mut page = String::from("<section id=\"findings\">\n<h2>Findings</h2>\n");
    for finding in findings {
        let (class, sign) = match finding.severity {
            Severity::Info => ("info", "i"),
            Severity::Warning => ("warning", "!"),
            Severity::Fault => ("fault", "✕"),
        };
        let (rule, severity) = (escape(&finding.rule), finding.severity);
        put!(page, "<article class=\"finding {class}\">\n<h3>");
        put!(
            page,
            "<span class=\"badge {class}\">{sign} {severity}</span> {rule}"
        );
        put!(
            page,
            "<span class=\"place\">{}</span>",
            escape(&finding.place.to_string())
        );
        if !finding.section.is_empty() {
            put!(
                page,
                "<span class=\"reference\">{}</span>",
                escape(&finding.section)
            );
        }
        page.push_str("</h3>\n");
        if !finding.evidence.is_empty() {
            page.push_str("<p class=\"evidence\">");
            for (name, value) in &finding.evidence {
                put!(
                    page,
                    "<span>{} <b>{}</b></span>",
                    escape(name),
                    Shown(*value)
                );
            }
            page.push_str("</p>\n");
        }
        let (cause, remedy) = (escape(&finding.cause), escape(&finding.remedy));
        for (lead, text) in [("Why", cause), ("Do", remedy)] {
            if !text.is_empty() {
                put!(page, "<p><b class=\"lead\">{lead}</b> {text}</p>\n");
            }
        }
        page.push_str("</article>\n");
    }
    page.push_str("</section>\n");
    page
}

/// The checks and the findings in one sentence.
fn sentence(record: &RunRecord) -> String {
    let verdicts = |verdict| {
        record
            .checks
            .iter()
            .filter(|it| it.verdict == verdict)
            .count()
    };
    let found = |severity| {
        record
            .findings
            .iter()
            .filter(|it| it.severity == severity)
            .count()
    };
    let mut parts: Vec<String> = Vec::new();
    if !record.checks.is_empty() {
        parts.push(format!(
            "{} of {} checks passed",
            verdicts(Verdict::Passed),
            record.checks.len()
        ));
    }
    let counts = [
        (verdicts(Verdict::Failed), "failed", "failed"),
        (verdicts(Verdict::Waived), "waived", "waived"),
        (found(Severity::Fault), "fault", "faults"),
        (found(Severity::Warning), "warning", "warnings"),
        (found(Severity::Info), "remark", "remarks"),
    ];
    for (count, one, many) in counts.into_iter().filter(|(count, ..)| *count > 0) {
        parts.push(format!("{count} {}", if count == 1 { one } else { many }));
    }
    if record.findings.is_empty() {
        parts.push("no findings".to_owned());
    }
    parts.join(", ") + "."
}

fn key_figures(record: &RunRecord) -> Vec<Figure> {
    let mut figures = Vec::new();
    figures.extend(test_accuracy(record));
    let history = &record.history;
    if let Some(row) = kept_epoch(history) {
        let note = format!("epoch {} of {}", row.epoch, history.epochs.len());
        let accuracy = row
            .validation_accuracy
            .map(|value| ("Validation accuracy", percent(value)));
        let loss = row
            .validation_loss
            .map(|value| ("Validation loss", Shown(value).to_string()));
        figures.extend(
            accuracy
                .or(loss)
                .map(|(label, value)| Figure { label, value, note }),
        );
    }
    if let Some((_, gap)) = generalisation_gap(history) {
        let value = points(gap).replace(" points", " pts");
        let note = "train minus validation".to_owned();
        figures.push(Figure {
            label: "Gap",
            value,
            note,
        });
    }
    if let Some(search) = &record.search {
        let value = search.trials.len().to_string();
        let note = format!("on {} axes", search.axes.len());
        figures.push(Figure {
            label: "Trials searched",
            value,
            note,
        });
    }
    if !record.wall_times.is_empty() {
        let seconds = || record.wall_times.iter().map(|(_, seconds)| *seconds);
        let longest = record
            .wall_times
            .iter()
            .max_by(|left, right| left.1.total_cmp(&right.1));
        let note = longest.map_or_else(String::new, |(stage, time)| {
            format!("{stage}: {}", duration(*time))
        });
        figures.push(Figure {
            label: "Time",
            value: duration(seconds().sum()),
            note,
        });
    }
    figures
}

/// The test accuracy of the last row that has one: ensembles come after their members.
fn test_accuracy(record: &RunRecord) -> Option<Figure> {
    let with_test = |row: &&EnsembleRow| row.test_accuracy.is_some();
    let mut rows = record.ensemble.iter().filter(with_test);
    let ensemble = rows.clone().rfind(|row| row.kind == ModelKind::Ensemble);
    let row = ensemble.or(rows.next_back())?;
    let value = percent(row.test_accuracy?);
    Some(Figure {
        label: "Test accuracy",
        value,
        note: row.name.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::CheckRow;

    #[test]
    fn the_outcome_is_said_in_one_sentence() {
        let mut record = RunRecord::default();
        assert_eq!(sentence(&record), "no findings.");
        record.checks.push(CheckRow::new("a", Verdict::Passed));
        record.checks.push(CheckRow::new("b", Verdict::Failed));
        record.findings.push(Finding::new("r", Severity::Warning));
        assert_eq!(
            sentence(&record),
            "1 of 2 checks passed, 1 failed, 1 warning."
        );
        assert!(header(&record).contains("badge fault"));
    }

    #[test]
    fn the_ensemble_stands_for_the_run() {
        let row = |name: &str, kind, accuracy| EnsembleRow {
            name: name.into(),
            kind,
            test_accuracy: accuracy,
            ..EnsembleRow::default()
        };
        let record = RunRecord {
            ensemble: vec![
                row("mean of 5", ModelKind::Ensemble, Some(0.98)),
                row("seed 1", ModelKind::Member, Some(0.99)),
                row("seed 2", ModelKind::Ensemble, None),
            ],
            ..RunRecord::default()
        };
        assert_eq!(test_accuracy(&record).unwrap().note, "mean of 5");
    }
}
