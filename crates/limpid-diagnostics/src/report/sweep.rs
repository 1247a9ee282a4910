//! The sweep over learning rates: what became of the loss, and the rate that speaks for itself.

use limpid_train::{RateCurve, RateSpacing};

use crate::figure::Shown;
use crate::record::RunRecord;

use super::axis::{Axis, Guide};
use super::chart::{Chart, Line, Stroke, Width};
use super::markup::{Section, escape, grid, put, reading};
use super::scale::Spacing;

/// The sweep, when there was one.
pub(super) fn sweep(record: &RunRecord) -> Option<Section> {
    section(record.rates.as_ref()?)
}

/// The sweep's chart with its verdict.
pub(super) fn section(curve: &RateCurve) -> Option<Section> {
    let text = "The loss of single batches while the rate grows, and the same made smooth. A rate \
        is good where the loss falls fast, well before it rises.";
    let mut body = reading(text);
    if let Err(none) = curve.suggest() {
        let none = escape(&none.to_string());
        put!(body, "<p class=\"callout warning\">{none}</p>\n");
    }
    body += &grid(&[chart(curve).draw()]);
    Section::unless_empty("rates", "Learning rates", body)
}

fn chart(curve: &RateCurve) -> Chart {
    let spacing = match curve.finder.spacing {
        RateSpacing::Exponential => Spacing::Log,
        RateSpacing::Linear => Spacing::Linear,
    };
    let x = Axis::new("learning rate").spaced(spacing);
    let y = Axis::new("loss").focused_on(curve.smoothed.iter().copied());
    let mut chart = Chart::new("Loss over learning rates", x, y);
    chart.width = Width::Full;
    let line = |name: &str, stroke, values: &[f64]| Line {
        name: name.to_owned(),
        slot: 1,
        stroke,
        points: curve
            .rates
            .iter()
            .copied()
            .zip(values.iter().copied())
            .collect(),
    };
    chart.lines = vec![
        line("batch", Stroke::Faint, &curve.losses),
        line("smoothed loss", Stroke::Plain, &curve.smoothed),
    ];
    if let Ok(suggestion) = curve.suggest() {
        let rate = Shown(suggestion.rate);
        chart.verticals.push(Guide {
            at: suggestion.rate,
            label: format!("{rate}"),
            class: "",
        });
        chart.note = format!("Begin at <b>{rate}</b>: {}.", suggestion.reason);
        if suggestion.still_falling {
            chart.note += " The loss still fell at the last rate; greater ones may serve as well.";
        }
    }
    chart
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::markup::tests::unbalanced;
    use super::*;

    #[test]
    fn the_chart_names_the_rate_and_why() {
        let curve = fixture::rates();
        let body = section(&curve).unwrap().body;
        assert_eq!(unbalanced(&body), None);
        let rate = Shown(curve.suggest().unwrap().rate).to_string();
        assert!(body.contains(&format!("Begin at <b>{rate}</b>")), "{body}");
        assert!(body.contains("learning rate, log") && !body.contains("callout"));
    }

    #[test]
    fn a_sweep_without_a_rate_says_why() {
        let finder = fixture::rates().finder;
        let body = |losses| section(&RateCurve::new(finder, losses, None)).unwrap().body;
        let flat = body(vec![2.0; 100]);
        assert!(flat.contains("callout warning") && flat.contains("never fell"));
        assert!(!flat.contains("Begin at"));
        let body = body(Vec::new());
        assert!(body.contains("diverged") && body.contains("No finite value"));
    }
}
