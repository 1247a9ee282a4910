//! The values that one axis can take, and the scale on which they are near or far.

use serde::{Deserialize, Serialize};

use crate::error::{Result, SearchError};
use crate::value::Value;

/// Integers beyond this are not exact as `f64`.
const LARGEST_INT: i64 = 1 << 53;

/// On which scale an axis is even.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Equal differences are equally far: dropout, momentum.
    #[default]
    Linear,
    /// Equal ratios are equally far: learning rate, penalty, width.
    Log,
}

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

    /// Checks bounds, step and choices; `axis` is named in the error.
    pub(crate) fn check(&self, axis: &str) -> Result<()> {
        match self {
            Self::Float {
                low,
                high,
                scale,
                step,
            } => {
                check_bounds(axis, *low, *high)?;
                check_scale(axis, *low, *scale, "positive", 0.0)?;
                step.map_or(Ok(()), |step| check_step(axis, step, high - low, *scale))
            }
            Self::Int {
                low,
                high,
                scale,
                step,
            } => {
                let (bottom, top) = (*low as f64, *high as f64);
                if low.abs().max(high.abs()) > LARGEST_INT {
                    return Err(SearchError::Bounds {
                        axis: axis.to_owned(),
                        low: bottom,
                        high: top,
                    });
                }
                check_bounds(axis, bottom, top)?;
                check_scale(axis, bottom, *scale, "at least 1", 0.5)?;
                // A step of one is right even where the axis has a single value.
                if *step == 1 {
                    Ok(())
                } else {
                    check_step(axis, *step as f64, top - bottom, *scale)
                }
            }
            Self::Categorical { choices } => check_choices(axis, choices),
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

/// The number that an integer or float is.
pub(crate) fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Float(value) => Some(*value),
        Value::Int(value) => Some(*value as f64),
        Value::Bool(_) | Value::Text(_) => None,
    }
}

/// The numbers of an axis: a continuum, or rungs that are `step` apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ladder {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) scale: Scale,
    pub(crate) step: Option<f64>,
}

impl Ladder {
    fn new(low: f64, high: f64, scale: Scale, step: Option<f64>) -> Self {
        // The last rung may lie below the upper bound; one that lies on it but for rounding is it.
        let top = step.map_or(high, |step| {
            let steps = (high - low) / step;
            let on_bound = (steps - steps.round()).abs() < 1e-9;
            if on_bound {
                high
            } else {
                low + steps.floor() * step
            }
        });
        Self {
            low,
            high: top,
            scale,
            step,
        }
    }

    /// `x` on the scale where the axis is even.
    pub(crate) fn warp(&self, x: f64) -> f64 {
        if self.scale == Scale::Log { x.ln() } else { x }
    }

    /// Back from the scale where the axis is even.
    pub(crate) fn unwarp(&self, x: f64) -> f64 {
        if self.scale == Scale::Log { x.exp() } else { x }
    }

    /// The ends on the even scale; rungs reach half a step to both sides.
    pub(crate) fn extent(&self) -> (f64, f64) {
        let half = self.step.unwrap_or(0.0) / 2.0;
        (self.warp(self.low - half), self.warp(self.high + half))
    }

    /// The number of this ladder nearest to `x`.
    pub(crate) fn nearest(&self, x: f64) -> f64 {
        let rung = self
            .step
            .map_or(x, |step| self.low + ((x - self.low) / step).round() * step);
        rung.clamp(self.low, self.high)
    }
}

fn check_bounds(axis: &str, low: f64, high: f64) -> Result<()> {
    // The width must be finite too, or the axis cannot be walked along.
    if low <= high && (high - low).is_finite() {
        return Ok(());
    }
    Err(SearchError::Bounds {
        axis: axis.to_owned(),
        low,
        high,
    })
}

fn check_scale(axis: &str, low: f64, scale: Scale, must: &'static str, above: f64) -> Result<()> {
    if scale == Scale::Linear || low > above {
        return Ok(());
    }
    Err(SearchError::LogBound {
        axis: axis.to_owned(),
        low,
        must,
    })
}

fn check_step(axis: &str, step: f64, width: f64, scale: Scale) -> Result<()> {
    if scale == Scale::Log {
        return Err(SearchError::Condition {
            axis: axis.to_owned(),
            problem: format!("has a step of {step} on a logarithmic scale: use one or the other"),
        });
    }
    if step > 0.0 && step <= width {
        return Ok(());
    }
    Err(SearchError::Step {
        axis: axis.to_owned(),
        step,
        width,
    })
}

fn check_choices(axis: &str, choices: &[Value]) -> Result<()> {
    let twice = choices
        .iter()
        .enumerate()
        .find(|(place, choice)| choices[..*place].contains(choice));
    let problem = match twice {
        Some((_, choice)) => format!("choice {choice} is there twice: choices must differ"),
        None if choices.is_empty() => "has no choices: it must have at least one".to_owned(),
        None => match choices
            .iter()
            .find(|c| matches!(c, Value::Float(x) if !x.is_finite()))
        {
            Some(choice) => format!("choice {choice} is not finite"),
            None => return Ok(()),
        },
    };
    Err(SearchError::Choices {
        axis: axis.to_owned(),
        problem,
    })
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

    #[test]
    fn bad_domains_are_refused() {
        let text = |domain: Domain| domain.check("x").unwrap_err().to_string();
        assert_eq!(
            text(Domain::uniform(1.0, 0.0)),
            "axis `x`: bounds are 1 and 0: both must be finite, the first at most the second"
        );
        assert!(matches!(
            Domain::uniform(f64::NAN, 0.0).check("x"),
            Err(SearchError::Bounds { .. })
        ));
        assert!(matches!(
            Domain::uniform(0.0, f64::INFINITY).check("x"),
            Err(SearchError::Bounds { .. })
        ));
        assert!(matches!(
            Domain::log_uniform(0.0, 1.0).check("x"),
            Err(SearchError::LogBound { .. })
        ));
        assert!(matches!(
            Domain::log_int(0, 8).check("x"),
            Err(SearchError::LogBound { .. })
        ));
        assert!(matches!(
            Domain::quantised(0.0, 1.0, 0.0).check("x"),
            Err(SearchError::Step { .. })
        ));
        assert!(matches!(
            Domain::quantised_int(0, 4, 9).check("x"),
            Err(SearchError::Step { .. })
        ));
        assert_eq!(
            text(Domain::categorical(["a", "a"])),
            "axis `x`: choice \"a\" is there twice: choices must differ"
        );
        assert!(matches!(
            Domain::categorical([0.0; 0]).check("x"),
            Err(SearchError::Choices { .. })
        ));
    }
}
