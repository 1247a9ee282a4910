//! What a trial tries: a value for each active axis.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Result, SearchError};
use crate::value::Value;

/// Values by axis name, in the order of the space. Inactive axes are absent.
///
/// # Example
/// ```
/// use limpid_hpsearch::Assignment;
///
/// let assignment = Assignment::new().with("lr", 0.01).with("layers", 3).with("optimizer", "adam");
/// assert_eq!(assignment.float("lr")?, 0.01);
/// assert_eq!(assignment.int("layers")?, 3);
/// assert_eq!(assignment.float("layers").unwrap_err().to_string(), "axis `layers`: expected a float, found 3");
/// # Ok::<(), limpid_hpsearch::SearchError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assignment {
    values: Vec<(String, Value)>,
}

impl Assignment {
    /// An assignment without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// This assignment with `axis` set to `value`, at its end when the axis is new.
    #[must_use]
    pub fn with(mut self, axis: &str, value: impl Into<Value>) -> Self {
        self.set(axis, value);
        self
    }

    /// Sets `axis` to `value`, at the end when the axis is new.
    pub fn set(&mut self, axis: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.values.iter_mut().find(|(name, _)| name == axis) {
            Some((_, old)) => *old = value,
            None => self.values.push((axis.to_owned(), value)),
        }
    }

    /// The value of `axis`, when it is active.
    pub fn get(&self, axis: &str) -> Option<&Value> {
        self.values
            .iter()
            .find(|(name, _)| name == axis)
            .map(|(_, value)| value)
    }

    /// Axes and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }

    /// How many axes are active.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether no axis is active.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The number at `axis`.
    ///
    /// # Errors
    /// [`SearchError::UnknownAxis`] when it is absent, [`SearchError::WrongKind`] when it is no
    /// float; the same holds for the other getters.
    pub fn float(&self, axis: &str) -> Result<f64> {
        match self.value(axis)? {
            Value::Float(value) => Ok(*value),
            found => Err(wrong_kind(axis, "a float", found)),
        }
    }

    /// The whole number at `axis`.
    ///
    /// # Errors
    /// As [`float`](Self::float).
    pub fn int(&self, axis: &str) -> Result<i64> {
        match self.value(axis)? {
            Value::Int(value) => Ok(*value),
            found => Err(wrong_kind(axis, "an integer", found)),
        }
    }

    /// The word at `axis`.
    ///
    /// # Errors
    /// As [`float`](Self::float).
    pub fn text(&self, axis: &str) -> Result<&str> {
        match self.value(axis)? {
            Value::Text(value) => Ok(value),
            found => Err(wrong_kind(axis, "a text", found)),
        }
    }

    /// The yes or no at `axis`.
    ///
    /// # Errors
    /// As [`float`](Self::float).
    pub fn bool(&self, axis: &str) -> Result<bool> {
        match self.value(axis)? {
            Value::Bool(value) => Ok(*value),
            found => Err(wrong_kind(axis, "a bool", found)),
        }
    }

    fn value(&self, axis: &str) -> Result<&Value> {
        self.get(axis).ok_or_else(|| SearchError::UnknownAxis {
            axis: axis.to_owned(),
            known: self.values.iter().map(|(name, _)| name.clone()).collect(),
        })
    }
}

fn wrong_kind(axis: &str, expected: &'static str, found: &Value) -> SearchError {
    SearchError::WrongKind {
        axis: axis.to_owned(),
        expected,
        found: found.clone(),
    }
}

impl std::fmt::Display for Assignment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, (name, value)) in self.values.iter().enumerate() {
            write!(f, "{}{name} = {value}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// A JSON object whose keys keep the order of the space.
impl Serialize for Assignment {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Assignment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Assignment;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "an object of axis values")
            }

            fn visit_map<M: MapAccess<'de>>(
                self,
                mut map: M,
            ) -> std::result::Result<Assignment, M::Error> {
                let mut assignment = Assignment::new();
                while let Some((axis, value)) = map.next_entry::<String, Value>()? {
                    assignment.set(&axis, value);
                }
                Ok(assignment)
            }
        }
        from.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_survives_json() {
        let assignment = Assignment::new()
            .with("z", 1.5)
            .with("a", true)
            .with("m", "x");
        let text = serde_json::to_string(&assignment).unwrap();
        assert_eq!(text, r#"{"z":1.5,"a":true,"m":"x"}"#);
        assert_eq!(
            serde_json::from_str::<Assignment>(&text).unwrap(),
            assignment
        );
    }

    #[test]
    fn an_absent_axis_is_named_with_those_that_are_there() {
        let error = Assignment::new().with("lr", 0.1).float("rate").unwrap_err();
        assert_eq!(error.to_string(), "no axis `rate`: known are [\"lr\"]");
    }
}
