//! Every combination of a few values.

use limpid_tensor::Stream;

use super::Sampler;
use crate::assignment::Assignment;
use crate::axis::Axis;
use crate::error::{Result, SearchError};
use crate::history::History;
use crate::space::Space;
use crate::value::Value;

/// Tries every combination once, the last axis fastest, then is exhausted. Inactive axes take no
/// part, so no combination comes twice. It wants a space that is declared beforehand.
///
/// # Example
/// ```
/// use limpid_hpsearch::{Grid, Space};
///
/// let space = Space::new().log_uniform("lr", 1e-4, 1e-2)?.categorical("act", ["relu", "tanh"])?;
/// let grid = Grid::new(3);
/// assert_eq!(grid.len(&space)?, 6);
/// let points: Vec<String> = grid.points(&space)?.iter().map(ToString::to_string).collect();
/// assert_eq!(points[5], "lr = 0.01, act = \"tanh\"");
/// # Ok::<(), limpid_hpsearch::SearchError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grid {
    /// How many values of each numeric axis, both ends among them (the middle when it is 1); at
    /// least 1. An axis with fewer values gives all of them, a categorical axis always.
    pub points_per_axis: usize,
    /// Other numbers of values for some axes, by name.
    pub points: Vec<(String, usize)>,
}

impl Grid {
    /// A grid of `points_per_axis` values an axis.
    pub fn new(points_per_axis: usize) -> Self {
        Self {
            points_per_axis,
            points: Vec::new(),
        }
    }

    /// With `points` values of `axis`.
    #[must_use]
    pub fn with_points(mut self, axis: &str, points: usize) -> Self {
        self.points.push((axis.to_owned(), points));
        self
    }

    /// How many combinations there are in `space`.
    ///
    /// # Errors
    /// [`SearchError::Setting`] when an axis is to have no value.
    pub fn len(&self, space: &Space) -> Result<usize> {
        Ok(count(&self.columns(space)?, &Assignment::new()))
    }

    /// All combinations in order.
    ///
    /// # Errors
    /// As [`len`](Self::len).
    pub fn points(&self, space: &Space) -> Result<Vec<Assignment>> {
        let columns = self.columns(space)?;
        Ok((0..).map_while(|place| nth(&columns, place)).collect())
    }

    fn columns<'space>(&self, space: &'space Space) -> Result<Vec<Column<'space>>> {
        let axes = space.axes();
        axes.iter()
            .enumerate()
            .map(|(place, axis)| {
                let decides =
                    |later: &Axis| later.conditions().iter().any(|c| c.parent == axis.name());
                let is_parent = axes[place + 1..].iter().any(decides);
                Ok(Column {
                    axis,
                    values: self.values(axis)?,
                    is_parent,
                })
            })
            .collect()
    }

    fn values(&self, axis: &Axis) -> Result<Vec<Value>> {
        let own = self
            .points
            .iter()
            .rev()
            .find(|(name, _)| name == axis.name());
        let wanted = own.map_or(self.points_per_axis, |(_, points)| *points);
        if wanted == 0 {
            return Err(SearchError::Setting {
                component: "grid",
                setting: "points_per_axis",
                must: "at least 1",
                found: 0.0,
            });
        }
        let categorical = matches!(axis.domain(), crate::Domain::Categorical { .. });
        let count = match axis.count() {
            Some(all) if categorical => all,
            Some(all) => wanted.min(all),
            None => wanted,
        };
        let mut values: Vec<Value> = (0..count)
            .map(|place| match count {
                _ if categorical => axis.value_at((place as f64 + 0.5) / count as f64),
                1 => axis.value_at_position(0.5),
                _ => axis.value_at_position(place as f64 / (count - 1) as f64),
            })
            .collect();
        // On a logarithmic axis of integers several places may have the same nearest integer.
        values.dedup();
        Ok(values)
    }
}

/// The values of one axis, and whether later axes depend on it.
struct Column<'space> {
    axis: &'space Axis,
    values: Vec<Value>,
    is_parent: bool,
}

/// How many combinations `columns` have after what is chosen in `point`. Only parents make a
/// difference to those after them, so only their values are walked through.
fn count(columns: &[Column<'_>], point: &Assignment) -> usize {
    let Some((column, rest)) = columns.split_first() else {
        return 1;
    };
    if !column.axis.is_active(point) {
        return count(rest, point);
    }
    if !column.is_parent {
        return column.values.len().saturating_mul(count(rest, point));
    }
    column
        .values
        .iter()
        .map(|value| count(rest, &point.clone().with(column.axis.name(), value.clone())))
        .fold(0, usize::saturating_add)
}

/// The combination at `place`; `None` past the last.
fn nth(columns: &[Column<'_>], mut place: usize) -> Option<Assignment> {
    let mut point = Assignment::new();
    for (done, column) in columns.iter().enumerate() {
        if !column.axis.is_active(&point) {
            continue;
        }
        let rest = &columns[done + 1..];
        let mut chosen = None;
        for value in &column.values {
            let with = point.clone().with(column.axis.name(), value.clone());
            let below = count(rest, &with);
            if place < below {
                chosen = Some(with);
                break;
            }
            place -= below;
        }
        point = chosen?;
    }
    // Without axes there is a single, empty combination, which no column has counted down.
    (!columns.is_empty() || place == 0).then_some(point)
}

impl Sampler for Grid {
    fn name(&self) -> &'static str {
        "grid"
    }

    fn suggest(&self, space: &Space, history: &History, _: Stream) -> Result<Assignment> {
        let columns = self.columns(space)?;
        nth(&columns, history.next_place()).ok_or_else(|| SearchError::Exhausted {
            points: count(&columns, &Assignment::new()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Direction;
    use crate::sampler::Random;
    use crate::testing::{check_sampler, draws};

    #[test]
    fn it_keeps_the_contract() {
        check_sampler(&Grid::new(3)).unwrap();
    }

    #[test]
    fn inactive_axes_do_not_multiply_the_grid() {
        let space = Space::new()
            .categorical("optimizer", ["sgd", "adam"])
            .and_then(|space| {
                space
                    .uniform("momentum", 0.0, 0.9)?
                    .when("optimizer", ["sgd"])
            })
            .unwrap();
        let grid = Grid::new(4);
        assert_eq!(grid.len(&space).unwrap(), 5);
        let error = draws(&grid, &space, 6).unwrap_err();
        assert_eq!(error.to_string(), "all 5 points have been suggested");
    }

    #[test]
    fn both_ends_are_among_the_values() {
        let space = Space::new().log_int("width", 1, 8).unwrap();
        let widths: Vec<i64> = Grid::new(6)
            .points(&space)
            .unwrap()
            .iter()
            .map(|point| point.int("width").unwrap())
            .collect();
        assert_eq!(widths, [1, 2, 3, 5, 8]);
        let zero = Grid::new(2).with_points("width", 0).suggest(
            &space,
            &History::new(Direction::Minimize),
            Stream::new(0),
        );
        assert!(matches!(zero, Err(SearchError::Setting { .. })));
    }

    /// The picture of Bergstra and Bengio: where one of two axes matters, 64 grid points try eight
    /// values of it and as many random points try 64, so the best of them lies nearer to the optimum.
    #[test]
    fn random_beats_a_grid_when_one_axis_matters() {
        let space = Space::new()
            .uniform("important", 0.0, 1.0)
            .unwrap()
            .uniform("idle", 0.0, 1.0)
            .unwrap();
        // The optimum lies a third of a cell from a grid line, neither a good nor a bad case.
        let distance = |points: &[Assignment]| {
            points
                .iter()
                .map(|p| (p.float("important").unwrap() - 10.0 / 21.0).abs())
                .fold(1.0, f64::min)
        };
        let grid = distance(&Grid::new(8).points(&space).unwrap());
        let random: Vec<f64> = (0..20)
            .map(|seed| {
                let points: Vec<Assignment> = (0..64)
                    .scan(History::new(Direction::Minimize), |history, _| {
                        let point = Random.suggest(&space, history, Stream::new(seed)).ok()?;
                        *history = history
                            .clone()
                            .with(crate::testing::complete(history, &point, 0.0));
                        Some(point)
                    })
                    .collect();
                distance(&points)
            })
            .collect();
        let better = random.iter().filter(|distance| **distance < grid).count();
        assert!((grid - 1.0 / 21.0).abs() < 1e-12, "{grid}");
        assert!(better >= 18, "{better} of 20, grid {grid}");
    }
}
