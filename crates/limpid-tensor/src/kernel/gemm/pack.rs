//! Operands rearranged for the micro kernels: panels, a few lanes wide, one step after the other.

use super::micro::Micro;
use crate::Element;

/// A matrix within a slice: where it begins and how far rows and columns lie apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strided<'a, E> {
    pub(crate) data: &'a [E],
    pub(crate) offset: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a, E> Strided<'a, E> {
    /// A matrix of rows of `columns` elements, one after the other.
    pub(crate) fn row_major(data: &'a [E], columns: usize) -> Self {
        Self {
            data,
            offset: 0,
            row_stride: columns,
            column_stride: 1,
        }
    }

    /// The transposed matrix.
    pub(crate) fn transposed(self) -> Self {
        Self {
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Whether every element of a `rows` x `columns` matrix lies within the slice.
    pub(super) fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || self.offset + (rows - 1) * self.row_stride + (columns - 1) * self.column_stride
                < self.data.len()
    }

    /// The matrix without its first rows and columns.
    pub(crate) fn from(&self, row: usize, column: usize) -> Self {
        Self {
            offset: self.offset + row * self.row_stride + column * self.column_stride,
            ..*self
        }
    }
}

/// Elements that are copied at once where they lie side by side.
const RUN: usize = 8;

/// Writes the first `columns` columns of `depth` rows of `source` into `to`, `width` places a row;
/// the places beyond `columns` become 0.
pub(super) fn panel<E: Element>(
    to: &mut [E],
    (depth, columns, width): (usize, usize, usize),
    source: Strided<'_, E>,
    micro: &Micro<E>,
) {
    debug_assert!(source.holds(depth, columns) && columns <= width && to.len() >= depth * width);
    if depth == 0 || columns == 0 {
        return;
    }
    let data = &source.data[source.offset..];
    if columns < width {
        for row in to.chunks_exact_mut(width).take(depth) {
            row[columns..].fill(E::zero());
        }
    }
    if source.column_stride == 1 {
        for (step, row) in to.chunks_exact_mut(width).take(depth).enumerate() {
            let from = &data[step * source.row_stride..][..columns];
            let (runs, rest) = row[..columns].as_chunks_mut::<RUN>();
            let (from_runs, from_rest) = from.as_chunks::<RUN>();
            for (run, from) in runs.iter_mut().zip(from_runs) {
                *run = *from;
            }
            for (place, from) in rest.iter_mut().zip(from_rest) {
                *place = *from;
            }
        }
    } else if source.row_stride == 1 {
        transposed(to, (depth, columns, width), data, source.column_stride, micro);
    } else {
        for (step, row) in to.chunks_exact_mut(width).take(depth).enumerate() {
            for (column, place) in row[..columns].iter_mut().enumerate() {
                *place = data[step * source.row_stride + column * source.column_stride];
            }
        }
    }
}

/// As [`panel`], from a source whose columns lie one after the other, `stride` apart.
fn transposed<E: Element>(
    to: &mut [E],
    (depth, columns, width): (usize, usize, usize),
    data: &[E],
    stride: usize,
    micro: &Micro<E>,
) {
    let block = micro.block;
    let (whole_depth, whole_columns) = (depth / block * block, columns / block * block);
    for column in (0..whole_columns).step_by(block) {
        for step in (0..whole_depth).step_by(block) {
            let from = &data[column * stride + step..];
            (micro.transpose)(from, stride, &mut to[step * width + column..], width);
        }
    }
    for column in 0..columns {
        let first = if column < whole_columns { whole_depth } else { 0 };
        for step in first..depth {
            to[step * width + column] = data[column * stride + step];
        }
    }
}
