//! A finding: one thing that a rule noticed about a run, with its evidence and its remedy.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::figure::{Shown, evidence_from_nulls};

/// How much a finding matters. Ordered: `Info < Warning < Fault`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A reading that is worth knowing; nothing need be done.
    Info,
    /// The run works, but less well than it could.
    Warning,
    /// The run's result cannot be trusted, or it learns nothing.
    Fault,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Fault => "fault",
        })
    }
}

/// Where in a run something was seen; each part may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// Path of the module or the parameter, as `blocks.2.conv.weight`.
    pub path: Option<String>,
    /// The optimizer step, counted from 0 over the whole run.
    pub step: Option<u64>,
    /// The epoch, counted as the run counts it.
    pub epoch: Option<u64>,
}

impl Place {
    /// A place known by its path alone.
    pub fn path(path: impl Into<String>) -> Self {
        Self {
            path: Some(path.into()),
            ..Self::default()
        }
    }

    /// Adds the optimizer step.
    pub fn with_step(mut self, step: u64) -> Self {
        self.step = Some(step);
        self
    }

    /// Adds the epoch.
    pub fn with_epoch(mut self, epoch: u64) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// `fc1.weight, epoch 3, step 120`; the whole run when nothing is known.
impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unknown() {
            return formatter.write_str("the whole run");
        }
        let epoch = self.epoch.map(|epoch| format!("epoch {epoch}"));
        let step = self.step.map(|step| format!("step {step}"));
        let parts: Vec<String> = [self.path.clone(), epoch, step]
            .into_iter()
            .flatten()
            .collect();
        formatter.write_str(&parts.join(", "))
    }
}

/// One thing that a rule noticed: what, where, by which figures, why, and what to do.
///
/// # Example
/// ```
/// use limpid_diagnostics::{Finding, Place, Severity};
///
/// let finding = Finding::new("dead-units", Severity::Warning)
///     .at(Place::path("fc1").with_epoch(12))
///     .with_evidence("dead share", 0.43)
///     .with_cause("a large step pushed the units' inputs below zero for every sample")
///     .with_remedy("lower the learning rate, or use a leaky ReLU")
///     .with_section("Activation functions");
/// assert_eq!(
///     finding.to_string(),
///     "warning dead-units at fc1, epoch 12: dead share 0.43\n  \
///      a large step pushed the units' inputs below zero for every sample; \
///      lower the learning rate, or use a leaky ReLU [Activation functions]"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's short name in kebab case, as `dead-units`; a waiver names it.
    pub rule: Cow<'static, str>,
    /// How much it matters.
    pub severity: Severity,
    /// Where it was seen.
    #[serde(default)]
    pub place: Place,
    /// The figures that it rests on, named, in the order in which they persuade.
    #[serde(default, deserialize_with = "evidence_from_nulls")]
    pub evidence: Vec<(String, f64)>,
    /// Why it happens, in one clause.
    #[serde(default)]
    pub cause: String,
    /// What to do about it, in one clause.
    #[serde(default)]
    pub remedy: String,
    /// The section of the article that explains it; empty when there is none.
    #[serde(default)]
    pub section: Cow<'static, str>,
}

impl Finding {
    /// A finding of `rule` about the whole run, without evidence yet.
    pub fn new(rule: impl Into<Cow<'static, str>>, severity: Severity) -> Self {
        Self {
            rule: rule.into(),
            severity,
            place: Place::default(),
            evidence: Vec::new(),
            cause: String::new(),
            remedy: String::new(),
            section: Cow::Borrowed(""),
        }
    }

    /// Says where it was seen.
    pub fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// Adds one named figure.
    pub fn with_evidence(mut self, name: impl Into<String>, value: f64) -> Self {
        self.evidence.push((name.into(), value));
        self
    }

    /// Says why it happens.
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Says what to do about it.
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Names the article's section.
    pub fn with_section(mut self, section: impl Into<Cow<'static, str>>) -> Self {
        self.section = section.into();
        self
    }

    /// The order for reading: the most severe first, then by place, then by rule.
    ///
    /// Meant for `findings.sort_by(Finding::by_severity)`.
    pub fn by_severity(left: &Self, right: &Self) -> Ordering {
        (right.severity.cmp(&left.severity))
            .then_with(|| left.place.cmp(&right.place))
            .then_with(|| left.rule.cmp(&right.rule))
    }
}

/// Two lines: what, where and the figures; then the cause, the remedy and the section.
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} {} at {}",
            self.severity, self.rule, self.place
        )?;
        for (index, (name, value)) in self.evidence.iter().enumerate() {
            let separator = if index == 0 { ": " } else { ", " };
            write!(formatter, "{separator}{name} {}", Shown(*value))?;
        }
        let advice: Vec<&str> = [self.cause.as_str(), self.remedy.as_str()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        write!(formatter, "\n  {}", advice.join("; "))?;
        if !self.section.is_empty() {
            write!(formatter, " [{}]", self.section)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(rule: &'static str, severity: Severity) -> Finding {
        Finding::new(rule, severity)
    }

    #[test]
    fn the_most_severe_comes_first_and_equals_go_by_place_and_rule() {
        let mut findings = [
            finding("b", Severity::Info),
            finding("z", Severity::Warning).at(Place::path("fc2")),
            finding("c", Severity::Warning).at(Place::path("fc1")),
            finding("a", Severity::Fault),
            finding("a", Severity::Info),
        ];
        findings.sort_by(Finding::by_severity);
        let rules: Vec<&str> = findings.iter().map(|finding| &*finding.rule).collect();
        assert_eq!(rules, ["a", "c", "z", "a", "b"]);
    }

    #[test]
    fn display_is_two_lines_and_names_every_part() {
        let shown = finding("nan-origin", Severity::Fault)
            .at(Place::path("fc1.weight").with_step(7).with_epoch(1))
            .with_evidence("share", f64::NAN)
            .with_evidence("norm", 1.5e9)
            .with_cause("overflow")
            .with_remedy("clip")
            .to_string();
        assert_eq!(
            shown,
            "fault nan-origin at fc1.weight, epoch 1, step 7: share NaN, norm 1.5e9\n  overflow; clip"
        );
    }

    #[test]
    fn evidence_that_is_not_a_number_survives_json() {
        let before = finding("loss", Severity::Fault).with_evidence("loss", f64::NAN);
        let json = serde_json::to_string(&before).unwrap();
        assert!(json.contains(r#"["loss",null]"#), "{json}");
        let after: Finding = serde_json::from_str(&json).unwrap();
        assert!(after.evidence[0].1.is_nan());
        assert_eq!(after.rule, "loss");
    }
}
