//! One named dimension of a space.

use serde::{Deserialize, Serialize};

use crate::assignment::Assignment;
use crate::domain::Domain;
use crate::value::Value;

/// When an axis is active: its parent is, and has one of `values`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// The axis that decides; it stands earlier in the space.
    pub parent: String,
    /// The parent's values with which this axis is active.
    pub values: Vec<Value>,
}

/// One dimension of a [`Space`](crate::Space): a name, a domain, and when it is active. It exists
/// in a space only, so its domain has been checked.
///
/// Every axis can be seen as the interval from 0 to 1 on which it is even, whatever its kind and
/// scale: [`value_at`](Self::value_at) leads from there, [`unit_of`](Self::unit_of) back. Steps
/// and choices have equal shares of it. Samplers that know only this much know enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    pub(crate) name: String,
    pub(crate) domain: Domain,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) conditions: Vec<Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limits: Option<(f64, f64)>,
}

impl Axis {
    pub(crate) fn new(name: &str, domain: Domain) -> Self {
        Self {
            name: name.to_owned(),
            domain,
            conditions: Vec::new(),
            limits: None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its values.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// When it is active: all of these must hold.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// The bounds that widening must not pass, such as 0 and 1 of a probability.
    pub fn limits(&self) -> Option<(f64, f64)> {
        self.limits
    }

    /// Whether it is active, given the values of the axes before it.
    pub fn is_active(&self, assignment: &Assignment) -> bool {
        self.conditions.iter().all(|condition| {
            assignment
                .get(&condition.parent)
                .is_some_and(|value| condition.values.contains(value))
        })
    }

    /// Whether `value` is one of its values; values of a step may be off by rounding.
    pub fn contains(&self, value: &Value) -> bool {
        self.domain.contains(value)
    }

    /// The value at `unit` of the interval from 0 to 1 on which the axis is even: the inverse of
    /// its distribution function. `unit` is clamped to the interval.
    pub fn value_at(&self, unit: f64) -> Value {
        self.domain.value_at(unit)
    }

    /// Where in the interval from 0 to 1 `value` lies: the middle of its share, where it has one.
    /// `None` for values that are not of this axis.
    pub fn unit_of(&self, value: &Value) -> Option<f64> {
        self.domain.unit_of(value)
    }

    /// Where between its lowest (0) and highest (1) value `value` lies, on the axis' own scale;
    /// below 0 or above 1 when it lies outside. `None` for categories, for values of another
    /// kind, and where there is only one value.
    pub fn position_of(&self, value: &Value) -> Option<f64> {
        self.domain.position_of(value)
    }

    /// The value nearest to `position` between the lowest (0) and the highest (1) value, on the
    /// axis' own scale; for categories as [`value_at`](Self::value_at).
    pub fn value_at_position(&self, position: f64) -> Value {
        self.domain.value_at_position(position)
    }

    /// How many values there are; `None` for a continuum.
    pub fn count(&self) -> Option<usize> {
        self.domain.count()
    }
}

impl std::fmt::Display for Axis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ~ {}", self.name, self.domain)?;
        for condition in &self.conditions {
            let values: Vec<String> = condition.values.iter().map(ToString::to_string).collect();
            write!(f, " when {} is {}", condition.parent, values.join(" or "))?;
        }
        Ok(())
    }
}
