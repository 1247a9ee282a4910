//! Searching closer around what was best.

use crate::axis::{Axis, Condition};
use crate::domain::Domain;
use crate::edge::{Side, set_bound};
use crate::error::{Result, SearchError};
use crate::ladder::number_of;
use crate::space::Space;
use crate::trial::Trial;
use crate::value::Value;

impl Space {
    /// This space narrowed to the box that holds the `best` trials, and `margin` of each axis' width
    /// to both sides, on the axis' own scale; never beyond the present bounds. Of categories those
    /// that occur are kept. An axis that none of the trials has is kept as it is, one that can no
    /// longer be active is dropped.
    ///
    /// # Errors
    /// [`SearchError::Setting`] when `margin` is negative or not finite;
    /// [`SearchError::NoneComplete`] when there are no trials.
    pub fn narrowed(&self, best: &[&Trial], margin: f64) -> Result<Space> {
        if !(margin >= 0.0 && margin.is_finite()) {
            return Err(SearchError::Setting {
                component: "narrowing",
                setting: "margin",
                must: "at least 0 and finite",
                found: margin,
            });
        }
        if best.is_empty() {
            return Err(SearchError::NoneComplete {
                wanted: "narrowing",
                trials: 0,
            });
        }
        let mut narrowed = Space::new();
        for axis in self.axes() {
            let seen: Vec<&Value> = best
                .iter()
                .filter_map(|trial| trial.assignment.get(axis.name()))
                .filter(|value| axis.contains(value))
                .collect();
            let domain = narrowed_domain(axis, &seen, margin);
            // Conditions on values that the parent no longer takes would be refused.
            let conditions: Option<Vec<Condition>> = axis
                .conditions()
                .iter()
                .map(|condition| {
                    let parent = narrowed.get(&condition.parent)?;
                    let values: Vec<Value> = condition
                        .values
                        .iter()
                        .filter(|value| parent.contains(value))
                        .cloned()
                        .collect();
                    (!values.is_empty()).then(|| Condition {
                        parent: condition.parent.clone(),
                        values,
                    })
                })
                .collect();
            if let Some(conditions) = conditions {
                narrowed.push(Axis {
                    domain,
                    conditions,
                    ..axis.clone()
                })?;
            }
        }
        Ok(narrowed)
    }
}

fn narrowed_domain(axis: &Axis, seen: &[&Value], margin: f64) -> Domain {
    let mut domain = axis.domain().clone();
    if seen.is_empty() {
        return domain;
    }
    if let Domain::Categorical { choices } = &mut domain {
        choices.retain(|choice| seen.contains(&choice));
        return domain;
    }
    let ladder = axis.domain().ladder();
    let (bottom, top) = (ladder.warp(ladder.low), ladder.warp(ladder.high));
    let numbers = || seen.iter().filter_map(|value| number_of(value));
    let lowest = numbers().fold(f64::INFINITY, f64::min);
    let highest = numbers().fold(f64::NEG_INFINITY, f64::max);
    let slack = margin * (top - bottom);
    let rung = |bound: f64, round: fn(f64) -> f64| match ladder.step {
        Some(step) => ladder.low + round((bound - ladder.low) / step) * step,
        None => bound,
    };
    // The best values stay inside whatever the logarithm and its inverse round to.
    let low = ladder.unwarp(ladder.warp(lowest) - slack).min(lowest);
    let high = ladder.unwarp(ladder.warp(highest) + slack).max(highest);
    set_bound(
        &mut domain,
        Side::Low,
        rung(low, f64::floor).max(ladder.low),
    );
    set_bound(
        &mut domain,
        Side::High,
        rung(high, f64::ceil).min(ladder.high),
    );
    drop_idle_step(&mut domain);
    domain
}

/// A step cannot be wider than its axis, so an axis of a single value has none.
fn drop_idle_step(domain: &mut Domain) {
    match domain {
        Domain::Float {
            low, high, step, ..
        } if *low >= *high => *step = None,
        Domain::Int {
            low, high, step, ..
        } if *low >= *high => *step = 1,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::Assignment;
    use crate::history::{Direction, History};
    use crate::testing::complete;

    fn narrowed(space: &Space, points: &[Assignment], margin: f64) -> Vec<String> {
        let history = points
            .iter()
            .fold(History::new(Direction::Minimize), |history, point| {
                let trial = complete(&history, point, 0.0);
                history.with(trial)
            });
        let best: Vec<&Trial> = history.trials().iter().collect();
        let narrowed = space.narrowed(&best, margin).unwrap();
        points.iter().for_each(|point| {
            let known = point
                .iter()
                .filter(|(name, _)| narrowed.get(name).is_some());
            known.for_each(|(name, value)| assert!(narrowed.get(name).unwrap().contains(value)));
        });
        narrowed.axes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_box_of_the_best_is_kept_with_its_margin() {
        let space = Space::new()
            .uniform("a", 0.0, 10.0)
            .and_then(|space| {
                space
                    .log_uniform("b", 1e-8, 1.0)?
                    .int("c", 0, 100)?
                    .quantised("d", 0.0, 1.0, 0.1)
            })
            .and_then(|space| space.categorical("e", ["x", "y", "z"]))
            .unwrap();
        let point = |a, b, c, d, e: &str| {
            Assignment::new()
                .with("a", a)
                .with("b", b)
                .with("c", c)
                .with("d", d)
                .with("e", e)
        };
        let points = [
            point(4.0, 1e-4, 50, 0.5, "z"),
            point(9.5, 1e-3, 61, 0.5, "x"),
        ];
        let axes = narrowed(&space, &points, 0.125);
        assert_eq!(axes[0], "a ~ uniform(2.75, 10.0)");
        // An eighth of eight decades, below 1e-4 and above 1e-3.
        let edges = axes[1]
            .trim_start_matches("b ~ log_uniform(")
            .trim_end_matches(')');
        let edges: Vec<f64> = edges
            .split(", ")
            .map(|edge| edge.parse::<f64>().unwrap().log10())
            .collect();
        assert!(
            (edges[0] + 5.0).abs() < 1e-9 && (edges[1] + 2.0).abs() < 1e-9,
            "{edges:?}"
        );
        assert_eq!(axes[2], "c ~ int(37, 74)");
        assert_eq!(
            axes[3],
            "d ~ uniform(0.30000000000000004, 0.7000000000000001, step 0.1)"
        );
        assert_eq!(axes[4], "e ~ categorical(\"x\", \"z\")");
    }

    #[test]
    fn a_single_value_can_be_left() {
        let space = Space::new().quantised_int("n", 8, 32, 8).unwrap();
        assert_eq!(
            narrowed(&space, &[Assignment::new().with("n", 16)], 0.0),
            ["n ~ int(16, 16)"]
        );
    }

    #[test]
    fn what_can_no_longer_be_active_is_dropped() {
        let space = Space::new()
            .categorical("optimizer", ["sgd", "adam"])
            .and_then(|space| {
                space
                    .uniform("momentum", 0.0, 1.0)?
                    .when("optimizer", ["sgd"])
            })
            .and_then(|space| {
                space
                    .uniform("beta", 0.0, 1.0)?
                    .when("optimizer", ["adam", "sgd"])
            })
            .unwrap();
        let point = Assignment::new()
            .with("optimizer", "adam")
            .with("beta", 0.5);
        assert_eq!(
            narrowed(&space, &[point], 0.25),
            [
                "optimizer ~ categorical(\"adam\")",
                "beta ~ uniform(0.25, 0.75) when optimizer is \"adam\""
            ]
        );
    }
}
