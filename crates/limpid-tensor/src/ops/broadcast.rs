//! Loops over tensors of different shapes, row by row, without repeating what is broadcast.

use crate::buffers::{self, Storage};
use crate::kernel::elementwise::{CHUNK, PARALLEL};
use crate::kernel::reduce::{Sum, groups};
use crate::layout::{Layout, Shape, count};
use crate::simd::{self, Arithmetic, Level, Loop};
use crate::{Element, Result, Tensor, threads};

/// A function of `N` numbers, on a row at a time.
pub(super) trait RowFunction<E, const N: usize>: Sync {
    /// Writes its values to `out`. The elements of an operand's row lie as far apart as `strides`
    /// says. To be marked `#[inline(always)]`.
    fn row(&self, out: &mut [E], operands: [&[E]; N], strides: [usize; N]);
}

/// A function of what is in `out` and of one number, whose values replace the former.
struct InPlace<F>(F);

impl<E: Element, F: Fn(E, E) -> E + Sync> RowFunction<E, 1> for InPlace<F> {
    #[inline(always)]
    fn row(&self, out: &mut [E], [y]: [&[E]; 1], [stride]: [usize; 1]) {
        match stride {
            0 => {
                let b = y[0];
                for own in out {
                    *own = (self.0)(*own, b);
                }
            }
            1 => {
                for (own, &b) in out.iter_mut().zip(y) {
                    *own = (self.0)(*own, b);
                }
            }
            _ => {
                for (own, &b) in out.iter_mut().zip(y.iter().step_by(stride)) {
                    *own = (self.0)(*own, b);
                }
            }
        }
    }
}

/// A function of two numbers.
pub(super) struct Two<F>(pub(super) F);

impl<E: Element, F: Fn(E, E) -> E + Sync> RowFunction<E, 2> for Two<F> {
    #[inline(always)]
    fn row(&self, out: &mut [E], [x, y]: [&[E]; 2], strides: [usize; 2]) {
        match strides {
            [1, 1] => {
                for (out, (&a, &b)) in out.iter_mut().zip(x.iter().zip(y)) {
                    *out = (self.0)(a, b);
                }
            }
            [1, 0] => {
                let b = y[0];
                for (out, &a) in out.iter_mut().zip(x) {
                    *out = (self.0)(a, b);
                }
            }
            [0, 1] => {
                let a = x[0];
                for (out, &b) in out.iter_mut().zip(y) {
                    *out = (self.0)(a, b);
                }
            }
            [s, t] => {
                for (place, out) in out.iter_mut().enumerate() {
                    *out = (self.0)(x[place * s], y[place * t]);
                }
            }
        }
    }
}

/// A function of three numbers.
pub(super) struct Three<F>(pub(super) F);

impl<E: Element, F: Fn(E, E, E) -> E + Sync> RowFunction<E, 3> for Three<F> {
    #[inline(always)]
    fn row(&self, out: &mut [E], [x, y, z]: [&[E]; 3], strides: [usize; 3]) {
        match strides {
            [1, 1, 1] => {
                for (out, ((&a, &b), &c)) in out.iter_mut().zip(x.iter().zip(y).zip(z)) {
                    *out = (self.0)(a, b, c);
                }
            }
            [1, 0, 1] => {
                let b = y[0];
                for (out, (&a, &c)) in out.iter_mut().zip(x.iter().zip(z)) {
                    *out = (self.0)(a, b, c);
                }
            }
            [0, 1, 1] => {
                let a = x[0];
                for (out, (&b, &c)) in out.iter_mut().zip(y.iter().zip(z)) {
                    *out = (self.0)(a, b, c);
                }
            }
            [s, t, u] => {
                for (place, out) in out.iter_mut().enumerate() {
                    *out = (self.0)(x[place * s], y[place * t], z[place * u]);
                }
            }
        }
    }
}

/// Tensors that broadcast to one shape.
struct Operands<'a, E, const N: usize> {
    numbers: [&'a [E]; N],
    layouts: [Layout; N],
    /// Elements of a row.
    length: usize,
}

impl<'a, E: Element, const N: usize> Operands<'a, E, N> {
    fn new(tensors: [&'a Tensor<E>; N], shape: &[usize]) -> Self {
        let layouts = merged(tensors.map(|tensor| tensor.layout.broadcast(shape)));
        Self {
            numbers: tensors.map(|tensor| &*tensor.storage),
            length: layouts.first().map_or(1, |layout| layout.row().0),
            layouts,
        }
    }
}

/// The layouts, which have one shape, with neighbouring dimensions made one where all of them pass
/// through both in equal steps: rows become fewer and longer.
fn merged<const N: usize>(mut layouts: [Layout; N]) -> [Layout; N] {
    let rank = layouts.first().map_or(0, |layout| layout.shape.len());
    for dim in (0..rank).rev() {
        let alone = layouts.iter().all(|layout| layout.shape[dim] == 1);
        let even = layouts.iter().all(|layout| {
            let (lengths, strides) = (&layout.shape[dim..], &layout.strides[dim..]);
            lengths.len() > 1 && strides[0] == strides[1] * lengths[1]
        });
        for layout in &mut layouts {
            if alone && layout.shape.len() > 1 {
                layout.shape.remove(dim);
                layout.strides.remove(dim);
            } else if even {
                layout.shape[dim] *= layout.shape.remove(dim + 1);
                layout.strides[dim] = layout.strides.remove(dim + 1);
            }
        }
    }
    layouts
}

/// The part of the result that begins with number `first`.
struct Part<'a, E, R, const N: usize> {
    operands: &'a Operands<'a, E, N>,
    function: &'a R,
    first: usize,
    out: &'a mut [E],
}

impl<E: Element, R: RowFunction<E, N>, const N: usize> Loop for Part<'_, E, R, N> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Operands {
            numbers,
            layouts,
            length,
        } = self.operands;
        let strides = layouts.each_ref().map(|layout| layout.row().1);
        let first_row = self.first / length;
        let mut rows = layouts.each_ref().map(|layout| layout.rows_from(first_row));
        let mut places = [0; N];
        let (mut out, mut skipped) = (self.out, self.first % length);
        while !out.is_empty() {
            for (place, row) in places.iter_mut().zip(&mut rows) {
                *place = row.next().unwrap_or(0);
            }
            let (now, later) = out.split_at_mut((length - skipped).min(out.len()));
            let mut parts = *numbers;
            for ((part, place), stride) in parts.iter_mut().zip(places).zip(strides) {
                *part = &part[place + skipped * stride..];
            }
            self.function.row(now, parts, strides);
            (out, skipped) = (later, 0);
        }
    }
}

impl<E: Element, const N: usize> Operands<'_, E, N> {
    fn part(&self, function: &impl RowFunction<E, N>, level: Level, first: usize, out: &mut [E]) {
        level.run(Part {
            operands: self,
            function,
            first,
            out,
        });
    }

    fn whole(&self, function: &impl RowFunction<E, N>, out: &mut [E]) {
        let level = simd::level();
        by_parts(out.len() >= PARALLEL, out, CHUNK, |first, out| {
            self.part(function, level, first, out);
        });
    }
}

/// Calls `work` with parts of `out` of `length` elements and their places; on several threads where
/// it is worth that.
fn by_parts<E: Element>(
    parallel: bool,
    out: &mut [E],
    length: usize,
    work: impl Fn(usize, &mut [E]) + Sync,
) {
    if parallel {
        threads::chunks(out, length, work);
    } else {
        for (number, out) in out.chunks_mut(length.max(1)).enumerate() {
            work(number * length, out);
        }
    }
}

/// `function` of every combination of elements of tensors that broadcast to `shape`.
pub(super) fn zip_rows<E: Element, const N: usize>(
    tensors: [&Tensor<E>; N],
    shape: &[usize],
    function: &impl RowFunction<E, N>,
) -> Storage<E> {
    let mut out = buffers::take(count(shape));
    Operands::new(tensors, shape).whole(function, &mut out);
    out
}

/// Replaces every element of `own`, of `shape`, by `function` of it and of the element of `other`,
/// which broadcasts to that shape.
pub(super) fn zip_rows_in_place<E: Element>(
    own: &mut [E],
    shape: &[usize],
    other: &Tensor<E>,
    function: impl Fn(E, E) -> E + Sync,
) {
    Operands::new([other], shape).whole(&InPlace(function), own);
}

/// As [`zip_rows`], summed over the dimensions along which a tensor of shape `target` broadcasts to
/// `shape`. Where those are the first or the last ones, what is summed is not written out but for a
/// part at a time.
pub(super) fn zip_rows_sum_to<E: Element, const N: usize>(
    tensors: [&Tensor<E>; N],
    shape: &[usize],
    target: &[usize],
    function: &impl RowFunction<E, N>,
) -> Result<Tensor<E>> {
    let operands = Operands::new(tensors, shape);
    let (level, parallel) = (simd::level(), count(shape) >= PARALLEL);
    let total = |(groups_at_once, group): (usize, (usize, usize)), out: &mut [E]| {
        let size = group.0 * group.1;
        by_parts(parallel, out, groups_at_once * group.1, |first, out| {
            let mut terms = buffers::take(out.len() / group.1 * size);
            operands.part(function, level, first / group.1 * size, &mut terms);
            groups(&terms, group, &Sum, out);
        });
    };
    let done = |out| Ok(Tensor::new(out, Shape::from_slice(target)));
    match summed(shape, target) {
        Summed::First(rows, columns) if rows > 0 && columns > 0 && columns <= CHUNK / 4 => {
            // Blocks of rows are summed each by itself, then their sums.
            let at_once = CHUNK / columns;
            let (blocks, rest) = (rows / at_once, rows % at_once);
            let mut sums = buffers::take((blocks + usize::from(rest > 0)) * columns);
            let (even, odd) = sums.split_at_mut(blocks * columns);
            total((1, (at_once, columns)), even);
            if rest > 0 {
                let mut terms = buffers::take(rest * columns);
                operands.part(function, level, blocks * at_once * columns, &mut terms);
                groups(&terms, (rest, columns), &Sum, odd);
            }
            if sums.len() == columns {
                return done(sums);
            }
            let mut out = buffers::take(columns);
            groups(&sums, (sums.len() / columns, columns), &Sum, &mut out);
            done(out)
        }
        Summed::Last(length) if length > 0 && length <= CHUNK => {
            let mut out = buffers::take(count(target));
            total((CHUNK / length, (length, 1)), &mut out);
            done(out)
        }
        _ => {
            let mut out = buffers::take(count(shape));
            operands.whole(function, &mut out);
            Tensor::new(out, Shape::from_slice(shape)).sum_to(target)
        }
    }
}

/// The dimensions over which a sum goes.
enum Summed {
    /// The first ones: rows of so many columns are added up.
    First(usize, usize),
    /// The last ones: so many numbers side by side are added up.
    Last(usize),
    /// Others.
    Others,
}

/// Over what a tensor of `shape` is summed to have shape `target`, which broadcasts to it.
fn summed(shape: &[usize], target: &[usize]) -> Summed {
    let lead = shape.len() - target.len();
    let is_summed = |dim: usize| dim < lead || (target[dim - lead] == 1 && shape[dim] != 1);
    let is_kept = |dim: usize| !is_summed(dim) && shape[dim] != 1;
    let end = (0..shape.len()).rev().find(|&dim| is_summed(dim));
    let first = (0..shape.len()).find(|&dim| is_summed(dim));
    match (first, end) {
        (_, Some(end)) if !(0..end).any(is_kept) => {
            Summed::First(count(&shape[..=end]), count(&shape[end + 1..]))
        }
        (Some(first), _) if !(first..shape.len()).any(is_kept) => {
            Summed::Last(count(&shape[first..]))
        }
        _ => Summed::Others,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;

    #[test]
    fn rows_on_several_threads_and_levels_give_what_one_gives() {
        let stream = Stream::new(1);
        let x = Tensor::<f64>::standard_normal([70, 30, 40], stream.fork("x"));
        let shapes: [&[usize]; 6] = [
            &[40],
            &[30, 1],
            &[70, 1, 1],
            &[70, 1, 40],
            &[1, 30, 40],
            &[1],
        ];
        for shape in shapes {
            let y = Tensor::standard_normal(shape, stream.fork("y"));
            let whole = y.broadcast_to([70, 30, 40]).unwrap();
            let pairs = x.to_vec().into_iter().zip(whole.to_vec());
            let want: Vec<f64> = pairs.map(|(a, b)| a * 10.0 + b).collect();
            let terms = Tensor::from_vec(want.clone(), [70, 30, 40]).unwrap();
            let sums = terms.sum_to(shape).unwrap().to_vec();
            let mut first: Option<Vec<f64>> = None;
            for count in [1, 2, 3, 4, 8] {
                for &level in Level::available() {
                    let work = || {
                        let f = Two(|a: f64, b: f64| a * 10.0 + b);
                        assert_eq!(*zip_rows([&x, &y], x.shape(), &f), *want);
                        let turned = Two(|b: f64, a: f64| a * 10.0 + b);
                        assert_eq!(*zip_rows([&y, &x], x.shape(), &turned), *want);
                        let mut own = x.to_vec();
                        zip_rows_in_place(&mut own, x.shape(), &y, |a, b| a * 10.0 + b);
                        assert_eq!(own, want);
                        let three = Three(|b: f64, a: f64, c: f64| a * 9.0 + b + c);
                        let got = zip_rows([&y, &x, &x], x.shape(), &three);
                        for (got, want) in got.iter().zip(&want) {
                            assert!((got - want).abs() < 1e-12);
                        }
                        let got = zip_rows_sum_to([&x, &y], x.shape(), shape, &f).unwrap();
                        assert_eq!(got.shape(), shape);
                        got.to_vec()
                    };
                    let got = simd::with(level, || threads::with(count, work));
                    for (got, want) in got.iter().zip(&sums) {
                        assert!((got - want).abs() < 1e-9 * want.abs().max(1.0), "{shape:?}");
                    }
                    assert_eq!(*first.get_or_insert(got.clone()), got, "{shape:?} {count}");
                }
            }
        }
    }

    #[test]
    fn sums_over_every_choice_of_dimensions_agree_with_those_of_the_whole() {
        for lengths in [
            [3, 1, 4],
            [1, 5, 2],
            [2, 3, 0],
            [6, 700, 50],
            [2, 2, 40_000],
        ] {
            let ones = |mask: usize| -> Vec<usize> {
                let length = |dim: usize| {
                    if mask >> dim & 1 == 1 {
                        1
                    } else {
                        lengths[dim]
                    }
                };
                (0..3).map(length).collect()
            };
            let x = Tensor::<f64>::from_fn(lengths, |place| (place % 19) as f64);
            for mask in 0..8 {
                let shape = ones(mask);
                let y = Tensor::from_fn(&shape, |place| (place % 7) as f64);
                let f = Two(|a: f64, b: f64| a * b);
                let terms = zip_rows([&x, &y], &lengths, &f);
                let terms = Tensor::new(terms, Shape::from_slice(&lengths));
                for cut in 0..=shape.iter().take_while(|&&length| length == 1).count() {
                    let target = &shape[cut..];
                    let got = zip_rows_sum_to([&x, &y], &lengths, target, &f).unwrap();
                    assert_eq!(got, terms.sum_to(target).unwrap(), "{lengths:?} {target:?}");
                }
            }
        }
    }
}
