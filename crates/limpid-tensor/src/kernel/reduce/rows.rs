//! Rows divided by the root of their mean square, from their mean where they are centred, and what
//! that makes of gradients.

use super::{Sum, groups};
use crate::kernel::elementwise::{CHUNK, PARALLEL};
use crate::simd::{self, Arithmetic, Loop};
use crate::{Element, buffers, threads};

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

/// What a row is normalised by, (x - mean) scale: mean, 0 where rows are not centred, and scale.
pub(crate) type Row<E> = [E; 2];

/// How rows are normalised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a, E> {
    /// How long a row is, at least 1.
    pub(crate) length: usize,
    /// Whether their mean is taken away.
    pub(crate) centred: bool,
    /// Added to the mean square.
    pub(crate) eps: f64,
    /// Numbers for each place of a row.
    pub(crate) weight: Option<&'a [E]>,
    pub(crate) bias: Option<&'a [E]>,
}

/// out = (x - mean) scale
#[inline(always)]
fn normalised<E: Element>(out: &mut [E], x: &[E], [mean, scale]: Row<E>) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = (x - mean) * scale;
    }
}

#[inline(always)]
fn multiplied<E: Element>(g: &mut [E], weight: &[E]) {
    for (g, &weight) in g.iter_mut().zip(weight) {
        *g *= weight;
    }
}

#[inline(always)]
fn shifted<E: Element>(out: &mut [E], bias: &[E]) {
    for (out, &bias) in out.iter_mut().zip(bias) {
        *out += bias;
    }
}

struct Forward<'a, E> {
    x: &'a [E],
    kind: Rows<'a, E>,
    rows: &'a mut [Row<E>],
    out: &'a mut [E],
}

impl<E: Element> Loop for Forward<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Rows { length, .. } = self.kind;
        let all = self.x.chunks_exact(length);
        let out = self.out.chunks_exact_mut(length);
        let count = length as f64;
        for ((x, out), row) in all.zip(out).zip(self.rows) {
            let mut mean = 0.0;
            if self.kind.centred {
                mean = total([x], |[x]| x.double()) / count;
            }
            let square = |[x]: [E; 1]| (x.double() - mean) * (x.double() - mean);
            let squares = total([x], square);
            let scale = (squares / count + self.kind.eps).sqrt().recip();
            *row = [E::of(mean), E::of(scale)];
            normalised(out, x, *row);
            if let Some(weight) = self.kind.weight {
                multiplied(out, weight);
            }
            if let Some(bias) = self.kind.bias {
                shifted(out, bias);
            }
        }
    }
}

/// Every row from its mean, if `centred`, times its scale, 1 / sqrt(mean square + eps), times
/// `weight` and with `bias` added. Means and squares are summed in double precision.
pub(crate) fn normalised_rows<E: Element>(
    x: &[E],
    kind: Rows<'_, E>,
    rows: &mut [Row<E>],
    out: &mut [E],
) {
    let level = simd::level();
    let length = kind.length;
    let work = |first: usize, rows: &mut [Row<E>], out: &mut [E]| {
        level.run(Forward {
            x: &x[first * length..][..out.len()],
            kind,
            rows,
            out,
        });
    };
    by_rows((rows, out), length, work);
}

/// Calls `work` with the number of the first of some rows, with what there is one of for a row, and
/// with the rows.
fn by_rows<E: Element, S: Send>(
    (singles, rows): (&mut [S], &mut [E]),
    length: usize,
    work: impl Fn(usize, &mut [S], &mut [E]) + Sync,
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
    kind: Rows<'a, E>,
    rows: &'a [Row<E>],
    gradient: &'a mut [E],
}

/// scale (g - plain - (x - mean) along)
#[inline(always)]
fn combined<E: Element>(g: &mut [E], x: &[E], [mean, scale]: Row<E>, [plain, along]: [E; 2]) {
    for (g, &x) in g.iter_mut().zip(x) {
        *g = scale * (*g - plain - (x - mean) * along);
    }
}

impl<E: Element> Loop for Backward<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Rows { length, .. } = self.kind;
        let all = self.x.chunks_exact(length);
        let gradients = self.gradient.chunks_exact_mut(length);
        let count = length as f64;
        for ((x, g), &[mean, scale]) in all.zip(gradients).zip(self.rows) {
            if let Some(weight) = self.kind.weight {
                multiplied(g, weight);
            }
            let mut plain = 0.0;
            if self.kind.centred {
                plain = total([&*g], |[g]| g.double()) / count;
            }
            let product = |[g, x]: [E; 2]| g.double() * (x - mean).double();
            let products = total([&*g, x], product);
            let square = scale.double() * scale.double();
            let along = products / count * square;
            combined(g, x, [mean, scale], [E::of(plain), E::of(along)]);
        }
    }
}

/// Replaces the gradient of [`normalised_rows`] by that of its input. With y = (x - mean) s and g
/// times the weight: s (g - mean(g) - y mean(g y)), the means over a row, the first only where rows
/// are centred.
pub(crate) fn normalised_rows_backward<E: Element>(
    x: &[E],
    kind: Rows<'_, E>,
    rows: &[Row<E>],
    gradient: &mut [E],
) {
    let level = simd::level();
    let length = kind.length;
    let work = |first: usize, gradient: &mut [E]| {
        level.run(Backward {
            x: &x[first..][..gradient.len()],
            kind,
            rows: &rows[first / length..],
            gradient,
        });
    };
    if gradient.len() < PARALLEL / 4 {
        work(0, gradient);
    } else {
        threads::chunks(gradient, (CHUNK / 4 / length).max(1) * length, work);
    }
}

/// The sums of g (x - mean) scale and of g over rows, for each place of a row.
struct PlaceSums<'a, E> {
    x: &'a [E],
    g: &'a [E],
    rows: &'a [Row<E>],
    along: &'a mut [E],
    plain: &'a mut [E],
}

impl<E: Element> Loop for PlaceSums<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let length = self.plain.len();
        self.plain.fill(E::zero());
        self.along.fill(E::zero());
        let fours = self.x.chunks(4 * length).zip(self.g.chunks(4 * length));
        for ((x, g), rows) in fours.zip(self.rows.chunks(4)) {
            if let &[a, b, c, d] = rows {
                let four = [a, b, c, d];
                add_four(self.along, self.plain, (x, g), four);
            } else {
                let all = x.chunks_exact(length).zip(g.chunks_exact(length));
                for ((x, g), &row) in all.zip(rows) {
                    add_one(self.along, self.plain, (x, g), row);
                }
            }
        }
    }
}

#[inline(always)]
fn add_one<E: Element>(
    along: &mut [E],
    plain: &mut [E],
    (x, g): (&[E], &[E]),
    [mean, scale]: Row<E>,
) {
    let sums = along.iter_mut().zip(plain);
    for ((along, plain), (&x, &g)) in sums.zip(x.iter().zip(g)) {
        *along += g * ((x - mean) * scale);
        *plain += g;
    }
}

#[inline(always)]
fn add_four<E: Element>(along: &mut [E], plain: &mut [E], (x, g): (&[E], &[E]), rows: [Row<E>; 4]) {
    let length = plain.len();
    let along = &mut along[..length];
    let x: [&[E]; 4] = std::array::from_fn(|row| &x[row * length..][..length]);
    let g: [&[E]; 4] = std::array::from_fn(|row| &g[row * length..][..length]);
    for place in 0..length {
        let term = |row: usize| {
            let [mean, scale] = rows[row];
            g[row][place] * ((x[row][place] - mean) * scale)
        };
        along[place] += (term(0) + term(1)) + (term(2) + term(3));
        plain[place] += (g[0][place] + g[1][place]) + (g[2][place] + g[3][place]);
    }
}

/// The gradients of the weight and of the bias of [`normalised_rows`], one after the other.
pub(crate) fn normalised_rows_sums<E: Element>(
    x: &[E],
    g: &[E],
    length: usize,
    rows: &[Row<E>],
) -> buffers::Storage<E> {
    let level = simd::level();
    // Blocks of rows are summed each by itself, then their sums.
    let block = (CHUNK / length).clamp(4, 128);
    let blocks = rows.len().div_ceil(block);
    let mut sums = buffers::take::<E>(blocks * 2 * length);
    let work = |first: usize, sums: &mut [E]| {
        let (along, plain) = sums.split_at_mut(length);
        let first = first / (2 * length) * block;
        let end = (first + block).min(rows.len());
        level.run(PlaceSums {
            x: &x[first * length..end * length],
            g: &g[first * length..end * length],
            rows: &rows[first..end],
            along,
            plain,
        });
    };
    if x.len() < PARALLEL / 4 {
        for (number, sums) in sums.chunks_exact_mut(2 * length).enumerate() {
            work(number * 2 * length, sums);
        }
    } else {
        threads::chunks(&mut *sums, 2 * length, work);
    }
    let mut out = buffers::take(2 * length);
    groups(&sums, (blocks, 2 * length), &Sum, &mut out);
    out
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

    fn check(rows: usize, length: usize, centred: bool, weighted: bool) {
        let x = numbers(rows * length, 0.7);
        let (weight, bias) = (numbers(length, 0.3), numbers(length, 0.9));
        let kind = Rows {
            length,
            centred,
            eps: 1e-3,
            weight: weighted.then_some(&*weight),
            bias: weighted.then_some(&*bias),
        };
        let gradient = numbers(rows * length, 1.3);
        let run = |level: Level, count: usize| {
            simd::with(level, || {
                threads::with(count, || {
                    let (mut singles, mut out) = (vec![[0.0; 2]; rows], vec![0.0; x.len()]);
                    normalised_rows(&x, kind, &mut singles, &mut out);
                    let sums = normalised_rows_sums(&x, &gradient, length, &singles);
                    let mut g = gradient.clone();
                    normalised_rows_backward(&x, kind, &singles, &mut g);
                    (singles, out, g, sums.to_vec())
                })
            })
        };
        let want = run(Level::PORTABLE, 1);
        let count = length as f64;
        let mut sums = vec![0.0; 2 * length];
        for row in 0..rows {
            let at = row * length..(row + 1) * length;
            let mean = if centred {
                x[at.clone()].iter().sum::<f64>() / count
            } else {
                0.0
            };
            let square = x[at.clone()]
                .iter()
                .map(|x| (x - mean).powi(2))
                .sum::<f64>()
                / count;
            let scale = (square + 1e-3).sqrt().recip();
            let apart = |place: usize| (x[place] - mean) * scale;
            let factor = |place: usize| {
                if weighted {
                    weight[place % length]
                } else {
                    1.0
                }
            };
            let g = |place: usize| gradient[place] * factor(place);
            let along = at.clone().map(|place| g(place) * apart(place)).sum::<f64>() / count;
            let mut plain = 0.0;
            if centred {
                plain = at.clone().map(g).sum::<f64>() / count;
            }
            for place in at {
                let shift = if weighted { bias[place % length] } else { 0.0 };
                let value = apart(place) * factor(place) + shift;
                assert!((want.1[place] - value).abs() < 1e-12);
                let g = scale * (g(place) - plain - apart(place) * along);
                assert!((want.2[place] - g).abs() < 1e-10, "{} {g}", want.2[place]);
                sums[place % length] += gradient[place] * apart(place);
                sums[length + place % length] += gradient[place];
            }
        }
        let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
        assert!(sums.iter().zip(&want.3).all(near));
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
            rows in 0_usize..9, length in 1_usize..70, centred: bool, weighted: bool
        ) {
            check(rows, length, centred, weighted);
        }
    }

    #[test]
    fn many_rows_and_long_ones_agree_too() {
        for centred in [false, true] {
            check(scaled(700, 30), scaled(64, 24), centred, true);
            check(3, scaled(9_001, 301), centred, false);
        }
    }
}
