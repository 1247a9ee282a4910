//! What came out against what had to come out.

use std::fmt;

use crate::case::Case;
use crate::values::Values;

/// How a tensor differs from the reference.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// The operation gave no such tensor.
    Absent,
    /// The shapes differ.
    Shape {
        /// The shape that came out.
        got: Vec<usize>,
        /// The shape that had to.
        want: Vec<usize>,
    },
    /// The element that lies furthest beyond the tolerance.
    Element {
        /// Its index in each dimension.
        index: Vec<usize>,
        /// The number that came out.
        got: f64,
        /// The number that had to.
        want: f64,
        /// How many elements lie beyond the tolerance.
        wrong: usize,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => write!(formatter, "did not come out"),
            Self::Shape { got, want } => write!(formatter, "got shape {got:?}, want {want:?}"),
            Self::Element {
                index,
                got,
                want,
                wrong,
            } => {
                write!(
                    formatter,
                    "{index:?}: got {got:?}, want {want:?} ({wrong} beyond tolerance)"
                )
            }
        }
    }
}

/// The difference between `got` and `want`, if there is one under the tolerances of `case`.
pub fn difference(got: &Values, want: &Values, case: &Case) -> Option<Difference> {
    if got.shape != want.shape {
        return Some(Difference::Shape {
            got: got.shape.clone(),
            want: want.shape.clone(),
        });
    }
    let want_shape = &want.shape;
    let pairs = got.numbers().into_iter().zip(want.numbers());
    let beyond: Vec<(usize, f64, f64, f64)> = pairs
        .enumerate()
        .map(|(place, (got, want))| (place, got, want, excess(got, want, case.rtol, case.atol)))
        .filter(|(.., excess)| *excess > 0.0)
        .collect();
    let &(place, got, want, _) = beyond.iter().max_by(|a, b| a.3.total_cmp(&b.3))?;
    let (index, wrong) = (index(place, want_shape), beyond.len());
    Some(Difference::Element {
        index,
        got,
        want,
        wrong,
    })
}

/// By how much a number lies beyond the tolerance; 0 within it.
fn excess(got: f64, want: f64, rtol: f64, atol: f64) -> f64 {
    if got == want || (got.is_nan() && want.is_nan()) {
        return 0.0;
    }
    // A tolerance in proportion to an infinity would let everything pass.
    if !got.is_finite() || !want.is_finite() {
        return f64::INFINITY;
    }
    ((got - want).abs() - (atol + rtol * want.abs())).max(0.0)
}

/// The index in each dimension of the element at `place` in row-major order.
fn index(mut place: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (own, &length) in index.iter_mut().zip(shape).rev() {
        *own = place % length;
        place /= length;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tolerance_is_absolute_and_relative() {
        assert_eq!(excess(100.5, 100.0, 0.004, 0.1), 0.0);
        assert!(excess(100.6, 100.0, 0.004, 0.1) > 0.0);
        assert!(excess(-1.0, 1.0, 0.1, 0.1) > 0.0);
    }

    #[test]
    fn numbers_that_are_not_finite_are_equal_to_themselves_alone() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        assert_eq!(excess(nan, nan, 0.0, 0.0), 0.0);
        assert_eq!(excess(inf, inf, 0.0, 0.0), 0.0);
        for (got, want) in [
            (nan, 1.0),
            (1.0, nan),
            (inf, 1.0),
            (1.0, inf),
            (-inf, inf),
            (inf, nan),
        ] {
            assert_eq!(excess(got, want, 1.0, 1.0), inf, "{got} for {want}");
        }
    }

    #[test]
    fn places_become_indices() {
        assert_eq!(index(23, &[2, 3, 4]), [1, 2, 3]);
        assert_eq!(index(5, &[2, 3]), [1, 2]);
        assert_eq!(index(0, &[]), [0; 0]);
    }
}
