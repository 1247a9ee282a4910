//! Best values at the edge of what was searched: the optimum may lie beyond.

use serde::{Deserialize, Serialize};

use crate::axis::Axis;
use crate::domain::Domain;
use crate::error::{Result, SearchError};
use crate::history::History;
use crate::ladder::Scale;
use crate::space::Space;
use crate::value::Value;

/// The largest number that widening leads to, and on logarithmic axes its inverse the smallest.
const EXTREME: f64 = 1e300;

/// One end of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The lower bound.
    Low,
    /// The upper bound.
    High,
}

/// The best trials lie at one end of an axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeWarning {
    /// The axis.
    pub axis: String,
    /// The end.
    pub side: Side,
    /// The bound at that end.
    pub bound: Value,
    /// The value of the best of the trials at that end.
    pub value: Value,
    /// Whether that trial is the best of all.
    pub best: bool,
    /// The share of the best trials that lie at that end, in (0, 1]. By chance it would be the
    /// margin.
    pub how_often: f64,
    /// How many trials that is a share of.
    pub among: usize,
}

/// A value as a reader wants it: four digits of a number.
fn short(value: &Value) -> String {
    match value {
        Value::Float(number) if (1e-3..1e4).contains(&number.abs()) => {
            let text = format!("{number:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        Value::Float(0.0) => "0".to_owned(),
        Value::Float(number) => format!("{number:.3e}"),
        other => other.to_string(),
    }
}

impl std::fmt::Display for EdgeWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            axis,
            bound,
            value,
            among,
            ..
        } = self;
        let end = if self.side == Side::Low {
            "lower"
        } else {
            "upper"
        };
        let best = if self.best {
            "the best value"
        } else {
            "a good value"
        };
        let often = 100.0 * self.how_often;
        let (bound, value) = (short(bound), short(value));
        write!(
            f,
            "`{axis}`: {best}, {value}, lies at the {end} edge {bound}, as do {often:.0} % of the \
             best {among} trials: widen the axis there and search again"
        )
    }
}

/// When a value lies at an edge. An edge where the axis cannot be widened, because of its
/// [limits](Space::limited_to) or since no smaller integer has a logarithm, gives no warning.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct EdgeCheck {
    /// How near an end counts as at it, as a share of the axis on its own scale; default 0.05.
    pub margin: f64,
    /// The share of the complete trials that counts as the best; default 0.25.
    pub best_share: f64,
}

impl Default for EdgeCheck {
    fn default() -> Self {
        Self {
            margin: 0.05,
            best_share: 0.25,
        }
    }
}

impl EdgeCheck {
    /// The ends where the best trial lies, or at least half of the best share.
    pub fn warnings(&self, space: &Space, history: &History) -> Vec<EdgeWarning> {
        let mut ranked = history.ranked();
        ranked.truncate((ranked.len() as f64 * self.best_share).ceil() as usize);
        let mut warnings = Vec::new();
        for axis in space.axes() {
            // A trial without the axis says nothing of it.
            let values: Vec<&Value> = ranked
                .iter()
                .filter_map(|trial| trial.assignment.get(axis.name()))
                .collect();
            let overall = ranked
                .first()
                .and_then(|trial| trial.assignment.get(axis.name()));
            for side in [Side::Low, Side::High] {
                let there: Vec<&Value> = values
                    .iter()
                    .copied()
                    .filter(|value| self.is_at(axis, side, value))
                    .collect();
                let Some(value) = there.first().filter(|_| can_widen(axis, side)) else {
                    continue;
                };
                let how_often = there.len() as f64 / values.len() as f64;
                let best = overall == Some(*value);
                if best || how_often >= 0.5 {
                    warnings.push(EdgeWarning {
                        axis: axis.name().to_owned(),
                        side,
                        bound: axis.value_at_position(if side == Side::Low { 0.0 } else { 1.0 }),
                        value: (*value).clone(),
                        best,
                        how_often,
                        among: values.len(),
                    });
                }
            }
        }
        warnings
    }

    fn is_at(&self, axis: &Axis, side: Side, value: &Value) -> bool {
        axis.position_of(value).is_some_and(|position| match side {
            Side::Low => position <= self.margin,
            Side::High => position >= 1.0 - self.margin,
        })
    }
}

/// Whether there is room for a step, or for anything at all on a continuum, beyond that end.
fn can_widen(axis: &Axis, side: Side) -> bool {
    let ladder = axis.domain().ladder();
    let (low, high) = axis.limits().unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let step = ladder.step.unwrap_or(0.0);
    match side {
        Side::Low => {
            let positive = ladder.scale == Scale::Linear || ladder.low - step > 0.0;
            positive && ladder.low > low && ladder.low - step >= low
        }
        Side::High => ladder.high < high && ladder.high + step <= high,
    }
}

impl Space {
    /// This space with each axis that is warned of made `factor` times as wide, on its own scale,
    /// at the end that is warned of; steps are kept, [limits](Space::limited_to) not passed. Twice
    /// the width of a logarithmic axis is twice its decades.
    ///
    /// # Errors
    /// [`SearchError::Setting`] when `factor` is not above 1 or not finite;
    /// [`SearchError::UnknownAxis`] when a warning speaks of an axis that is not there.
    pub fn widened(&self, warnings: &[EdgeWarning], factor: f64) -> Result<Space> {
        if !(factor > 1.0 && factor.is_finite()) {
            return Err(SearchError::Setting {
                component: "widening",
                setting: "factor",
                must: "above 1 and finite",
                found: factor,
            });
        }
        let mut axes = self.axes().to_vec();
        for warning in warnings {
            let axis = axes
                .iter_mut()
                .find(|axis| axis.name() == warning.axis)
                .ok_or_else(|| SearchError::UnknownAxis {
                    axis: warning.axis.clone(),
                    known: self
                        .axes()
                        .iter()
                        .map(|axis| axis.name().to_owned())
                        .collect(),
                })?;
            // The old width counts, also when both ends are widened.
            let old = self.get(&warning.axis).map_or(&axis.domain, Axis::domain);
            let bound = widened_bound(old, axis.limits(), warning.side, factor);
            set_bound(&mut axis.domain, warning.side, bound);
        }
        Space::try_from(axes)
    }
}

fn widened_bound(domain: &Domain, limits: Option<(f64, f64)>, side: Side, factor: f64) -> f64 {
    let ladder = domain.ladder();
    let (bottom, top) = (ladder.warp(ladder.low), ladder.warp(ladder.high));
    let more = (factor - 1.0) * (top - bottom);
    let smallest = match (ladder.scale, ladder.step) {
        (Scale::Linear, _) => -EXTREME,
        (Scale::Log, None) => 1.0 / EXTREME,
        (Scale::Log, Some(step)) => step,
    };
    let (low, high) = limits.unwrap_or((smallest, EXTREME));
    let bound = match side {
        Side::Low => ladder
            .unwarp(bottom - more)
            .clamp(low.max(smallest), ladder.low),
        Side::High => ladder
            .unwarp(top + more)
            .clamp(ladder.high, high.min(EXTREME)),
    };
    let Some(step) = ladder.step else {
        return bound;
    };
    // Whole steps from the lower bound, outward unless a limit is in the way.
    let steps = (bound - ladder.low) / step;
    match side {
        Side::Low if ladder.low + steps.floor() * step >= low => ladder.low + steps.floor() * step,
        Side::Low => ladder.low + steps.ceil() * step,
        Side::High if ladder.low + steps.ceil() * step <= high => ladder.low + steps.ceil() * step,
        Side::High => ladder.low + steps.floor() * step,
    }
}

/// Sets one bound of a numeric domain.
pub(crate) fn set_bound(domain: &mut Domain, side: Side, bound: f64) {
    match (domain, side) {
        (Domain::Float { low, .. }, Side::Low) => *low = bound,
        (Domain::Float { high, .. }, Side::High) => *high = bound,
        (Domain::Int { low, .. }, Side::Low) => *low = bound as i64,
        (Domain::Int { high, .. }, Side::High) => *high = bound as i64,
        (Domain::Categorical { .. }, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::Assignment;
    use crate::history::Direction;
    use crate::sampler::Random;
    use crate::study::Study;
    use crate::testing::complete;
    use limpid_tensor::Stream;

    fn warning(axis: &str, side: Side) -> EdgeWarning {
        EdgeWarning {
            axis: axis.into(),
            side,
            bound: 0.into(),
            value: 0.into(),
            best: true,
            how_often: 1.0,
            among: 1,
        }
    }

    fn widened(space: Result<Space>, side: Side, factor: f64) -> String {
        space
            .unwrap()
            .widened(&[warning("x", side)], factor)
            .unwrap()
            .axes()[0]
            .domain()
            .to_string()
    }

    #[test]
    fn an_axis_widens_on_its_own_scale() {
        let (low, high) = (Side::Low, Side::High);
        assert_eq!(
            widened(Space::new().uniform("x", 0.0, 2.0), low, 1.5),
            "uniform(-1.0, 2.0)"
        );
        assert_eq!(
            widened(Space::new().quantised("x", 0.0, 1.0, 0.25), high, 1.3),
            "uniform(0.0, 1.5, step 0.25)"
        );
        assert_eq!(
            widened(Space::new().quantised_int("x", 8, 24, 8), low, 2.0),
            "int(-8, 24, step 8)"
        );
        assert_eq!(
            widened(Space::new().log_int("x", 4, 16), low, 9.0),
            "log_int(1, 16)"
        );
        assert_eq!(
            widened(Space::new().log_int("x", 4, 16), high, 2.0),
            "log_int(4, 64)"
        );
    }

    #[test]
    fn half_as_wide_again_are_half_as_many_decades() {
        let space = Space::new().log_uniform("x", 1.0, 100.0).unwrap();
        let wider = space.widened(&[warning("x", Side::High)], 1.5).unwrap();
        let Value::Float(high) = wider.axes()[0].value_at_position(1.0) else {
            panic!("{wider:?}")
        };
        assert!((high / 1000.0 - 1.0).abs() < 1e-12, "{high}");
    }

    #[test]
    fn limits_are_not_passed_and_not_warned_of() {
        let space = Space::new()
            .uniform("x", 0.0, 0.5)
            .and_then(|space| space.limited_to(0.0, 1.0));
        assert_eq!(widened(space, Side::High, 9.0), "uniform(0.0, 1.0)");
        let space = Space::new()
            .quantised_int("x", 8, 24, 8)
            .and_then(|space| space.limited_to(3.0, 30.0));
        assert_eq!(widened(space, Side::Low, 2.0), "int(8, 24, step 8)");
        let space = Space::new()
            .uniform("p", 0.0, 1.0)
            .and_then(|space| {
                space
                    .limited_to(0.0, 1.0)?
                    .log_int("n", 1, 64)?
                    .uniform("q", 0.0, 1.0)
            })
            .unwrap();
        let point = Assignment::new().with("p", 0.0).with("n", 1).with("q", 0.0);
        let history = History::new(Direction::Minimize);
        let history = history.clone().with(complete(&history, &point, 0.0));
        let warnings = EdgeCheck::default().warnings(&space, &history);
        assert_eq!(
            warnings.iter().map(|w| w.axis.as_str()).collect::<Vec<_>>(),
            ["q"]
        );
    }

    #[test]
    fn extreme_axes_stay_finite() {
        let space = Space::new().log_uniform("x", 1e-200, 1e200);
        assert_eq!(
            widened(space, Side::High, 3.0),
            "log_uniform(1e-200, 1e300)"
        );
        let space = Space::new().log_uniform("x", 1e-200, 1e200);
        assert_eq!(widened(space, Side::Low, 3.0), "log_uniform(1e-300, 1e200)");
    }

    #[test]
    fn a_factor_that_does_not_widen_is_refused() {
        let space = Space::new().uniform("x", 0.0, 1.0).unwrap();
        assert!(matches!(
            space.widened(&[], 1.0),
            Err(SearchError::Setting { .. })
        ));
        assert!(matches!(
            space.widened(&[warning("y", Side::Low)], 2.0),
            Err(SearchError::UnknownAxis { .. })
        ));
    }

    /// The optimum, 3e-1, lies outside of the searched range and inside of the widened one.
    #[test]
    fn an_optimum_outside_is_warned_of_and_found_by_widening() {
        let space = Space::new()
            .log_uniform("lr", 1e-6, 1e-2)
            .unwrap()
            .uniform("dropout", 0.0, 1.0)
            .unwrap();
        let search = |space: &Space| {
            let mut study = Study::new(space.clone(), Direction::Maximize, Random, Stream::new(3));
            study
                .optimize(80, |trial| {
                    let at = trial.assignment();
                    let lr = at.float("lr")?.log10() - 3e-1_f64.log10();
                    Ok(-lr.powi(2) - (at.float("dropout")? - 0.5).powi(2))
                })
                .unwrap();
            study
        };
        let study = search(&space);
        let warnings = study.edge_warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!(
            (
                warnings[0].axis.as_str(),
                warnings[0].side,
                warnings[0].best
            ),
            ("lr", Side::High, true)
        );
        assert_eq!(warnings[0].bound, Value::Float(1e-2));
        assert!(
            warnings[0]
                .to_string()
                .ends_with("widen the axis there and search again"),
            "{}",
            warnings[0]
        );
        let wider = search(&space.widened(&warnings, 2.0).unwrap());
        assert!(
            wider.edge_warnings().is_empty(),
            "{:?}",
            wider.edge_warnings()
        );
        let lr = wider.best().unwrap().assignment.float("lr").unwrap();
        assert!((0.03..3.0).contains(&lr), "{lr}");
    }
}
