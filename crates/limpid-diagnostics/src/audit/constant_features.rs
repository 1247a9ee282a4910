//! Features that are the same in every row.

use limpid_data::Table;

use crate::{Finding, Severity};

pub(super) fn find(table: &Table) -> Vec<Finding> {
    let features = table.features();
    let constant: Vec<&str> = features
        .columns()
        .into_iter()
        .zip(table.feature_names())
        .filter(|(column, _)| column.iter().all(|value| Some(value) == column.first()))
        .map(|(_, name)| name.as_str())
        .collect();
    if constant.is_empty() {
        return Vec::new();
    }
    vec![
        Finding::new("constant features", Severity::Info)
            .with_evidence("features", constant.len() as f64)
            .with_cause(format!("the same in every row: {}", constant.join(", ")))
            .with_remedy("drop them, or keep them knowing that nothing can be learned from them")
            .with_section("Preprocessing"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_data::Target;
    use ndarray::array;

    #[test]
    fn a_constant_column_is_named() {
        let target = Target::numbered_classes(vec![0, 1, 0], 2);
        let table = Table::new("t", array![[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]], target).unwrap();
        let table = table
            .with_feature_names(vec!["a".into(), "b".into()])
            .unwrap();
        let findings = find(&table);
        assert!(findings[0].cause.ends_with(": b"), "{findings:?}");
    }
}
