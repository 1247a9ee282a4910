//! Rows that occur more than once: a split may put one copy into training and one into the test.

use std::collections::BTreeMap;

use limpid_data::{Dataset, Table, Target};

use crate::{Finding, Severity};

/// Up to this share of rows, duplicates are taken for chance.
const CHANCE: f64 = 0.01;

pub(super) fn find(table: &Table) -> Vec<Finding> {
    let features = table.features();
    let mut copies: BTreeMap<Vec<u64>, Vec<usize>> = BTreeMap::new();
    for (row, values) in features.rows().into_iter().enumerate() {
        // Bits order like nothing in particular, but are equal where the numbers are.
        copies
            .entry(values.iter().map(|value| value.to_bits()).collect())
            .or_default()
            .push(row);
    }
    let groups: Vec<&Vec<usize>> = copies.values().filter(|rows| rows.len() > 1).collect();
    let surplus: usize = groups.iter().map(|rows| rows.len() - 1).sum();
    let mut findings = Vec::new();
    if surplus > 0 {
        let share = surplus as f64 / table.len() as f64;
        let severity = if share > CHANCE {
            Severity::Warning
        } else {
            Severity::Info
        };
        findings.push(
            Finding::new("duplicate rows", severity)
                .with_evidence("rows that repeat an earlier one", surplus as f64)
                .with_evidence("share of all rows", share)
                .with_cause("a split may put copies of one row into training and into the test")
                .with_remedy("drop the copies, or split by groups that keep copies together")
                .with_section("Preprocessing"),
        );
    }
    if let Target::Classes { labels, .. } = table.target() {
        let disagree = |rows: &&&Vec<usize>| rows.iter().any(|&row| labels[row] != labels[rows[0]]);
        let contradictions = groups.iter().filter(disagree).count();
        if contradictions > 0 {
            findings.push(
                Finding::new("contradicting rows", Severity::Warning)
                    .with_evidence(
                        "groups of equal rows with different labels",
                        contradictions as f64,
                    )
                    .with_cause(
                        "equal features bear different labels, so no model can reach loss 0",
                    )
                    .with_remedy("look at these labels; the floor of the loss lies above 0")
                    .with_section("Before training"),
            );
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Axis, array, concatenate};

    #[test]
    fn copies_and_contradictions_are_counted() {
        let rows = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        let features = concatenate![Axis(0), rows, rows];
        let target = Target::numbered_classes(vec![0, 1, 0, 0, 0, 0], 2);
        let findings = find(&Table::new("t", features, target).unwrap());
        assert_eq!(findings[0].evidence[0].1, 3.0);
        assert_eq!(findings[0].severity, Severity::Warning);
        assert_eq!(findings[1].evidence[0].1, 1.0);
    }
}
