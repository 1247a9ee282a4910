//! A density over the values of one axis, estimated from some of them.

use std::f64::consts::{SQRT_2, TAU};

use limpid_tensor::Generator;

use crate::axis::Axis;
use crate::domain::Domain;
use crate::ladder::{Ladder, number_of};
use crate::value::Value;

/// From so many observations on, the older ones weigh less.
const FULL_WEIGHT: usize = 25;

/// A mixture with one component for each observation, and a broad one as the prior.
#[derive(Debug)]
pub(super) struct Parzen<'axis> {
    axis: &'axis Axis,
    ladder: Ladder,
    /// Of the components; they sum to one.
    weights: Vec<f64>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    /// Normal distributions cut off at the ends, on the axis' own scale.
    Numeric(Vec<Normal>),
    /// The probability of each choice.
    Categorical(Vec<f64>),
}

#[derive(Clone, Copy, Debug)]
struct Normal {
    mean: f64,
    deviation: f64,
}

impl<'axis> Parzen<'axis> {
    /// The density that `observed` values, oldest first, and the prior make. All must be of `axis`.
    pub(super) fn new(axis: &'axis Axis, observed: &[&Value], prior_weight: f64) -> Self {
        let mut weights = recency(observed.len());
        weights.push(prior_weight);
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        let ladder = axis.domain().ladder();
        let shape = match axis.domain() {
            Domain::Categorical { choices } => {
                Shape::Categorical(choice_masses(choices, observed, &weights, prior_weight))
            }
            _ => {
                let means = observed.iter().filter_map(|value| number_of(value));
                Shape::Numeric(normals(
                    means.map(|x| ladder.warp(x)).collect(),
                    ladder.extent(),
                ))
            }
        };
        Self {
            axis,
            ladder,
            weights,
            shape,
        }
    }

    /// A value drawn from the density.
    pub(super) fn draw(&self, generator: &mut Generator) -> Value {
        match &self.shape {
            Shape::Categorical(masses) => self.axis.domain().number(pick(masses, generator) as f64),
            Shape::Numeric(normals) => {
                let normal = normals[pick(&self.weights, generator)];
                let x = normal.draw(self.ladder.extent(), generator);
                self.axis
                    .domain()
                    .number(self.ladder.nearest(self.ladder.unwarp(x)))
            }
        }
    }

    /// The logarithm of the density at `value` on the axis' own scale, or of the probability of its
    /// step or choice.
    pub(super) fn log_density(&self, value: &Value) -> f64 {
        match (&self.shape, self.axis.domain()) {
            (Shape::Categorical(masses), Domain::Categorical { choices }) => {
                let place = choices.iter().position(|choice| choice == value);
                place.map_or(f64::NEG_INFINITY, |place| masses[place].ln())
            }
            (Shape::Numeric(normals), _) => {
                let Some(x) = number_of(value) else {
                    return f64::NEG_INFINITY;
                };
                let terms = normals
                    .iter()
                    .zip(&self.weights)
                    .map(|(normal, weight)| weight.ln() + self.log_component(normal, x));
                log_sum_exp(&terms.collect::<Vec<f64>>())
            }
            (Shape::Categorical(_), _) => f64::NEG_INFINITY,
        }
    }

    fn log_component(&self, normal: &Normal, x: f64) -> f64 {
        let (low, high) = self.ladder.extent();
        let inside = normal.mass(low, high);
        match self.ladder.step {
            None => normal.log_density(self.ladder.warp(x)) - inside.ln(),
            Some(step) => {
                let (from, to) = (
                    self.ladder.warp(x - step / 2.0),
                    self.ladder.warp(x + step / 2.0),
                );
                // Far from its mean a step's mass may be too small for `f64`, but it is not zero.
                normal.mass(from, to).max(f64::MIN_POSITIVE).ln() - inside.ln()
            }
        }
    }
}

/// Weights of `count` observations, oldest first: the latest 25 weigh 1, those before them less the
/// older they are, down to `1 / count`.
fn recency(count: usize) -> Vec<f64> {
    let old = count.saturating_sub(FULL_WEIGHT);
    let oldest = 1.0 / count.max(1) as f64;
    let ramp = |place: usize| oldest + (1.0 - oldest) * place as f64 / (old.max(2) - 1) as f64;
    (0..count)
        .map(|place| if place < old { ramp(place) } else { 1.0 })
        .collect()
}

/// Each observation is sure of its choice but for the share of the prior.
fn choice_masses(
    choices: &[Value],
    observed: &[&Value],
    weights: &[f64],
    prior_weight: f64,
) -> Vec<f64> {
    let (count, share) = (choices.len() as f64, prior_weight / weights.len() as f64);
    let component = |value: &Value, choice: &Value| {
        (share + if value == choice { 1.0 } else { 0.0 }) / (1.0 + count * share)
    };
    let prior = weights.last().copied().unwrap_or(1.0) / count;
    let mass = |choice| {
        let observed = observed.iter().zip(weights);
        prior
            + observed
                .map(|(value, weight)| weight * component(value, choice))
                .sum::<f64>()
    };
    choices.iter().map(mass).collect()
}

/// A normal at each mean, as wide as the larger gap to its neighbours, and the prior: in the middle,
/// as wide as the axis. No component is narrower than the "magic clip" of Bergstra allows.
fn normals(means: Vec<f64>, (low, high): (f64, f64)) -> Vec<Normal> {
    let (width, middle) = (high - low, f64::midpoint(low, high));
    let count = means.len() + 1;
    let narrowest = width / (1 + count).min(100) as f64;
    let all: Vec<f64> = means.iter().copied().chain([middle]).collect();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|left, right| all[*left].total_cmp(&all[*right]));
    let mut deviations = vec![width; count];
    for (rank, component) in order.iter().enumerate() {
        let gap = |other: Option<&usize>| other.map(|other| (all[*other] - all[*component]).abs());
        let left = gap(rank.checked_sub(1).and_then(|rank| order.get(rank)));
        let right = gap(order.get(rank + 1));
        let gap = left.unwrap_or(0.0).max(right.unwrap_or(0.0));
        deviations[*component] = gap.clamp(narrowest.min(width), width);
    }
    deviations[count - 1] = width;
    all.into_iter()
        .zip(deviations)
        .map(|(mean, deviation)| Normal { mean, deviation })
        .collect()
}

impl Normal {
    fn log_density(&self, x: f64) -> f64 {
        let z = (x - self.mean) / self.deviation;
        -0.5 * (z * z + TAU.ln()) - self.deviation.ln()
    }

    /// The probability of lying between `from` and `to`.
    fn mass(&self, from: f64, to: f64) -> f64 {
        let (from, to) = (
            (from - self.mean) / self.deviation,
            (to - self.mean) / self.deviation,
        );
        // In the tail that is near zero, where `f64` is fine enough for the difference.
        let below = |z: f64| 0.5 * libm::erfc(-z / SQRT_2);
        if from > 0.0 {
            below(-from) - below(-to)
        } else {
            below(to) - below(from)
        }
    }

    /// A number between `low` and `high`. The mean lies there and the deviation is at most the
    /// width, so at least a third of all draws do.
    fn draw(&self, (low, high): (f64, f64), generator: &mut Generator) -> f64 {
        for _ in 0..100 {
            let radius = (-2.0 * (1.0 - generator.unit()).ln()).sqrt();
            let x = self.mean + self.deviation * radius * (TAU * generator.unit()).cos();
            if (low..=high).contains(&x) {
                return x;
            }
        }
        self.mean
    }
}

/// A place drawn with the probabilities `masses`, which sum to one.
fn pick(masses: &[f64], generator: &mut Generator) -> usize {
    let mut left = generator.unit();
    for (place, mass) in masses.iter().enumerate() {
        left -= mass;
        if left < 0.0 {
            return place;
        }
    }
    masses.len().saturating_sub(1)
}

fn log_sum_exp(terms: &[f64]) -> f64 {
    let most = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + terms
        .iter()
        .map(|term| (term - most).exp())
        .sum::<f64>()
        .ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use limpid_tensor::Stream;

    #[test]
    fn a_density_integrates_to_one() {
        let space = Space::new().log_uniform("x", 1e-3, 10.0).unwrap();
        let observed = [Value::Float(1e-3), Value::Float(0.5), Value::Float(0.6)];
        let parzen = Parzen::new(&space.axes()[0], &observed.each_ref(), 1.0);
        let width = 1e4_f64.ln();
        let mass: f64 = (0..2000)
            .map(|cell| space.axes()[0].value_at((f64::from(cell) + 0.5) / 2000.0))
            .map(|value| parzen.log_density(&value).exp() * width / 2000.0)
            .sum();
        assert!((mass - 1.0).abs() < 1e-5, "{mass}");
    }

    #[test]
    fn probabilities_of_steps_and_choices_sum_to_one_and_are_those_drawn() {
        let space = Space::new()
            .log_int("n", 1, 6)
            .and_then(|space| {
                space
                    .quantised("q", 0.0, 1.0, 0.25)?
                    .categorical("c", ["x", "y", "z"])
            })
            .unwrap();
        for axis in space.axes() {
            let values: Vec<Value> = (0..axis.count().unwrap())
                .map(|place| {
                    axis.domain().number(
                        axis.domain().ladder().low
                            + place as f64 * axis.domain().ladder().step.unwrap(),
                    )
                })
                .collect();
            let parzen = Parzen::new(axis, &[&values[1], &values[1], &values[2]], 1.0);
            let masses: Vec<f64> = values
                .iter()
                .map(|value| parzen.log_density(value).exp())
                .collect();
            assert!(
                (masses.iter().sum::<f64>() - 1.0).abs() < 1e-9,
                "{axis} {masses:?}"
            );
            let mut generator = Stream::new(1).generator();
            let draws: Vec<Value> = (0..20_000).map(|_| parzen.draw(&mut generator)).collect();
            for (value, mass) in values.iter().zip(&masses) {
                let share = draws.iter().filter(|draw| *draw == value).count() as f64 / 20_000.0;
                // Four standard errors of a share.
                assert!(
                    (share - mass).abs() < 4.0 * (mass * (1.0 - mass) / 20_000.0).sqrt(),
                    "{axis} {value} {share} {mass}"
                );
            }
        }
    }

    #[test]
    fn old_observations_weigh_less() {
        assert_eq!(recency(3), [1.0; 3]);
        let weights = recency(28);
        assert_eq!(&weights[..4], [1.0 / 28.0, 0.5 + 0.5 / 28.0, 1.0, 1.0]);
        assert_eq!(weights.len(), 28);
    }

    #[test]
    fn components_are_as_wide_as_their_larger_gap() {
        let normals = normals(vec![0.1, 0.4, 0.45], (0.0, 1.0));
        let deviations: Vec<f64> = normals.iter().map(|normal| normal.deviation).collect();
        // The prior stands at 0.5; no component is narrower than 1 / 5.
        assert_eq!(
            deviations
                .iter()
                .map(|d| (d * 100.0).round())
                .collect::<Vec<_>>(),
            [30.0, 30.0, 20.0, 100.0]
        );
    }
}
