//! The greatest and the smallest.

use super::side::{SIDE, Side};
use super::sum::joined;
use super::{COLUMNS, NARROW, Reduction};
use crate::Element;
use crate::simd::{Arithmetic, Level, Loop};

/// Numbers are compared side by side, this many at a time.
const LANES: usize = 64;

/// The greatest element, or else the smallest; NaN where there is one.
pub(crate) struct Extreme {
    pub(crate) greatest: bool,
}

/// The better of two numbers; NaN is better than all.
#[inline(always)]
fn better<E: Element, const GREATEST: bool>(best: E, x: E) -> E {
    let wins = if GREATEST { x > best } else { x < best };
    // Nothing wins over a NaN. In this order the first choice is one instruction.
    let best = if wins { x } else { best };
    if x.is_nan() { x } else { best }
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
    let half = std::array::from_fn(|lane| better::<E, GREATEST>(lanes[lane], lanes[lane + 32]));
    joined(&half, better::<E, GREATEST>)
}

/// The best of each of some groups that stand side by side.
#[inline(always)]
pub(super) fn extreme_side<E: Element, const GREATEST: bool>(x: Side<'_, E>) -> [E; SIDE] {
    let mut best = [worst::<E, GREATEST>(); SIDE];
    for numbers in x.iter() {
        for (best, &x) in best.iter_mut().zip(numbers) {
            *best = better::<E, GREATEST>(*best, x);
        }
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
        let mut rows = x.chunks_exact(4 * width);
        for four in &mut rows {
            let row = |number: usize| &four[number * width + first..][..columns];
            four_extremes::<E, GREATEST>(out, [row(0), row(1), row(2), row(3)]);
        }
        for row in rows.remainder().chunks_exact(width) {
            column_extremes::<E, GREATEST>(out, &row[first..][..columns]);
        }
    }
}

#[inline(always)]
fn four_extremes<E: Element, const GREATEST: bool>(out: &mut [E], rows: [&[E]; 4]) {
    let [a, b, c, d] = rows;
    let numbers = a.iter().zip(b).zip(c.iter().zip(d));
    for (best, ((&a, &b), (&c, &d))) in out.iter_mut().zip(numbers) {
        let (one, other) = (better::<E, GREATEST>(a, b), better::<E, GREATEST>(c, d));
        *best = better::<E, GREATEST>(*best, better::<E, GREATEST>(one, other));
    }
}

/// The best of each column; where rows are narrow, of several rows at a time.
fn columns<E: Element, const GREATEST: bool>(
    (x, width, first): (&[E], usize, usize),
    out: &mut [E],
    level: Level,
) {
    let together = NARROW / width;
    if together < 2 || x.len() / width < 4 * together {
        level.run(ColumnExtremes::<E, GREATEST>(x, width, first, out));
        return;
    }
    let wide = together * width;
    let mut best = [E::zero(); NARROW];
    let (whole, rest) = x.split_at(x.len() / wide * wide);
    let parts = &mut best[..wide];
    level.run(ColumnExtremes::<E, GREATEST>(whole, wide, 0, parts));
    level.run(ColumnExtremes::<E, GREATEST>(rest, width, first, out));
    for part in parts.chunks_exact(width) {
        column_extremes::<E, GREATEST>(out, &part[first..]);
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
            columns::<E, true>((x, width, first), out, level);
        } else {
            columns::<E, false>((x, width, first), out, level);
        }
    }

    #[inline(always)]
    fn side_by_side(&self, x: Side<'_, E>, out: &mut [E; SIDE]) {
        *out = if self.greatest {
            extreme_side::<E, true>(x)
        } else {
            extreme_side::<E, false>(x)
        };
    }
}

/// The place of the greatest element: the first among ties, or the first NaN.
pub(crate) struct Place;

impl<E: Element> Reduction<E, usize> for Place {
    fn whole(&self, x: &[E], level: Level) -> usize {
        let greatest = level.run(ExtremeLoop::<E, true>(x));
        level.run(Found(x, greatest))
    }

    fn columns(&self, x: &[E], width: usize, first: usize, out: &mut [usize], level: Level) {
        level.run(ColumnPlaces(x, width, first, out));
    }

    #[inline(always)]
    fn side_by_side(&self, x: Side<'_, E>, out: &mut [usize; SIDE]) {
        // Places are counted in numbers of the same size: vectors then have lanes of one width.
        let (mut best, mut places) = ([E::neg_infinity(); SIDE], [E::zero(); SIDE]);
        let mut number = E::zero();
        for numbers in x.iter() {
            for ((place, best), &x) in places.iter_mut().zip(&mut best).zip(numbers) {
                let wins = x > *best || (x.is_nan() && !best.is_nan());
                *best = if wins { x } else { *best };
                *place = if wins { number } else { *place };
            }
            number += E::one();
        }
        for (out, place) in out.iter_mut().zip(places) {
            *out = place.double() as usize;
        }
    }
}

/// The first place of a number, or of a NaN.
struct Found<'a, E>(&'a [E], E);

impl<E: Element> Loop for Found<'_, E> {
    type Output = usize;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> usize {
        let Self(x, wanted) = self;
        let is_it = |x: E| (x == wanted) | (wanted.is_nan() & x.is_nan());
        // Whole chunks are looked through without leaving early.
        let mut first = 0;
        for chunk in x.chunks_exact(LANES) {
            let mut found = false;
            for &x in chunk {
                found |= is_it(x);
            }
            if found {
                break;
            }
            first += LANES;
        }
        let rest = x[first..].iter().position(|&x| is_it(x));
        rest.map_or(0, |rest| first + rest)
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
