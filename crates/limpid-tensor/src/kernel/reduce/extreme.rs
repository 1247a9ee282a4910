//! The greatest and the smallest.

use super::{COLUMNS, Reduction};
use crate::Element;
use crate::simd::{Arithmetic, Level, Loop};

/// Numbers are compared side by side, this many at a time.
const LANES: usize = 32;

/// The greatest element, or else the smallest; NaN where there is one.
pub(crate) struct Extreme {
    pub(crate) greatest: bool,
}

/// The better of two numbers; NaN is better than all.
#[inline(always)]
fn better<E: Element, const GREATEST: bool>(best: E, x: E) -> E {
    let wins = if GREATEST { x > best } else { x < best };
    if wins || x.is_nan() { x } else { best }
}

/// What every number is better than.
#[inline(always)]
fn worst<E: Element, const GREATEST: bool>() -> E {
    if GREATEST {
        E::neg_infinity()
    } else {
        E::infinity()
    }
}

/// The best of a slice. Of no elements, it is what all are better than.
#[inline(always)]
pub(super) fn extreme_loop<E: Element, const GREATEST: bool>(x: &[E]) -> E {
    extreme_by::<E, GREATEST>(x, |x| x)
}

/// The best of what `of` makes of the numbers of a slice.
#[inline(always)]
pub(super) fn extreme_by<E: Element, const GREATEST: bool>(x: &[E], of: impl Fn(E) -> E) -> E {
    let mut lanes = [worst::<E, GREATEST>(); LANES];
    let (rows, rest) = x.as_chunks::<LANES>();
    for row in rows {
        for (lane, &x) in lanes.iter_mut().zip(row) {
            *lane = better::<E, GREATEST>(*lane, of(x));
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = better::<E, GREATEST>(*lane, of(x));
    }
    let mut best = lanes[0];
    for &lane in &lanes[1..] {
        best = better::<E, GREATEST>(best, lane);
    }
    best
}

struct ExtremeLoop<'a, E, const GREATEST: bool>(&'a [E]);

impl<E: Element, const GREATEST: bool> Loop for ExtremeLoop<'_, E, GREATEST> {
    type Output = E;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> E {
        extreme_loop::<E, GREATEST>(self.0)
    }
}

struct ColumnExtremes<'a, E, const GREATEST: bool>(&'a [E], usize, usize, &'a mut [E]);

impl<E: Element, const GREATEST: bool> Loop for ColumnExtremes<'_, E, GREATEST> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self(x, width, first, out) = self;
        out.fill(worst::<E, GREATEST>());
        let columns = out.len();
        for row in x.chunks_exact(width) {
            column_extremes::<E, GREATEST>(out, &row[first..][..columns]);
        }
    }
}

#[inline(always)]
fn column_extremes<E: Element, const GREATEST: bool>(out: &mut [E], row: &[E]) {
    for (best, &x) in out.iter_mut().zip(row) {
        *best = better::<E, GREATEST>(*best, x);
    }
}

impl<E: Element> Reduction<E, E> for Extreme {
    fn whole(&self, x: &[E], level: Level) -> E {
        if self.greatest {
            level.run(ExtremeLoop::<E, true>(x))
        } else {
            level.run(ExtremeLoop::<E, false>(x))
        }
    }

    fn columns(&self, x: &[E], width: usize, first: usize, out: &mut [E], level: Level) {
        if self.greatest {
            level.run(ColumnExtremes::<E, true>(x, width, first, out));
        } else {
            level.run(ColumnExtremes::<E, false>(x, width, first, out));
        }
    }
}

/// The place of the greatest element: the first among ties, or the first NaN.
pub(crate) struct Place;

impl<E: Element> Reduction<E, usize> for Place {
    fn whole(&self, x: &[E], level: Level) -> usize {
        let greatest = level.run(ExtremeLoop::<E, true>(x));
        let is_it = |x: &E| *x == greatest || (greatest.is_nan() && x.is_nan());
        x.iter().position(is_it).unwrap_or(0)
    }

    fn columns(&self, x: &[E], width: usize, first: usize, out: &mut [usize], level: Level) {
        level.run(ColumnPlaces(x, width, first, out));
    }
}

struct ColumnPlaces<'a, E>(&'a [E], usize, usize, &'a mut [usize]);

impl<E: Element> Loop for ColumnPlaces<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self(x, width, first, out) = self;
        out.fill(0);
        let columns = out.len();
        let mut best = [E::neg_infinity(); COLUMNS];
        for (number, row) in x.chunks_exact(width).enumerate() {
            let row = &row[first..][..columns];
            column_places(out, &mut best[..columns], row, number);
        }
    }
}

#[inline(always)]
fn column_places<E: Element>(out: &mut [usize], best: &mut [E], row: &[E], number: usize) {
    for ((place, best), &x) in out.iter_mut().zip(best).zip(row) {
        // Nothing is greater than a NaN, nor is another NaN.
        let wins = x > *best || (x.is_nan() && !best.is_nan());
        *best = if wins { x } else { *best };
        *place = if wins { number } else { *place };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::reduce::groups;

    #[test]
    fn extremes_and_their_places_agree_with_the_definition() {
        let mut x: Vec<f32> = (0..7 * 70 * 5).map(|i| ((i * 37) % 101) as f32).collect();
        x[1_000] = f32::NAN;
        for (rows, columns) in [(70 * 5, 1), (7, 70 * 5), (70, 5), (1, 5), (2_450, 1)] {
            let count = x.len() / rows;
            let (mut most, mut least) = (vec![0.0; count], vec![0.0; count]);
            let mut places = vec![0; count];
            groups(&x, (rows, columns), &Extreme { greatest: true }, &mut most);
            groups(
                &x,
                (rows, columns),
                &Extreme { greatest: false },
                &mut least,
            );
            groups(&x, (rows, columns), &Place, &mut places);
            for group in 0..count {
                let start = group / columns * rows * columns + group % columns;
                let terms: Vec<f32> = (0..rows).map(|row| x[start + row * columns]).collect();
                if let Some(place) = terms.iter().position(|x| x.is_nan()) {
                    assert!(most[group].is_nan() && least[group].is_nan());
                    assert_eq!(places[group], place);
                    continue;
                }
                let want = terms.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                assert_eq!(most[group], want);
                assert_eq!(terms.iter().position(|&x| x == want), Some(places[group]));
                let want = terms.iter().copied().fold(f32::INFINITY, f32::min);
                assert_eq!(least[group], want);
            }
        }
    }
}
