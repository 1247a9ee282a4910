//! A feature that alone tells the target: often the target in disguise.

use limpid_data::{Dataset, Table, Target};
use ndarray::ArrayView1;

use super::class_counts;
use crate::{Finding, Severity};

/// Into how many parts of equal size a feature is cut.
const PARTS: usize = 16;
/// The accuracy from which on a single feature is suspicious.
const ACCURACY: f64 = 0.99;
/// The squared correlation from which on a single feature is suspicious.
const DETERMINATION: f64 = 0.995;
/// With fewer rows a part says little.
const ROWS: usize = 64;

pub(super) fn find(table: &Table) -> Vec<Finding> {
    if table.len() < ROWS {
        return Vec::new();
    }
    let features = table.features();
    let named = features.columns().into_iter().zip(table.feature_names());
    named
        .filter_map(|(column, name)| match table.target() {
            Target::Classes { labels, names } => {
                let commonest = class_counts(labels, names.len())
                    .into_iter()
                    .max()
                    .unwrap_or(0);
                let accuracy = accuracy(column, labels, names.len());
                let chance = commonest as f64 / table.len() as f64;
                // Where guessing is nearly as good, a good guess is no sign of a leak.
                let suspicious = accuracy >= ACCURACY && 1.0 - accuracy < 0.2 * (1.0 - chance);
                suspicious.then(|| finding(name, "accuracy from this feature alone", accuracy))
            }
            Target::Values(values) => values.columns().into_iter().find_map(|values| {
                let determination = correlation(column, values).powi(2);
                let figure = "squared correlation with the target";
                (determination >= DETERMINATION).then(|| finding(name, figure, determination))
            }),
            Target::None => None,
        })
        .collect()
}

fn finding(name: &str, figure: &str, value: f64) -> Finding {
    Finding::new("lone predictor", Severity::Warning)
        .with_evidence(figure, value)
        .with_cause(format!("feature `{name}` alone predicts the target"))
        .with_remedy("make sure that it is known before the target is, and not made from it")
        .with_section("Preprocessing")
}

/// The accuracy of guessing each part's commonest class.
fn accuracy(column: ArrayView1<'_, f64>, labels: &[usize], classes: usize) -> f64 {
    let mut order: Vec<usize> = (0..column.len()).collect();
    order.sort_by(|&a, &b| column[a].total_cmp(&column[b]));
    let size = column.len().div_ceil(PARTS);
    let mut right = 0;
    let mut part: Vec<usize> = Vec::new();
    for (place, &row) in order.iter().enumerate() {
        part.push(labels[row]);
        let next = order.get(place + 1);
        // Equal values stay together.
        let ends = next.is_none_or(|&next| part.len() >= size && column[next] != column[row]);
        if ends {
            right += class_counts(&part, classes).into_iter().max().unwrap_or(0);
            part.clear();
        }
    }
    right as f64 / column.len() as f64
}

fn correlation(x: ArrayView1<'_, f64>, y: ArrayView1<'_, f64>) -> f64 {
    let number = x.len() as f64;
    let (x_mean, y_mean) = (x.sum() / number, y.sum() / number);
    let pairs = || x.iter().zip(y).map(|(a, b)| (a - x_mean, b - y_mean));
    let covariance: f64 = pairs().map(|(a, b)| a * b).sum();
    let spread = |f: fn((f64, f64)) -> f64| pairs().map(f).sum::<f64>().sqrt();
    let scale = spread(|(a, _)| a * a) * spread(|(_, b)| b * b);
    if scale > 0.0 { covariance / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_data::classics;
    use ndarray::{Axis, concatenate};

    #[test]
    fn the_label_among_the_features_is_found() {
        let table = classics::digits().unwrap();
        let labels = table
            .labels()
            .unwrap()
            .iter()
            .map(|&label| label as f64 * 3.0);
        let leak = ndarray::Array1::from_iter(labels).insert_axis(Axis(1));
        let features = concatenate![Axis(1), table.features(), leak];
        let leaky = Table::new("leaky", features, table.target().clone()).unwrap();
        let findings = find(&leaky);
        assert_eq!(findings.len(), 1, "{findings:?}");
    }

    #[test]
    fn a_rescaled_target_value_is_found() {
        let table = classics::diabetes().unwrap();
        let leak = table.values().unwrap().mapv(|value| 3.0 - 0.5 * value);
        let features = concatenate![Axis(1), table.features(), leak];
        let leaky = Table::new("leaky", features, table.target().clone()).unwrap();
        assert_eq!(find(&leaky).len(), 1);
    }
}
