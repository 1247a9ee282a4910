//! The space that is searched: typed axes in order.

use serde::{Deserialize, Serialize};

use crate::assignment::Assignment;
use crate::axis::{Axis, Condition};
use crate::domain::Domain;
use crate::error::{Result, SearchError};
use crate::value::Value;

/// Axes in order. An axis may depend on one before it, so the space is a forest in which every
/// parent stands before its children.
///
/// # Example
/// ```
/// use limpid_hpsearch::{Assignment, Space};
///
/// let space = Space::new()
///     .log_uniform("lr", 1e-6, 10.0)?
///     .uniform("dropout", 0.0, 0.5)?
///     .limited_to(0.0, 1.0)?
///     .categorical("optimizer", ["sgd", "adam"])?
///     .uniform("momentum", 0.5, 0.99)?
///     .when("optimizer", ["sgd"])?;
/// let adam = Assignment::new().with("lr", 1e-3).with("dropout", 0.2).with("optimizer", "adam");
/// space.check(&adam)?;
/// let error = space.check(&adam.with("momentum", 0.9)).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "axis `momentum` is present in the assignment, but its conditions say it is absent"
/// );
/// # Ok::<(), limpid_hpsearch::SearchError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Axis>", into = "Vec<Axis>")]
pub struct Space {
    axes: Vec<Axis>,
}

impl Space {
    /// A space without axes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an axis of any domain.
    ///
    /// # Errors
    /// [`SearchError::Duplicate`] when the name is taken; [`SearchError::Bounds`],
    /// [`SearchError::LogBound`], [`SearchError::Step`] or [`SearchError::Choices`] when the domain
    /// is none. The same holds for the methods that name a domain.
    pub fn with(mut self, name: &str, domain: Domain) -> Result<Self> {
        self.push(Axis::new(name, domain))?;
        Ok(self)
    }

    /// Adds an axis of numbers spread evenly from `low` to `high`.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn uniform(self, name: &str, low: f64, high: f64) -> Result<Self> {
        self.with(name, Domain::uniform(low, high))
    }

    /// Adds an axis of numbers whose logarithm is spread evenly: `e^uniform(ln low, ln high)`.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn log_uniform(self, name: &str, low: f64, high: f64) -> Result<Self> {
        self.with(name, Domain::log_uniform(low, high))
    }

    /// Adds an axis of the numbers `low`, `low + step`, ... up to `high`.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn quantised(self, name: &str, low: f64, high: f64, step: f64) -> Result<Self> {
        self.with(name, Domain::quantised(low, high, step))
    }

    /// Adds an axis of whole numbers spread evenly from `low` to `high`.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn int(self, name: &str, low: i64, high: i64) -> Result<Self> {
        self.with(name, Domain::int(low, high))
    }

    /// Adds an axis of whole numbers whose logarithm is spread evenly.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn log_int(self, name: &str, low: i64, high: i64) -> Result<Self> {
        self.with(name, Domain::log_int(low, high))
    }

    /// Adds an axis of the whole numbers `low`, `low + step`, ... up to `high`.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn quantised_int(self, name: &str, low: i64, high: i64, step: i64) -> Result<Self> {
        self.with(name, Domain::quantised_int(low, high, step))
    }

    /// Adds an axis of one of `choices`.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn categorical<V: Into<Value>>(
        self,
        name: &str,
        choices: impl IntoIterator<Item = V>,
    ) -> Result<Self> {
        self.with(name, Domain::categorical(choices))
    }

    /// Makes the last axis active only when `parent` is active and has one of `values`. Called
    /// twice, both conditions must hold.
    ///
    /// # Errors
    /// [`SearchError::UnknownAxis`] when no axis before the last bears that name,
    /// [`SearchError::Condition`] when a value is none of the parent's or there are none.
    pub fn when<V: Into<Value>>(
        mut self,
        parent: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self> {
        let values = values.into_iter().map(Into::into).collect();
        let mut axis = self.take_last("when")?;
        axis.conditions.push(Condition {
            parent: parent.to_owned(),
            values,
        });
        self.push(axis)?;
        Ok(self)
    }

    /// Sets bounds for the last axis that widening never passes, such as 0 and 1 of a
    /// probability. A best value at such a bound calls for no wider search.
    ///
    /// # Errors
    /// [`SearchError::Condition`] when the axis has no numbers or reaches beyond the limits.
    pub fn limited_to(mut self, low: f64, high: f64) -> Result<Self> {
        let mut axis = self.take_last("limited_to")?;
        axis.limits = Some((low, high));
        self.push(axis)?;
        Ok(self)
    }

    /// The axes in order.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// How many axes there are.
    pub fn len(&self) -> usize {
        self.axes.len()
    }

    /// Whether there are no axes.
    pub fn is_empty(&self) -> bool {
        self.axes.is_empty()
    }

    /// The axis of that name.
    pub fn get(&self, name: &str) -> Option<&Axis> {
        self.axes.iter().find(|axis| axis.name == name)
    }

    /// An assignment made axis by axis: `value` is asked for each axis that is active, given what
    /// was chosen before. Every sampler that treats axes one by one is this walk.
    ///
    /// # Errors
    /// What `value` gives.
    pub fn assign(&self, mut value: impl FnMut(&Axis) -> Result<Value>) -> Result<Assignment> {
        let mut assignment = Assignment::new();
        for axis in &self.axes {
            if axis.is_active(&assignment) {
                assignment.set(&axis.name, value(axis)?);
            }
        }
        Ok(assignment)
    }

    /// Checks that `assignment` has a value of the right domain for each active axis, and no other.
    ///
    /// # Errors
    /// [`SearchError::Activity`] for an axis missing or too many, [`SearchError::Outside`] for a
    /// value outside, [`SearchError::UnknownAxis`] for a name that is not in this space.
    pub fn check(&self, assignment: &Assignment) -> Result<()> {
        for (name, _) in assignment.iter() {
            self.known(name)?;
        }
        for axis in &self.axes {
            let (expected, value) = (axis.is_active(assignment), assignment.get(&axis.name));
            if expected != value.is_some() {
                let word = |there: bool| if there { "present" } else { "absent" };
                return Err(SearchError::Activity {
                    axis: axis.name.clone(),
                    expected: word(expected),
                    found: word(!expected),
                });
            }
            if let Some(value) = value.filter(|value| !axis.contains(value)) {
                return Err(SearchError::Outside {
                    axis: axis.name.clone(),
                    value: value.clone(),
                    domain: axis.domain.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Adds `axis` after checking it against those that are there.
    pub(crate) fn push(&mut self, axis: Axis) -> Result<()> {
        if self.get(&axis.name).is_some() {
            return Err(SearchError::Duplicate { axis: axis.name });
        }
        axis.domain.check(&axis.name)?;
        for condition in &axis.conditions {
            let parent = self.known(&condition.parent)?;
            let problem = match condition
                .values
                .iter()
                .find(|value| !parent.contains(value))
            {
                Some(value) => format!("depends on {parent}, which never is {value}"),
                None if condition.values.is_empty() => format!("depends on no value of {parent}"),
                None => continue,
            };
            return Err(SearchError::Condition {
                axis: axis.name,
                problem,
            });
        }
        if let Some((low, high)) = axis.limits {
            let ladder = axis.domain.ladder();
            let numbers = !matches!(axis.domain, Domain::Categorical { .. });
            if !(numbers && low <= ladder.low && ladder.high <= high) {
                let problem = format!("is {}, not within the limits {low} and {high}", axis.domain);
                return Err(SearchError::Condition {
                    axis: axis.name,
                    problem,
                });
            }
        }
        self.axes.push(axis);
        Ok(())
    }

    fn known(&self, name: &str) -> Result<&Axis> {
        self.get(name).ok_or_else(|| SearchError::UnknownAxis {
            axis: name.to_owned(),
            known: self.axes.iter().map(|axis| axis.name.clone()).collect(),
        })
    }

    fn take_last(&mut self, wanted: &str) -> Result<Axis> {
        self.axes.pop().ok_or_else(|| SearchError::Condition {
            axis: String::new(),
            problem: format!("`{wanted}` speaks of the last axis, but the space has none"),
        })
    }
}

/// A space that comes from a file is checked like one that is built.
impl TryFrom<Vec<Axis>> for Space {
    type Error = SearchError;

    fn try_from(axes: Vec<Axis>) -> Result<Self> {
        let mut space = Self::new();
        axes.into_iter().try_for_each(|axis| space.push(axis))?;
        Ok(space)
    }
}

impl From<Space> for Vec<Axis> {
    fn from(space: Space) -> Self {
        space.axes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks() -> Space {
        Space::new()
            .int("layers", 1, 3)
            .and_then(|space| space.log_int("width", 8, 512))
            .and_then(|space| space.log_int("width2", 8, 512)?.when("layers", [2, 3]))
            .and_then(|space| space.uniform("skip", 0.0, 1.0)?.when("layers", [3]))
            .unwrap()
    }

    #[test]
    fn only_active_axes_are_assigned() {
        let assign = |layers: i64| {
            networks()
                .assign(|axis| {
                    Ok(if axis.name() == "layers" {
                        layers.into()
                    } else {
                        axis.value_at(0.5)
                    })
                })
                .unwrap()
        };
        let names = |layers| {
            assign(layers)
                .iter()
                .map(|(name, _)| name.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(1), ["layers", "width"]);
        assert_eq!(names(3), ["layers", "width", "width2", "skip"]);
        networks().check(&assign(2)).unwrap();
    }

    #[test]
    fn a_child_of_an_inactive_axis_is_inactive() {
        let space = Space::new()
            .categorical("a", [true, false])
            .and_then(|space| space.categorical("b", ["x"])?.when("a", [true]))
            .and_then(|space| space.int("c", 0, 1)?.when("b", ["x"]))
            .unwrap();
        assert_eq!(
            space.assign(|axis| Ok(axis.value_at(1.0))).unwrap(),
            Assignment::new().with("a", false)
        );
    }

    #[test]
    fn mistakes_are_refused_where_they_are_made() {
        let error = networks().int("layers", 0, 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "axis `layers` is in the space already: names must differ"
        );
        let error = networks()
            .int("x", 0, 1)
            .unwrap()
            .when("depth", [1])
            .unwrap_err();
        assert!(matches!(error, SearchError::UnknownAxis { .. }), "{error}");
        let error = networks()
            .int("x", 0, 1)
            .unwrap()
            .when("layers", [4])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "axis `x`: depends on layers ~ int(1, 3), which never is 4"
        );
        let error = networks()
            .uniform("p", 0.0, 2.0)
            .unwrap()
            .limited_to(0.0, 1.0)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "axis `p`: is uniform(0.0, 2.0), not within the limits 0 and 1"
        );
        assert!(Space::new().when("a", [1]).is_err());
    }

    #[test]
    fn a_value_outside_is_refused() {
        let assignment = Assignment::new().with("layers", 1).with("width", 4);
        let error = networks().check(&assignment).unwrap_err();
        assert_eq!(
            error.to_string(),
            "axis `width`: 4 is not in log_int(8, 512)"
        );
    }

    #[test]
    fn a_space_survives_json_and_is_checked_there() {
        let space = networks();
        let text = serde_json::to_string(&space).unwrap();
        assert_eq!(serde_json::from_str::<Space>(&text).unwrap(), space);
        let broken = text.replace("\"low\":1,\"high\":3", "\"low\":9,\"high\":3");
        assert_ne!(broken, text);
        assert!(
            serde_json::from_str::<Space>(&broken)
                .unwrap_err()
                .to_string()
                .contains("bounds are 9 and 3")
        );
    }
}
