//! The page: summary first, then one section a topic.

use limpid_train::RateCurve;

use crate::record::RunRecord;

use super::markup::{Section, escape, put};
use super::{ReportError, curves, filters, histogram, search, summary, sweep, table};

const STYLE: &str = include_str!("style.css");

/// The report of a run as one HTML page: no network, no script, light or dark as the reader's
/// system is.
///
/// Parts that the record does not have are left out. Text of the record is escaped. The same record
/// gives the same bytes.
///
/// # Errors
/// [`ReportError::Picture`] when the weights' picture cannot be encoded (its sides do not fit PNG).
pub fn html(record: &RunRecord) -> Result<String, ReportError> {
    let sections: Vec<Section> = [
        table::checks(record),
        curves::training(record),
        curves::update_ratios(record),
        histogram::distributions(record),
        curves::dead_units(record),
        filters::filters(record)?,
        sweep::sweep(record),
        search::search(record),
        table::ensemble(record),
        table::confusion(record),
        table::provenance(record),
    ]
    .into_iter()
    .flatten()
    .collect();

    let title = escape(summary::title(record));
    let mut page = beginning(&title);
    page += &summary::header(record);
    if sections.len() > 2 {
        page.push_str("<nav aria-label=\"Sections\">\n");
        for Section { id, title, .. } in &sections {
            put!(page, "<a href=\"#{id}\">{title}</a>\n");
        }
        page.push_str("</nav>\n");
    }
    page.push_str("<main>\n");
    page += &summary::findings(record);
    for section in &sections {
        section.write_to(&mut page);
    }
    page.push_str(END);
    Ok(page)
}

/// A sweep over learning rates as a page of its own, as [`html`] draws it within a report.
pub fn rates(curve: &RateCurve) -> String {
    let mut page = beginning("Learning rates");
    page.push_str("<main>\n");
    if let Some(section) = sweep::section(curve) {
        section.write_to(&mut page);
    }
    page.push_str(END);
    page
}

const END: &str = "</main>\n</body>\n</html>\n";

/// Everything up to the page's body; `title` is finished markup.
fn beginning(title: &str) -> String {
    let mut page = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n");
    page.push_str("<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
    put!(
        page,
        "<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    page
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::markup::tests::unbalanced;
    use super::*;
    use crate::finding::{Finding, Place, Severity};
    use crate::record::{CheckRow, EpochRow, Series, Verdict};

    #[test]
    fn the_rich_report_is_well_formed_and_holds_every_section() {
        let page = html(&fixture::rich()).unwrap();
        assert_eq!(unbalanced(&page), None);
        for id in [
            "findings",
            "checks",
            "training",
            "updates",
            "distributions",
            "dead",
            "filters",
            "rates",
            "search",
            "ensemble",
            "confusion",
            "provenance",
        ] {
            assert_eq!(
                page.matches(&format!("<section id=\"{id}\">")).count(),
                1,
                "{id}"
            );
        }
        assert!(page.len() < 900_000, "{} bytes", page.len());
    }

    #[test]
    fn nothing_is_fetched_and_nothing_runs() {
        let page = html(&fixture::rich()).unwrap();
        for forbidden in [
            "http://", "https://", "<script", "<link", "@import", "url(", "onload",
        ] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn the_same_record_gives_the_same_bytes() {
        assert_eq!(
            html(&fixture::rich()).unwrap(),
            html(&fixture::rich()).unwrap()
        );
    }

    #[test]
    fn a_record_that_went_through_json_gives_the_same_page() {
        let record = fixture::rich();
        let json = serde_json::to_string(&record).unwrap();
        let back: RunRecord = serde_json::from_str(&json).unwrap();
        assert!(html(&record).unwrap() == html(&back).unwrap());
    }

    #[test]
    fn a_sweep_of_rates_is_a_whole_page() {
        let page = rates(&fixture::rates());
        assert_eq!(unbalanced(&page), None);
        assert!(page.starts_with("<!doctype html>") && page.contains("<section id=\"rates\">"));
    }

    #[test]
    fn an_empty_record_is_a_whole_page() {
        let page = html(&RunRecord::default()).unwrap();
        assert_eq!(unbalanced(&page), None);
        assert!(page.contains("A run without a title") && !page.contains("<section"));
    }

    #[test]
    fn text_of_the_record_never_becomes_markup() {
        let evil = || "<script>alert(1)</script>\"'&".to_owned();
        let mut record = fixture::rich();
        record.title = evil();
        record.configuration.push((evil(), evil()));
        record.dataset.push((evil(), evil()));
        record.versions.push((evil(), evil()));
        record.wall_times.push((evil(), 1.0));
        record
            .checks
            .push(CheckRow::new(evil(), Verdict::Failed).with_figures(evil(), evil()));
        record.findings.push(
            Finding::new(evil(), Severity::Fault)
                .at(Place::path(evil()))
                .with_evidence(evil(), 1.0)
                .with_cause(evil())
                .with_remedy(evil())
                .with_section(evil()),
        );
        record
            .history
            .update_ratios
            .push(Series::new(evil(), [(0, 1e-3), (1, 1e-3)]));
        record
            .layers
            .iter_mut()
            .for_each(|layer| layer.path = evil());
        record.ensemble.iter_mut().for_each(|row| row.name = evil());
        record
            .test_openings
            .iter_mut()
            .for_each(|opening| opening.reason = evil());
        let search = record.search.as_mut().unwrap();
        search.objective = evil();
        search.axes.iter_mut().for_each(|axis| axis.name = evil());
        search
            .axes
            .iter_mut()
            .flat_map(|it| &mut it.choices)
            .for_each(|it| *it = evil());
        search
            .trials
            .iter_mut()
            .for_each(|trial| trial.stage = evil());
        search
            .edge_warnings
            .iter_mut()
            .for_each(|it| it.message = evil());
        let confusion = record.confusion.as_mut().unwrap();
        confusion.part = evil();
        confusion
            .labels
            .iter_mut()
            .for_each(|label| *label = evil());
        record.filters.as_mut().unwrap().path = evil();

        let page = html(&record).unwrap();
        assert!(!page.contains("<script"));
        assert!(page.contains("&lt;script&gt;"));
        assert_eq!(unbalanced(&page), None);
    }

    #[test]
    fn a_run_of_nan_and_infinity_is_drawn_as_gaps() {
        let mut record = RunRecord::default();
        let values = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            1.0,
            f64::MIN_POSITIVE,
        ];
        let points: Vec<(u64, f64)> = (0..).zip(values).collect();
        record.history.data_loss.clone_from(&points);
        record.history.learning_rate.clone_from(&points);
        record.history.update_ratios = vec![Series {
            name: "w".into(),
            points,
        }];
        record.history.epochs = (0..)
            .zip(values)
            .map(|(epoch, value)| EpochRow {
                epoch,
                train_loss: Some(value),
                validation_accuracy: Some(value),
                ..EpochRow::default()
            })
            .collect();
        record.wall_times = vec![("training".into(), f64::NAN)];
        let page = html(&record).unwrap();
        assert_eq!(unbalanced(&page), None);
        let paths = page
            .split(" d=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        assert!(paths.clone().count() > 3);
        for path in paths {
            assert!(!path.contains("NaN") && !path.contains("inf"), "{path}");
        }
    }
}
