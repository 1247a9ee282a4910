//! Sums and variances.

use super::side::{SHORT, SIDE, Side};
use super::{COLUMNS, NARROW, Reduction};
use crate::kernel::elementwise::{CHUNK, Map, PARALLEL, Zip};
use crate::simd::{self, Arithmetic, Level, Loop};
use crate::{Element, buffers, threads};

/// Numbers are summed side by side, this many at a time.
const LANES: usize = 32;
/// What is summed straight away.
const BLOCK: usize = 512;
/// Rows that are summed straight away.
const ROWS: usize = 128;

/// Sums of blocks, joined like the digits of a binary counter: neighbours of the same size.
struct Pairs<E> {
    sums: [E; usize::BITS as usize],
    count: usize,
}

impl<E: Element> Pairs<E> {
    #[inline(always)]
    fn new() -> Self {
        Self {
            sums: [E::zero(); usize::BITS as usize],
            count: 0,
        }
    }

    #[inline(always)]
    fn push(&mut self, mut sum: E) {
        let mut size = 0;
        while self.count >> size & 1 == 1 {
            sum = self.sums[size] + sum;
            size += 1;
        }
        self.sums[size] = sum;
        self.count += 1;
    }

    #[inline(always)]
    fn total(&self) -> E {
        let (mut total, mut left) = (E::zero(), self.count);
        while left != 0 {
            total = self.sums[left.trailing_zeros() as usize] + total;
            left &= left - 1;
        }
        total
    }
}

/// The sum of `f` of every element.
#[inline(always)]
pub(super) fn sum_loop<E: Element>(f: &impl Map<E, E>, x: &[E]) -> E {
    let mut pairs = Pairs::new();
    for block in x.chunks(BLOCK) {
        let (rows, rest) = block.as_chunks::<LANES>();
        let mut lanes = [E::zero(); LANES];
        for row in rows {
            for (lane, &x) in lanes.iter_mut().zip(row) {
                *lane += f.of(x);
            }
        }
        for (lane, &x) in lanes.iter_mut().zip(rest) {
            *lane += f.of(x);
        }
        let sum = joined(&lanes, |a, b| a + b);
        if x.len() <= BLOCK {
            return sum;
        }
        pairs.push(sum);
    }
    pairs.total()
}

/// What becomes of all lanes, the first half with the second again and again.
#[inline(always)]
pub(super) fn joined<E: Copy>(lanes: &[E; LANES], f: impl Fn(E, E) -> E) -> E {
    let half: [E; 16] = std::array::from_fn(|lane| f(lanes[lane], lanes[lane + 16]));
    let half: [E; 8] = std::array::from_fn(|lane| f(half[lane], half[lane + 8]));
    let half: [E; 4] = std::array::from_fn(|lane| f(half[lane], half[lane + 4]));
    f(f(half[0], half[2]), f(half[1], half[3]))
}

/// The sums of `f` of each number and the group's number of `side`, of groups that stand side by
/// side: in the order of [`sum_loop`].
#[inline(always)]
pub(super) fn sum_side<E: Element>(
    f: &impl Zip<E, E, E>,
    x: Side<'_, E>,
    side: &[E; SIDE],
) -> [E; SIDE] {
    const { assert!(SHORT <= BLOCK, "a group is one block") };
    // Room for what there is: to clear the lanes of 32 takes longer than to add up 8.
    if x.len() <= 8 {
        sum_side_by::<E, 8>(f, x, side)
    } else {
        sum_side_by::<E, LANES>(f, x, side)
    }
}

#[inline(always)]
fn sum_side_by<E: Element, const ROOM: usize>(
    f: &impl Zip<E, E, E>,
    x: Side<'_, E>,
    side: &[E; SIDE],
) -> [E; SIDE] {
    let mut lanes = [[E::zero(); SIDE]; ROOM];
    for (place, numbers) in x.iter().enumerate() {
        let sums = &mut lanes[place % ROOM];
        for ((sum, &x), &side) in sums.iter_mut().zip(numbers).zip(side) {
            *sum += f.of(x, side);
        }
    }
    // Lanes that no number fell to are zeros, which need not be added.
    let mut count = x.len().min(ROOM);
    let mut width = ROOM / 2;
    while width > 0 {
        for lane in width..count {
            let more = lanes[lane];
            for (sum, more) in lanes[lane - width].iter_mut().zip(more) {
                *sum += more;
            }
        }
        count = count.min(width);
        width /= 2;
    }
    lanes[0]
}

struct SumLoop<'a, E, F>(&'a F, &'a [E]);

impl<E: Element, F: Map<E, E>> Loop for SumLoop<'_, E, F> {
    type Output = E;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> E {
        sum_loop(self.0, self.1)
    }
}

/// The sum of `f` of every element, on several threads where there is enough to do.
pub(super) fn sum_by<E: Element>(x: &[E], f: &impl Map<E, E>, level: Level) -> E {
    if x.len() < PARALLEL {
        return level.run(SumLoop(f, x));
    }
    let mut sums = buffers::take::<E>(x.len().div_ceil(CHUNK));
    threads::chunks(&mut *sums, 1, |task, sum| {
        let first = task * CHUNK;
        let part = &x[first..x.len().min(first + CHUNK)];
        sum.fill(level.run(SumLoop(f, part)));
    });
    let mut pairs = Pairs::new();
    for &sum in sums.iter() {
        pairs.push(sum);
    }
    pairs.total()
}

/// The number itself.
pub(super) struct Same;

impl<E: Element> Map<E, E> for Same {
    #[inline(always)]
    fn of(&self, x: E) -> E {
        x
    }
}

impl<E: Element> Zip<E, E, E> for Same {
    #[inline(always)]
    fn of(&self, x: E, _: E) -> E {
        x
    }
}

/// The sum of a slice.
pub(crate) fn sum<E: Element>(x: &[E]) -> E {
    sum_by(x, &Same, simd::level())
}

struct ColumnSums<'a, E, F> {
    f: &'a F,
    x: &'a [E],
    width: usize,
    first: usize,
    side: &'a [E],
    out: &'a mut [E],
}

impl<E: Element, F: Zip<E, E, E>> Loop for ColumnSums<'_, E, F> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        if self.out.len() <= NARROW {
            self.with_room::<NARROW>();
        } else {
            self.with_room::<COLUMNS>();
        }
    }
}

impl<E: Element, F: Zip<E, E, E>> ColumnSums<'_, E, F> {
    #[inline(always)]
    fn with_room<const ROOM: usize>(self) {
        let columns = self.out.len();
        self.out.fill(E::zero());
        let mut partial = [E::zero(); ROOM];
        let partial = &mut partial[..columns];
        for block in self.x.chunks(ROWS * self.width) {
            partial.fill(E::zero());
            let mut rows = block.chunks_exact(4 * self.width);
            for four in &mut rows {
                let row = |number: usize| &four[number * self.width + self.first..][..columns];
                add_four(self.f, partial, self.side, [row(0), row(1), row(2), row(3)]);
            }
            for row in rows.remainder().chunks_exact(self.width) {
                add_one(self.f, partial, self.side, &row[self.first..][..columns]);
            }
            for (total, &sum) in self.out.iter_mut().zip(partial.iter()) {
                *total += sum;
            }
        }
    }
}

#[inline(always)]
fn add_one<E: Element>(f: &impl Zip<E, E, E>, out: &mut [E], side: &[E], row: &[E]) {
    for ((total, &side), &x) in out.iter_mut().zip(side).zip(row) {
        *total += f.of(x, side);
    }
}

#[inline(always)]
fn add_four<E: Element>(f: &impl Zip<E, E, E>, out: &mut [E], side: &[E], rows: [&[E]; 4]) {
    let [a, b, c, d] = rows;
    let terms = a.iter().zip(b).zip(c.iter().zip(d));
    for ((total, &s), ((&a, &b), (&c, &d))) in out.iter_mut().zip(side).zip(terms) {
        *total += (f.of(a, s) + f.of(b, s)) + (f.of(c, s) + f.of(d, s));
    }
}

/// The sums of `f` of the elements of each column and of the column's element of `side`; where rows
/// are narrow, of several rows at a time.
pub(super) fn column_sums<E: Element>(
    (x, width, first): (&[E], usize, usize),
    f: &impl Zip<E, E, E>,
    side: &[E],
    out: &mut [E],
    level: Level,
) {
    let plain = |x: &[E], width: usize, side: &[E], out: &mut [E]| {
        level.run(ColumnSums {
            f,
            x,
            width,
            first,
            side,
            out,
        });
    };
    // Rows that are narrow are reduced whole.
    let mut together = NARROW / width;
    if together < 2 || x.len() / width < 4 * together {
        plain(x, width, side, out);
        return;
    }
    let wide = together * width;
    let (mut sums, mut sides) = ([E::zero(); NARROW], [E::zero(); NARROW]);
    for part in sides[..wide].chunks_exact_mut(width) {
        part.copy_from_slice(&side[..width]);
    }
    let (whole, rest) = x.split_at(x.len() / wide * wide);
    plain(whole, wide, &sides[..wide], &mut sums[..wide]);
    plain(rest, width, side, out);
    while together > 1 {
        let kept = together.div_ceil(2);
        let (to, from) = sums[..together * width].split_at_mut(kept * width);
        to.iter_mut()
            .zip(from)
            .for_each(|(to, &mut sum)| *to += sum);
        together = kept;
    }
    out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
}

/// The sum.
pub(crate) struct Sum;

impl<E: Element> Reduction<E, E> for Sum {
    fn whole(&self, x: &[E], level: Level) -> E {
        sum_by(x, &Same, level)
    }

    fn columns(&self, x: &[E], width: usize, first: usize, out: &mut [E], level: Level) {
        if x.is_empty() {
            out.fill(E::zero());
            return;
        }
        // What stands at the side is not looked at.
        let side = &x[first..][..out.len()];
        column_sums((x, width, first), &Same, side, out, level);
    }

    #[inline(always)]
    fn side_by_side(&self, x: Side<'_, E>, out: &mut [E; SIDE]) {
        *out = sum_side(&Same, x, &[E::zero(); SIDE]);
    }
}

/// The square of the distance from a mean.
struct SquareFrom<E>(E);

impl<E: Element> Map<E, E> for SquareFrom<E> {
    #[inline(always)]
    fn of(&self, x: E) -> E {
        (x - self.0) * (x - self.0)
    }
}

struct SquareDistance;

impl<E: Element> Zip<E, E, E> for SquareDistance {
    #[inline(always)]
    fn of(&self, x: E, mean: E) -> E {
        (x - mean) * (x - mean)
    }
}

/// The sum of the squares of the distances from the mean, divided by `degrees`.
pub(crate) struct Variance {
    pub(crate) degrees: f64,
}

impl<E: Element> Reduction<E, E> for Variance {
    fn whole(&self, x: &[E], level: Level) -> E {
        let mean = sum_by(x, &Same, level) / E::of(x.len() as f64);
        sum_by(x, &SquareFrom(mean), level) / E::of(self.degrees)
    }

    fn columns(&self, x: &[E], width: usize, first: usize, out: &mut [E], level: Level) {
        let mut means = [E::zero(); COLUMNS];
        let means = &mut means[..out.len()];
        Sum.columns(x, width, first, means, level);
        let count = E::of((x.len() / width) as f64);
        means.iter_mut().for_each(|mean| *mean /= count);
        column_sums((x, width, first), &SquareDistance, means, out, level);
        let degrees = E::of(self.degrees);
        out.iter_mut().for_each(|square| *square /= degrees);
    }

    #[inline(always)]
    fn side_by_side(&self, x: Side<'_, E>, out: &mut [E; SIDE]) {
        let (count, degrees) = (E::of(x.len() as f64), E::of(self.degrees));
        let mean = sum_side(&Same, x, out).map(|sum| sum / count);
        *out = sum_side(&SquareDistance, x, &mean).map(|square| square / degrees);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::reduce::groups;
    use crate::kernel::scaled;

    #[test]
    fn sums_of_every_length_agree_with_integers() {
        let lengths = (0..1_300_u32).step_by(scaled(1, 97));
        for count in lengths.chain([CHUNK as u32 + 3, PARALLEL as u32 + 77]) {
            let x: Vec<f64> = (1..=count).map(f64::from).collect();
            let want = f64::from(count) * (f64::from(count) + 1.0) / 2.0;
            assert_eq!(sum(&x), want, "{count}");
        }
    }

    #[test]
    fn a_long_sum_in_single_precision_keeps_its_digits() {
        let count = scaled(1 << 20, 1 << 12);
        let want = f64::from(0.1_f32) * count as f64;
        assert!((f64::from(sum(&vec![0.1_f32; count])) / want - 1.0).abs() < 1e-6);
    }

    #[test]
    fn columns_are_added_up_whatever_their_number() {
        for (outer, rows, columns) in [(1, 301, 3), (5, 2, 7), (2, 1, 1_030), (1, 40, 2_100)] {
            let x: Vec<f64> = (0..outer * rows * columns)
                .map(|i| (i % 97) as f64)
                .collect();
            let mut out = vec![f64::NAN; outer * columns];
            groups(&x, (rows, columns), &Sum, &mut out);
            for (place, &found) in out.iter().enumerate() {
                let start = place / columns * rows * columns + place % columns;
                let want: f64 = (0..rows).map(|row| x[start + row * columns]).sum();
                assert_eq!(found, want, "{outer} {rows} {columns} {place}");
            }
        }
    }

    #[test]
    fn threads_and_levels_do_not_change_a_bit() {
        let (rows, columns) = (scaled(3_000, 30), scaled(1_500, 15));
        let x: Vec<f32> = (0..100 * rows).map(|i| (i as f32 * 0.37).sin()).collect();
        let run = |level: Level, count: usize| {
            simd::with(level, || {
                threads::with(count, || {
                    let mut by_row = vec![0.0; rows];
                    groups(&x, (100, 1), &Variance { degrees: 99.0 }, &mut by_row);
                    let mut by_column = vec![0.0; columns];
                    groups(
                        &x,
                        (200, columns),
                        &Variance { degrees: 9.0 },
                        &mut by_column,
                    );
                    (sum(&x), by_row, by_column)
                })
            })
        };
        let want = run(Level::PORTABLE, 1);
        for &level in Level::available() {
            for count in [1, 2, 3, 4, 8] {
                assert_eq!(run(level, count), want, "{level:?} {count}");
            }
        }
    }
}
