//! Many numbers in, one out.
//!
//! Sums are pairwise (Higham 1993): the error grows with the logarithm of the number of terms. The
//! order of all sums depends on the lengths alone, not on threads or instructions. Short groups are
//! turned to stand side by side in vectors, and narrow columns are walked several rows at a time.

mod extreme;
mod rows;
mod side;
mod size;
mod softmax;
mod softmax_side;
mod sum;

pub(crate) use extreme::{Extreme, Place};
pub(crate) use rows::{Rows, normalised_rows, normalised_rows_backward, normalised_rows_sums};
pub(crate) use size::greatest_size;
pub(crate) use softmax::{
    LogSumExp, log_softmax_backward, softmax_backward, softmax_columns, softmax_rows,
};
pub(crate) use sum::{Sum, Variance, sum};

use super::elementwise::{CHUNK, PARALLEL};
use crate::simd::{self, Level};
use crate::{Element, threads};
use side::{SHORT, SIDE, Side, SideBySide, Turn};

/// As many columns as are reduced at a time.
const COLUMNS: usize = 1024;
/// Where rows have no more numbers than half of this, several are walked as one.
const NARROW: usize = 256;
/// Groups of no more columns than this are turned, if they are short.
const THIN: usize = 16;

/// What becomes of the `reduced` numbers of each group of `[outer, reduced, inner]`.
pub(crate) trait Reduction<E: Element, T>: Sync {
    /// What becomes of a slice.
    fn whole(&self, x: &[E], level: Level) -> T;

    /// What becomes of columns of `x`, rows of `width` numbers, from number `first` on: one for
    /// each element of `out`, which are at most `COLUMNS`.
    fn columns(&self, x: &[E], width: usize, first: usize, out: &mut [T], level: Level);

    /// What becomes of each of some groups that stand side by side. To be marked
    /// `#[inline(always)]`.
    fn side_by_side(&self, x: Side<'_, E>, out: &mut [T; SIDE]);
}

/// Reduces every group of `x`, `[outer, reduced, inner]`, to one element of `out`,
/// `[outer, inner]`.
pub(crate) fn groups<E: Element, T: Send + Copy>(
    x: &[E],
    (reduced, inner): (usize, usize),
    reduction: &impl Reduction<E, T>,
    out: &mut [T],
) {
    let level = simd::level();
    let parallel = x.len() >= PARALLEL;
    let size = reduced * inner;
    if (1..=SHORT).contains(&size) && inner <= THIN && out.len() / inner >= SIDE / 2 {
        let turn = Turn::new();
        let work = |first: usize, out: &mut [T]| {
            let x = &x[first / inner * size..];
            level.run(SideBySide {
                x,
                size,
                inner,
                turn,
                reduction,
                out,
            });
        };
        if parallel {
            let at_once = (CHUNK / size).next_multiple_of(SIDE);
            threads::chunks(out, at_once * inner, work);
        } else {
            work(0, out);
        }
        return;
    }
    if inner == 1 {
        let work = |first: usize, out: &mut [T]| {
            for (place, out) in out.iter_mut().enumerate() {
                let group = &x[(first + place) * reduced..][..reduced];
                *out = reduction.whole(group, level);
            }
        };
        if parallel && out.len() > 1 {
            threads::chunks(out, (CHUNK / reduced.max(1)).max(1), work);
        } else {
            work(0, out);
        }
        return;
    }
    if out.is_empty() {
        return;
    }
    if parallel && inner > COLUMNS {
        for (outer, out) in out.chunks_exact_mut(inner).enumerate() {
            let x = &x[outer * size..][..size];
            threads::chunks(out, COLUMNS, |first, out| {
                reduction.columns(x, inner, first, out, level);
            });
        }
        return;
    }
    let work = |first: usize, out: &mut [T]| {
        for (place, out) in out.chunks_exact_mut(inner).enumerate() {
            let x = &x[(first / inner + place) * size..][..size];
            for (part, out) in out.chunks_mut(COLUMNS).enumerate() {
                reduction.columns(x, inner, part * COLUMNS, out, level);
            }
        }
    };
    if parallel {
        let at_once = (CHUNK / size.max(1)).max(1);
        threads::chunks(out, at_once * inner, work);
    } else {
        work(0, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::scaled;
    use proptest::prelude::*;

    /// Every group by itself: the numbers are whole, so that sums have no rounding error, and some
    /// are none.
    fn check<E: Element>([outer, reduced, inner]: [usize; 3], hole: usize) {
        let value = |at: usize| E::of(((at * 37) % 101) as f64 - 50.0);
        let mut x: Vec<E> = (0..outer * reduced * inner).map(value).collect();
        if let Some(x) = x.get_mut(hole) {
            *x = E::nan();
        }
        let lengths = (reduced, inner);
        let run = |level: Level, count: usize| {
            simd::with(level, || {
                threads::with(count, || {
                    let mut all = [(); 5].map(|()| vec![E::zero(); outer * inner]);
                    let [sum, variance, most, least, log] = &mut all;
                    let mut places = vec![0; outer * inner];
                    groups(&x, lengths, &Sum, sum);
                    groups(&x, lengths, &Variance { degrees: 3.0 }, variance);
                    groups(&x, lengths, &Extreme { greatest: true }, most);
                    groups(&x, lengths, &Extreme { greatest: false }, least);
                    groups(&x, lengths, &LogSumExp, log);
                    groups(&x, lengths, &Place, &mut places);
                    (
                        all.map(|found| found.into_iter().map(E::double).collect()),
                        places,
                    )
                })
            })
        };
        let (found, places): ([Vec<f64>; 5], Vec<usize>) = run(Level::PORTABLE, 1);
        for &level in Level::available() {
            for count in [1, 2, 3, 8] {
                let (again, others) = run(level, count);
                let same =
                    |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
                for (found, again) in found.iter().zip(&again) {
                    assert!(found.iter().zip(again).all(same), "{level:?} {count}");
                }
                assert_eq!(places, others);
            }
        }
        let [sum, variance, most, least, log] = found;
        for group in 0..outer * inner {
            let first = group / inner * reduced * inner + group % inner;
            let terms = (0..reduced).map(|row| x[first + row * inner].double());
            let terms: Vec<f64> = terms.collect();
            if let Some(place) = terms.iter().position(|x| x.is_nan()) {
                assert_eq!(places[group], place);
                let all = [&sum, &variance, &most, &least, &log];
                assert!(all.iter().all(|found| found[group].is_nan()), "{group}");
                continue;
            }
            let close = |found: f64, want: f64| {
                let error = (found - want).abs() / want.abs().max(1.0);
                assert!(error < 16.0 * E::epsilon().double(), "{found} {want}");
            };
            let total: f64 = terms.iter().sum();
            assert_eq!(sum[group], total);
            let mean = total / reduced as f64;
            close(
                variance[group],
                terms.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 3.0,
            );
            let greatest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(most[group], greatest);
            assert_eq!(
                least[group],
                terms.iter().copied().fold(f64::INFINITY, f64::min)
            );
            assert_eq!(
                Some(places[group]),
                terms.iter().position(|&x| x == greatest)
            );
            let exps = terms.iter().map(|x| (x - greatest).exp());
            close(log[group], greatest + exps.sum::<f64>().ln());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(scaled(96, 3) as u32))]
        #[test]
        fn groups_of_every_shape_agree_with_the_definition(
            outer in 1_usize..scaled(150, 40),
            reduced in 1_usize..scaled(140, 20),
            inner in prop_oneof![Just(1_usize), 1..20_usize],
            hole: usize,
        ) {
            let shape = [outer, reduced, inner];
            let hole = hole % (2 * outer * reduced * inner);
            check::<f32>(shape, hole);
            check::<f64>(shape, hole);
        }
    }

    #[test]
    fn many_short_rows_and_narrow_columns_agree_too() {
        for shape in [
            [scaled(3_000, 70), 32, 1],
            [scaled(2_500, 70), 10, 3],
            [1, scaled(5_000, 100), 7],
            [3, scaled(700, 60), 64],
        ] {
            check::<f32>(shape, usize::MAX);
            check::<f64>(shape, 100);
        }
    }
}
