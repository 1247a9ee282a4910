//! Multiples of gradient rows, added to a table over all threads.

use std::ops::Range;

use limpid_tensor::simd::{self, Arithmetic, Loop};
use limpid_tensor::{EachRow, Element, Rows, prefetch, threads};

/// How many elements of touched rows are worth a task of their own.
const TASK: usize = 1 << 16;
/// How many rows ahead the memory is asked for: rows lie far apart, so the processor cannot guess.
const AHEAD: usize = 4;

/// The part of a table that holds some of the touched rows.
struct Part<'a, E> {
    touched: Range<usize>,
    /// The table's row that the part begins with.
    first: usize,
    table: &'a mut [E],
}

/// Adds `scale` times each touched row's gradient to its row of `table`.
pub(crate) fn add_rows<E: Element>(table: &mut [E], gradient: &Rows<E>, scale: E) {
    let (touched, width) = (gradient.touched(), gradient.width());
    let level = simd::level();
    let mut parts = cut(table, touched, width);
    threads::chunks(parts.as_mut_slice(), 1, |_, parts| {
        for part in parts {
            level.run(Add {
                part,
                gradient,
                width,
                scale,
            });
        }
    });
}

/// Cuts the table between touched rows.
fn cut<'a, E>(mut table: &'a mut [E], touched: &[usize], width: usize) -> Vec<Part<'a, E>> {
    let step = TASK.div_ceil(width.max(1));
    let mut parts = Vec::with_capacity(touched.len().div_ceil(step));
    let (mut place, mut first) = (0, 0);
    for rows in touched.chunks(step) {
        let end = rows.last().map_or(first, |last| last + 1);
        let (own, rest) = table.split_at_mut((end - first) * width);
        parts.push(Part {
            touched: place..place + rows.len(),
            first,
            table: own,
        });
        (table, first, place) = (rest, end, place + rows.len());
    }
    parts
}

struct Add<'a, 'b, E: Element> {
    part: &'a mut Part<'b, E>,
    gradient: &'a Rows<E>,
    width: usize,
    scale: E,
}

impl<E: Element> Loop for Add<'_, '_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Part {
            touched,
            first,
            table,
        } = self.part;
        let (width, scale) = (self.width, self.scale);
        let coming = &self.gradient.touched()[touched.clone()];
        let mut each = AddRow {
            coming: coming.get(AHEAD..).unwrap_or_default(),
            table,
            first: *first,
            width,
            scale,
        };
        self.gradient.each_touched_by(touched.clone(), &mut each);
    }
}

/// Adds to one row after the other.
struct AddRow<'a, E> {
    /// The rows that are still to be asked for.
    coming: &'a [usize],
    table: &'a mut [E],
    /// The table's first row.
    first: usize,
    width: usize,
    scale: E,
}

impl<E: Element> EachRow<E> for AddRow<'_, E> {
    #[inline(always)]
    fn take(&mut self, row: usize, gradient: &[E]) {
        let (first, width, scale) = (self.first, self.width, self.scale);
        if let Some((row, rest)) = self.coming.split_first() {
            prefetch(&self.table[(row - first) * width..][..width]);
            self.coming = rest;
        }
        let own = &mut self.table[(row - first) * width..][..width];
        add_scaled(own, gradient, scale);
    }
}

/// `own += scale * gradient`. A function of its own, because the compiler knows of a function's
/// parameters that they do not overlap.
#[inline(always)]
fn add_scaled<E: Element>(own: &mut [E], gradient: &[E], scale: E) {
    for (element, &sum) in own.iter_mut().zip(gradient) {
        *element += scale * sum;
    }
}

/// The sum of squares of a gradient's elements.
pub(crate) fn sum_of_squares<E: Element>(gradient: &Rows<E>) -> f64 {
    let (rows, width) = (gradient.touched().len(), gradient.width());
    let step = TASK.div_ceil(width.max(1));
    let mut sums = vec![0.0; rows.div_ceil(step)];
    threads::chunks(sums.as_mut_slice(), 1, |task, sums| {
        let part = task * step..rows.min((task + 1) * step);
        for total in sums {
            gradient.each_touched(part.clone(), |_, sum| {
                *total += crate::sweep::sum_of_squares(sum);
            });
        }
    });
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, Tensor};

    #[test]
    fn rows_are_added_where_they_belong_whatever_the_threads_and_the_level() {
        let (uses, width, length) = (3000, 131, 1000);
        let mut generator = Stream::new(1).generator();
        let rows: Vec<usize> = (0..uses)
            .map(|_| (generator.unit() * length as f64) as usize)
            .collect();
        let values = Tensor::<f32>::standard_normal([uses, width], Stream::new(2));
        let gradient = Rows::new(&[length, width], rows, values).unwrap();
        let dense = gradient.to_dense().to_vec();
        let before = Tensor::<f32>::standard_normal([length, width], Stream::new(3)).to_vec();
        let want: Vec<f32> = before
            .iter()
            .zip(&dense)
            .map(|(p, g)| p - 0.1 * g)
            .collect();
        let square = threads::with(1, || sum_of_squares(&gradient));
        let near: f64 = dense.iter().map(|g| f64::from(*g).powi(2)).sum();
        assert!((square / near - 1.0).abs() < 1e-12);
        for count in [1, 2, 3, 4, 8] {
            for &level in simd::Level::available() {
                let mut table = before.clone();
                let found = threads::with(count, || {
                    simd::with(level, || {
                        add_rows(&mut table, &gradient, -0.1);
                        sum_of_squares(&gradient)
                    })
                });
                assert!(
                    table == want && found == square,
                    "{count} threads, {level:?}"
                );
            }
        }
    }
}
