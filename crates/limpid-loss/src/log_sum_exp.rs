//! The softmax of one row of logits, with the logarithm of its divisor.

use limpid_tensor::simd::{self, Arithmetic, Loop};
use limpid_tensor::{Element, buffers, math};

use crate::lanes::{LANES, accumulated, folded, padded};

/// log(sum_k e^(f_k)) of a row, as its greatest element and what exceeds it.
///
/// A row with a logit of plus infinity, or with nothing but minus infinity, has no softmax: it is
/// NaN, as in PyTorch, so that a network that has overflowed shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogSumExp<E> {
    greatest: E,
    total: E,
    excess: E,
}

impl<E: Element> LogSumExp<E> {
    /// Of the logits of one row.
    pub(crate) fn of(row: &[E]) -> Self {
        simd::run(Sum(row))
    }

    /// As [`LogSumExp::of`], within a loop over rows.
    #[inline(always)]
    pub(crate) fn within<A: Arithmetic>(row: &[E]) -> Self {
        Sum(row).run::<A>()
    }

    /// -log p of the class with logit `logit`. The difference of the great numbers comes first, so
    /// that the small one is not lost.
    #[inline(always)]
    pub(crate) fn surprise(self, logit: E) -> E {
        distance(self.greatest, logit) + self.excess
    }

    /// Of each row of `classes` logits, within a loop over parts: many short rows go side by side.
    #[inline(always)]
    pub(crate) fn of_rows<A: Arithmetic>(logits: &[E], classes: usize, out: &mut [Option<Self>]) {
        if classes > LANES {
            for (out, row) in out.iter_mut().zip(logits.chunks_exact(classes)) {
                *out = Some(Self::within::<A>(row));
            }
            return;
        }
        for (out, rows) in out.chunks_mut(LANES).zip(logits.chunks(LANES * classes)) {
            side_by_side::<E, A>(rows, classes, out);
        }
    }

    /// Fills `out` with `scale` times the softmax of `row`, which this is of; within a loop.
    #[inline(always)]
    pub(crate) fn softmax(self, row: &[E], scale: E, out: &mut [E]) {
        let (greatest, scale) = (self.greatest, scale / self.total);
        let p = |x: E| math::exp(-distance(greatest, x)) * scale;
        let (rows, rest) = row.as_chunks::<LANES>();
        let (outs, rest_out) = out.as_chunks_mut::<LANES>();
        for (out, row) in outs.iter_mut().zip(rows) {
            for (out, &x) in out.iter_mut().zip(row) {
                *out = p(x);
            }
        }
        // A whole block of them takes less than a few one by one.
        let mut last = padded(rest, greatest);
        for x in &mut last {
            *x = p(*x);
        }
        for (out, &p) in rest_out.iter_mut().zip(&last) {
            *out = p;
        }
    }
}

/// greatest - logit; 0 where both are the same infinity.
#[inline(always)]
fn distance<E: Element>(greatest: E, logit: E) -> E {
    if greatest == logit {
        E::zero()
    } else {
        greatest - logit
    }
}

/// Of at most as many rows as there are lanes, one in each.
#[inline(always)]
fn side_by_side<E: Element, A: Arithmetic>(
    rows: &[E],
    classes: usize,
    out: &mut [Option<LogSumExp<E>>],
) {
    let column = |class: usize| {
        let mut column = [E::zero(); LANES];
        for (own, &x) in column.iter_mut().zip(rows[class..].iter().step_by(classes)) {
            *own = x;
        }
        column
    };
    let mut greatest = [E::neg_infinity(); LANES];
    for class in 0..classes {
        for (best, &x) in greatest.iter_mut().zip(&column(class)) {
            *best = if x > *best || x.is_nan() { x } else { *best };
        }
    }
    let mut totals = [E::zero(); LANES];
    for class in 0..classes {
        let column = column(class);
        let pairs = greatest.iter().zip(&column);
        for (total, (&greatest, &x)) in totals.iter_mut().zip(pairs) {
            *total += math::exp(x - greatest);
        }
    }
    let mut excesses = totals;
    for (excess, &total) in excesses.iter_mut().zip(&totals) {
        *excess = math::ln(total);
    }
    let found = greatest.iter().zip(&totals).zip(&excesses);
    let rows = rows.chunks_exact(classes);
    for ((out, row), ((&greatest, &total), &excess)) in out.iter_mut().zip(rows).zip(found) {
        *out = Some(if greatest.is_finite() {
            LogSumExp {
                greatest,
                total,
                excess,
            }
        } else {
            LogSumExp::within::<A>(row)
        });
    }
}

struct Sum<'a, E>(&'a [E]);

impl<E: Element> Loop for Sum<'_, E> {
    type Output = LogSumExp<E>;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> LogSumExp<E> {
        let greatest = self.greatest();
        let shift = if greatest.is_infinite() {
            E::nan()
        } else {
            greatest
        };
        let sum = |sum: E, x: E| sum + math::exp(-distance(shift, x));
        let sums = accumulated(self.0, E::zero(), E::neg_infinity(), sum);
        let total = folded(sums, |sum, other| sum + other);
        LogSumExp {
            greatest: shift,
            total,
            excess: math::ln(total),
        }
    }
}

impl<E: Element> Sum<'_, E> {
    /// The greatest logit; NaN where one of them is.
    #[inline(always)]
    fn greatest(&self) -> E {
        let least = E::neg_infinity();
        let greater = |best: E, x: E| if x > best || x.is_nan() { x } else { best };
        folded(accumulated(self.0, least, least, greater), greater)
    }
}

/// Replaces the logits of one row by their softmax.
pub(crate) fn exponentials<E: Element>(row: &mut [E]) -> LogSumExp<E> {
    simd::run(Exponentials(row))
}

struct Exponentials<'a, E>(&'a mut [E]);

impl<E: Element> Loop for Exponentials<'_, E> {
    type Output = LogSumExp<E>;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> LogSumExp<E> {
        let logits = buffers::copied(self.0);
        let of = LogSumExp::within::<A>(&logits);
        of.softmax(&logits, E::one(), self.0);
        of
    }
}

/// The least of sum_k a_k (-log p_k) over all distributions p, for shares `a` that need not sum
/// to 1.
pub(crate) fn entropy(shares: impl Iterator<Item = f64> + Clone) -> f64 {
    let total: f64 = shares.clone().sum();
    shares
        .filter(|&share| share > 0.0)
        .map(|share| share * (total / share).ln())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_becomes_its_softmax() {
        let mut row = [0.0, 3.0_f64.ln()];
        let log_sum = exponentials(&mut row);
        assert!((row[0] - 0.25).abs() < 1e-15 && (row[1] - 0.75).abs() < 1e-15);
        assert!((log_sum.surprise(0.0) - 4.0_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn rows_without_a_softmax_are_not_numbers() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        for row in [[inf; 2], [-inf; 2], [0.0, nan], [0.0, inf], [-inf, inf]] {
            let mut probabilities = row;
            exponentials(&mut probabilities);
            assert!(probabilities[0].is_nan(), "{row:?}");
        }
    }

    #[test]
    fn short_rows_side_by_side_are_what_they_are_alone() {
        struct All<'a>(&'a [f64], usize, &'a mut [Option<LogSumExp<f64>>]);
        impl Loop for All<'_> {
            type Output = ();

            #[inline(always)]
            fn run<A: Arithmetic>(self) {
                LogSumExp::of_rows::<A>(self.0, self.1, self.2);
            }
        }
        for (rows, classes) in [(1, 1), (3, 10), (70, 7), (33, 32), (5, 40)] {
            let mut logits: Vec<f64> = (0..rows * classes)
                .map(|it| 9.0 * (it as f64).sin())
                .collect();
            logits[0] = f64::INFINITY;
            let mut found = vec![None; rows];
            simd::run(All(&logits, classes, &mut found));
            for (row, found) in logits.chunks(classes).zip(found) {
                let (found, alone) = (
                    found.unwrap().surprise(1.0),
                    LogSumExp::of(row).surprise(1.0),
                );
                let same = found == alone || (found.is_nan() && alone.is_nan());
                let near = same || (found / alone - 1.0).abs() < 1e-14;
                assert!(near, "{rows} rows of {classes}: {found}, {alone}");
            }
        }
    }

    #[test]
    fn entropy_is_greatest_for_even_shares() {
        assert!((entropy([0.5, 0.5].into_iter()) - 2.0_f64.ln()).abs() < 1e-15);
        assert!((entropy([1.0, 1.0].into_iter()) - 2.0 * 2.0_f64.ln()).abs() < 1e-15);
        assert_eq!(entropy([1.0, 0.0].into_iter()), 0.0);
    }
}
