//! The audit of a table before anything is learned from it.
//!
//! Each rule looks for one thing, and says nothing where it is not there.

mod class_shares;
mod constant_features;
mod duplicate_rows;
mod feature_scales;
mod lone_predictor;

use limpid_data::{Dataset, Table, Target};

use crate::Finding;

/// What the audit saw in a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audit {
    /// Facts for the record: rows, features, classes.
    pub facts: Vec<(String, String)>,
    /// What somebody should know before training, the gravest first.
    pub findings: Vec<Finding>,
}

type Rule = fn(&Table) -> Vec<Finding>;

/// Every rule of the audit.
const RULES: &[Rule] = &[
    class_shares::find,
    constant_features::find,
    duplicate_rows::find,
    feature_scales::find,
    lone_predictor::find,
];

/// Looks a table over: constant features, duplicate and contradicting rows, rare classes, features
/// of very different scale, and a feature that alone tells the target.
///
/// # Example
/// ```
/// use limpid_diagnostics::{Severity, audit::audit};
///
/// let audit = audit(&limpid_data::classics::digits()?);
/// assert!(audit.facts.contains(&("rows".into(), "1797".into())));
/// assert!(audit.findings.iter().all(|finding| finding.severity == Severity::Info));
/// # Ok::<(), limpid_data::DataError>(())
/// ```
pub fn audit(table: &Table) -> Audit {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(table)).collect();
    findings.sort_by(Finding::by_severity);
    Audit {
        facts: facts(table),
        findings,
    }
}

fn facts(table: &Table) -> Vec<(String, String)> {
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let mut facts = vec![
        fact("table", table.name().to_owned()),
        fact("rows", table.len().to_string()),
        fact("features", table.features().ncols().to_string()),
        fact("fingerprint", table.fingerprint().to_string()),
    ];
    if let Target::Classes { labels, names } = table.target() {
        facts.push(fact("classes", names.len().to_string()));
        let counts = class_counts(labels, names.len());
        let (rarest, most) = (counts.iter().min(), counts.iter().max());
        if let (Some(rarest), Some(most)) = (rarest, most) {
            facts.push(fact("rows per class", format!("{rarest} to {most}")));
        }
    }
    facts
}

/// How many rows each class has.
fn class_counts(labels: &[usize], classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    for &label in labels {
        if let Some(count) = counts.get_mut(label) {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;
    use limpid_data::classics;

    #[test]
    fn nothing_is_held_against_the_clean_classics() {
        let tables = [
            classics::digits(),
            classics::iris(),
            classics::wine(),
            classics::breast_cancer(),
            classics::diabetes(),
        ];
        for table in tables {
            let table = table.unwrap();
            let grave: Vec<_> = audit(&table)
                .findings
                .into_iter()
                .filter(|finding| finding.severity > Severity::Info)
                .collect();
            assert!(grave.is_empty(), "{}: {grave:?}", table.name());
        }
    }
}
