//! The values that one axis can take, and the scale on which they are near or far.

mod check;

use serde::{Deserialize, Serialize};

use crate::ladder::{Ladder, Scale, number_of};
use crate::value::Value;

/// The values of one axis. Both bounds are inclusive. It is checked when it enters a
/// [`Space`](crate::Space), where it becomes the domain of an [`Axis`](crate::Axis).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Domain {
    /// Numbers from `low` to `high`, all or those at `low + k * step`.
    Float {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
        /// Linear or logarithmic.
        #[serde(default)]
        scale: Scale,
        /// Distance of the values; `None` is all numbers. Only on the linear scale.
        #[serde(default)]
        step: Option<f64>,
    },
    /// Whole numbers from `low` to `high` at `low + k * step`.
    Int {
        /// Lower bound.
        low: i64,
        /// Upper bound.
        high: i64,
        /// Linear or logarithmic.
        #[serde(default)]
        scale: Scale,
        /// Distance of the values; 1 on the logarithmic scale.
        step: i64,
    },
    /// One of several values without order.
    Categorical {
        /// The values; all different.
        choices: Vec<Value>,
    },
}

impl Domain {
    /// Numbers spread evenly from `low` to `high`.
    pub fn uniform(low: f64, high: f64) -> Self {
        Self::Float {
            low,
            high,
            scale: Scale::Linear,
            step: None,
        }
    }

    /// Numbers whose logarithm is spread evenly from `ln low` to `ln high`.
    pub fn log_uniform(low: f64, high: f64) -> Self {
        Self::Float {
            low,
            high,
            scale: Scale::Log,
            step: None,
        }
    }

    /// The numbers `low`, `low + step`, ... up to `high`.
    pub fn quantised(low: f64, high: f64, step: f64) -> Self {
        Self::Float {
            low,
            high,
            scale: Scale::Linear,
            step: Some(step),
        }
    }

    /// Whole numbers spread evenly from `low` to `high`.
    pub fn int(low: i64, high: i64) -> Self {
        Self::Int {
            low,
            high,
            scale: Scale::Linear,
            step: 1,
        }
    }

    /// Whole numbers whose logarithm is spread evenly.
    pub fn log_int(low: i64, high: i64) -> Self {
        Self::Int {
            low,
            high,
            scale: Scale::Log,
            step: 1,
        }
    }

    /// The whole numbers `low`, `low + step`, ... up to `high`.
    pub fn quantised_int(low: i64, high: i64, step: i64) -> Self {
        Self::Int {
            low,
            high,
            scale: Scale::Linear,
            step,
        }
    }

    /// One of `choices`.
    pub fn categorical<V: Into<Value>>(choices: impl IntoIterator<Item = V>) -> Self {
        Self::Categorical {
            choices: choices.into_iter().map(Into::into).collect(),
        }
    }

    /// Whether `value` is of this domain; values of a step may be off by rounding.
    pub(crate) fn contains(&self, value: &Value) -> bool {
        match (self, value) {
            (
                Self::Float {
                    low, high, step, ..
                },
                Value::Float(value),
            ) => {
                let places = step.map_or(0.0, |step| (value - low) / step);
                (low..=high).contains(&value) && (places - places.round()).abs() < 1e-6
            }
            (
                Self::Int {
                    low, high, step, ..
                },
                Value::Int(value),
            ) => (low..=high).contains(&value) && (value - low) % step == 0,
            (Self::Categorical { choices }, value) => choices.contains(value),
            _ => false,
        }
    }

    /// The value at `unit` of the interval from 0 to 1, on which the domain is even; the inverse
    /// of its distribution function. `unit` is clamped to the interval.
    pub(crate) fn value_at(&self, unit: f64) -> Value {
        let unit = unit.clamp(0.0, 1.0);
        match (self, self.ladder()) {
            (Self::Categorical { choices }, _) => {
                let place =
                    ((unit * choices.len() as f64) as usize).min(choices.len().saturating_sub(1));
                choices[place].clone()
            }
            (_, ladder) => {
                let (bottom, top) = ladder.extent();
                self.number(ladder.nearest(ladder.unwarp(bottom + unit * (top - bottom))))
            }
        }
    }

    /// Where in the interval from 0 to 1 `value` lies: the middle of its share, where it has one.
    /// `None` for values that are not of this domain.
    pub(crate) fn unit_of(&self, value: &Value) -> Option<f64> {
        if !self.contains(value) {
            return None;
        }
        if let Self::Categorical { choices } = self {
            let place = choices.iter().position(|choice| choice == value)?;
            return Some((place as f64 + 0.5) / choices.len() as f64);
        }
        let ladder = self.ladder();
        let (bottom, top) = ladder.extent();
        if top <= bottom {
            return Some(0.5);
        }
        let warped = ladder.warp(number_of(value)?);
        Some(((warped - bottom) / (top - bottom)).clamp(0.0, 1.0))
    }

    /// Where between its lowest (0) and highest (1) value `value` lies, on the axis' own scale.
    /// `None` for categories, for values of another kind, and where there is only one value.
    /// Unlike `unit_of` it goes below 0 and above 1 for values outside.
    pub(crate) fn position_of(&self, value: &Value) -> Option<f64> {
        if matches!(self, Self::Categorical { .. }) {
            return None;
        }
        let ladder = self.ladder();
        let (bottom, top) = (ladder.warp(ladder.low), ladder.warp(ladder.high));
        (top > bottom).then_some((ladder.warp(number_of(value)?) - bottom) / (top - bottom))
    }

    /// The value nearest to `position` between the lowest (0) and the highest (1) value, on the
    /// axis' own scale; for categories as `value_at`.
    pub(crate) fn value_at_position(&self, position: f64) -> Value {
        if matches!(self, Self::Categorical { .. }) {
            return self.value_at(position);
        }
        let ladder = self.ladder();
        let (bottom, top) = (ladder.warp(ladder.low), ladder.warp(ladder.high));
        // The ends are exact, whatever the logarithm and its inverse round to.
        self.number(match position {
            _ if position <= 0.0 => ladder.low,
            _ if position >= 1.0 => ladder.high,
            _ => ladder.nearest(ladder.unwarp(bottom + position * (top - bottom))),
        })
    }

    /// How many values there are; `None` for a continuum.
    pub(crate) fn count(&self) -> Option<usize> {
        match self {
            Self::Categorical { choices } => Some(choices.len()),
            Self::Float {
                step: None,
                low,
                high,
                ..
            } => (low == high).then_some(1),
            _ => {
                let ladder = self.ladder();
                ladder
                    .step
                    .map(|step| ((ladder.high - ladder.low) / step).round() as usize + 1)
            }
        }
    }

    /// The numbers of this domain; for categories their places.
    pub(crate) fn ladder(&self) -> Ladder {
        match self {
            Self::Float {
                low,
                high,
                scale,
                step,
            } => Ladder::new(*low, *high, *scale, step.filter(|_| low < high)),
            Self::Int {
                low,
                high,
                scale,
                step,
            } => Ladder::new(*low as f64, *high as f64, *scale, Some(*step as f64)),
            Self::Categorical { choices } => Ladder::new(
                0.0,
                choices.len().saturating_sub(1) as f64,
                Scale::Linear,
                Some(1.0),
            ),
        }
    }

    /// A number of this domain's ladder as its value.
    pub(crate) fn number(&self, number: f64) -> Value {
        match self {
            Self::Float { .. } => Value::Float(number),
            Self::Int { .. } => Value::Int(number as i64),
            Self::Categorical { choices } => choices[number as usize].clone(),
        }
    }
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Float {
                low,
                high,
                scale,
                step,
            } => {
                let name = if *scale == Scale::Log {
                    "log_uniform"
                } else {
                    "uniform"
                };
                write!(f, "{name}({}, {}", Value::Float(*low), Value::Float(*high))?;
                step.map_or(Ok(()), |step| write!(f, ", step {}", Value::Float(step)))?;
                write!(f, ")")
            }
            Self::Int {
                low,
                high,
                scale,
                step,
            } => {
                let name = if *scale == Scale::Log {
                    "log_int"
                } else {
                    "int"
                };
                write!(f, "{name}({low}, {high}")?;
                if *step == 1 {
                    write!(f, ")")
                } else {
                    write!(f, ", step {step})")
                }
            }
            Self::Categorical { choices } => {
                let choices: Vec<String> = choices.iter().map(ToString::to_string).collect();
                write!(f, "categorical({})", choices.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn domains() -> Vec<Domain> {
        vec![
            Domain::uniform(-2.0, 3.0),
            Domain::log_uniform(1e-6, 10.0),
            Domain::quantised(0.0, 0.5, 0.05),
            Domain::int(-3, 7),
            Domain::log_int(1, 1024),
            Domain::quantised_int(8, 30, 8),
            Domain::categorical(["sgd", "adam", "rmsprop"]),
            Domain::uniform(1.0, 1.0),
        ]
    }

    proptest! {
        #[test]
        fn every_unit_gives_a_value_that_leads_back_to_itself(unit in 0.0..=1.0_f64) {
            for domain in domains() {
                domain.check("axis").unwrap();
                let value = domain.value_at(unit);
                prop_assert!(domain.contains(&value), "{domain} {value}");
                let back = domain.value_at(domain.unit_of(&value).unwrap());
                match (&value, &back) {
                    (Value::Float(a), Value::Float(b)) => prop_assert!((a - b).abs() <= 1e-9 * a.abs().max(1e-9)),
                    _ => prop_assert_eq!(value, back),
                }
            }
        }
    }

    #[test]
    fn values_of_a_step_have_equal_shares() {
        let domain = Domain::int(1, 4);
        let share = |value| {
            (0..4000)
                .filter(|i| domain.value_at((f64::from(*i) + 0.5) / 4000.0) == Value::Int(value))
                .count()
        };
        assert_eq!([share(1), share(2), share(3), share(4)], [1000; 4]);
    }

    #[test]
    fn the_middle_of_a_log_axis_is_the_geometric_mean() {
        let middle = number_of(&Domain::log_uniform(1e-4, 1e-2).value_at(0.5)).unwrap();
        assert!((middle / 1e-3 - 1.0).abs() < 1e-12, "{middle}");
        let position = Domain::log_uniform(1e-4, 1e-2)
            .position_of(&Value::Float(1e-1))
            .unwrap();
        assert!((position - 1.5).abs() < 1e-12);
    }

    #[test]
    fn the_upper_bound_is_reached_despite_rounding() {
        assert_eq!(Domain::quantised(0.0, 0.5, 0.05).count(), Some(11));
        // 0 + 3 * 0.1 is more than 0.3.
        assert_eq!(
            Domain::quantised(0.0, 0.3, 0.1).value_at(1.0),
            Value::Float(0.3)
        );
        assert_eq!(
            Domain::quantised_int(8, 30, 8).value_at(1.0),
            Value::Int(24)
        );
    }
}
