//! Softmax and its logarithm, forward and backward, and the logarithm of a sum of exponentials.

use super::extreme::{Extreme, extreme_loop, extreme_side};
use super::side::{SHORT, SIDE, Side, Turn};
use super::softmax_side::{backward_side, softmax_side};
use super::sum::{Same, Sum, column_sums, sum_by, sum_loop, sum_side};
use super::{COLUMNS, Reduction};
use crate::kernel::elementwise::{CHUNK, Map, PARALLEL, Zip};
use crate::simd::{self, Arithmetic, Level, Loop};
use crate::{Element, buffers, math, threads};

/// e^(x - shift).
struct ExpFrom<E>(E);

impl<E: Element> Map<E, E> for ExpFrom<E> {
    #[inline(always)]
    fn of(&self, x: E) -> E {
        math::exp(x - self.0)
    }
}

pub(super) struct ExpDistance;

impl<E: Element> Zip<E, E, E> for ExpDistance {
    #[inline(always)]
    fn of(&self, x: E, shift: E) -> E {
        math::exp(x - shift)
    }
}

/// log(sum(e^x)), shifted by the greatest element so that nothing overflows.
pub(crate) struct LogSumExp;

/// The logarithm of the sum, where the greatest element is infinite that itself.
fn shifted<E: Element>(greatest: E, sum: E) -> E {
    if greatest.is_infinite() || greatest.is_nan() {
        greatest
    } else {
        greatest + math::ln(sum)
    }
}

impl<E: Element> Reduction<E, E> for LogSumExp {
    fn whole(&self, x: &[E], level: Level) -> E {
        let greatest = Extreme { greatest: true }.whole(x, level);
        shifted(greatest, sum_by(x, &ExpFrom(greatest), level))
    }

    fn columns(&self, x: &[E], width: usize, first: usize, out: &mut [E], level: Level) {
        let mut greatest = [E::zero(); COLUMNS];
        let greatest = &mut greatest[..out.len()];
        Extreme { greatest: true }.columns(x, width, first, greatest, level);
        column_sums((x, width, first), &ExpDistance, greatest, out, level);
        for (out, &greatest) in out.iter_mut().zip(greatest.iter()) {
            *out = shifted(greatest, *out);
        }
    }

    #[inline(always)]
    fn side_by_side(&self, x: Side<'_, E>, out: &mut [E; SIDE]) {
        let greatest = extreme_side::<E, true>(x);
        let sums = sum_side(&ExpDistance, x, &greatest);
        for (out, (greatest, sum)) in out.iter_mut().zip(greatest.into_iter().zip(sums)) {
            *out = shifted(greatest, sum);
        }
    }
}

#[inline(always)]
fn map_row<E: Element>(f: impl Fn(E) -> E, out: &mut [E], x: &[E]) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = f(x);
    }
}

#[inline(always)]
fn scale_row<E: Element>(row: &mut [E], total: E) {
    for x in row {
        *x /= total;
    }
}

/// The longest rows that are worth turning there and back.
const TURNED: usize = 24;

/// Whether rows of `length` numbers, of which there are `count`, are worth turning.
fn is_short(count: usize, length: usize) -> bool {
    length <= TURNED && count / length >= SIDE / 2
}

struct SoftmaxRows<'a, E: 'static, const LOG: bool>(&'a [E], &'a mut [E], usize, Turn<E>);

impl<E: Element, const LOG: bool> Loop for SoftmaxRows<'_, E, LOG> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self(x, out, length, turn) = self;
        if is_short(x.len(), length) {
            let mut room = [[E::zero(); SIDE]; SHORT];
            for (number, out) in out.chunks_mut(SIDE * length).enumerate() {
                let groups = (out.len() / length, length);
                turn.there(&x[number * SIDE * length..], groups, &mut room);
                softmax_side::<E, LOG>(&mut room, length);
                turn.back(&room, groups, out);
            }
            return;
        }
        for (x, out) in x.chunks_exact(length).zip(out.chunks_exact_mut(length)) {
            let shift = extreme_loop::<E, true>(x);
            if LOG {
                let total = math::ln(sum_loop(&ExpFrom(shift), x));
                map_row(|x| (x - shift) - total, out, x);
            } else {
                map_row(|x| math::exp(x - shift), out, x);
                let total = sum_loop(&Same, out);
                scale_row(out, total);
            }
        }
    }
}

/// How many rows of `length` numbers, or groups of so many, a task takes.
fn rows_at_once(length: usize) -> usize {
    let rows = (CHUNK / 4 / length).max(1);
    if length <= TURNED {
        rows.next_multiple_of(SIDE)
    } else {
        rows
    }
}

/// The softmax of each row of `length` numbers, or its logarithm.
pub(crate) fn softmax_rows<E: Element, const LOG: bool>(x: &[E], length: usize, out: &mut [E]) {
    if length == 0 {
        return;
    }
    let (level, turn) = (simd::level(), Turn::new());
    if x.len() < PARALLEL / 4 {
        level.run(SoftmaxRows::<E, LOG>(x, out, length, turn));
    } else {
        threads::chunks((x, out), rows_at_once(length) * length, |_, (x, out)| {
            level.run(SoftmaxRows::<E, LOG>(x, out, length, turn));
        });
    }
}

#[inline(always)]
fn zip_row<E: Element>(f: impl Fn(E, E) -> E, out: &mut [E], x: &[E], side: &[E]) {
    for ((out, &x), &side) in out.iter_mut().zip(x).zip(side) {
        *out = f(x, side);
    }
}

struct SoftmaxColumns<'a, E, const LOG: bool> {
    x: &'a [E],
    out: &'a mut [E],
    greatest: &'a [E],
    total: &'a [E],
}

impl<E: Element, const LOG: bool> Loop for SoftmaxColumns<'_, E, LOG> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let width = self.greatest.len();
        let rows = self
            .x
            .chunks_exact(width)
            .zip(self.out.chunks_exact_mut(width));
        for (x, out) in rows {
            if LOG {
                zip_row(|x, shift| x - shift, out, x, self.greatest);
                for (out, &total) in out.iter_mut().zip(self.total) {
                    *out -= total;
                }
            } else {
                zip_row(|x, shift| math::exp(x - shift), out, x, self.greatest);
                for (out, &total) in out.iter_mut().zip(self.total) {
                    *out /= total;
                }
            }
        }
    }
}

/// The softmax of each column of each block of `[rows, width]`, or its logarithm.
pub(crate) fn softmax_columns<E: Element, const LOG: bool>(
    x: &[E],
    (rows, width): (usize, usize),
    out: &mut [E],
) {
    if x.is_empty() {
        return;
    }
    let level = simd::level();
    let block = |x: &[E], out: &mut [E]| {
        let mut greatest = buffers::take::<E>(width);
        let mut total = buffers::take::<E>(width);
        for first in (0..width).step_by(COLUMNS) {
            let end = width.min(first + COLUMNS);
            let greatest = &mut greatest[first..end];
            Extreme { greatest: true }.columns(x, width, first, greatest, level);
            let total = &mut total[first..end];
            column_sums((x, width, first), &ExpDistance, greatest, total, level);
            if LOG {
                for total in total {
                    *total = math::ln(*total);
                }
            }
        }
        level.run(SoftmaxColumns::<E, LOG> {
            x,
            out,
            greatest: &greatest,
            total: &total,
        });
    };
    let size = rows * width;
    if x.len() < PARALLEL / 4 {
        for (x, out) in x.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
            block(x, out);
        }
    } else {
        threads::chunks((x, out), size, |_, (x, out)| block(x, out));
    }
}

struct SoftmaxBackward<'a, E: 'static, const LOG: bool>(&'a [E], &'a mut [E], usize, Turn<E>);

impl<E: Element, const LOG: bool> Loop for SoftmaxBackward<'_, E, LOG> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self(output, gradient, length, turn) = self;
        if is_short(output.len(), length) {
            let [mut y, mut g] = [[[E::zero(); SIDE]; SHORT]; 2];
            for (number, gradient) in gradient.chunks_mut(SIDE * length).enumerate() {
                let groups = (gradient.len() / length, length);
                turn.there(&output[number * SIDE * length..], groups, &mut y);
                turn.there(gradient, groups, &mut g);
                backward_side::<E, LOG>(&y, &mut g, length);
                turn.back(&g, groups, gradient);
            }
            return;
        }
        let rows = output
            .chunks_exact(length)
            .zip(gradient.chunks_exact_mut(length));
        for (y, g) in rows {
            if LOG {
                let total = sum_loop(&Same, g);
                for (g, &y) in g.iter_mut().zip(y) {
                    *g -= math::exp(y) * total;
                }
            } else {
                for (g, &y) in g.iter_mut().zip(y) {
                    *g *= y;
                }
                let total = sum_loop(&Same, g);
                for (g, &y) in g.iter_mut().zip(y) {
                    *g -= y * total;
                }
            }
        }
    }
}

struct SoftmaxBackwardColumns<'a, E, const LOG: bool>(&'a [E], &'a mut [E], &'a [E]);

impl<E: Element, const LOG: bool> Loop for SoftmaxBackwardColumns<'_, E, LOG> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self(output, gradient, total) = self;
        let rows = output
            .chunks_exact(total.len())
            .zip(gradient.chunks_exact_mut(total.len()));
        for (y, g) in rows {
            if LOG {
                change_row(|g, y, total| g - math::exp(y) * total, g, y, total);
            } else {
                change_row(|g, y, total| g - y * total, g, y, total);
            }
        }
    }
}

#[inline(always)]
fn change_row<E: Element>(f: impl Fn(E, E, E) -> E, own: &mut [E], x: &[E], side: &[E]) {
    for ((own, &x), &side) in own.iter_mut().zip(x).zip(side) {
        *own = f(*own, x, side);
    }
}

/// The backward half of a softmax along columns of `[rows, width]`, or of its logarithm.
fn columns_backward<E: Element, const LOG: bool>(
    output: &[E],
    gradient: &mut [E],
    width: usize,
    level: Level,
) {
    if !LOG {
        level.run(Product(gradient, output));
    }
    let mut total = buffers::take::<E>(width);
    for (part, total) in total.chunks_mut(COLUMNS).enumerate() {
        Sum.columns(gradient, width, part * COLUMNS, total, level);
    }
    level.run(SoftmaxBackwardColumns::<E, LOG>(output, gradient, &total));
}

/// Multiplies the first by the second.
struct Product<'a, E>(&'a mut [E], &'a [E]);

impl<E: Element> Loop for Product<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        for (g, &y) in self.0.iter_mut().zip(self.1) {
            *g *= y;
        }
    }
}

fn backward<E: Element, const LOG: bool>(
    output: &[E],
    gradient: &mut [E],
    (reduced, inner): (usize, usize),
) {
    if output.is_empty() {
        return;
    }
    let (level, turn) = (simd::level(), Turn::new());
    let size = reduced * inner;
    let work = |output: &[E], gradient: &mut [E]| {
        if inner == 1 {
            level.run(SoftmaxBackward::<E, LOG>(output, gradient, reduced, turn));
            return;
        }
        for (output, gradient) in output
            .chunks_exact(size)
            .zip(gradient.chunks_exact_mut(size))
        {
            columns_backward::<E, LOG>(output, gradient, inner, level);
        }
    };
    if output.len() < PARALLEL / 4 {
        work(output, gradient);
    } else {
        threads::chunks(
            (output, gradient),
            rows_at_once(size) * size,
            |_, (output, gradient)| {
                work(output, gradient);
            },
        );
    }
}

/// Replaces the gradient of the softmax of every group of `[outer, reduced, inner]` by that of its
/// input; `lengths` are the last two.
pub(crate) fn softmax_backward<E: Element>(
    output: &[E],
    gradient: &mut [E],
    lengths: (usize, usize),
) {
    backward::<E, false>(output, gradient, lengths);
}

/// Replaces the gradient of the logarithm of the softmax of every group of
/// `[outer, reduced, inner]` by that of its input; `lengths` are the last two.
pub(crate) fn log_softmax_backward<E: Element>(
    output: &[E],
    gradient: &mut [E],
    lengths: (usize, usize),
) {
    backward::<E, true>(output, gradient, lengths);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::reduce::groups;
    use crate::kernel::scaled;
    use crate::simd::Level;

    const SHAPES: [[usize; 3]; 10] = [
        [1, 1, 1],
        [70, 3, 1],
        [scaled(3_000, 40), 10, 1],
        [50, 61, 1],
        [3, 5, 1],
        [2, 5, 3],
        [40, scaled(700, 20), 1],
        [1, scaled(30_001, 301), 1],
        [2, 3, scaled(1_030, 300)],
        [9, scaled(70, 7), scaled(50, 10)],
    ];

    fn numbers(count: usize) -> Vec<f64> {
        (0..count).map(|i| (i as f64 * 0.7).sin() * 4.0).collect()
    }

    fn forward<const LOG: bool>(x: &[f64], [_, reduced, inner]: [usize; 3]) -> Vec<f64> {
        let mut out = vec![f64::NAN; x.len()];
        match inner {
            1 => softmax_rows::<f64, LOG>(x, reduced, &mut out),
            _ => softmax_columns::<f64, LOG>(x, (reduced, inner), &mut out),
        }
        out
    }

    #[test]
    fn every_shape_agrees_with_the_definition() {
        for shape @ [outer, reduced, inner] in SHAPES {
            let x = numbers(outer * reduced * inner);
            let (soft, log) = (forward::<false>(&x, shape), forward::<true>(&x, shape));
            let mut sums = vec![0.0; outer * inner];
            groups(&x, (reduced, inner), &LogSumExp, &mut sums);
            for (place, &sum) in sums.iter().enumerate() {
                let first = place / inner * reduced * inner + place % inner;
                let group = || (0..reduced).map(|row| first + row * inner);
                let want = group().map(|at| x[at].exp()).sum::<f64>().ln();
                assert!((sum - want).abs() < 1e-12, "{shape:?}");
                for at in group() {
                    assert!((log[at] - (x[at] - want)).abs() < 1e-12, "{shape:?}");
                    assert!((soft[at] - (x[at] - want).exp()).abs() < 1e-12, "{shape:?}");
                }
            }
        }
    }

    #[test]
    fn backward_agrees_with_the_definition() {
        for shape @ [outer, reduced, inner] in SHAPES {
            let x = numbers(outer * reduced * inner);
            let (soft, log) = (forward::<false>(&x, shape), forward::<true>(&x, shape));
            let gradient: Vec<f64> = x.iter().map(|x| (x * 3.0).cos()).collect();
            let (mut one, mut other) = (gradient.clone(), gradient.clone());
            softmax_backward(&soft, &mut one, (reduced, inner));
            log_softmax_backward(&log, &mut other, (reduced, inner));
            for place in 0..outer * inner {
                let first = place / inner * reduced * inner + place % inner;
                let group = || (0..reduced).map(|row| first + row * inner);
                let along: f64 = group().map(|at| gradient[at] * soft[at]).sum();
                let total: f64 = group().map(|at| gradient[at]).sum();
                for at in group() {
                    let want = soft[at] * (gradient[at] - along);
                    assert!((one[at] - want).abs() < 1e-12, "{shape:?}");
                    let want = gradient[at] - soft[at] * total;
                    assert!((other[at] - want).abs() < 1e-11, "{shape:?}");
                }
            }
        }
    }

    #[test]
    fn threads_and_levels_do_not_change_a_bit() {
        for shape in SHAPES {
            let x = numbers(shape.iter().product());
            let run = |level: Level, count: usize| {
                simd::with(level, || {
                    threads::with(count, || {
                        let (soft, log) = (forward::<false>(&x, shape), forward::<true>(&x, shape));
                        let (mut one, mut other) = (x.clone(), x.clone());
                        softmax_backward(&soft, &mut one, (shape[1], shape[2]));
                        log_softmax_backward(&log, &mut other, (shape[1], shape[2]));
                        (soft, log, one, other)
                    })
                })
            };
            let want = run(Level::PORTABLE, 1);
            for &level in Level::available() {
                for count in [1, 2, 3, 4, 8] {
                    assert_eq!(run(level, count), want, "{shape:?} {level:?} {count}");
                }
            }
        }
    }
}
