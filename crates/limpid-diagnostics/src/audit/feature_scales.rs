//! Features of very different scale.

use limpid_data::Table;

use crate::{Finding, Severity};

/// Standard deviations may differ by this factor before it is spoken of.
const RATIO: f64 = 100.0;

pub(super) fn find(table: &Table) -> Vec<Finding> {
    let features = table.features();
    let spreads = features.columns().into_iter().map(|column| column.std(0.0));
    let varying: Vec<(f64, &String)> = spreads
        .zip(table.feature_names())
        .filter(|(spread, _)| *spread > 0.0)
        .collect();
    let smallest = varying.iter().min_by(|a, b| a.0.total_cmp(&b.0));
    let largest = varying.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let (Some((small, narrow)), Some((large, wide))) = (smallest, largest) else {
        return Vec::new();
    };
    if large / small <= RATIO {
        return Vec::new();
    }
    vec![
        Finding::new("unequal scales", Severity::Info)
            .with_evidence(format!("standard deviation of `{narrow}`"), *small)
            .with_evidence(format!("standard deviation of `{wide}`"), *large)
            .with_cause("one rate cannot suit weights of features of such different scale")
            .with_remedy("standardise the features, with statistics of the training part")
            .with_section("Preprocessing"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_data::{Target, classics};
    use ndarray::array;

    #[test]
    fn raw_units_are_spoken_of_and_equal_ones_are_not() {
        assert_eq!(find(&classics::wine().unwrap()).len(), 1);
        let target = Target::numbered_classes(vec![0, 1], 2);
        let table = Table::new("t", array![[1.0, 5.0], [2.0, 9.0]], target).unwrap();
        assert!(find(&table).is_empty());
    }
}
