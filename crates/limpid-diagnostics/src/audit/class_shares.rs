//! Classes that are so rare that accuracy says little about them.

use limpid_data::{Dataset, Table, Target};

use super::class_counts;
use crate::{Finding, Severity};

/// The commonest class may have this many times the rows of the rarest.
const IMBALANCE: f64 = 20.0;

pub(super) fn find(table: &Table) -> Vec<Finding> {
    let Target::Classes { labels, names } = table.target() else {
        return Vec::new();
    };
    let counts = class_counts(labels, names.len());
    let extremes = (
        counts.iter().enumerate().min_by_key(|(_, count)| **count),
        counts.iter().enumerate().max_by_key(|(_, count)| **count),
    );
    let (Some((rare, &fewest)), Some((common, &most))) = extremes else {
        return Vec::new();
    };
    if (most as f64) <= IMBALANCE * fewest as f64 {
        return Vec::new();
    }
    let share = most as f64 / table.len() as f64;
    vec![
        Finding::new("class imbalance", Severity::Warning)
            .with_evidence(format!("rows of class `{}`", names[rare]), fewest as f64)
            .with_evidence(format!("rows of class `{}`", names[common]), most as f64)
            .with_evidence("accuracy of always guessing the commonest", share)
            .with_cause("one class outnumbers another so far that accuracy hides the rare one")
            .with_remedy("weigh the classes in the loss, and judge by recall or macro F1")
            .with_section("Before training"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn ninety_nine_to_one_is_named() {
        let labels = (0..200).map(|row| usize::from(row % 100 == 0)).collect();
        let target = Target::numbered_classes(labels, 2);
        let features = Array2::from_shape_fn((200, 1), |(row, _)| row as f64);
        let findings = find(&Table::new("rare", features, target).unwrap());
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].evidence[2].1, 0.99);
    }
}
