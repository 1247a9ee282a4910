//! Rows divided by the root of their mean square.

use crate::kernel::elementwise::{CHUNK, PARALLEL};
use crate::simd::{self, Arithmetic, Loop};
use crate::{Element, threads};

/// Numbers are summed side by side, this many at a time.
const LANES: usize = 16;

/// The sum of `term` of every place, in double precision; `slices` have one length.
#[inline(always)]
fn total<E: Element, const N: usize>(slices: [&[E]; N], term: impl Fn([E; N]) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let length = slices[0].len();
    let slices = slices.map(|slice| &slice[..length]);
    let whole = length - length % LANES;
    for first in (0..whole).step_by(LANES) {
        let rows = slices.map(|slice| &slice[first..][..LANES]);
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += term(rows.map(|row| row[lane]));
        }
    }
    for place in whole..length {
        lanes[place - whole] += term(slices.map(|slice| slice[place]));
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// out = x * scale * weight
#[inline(always)]
fn scaled<E: Element>(out: &mut [E], x: &[E], scale: E, weight: Option<&[E]>) {
    match weight {
        None => {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = x * scale;
            }
        }
        Some(weight) => {
            for (out, (&x, &weight)) in out.iter_mut().zip(x.iter().zip(weight)) {
                *out = x * scale * weight;
            }
        }
    }
}

struct Forward<'a, E> {
    x: &'a [E],
    weight: Option<&'a [E]>,
    length: usize,
    eps: f64,
    scales: &'a mut [E],
    out: &'a mut [E],
}

impl<E: Element> Loop for Forward<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let rows = self.x.chunks_exact(self.length);
        let out = self.out.chunks_exact_mut(self.length);
        for ((x, out), scale) in rows.zip(out).zip(self.scales) {
            let squares = total([x], |[x]| x.double() * x.double());
            *scale = E::of((squares / x.len() as f64 + self.eps).sqrt().recip());
            scaled(out, x, *scale, self.weight);
        }
    }
}

/// Every row of `length` numbers, at least one, times its scale, 1 / sqrt(mean(x^2) + eps), and
/// times `weight`. The squares are summed in double precision.
pub(crate) fn rms_rows<E: Element>(
    x: &[E],
    weight: Option<&[E]>,
    (length, eps): (usize, f64),
    scales: &mut [E],
    out: &mut [E],
) {
    let level = simd::level();
    let work = |first: usize, scales: &mut [E], out: &mut [E]| {
        level.run(Forward {
            x: &x[first * length..][..out.len()],
            weight,
            length,
            eps,
            scales,
            out,
        });
    };
    by_rows((scales, out), length, work);
}

/// Calls `work` with the number of the first of some rows, with what there is one of for a row, and
/// with the rows.
fn by_rows<E: Element>(
    (singles, rows): (&mut [E], &mut [E]),
    length: usize,
    work: impl Fn(usize, &mut [E], &mut [E]) + Sync,
) {
    if rows.len() < PARALLEL / 4 {
        work(0, singles, rows);
        return;
    }
    let at_once = (CHUNK / 4 / length).max(1);
    let mut parts: Vec<_> = singles
        .chunks_mut(at_once)
        .zip(rows.chunks_mut(at_once * length))
        .collect();
    threads::chunks(&mut *parts, 1, |number, parts| {
        for (singles, rows) in parts {
            work(number * at_once, singles, rows);
        }
    });
}

struct Backward<'a, E> {
    x: &'a [E],
    weight: Option<&'a [E]>,
    length: usize,
    scales: &'a [E],
    gradient: &'a mut [E],
}

/// scale * (g - x * along)
#[inline(always)]
fn centred<E: Element>(g: &mut [E], x: &[E], scale: E, along: E) {
    for (g, &x) in g.iter_mut().zip(x) {
        *g = scale * (*g - x * along);
    }
}

#[inline(always)]
fn multiplied<E: Element>(g: &mut [E], weight: &[E]) {
    for (g, &weight) in g.iter_mut().zip(weight) {
        *g *= weight;
    }
}

impl<E: Element> Loop for Backward<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let rows = self.x.chunks_exact(self.length);
        let gradients = self.gradient.chunks_exact_mut(self.length);
        for ((x, g), &scale) in rows.zip(gradients).zip(self.scales) {
            if let Some(weight) = self.weight {
                multiplied(g, weight);
            }
            let products = total([&*g, x], |[g, x]| g.double() * x.double());
            let square = scale.double() * scale.double();
            centred(g, x, scale, E::of(products / x.len() as f64 * square));
        }
    }
}

/// Replaces the gradient of [`rms_rows`] by that of its input. With y = x s and g times the weight:
/// s (g - y mean(g y)), the mean over a row.
pub(crate) fn rms_rows_backward<E: Element>(
    x: &[E],
    weight: Option<&[E]>,
    length: usize,
    scales: &[E],
    gradient: &mut [E],
) {
    let level = simd::level();
    let work = |first: usize, gradient: &mut [E]| {
        level.run(Backward {
            x: &x[first..][..gradient.len()],
            weight,
            length,
            scales: &scales[first / length..],
            gradient,
        });
    };
    if gradient.len() < PARALLEL / 4 {
        work(0, gradient);
    } else {
        threads::chunks(gradient, (CHUNK / 4 / length).max(1) * length, work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::scaled;
    use crate::simd::Level;
    use proptest::prelude::*;

    fn numbers(count: usize, step: f64) -> Vec<f64> {
        (0..count).map(|i| (i as f64 * step).sin() * 3.0).collect()
    }

    fn check(rows: usize, length: usize, weighted: bool) {
        let x = numbers(rows * length, 0.7);
        let weight = numbers(length, 0.3);
        let weight = weighted.then_some(&*weight);
        let gradient = numbers(rows * length, 1.3);
        let run = |level: Level, count: usize| {
            simd::with(level, || {
                threads::with(count, || {
                    let (mut scales, mut out) = (vec![0.0; rows], vec![0.0; x.len()]);
                    rms_rows(&x, weight, (length, 1e-3), &mut scales, &mut out);
                    let mut g = gradient.clone();
                    rms_rows_backward(&x, weight, length, &scales, &mut g);
                    (scales, out, g)
                })
            })
        };
        let want = run(Level::PORTABLE, 1);
        for row in 0..rows {
            let at = row * length..(row + 1) * length;
            let mean = x[at.clone()].iter().map(|x| x * x).sum::<f64>() / length as f64;
            let scale = (mean + 1e-3).sqrt().recip();
            let factor = |place: usize| weight.map_or(1.0, |weight| weight[place % length]);
            let along: f64 = at
                .clone()
                .map(|place| gradient[place] * factor(place) * x[place] * scale)
                .sum::<f64>()
                / length as f64;
            for place in at {
                let value = x[place] * scale * factor(place);
                assert!((want.1[place] - value).abs() < 1e-12);
                let g = scale * (gradient[place] * factor(place) - x[place] * scale * along);
                assert!((want.2[place] - g).abs() < 1e-11);
            }
        }
        for &level in Level::available() {
            for count in [1, 2, 3, 4, 8] {
                assert_eq!(run(level, count), want, "{level:?} {count}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(scaled(24, 3) as u32))]
        #[test]
        fn every_shape_level_and_number_of_threads_agrees_with_the_definition(
            rows in 0_usize..9, length in 1_usize..70, weighted: bool
        ) {
            check(rows, length, weighted);
        }
    }

    #[test]
    fn many_rows_and_long_ones_agree_too() {
        check(scaled(700, 30), scaled(64, 24), true);
        check(3, scaled(9_001, 301), false);
    }
}
