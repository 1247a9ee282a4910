//! Operands rearranged for the micro kernels: panels, a few lanes wide, one step after the other.

#![expect(
    unsafe_code,
    reason = "blocks are transposed by vector instructions, panels packed by several threads"
)]

use std::ops::Range;

use smallvec::SmallVec;

use super::micro::Micro;
use super::plan::Parts;
use crate::Element;
use crate::kernel::{scaled, threads};

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
    pub(crate) fn transposed(&self) -> Self {
        Self {
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..*self
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

/// Steps that are copied for one panel before the next: the source's rows are read nearly in their
/// own order.
const STEPS: usize = 16;

/// One panel: its columns of the source, its width, and where it begins.
struct Place {
    columns: Range<usize>,
    width: usize,
    first: usize,
}

/// Writes `depth` rows of `source` into `to`, its columns cut into `parts`, of which those in
/// `which` are wanted: one panel after the other, each with a row for every step, of the part's
/// padded width. The padding becomes 0.
pub(super) fn panels<E: Element>(
    to: &mut [E],
    depth: usize,
    parts: Parts,
    which: Range<usize>,
    source: Strided<'_, E>,
    micro: &Micro<E>,
) {
    let base = parts.padded_start(which.start);
    let places: SmallVec<[Place; 16]> = which
        .map(|number| {
            let padded = parts.padded_start(number)..parts.padded_start(number + 1);
            Place {
                columns: parts.start(number)..parts.start(number + 1),
                width: padded.len(),
                first: (padded.start - base) * depth,
            }
        })
        .collect();
    if source.column_stride == 1 {
        for step in (0..depth).step_by(STEPS) {
            let steps = STEPS.min(depth - step);
            for place in &places {
                let to = &mut to[place.first + step * place.width..][..steps * place.width];
                let from = source.from(step, place.columns.start);
                side_by_side(to, place.columns.len(), place.width, from);
            }
        }
        return;
    }
    for Place {
        columns,
        width,
        first,
    } in places
    {
        if columns.len() < width {
            for row in to[first..first + depth * width].chunks_exact_mut(width) {
                row[columns.len()..].fill(E::zero());
            }
        }
        let (to, from) = (&mut to[first..], source.from(0, columns.start));
        let data = &from.data[from.offset..];
        if from.row_stride == 1 {
            transposed(
                to,
                (depth, columns.len(), width),
                data,
                from.column_stride,
                micro,
            );
        } else {
            for (step, row) in to.chunks_exact_mut(width).take(depth).enumerate() {
                for (column, place) in row[..columns.len()].iter_mut().enumerate() {
                    *place = data[step * from.row_stride + column * from.column_stride];
                }
            }
        }
    }
}

/// Copies some steps of one panel from a source whose rows lie in one piece.
fn side_by_side<E: Element>(to: &mut [E], columns: usize, width: usize, source: Strided<'_, E>) {
    let (from, stride) = (&source.data[source.offset..], source.row_stride);
    match (columns, width) {
        (8, 8) => in_runs::<E, 8>(to, from, stride),
        (16, 16) => in_runs::<E, 16>(to, from, stride),
        (32, 32) => in_runs::<E, 32>(to, from, stride),
        (48, 48) => in_runs::<E, 48>(to, from, stride),
        (columns, width) => {
            for (step, to) in to.chunks_exact_mut(width).enumerate() {
                let from = &from[step * stride..][..columns];
                for (to, from) in to.iter_mut().zip(from) {
                    *to = *from;
                }
                to[columns..].fill(E::zero());
            }
        }
    }
}

/// Elements that are copied at once: more, and the compiler calls the system's function, which takes
/// longer.
const RUN: usize = 8;

/// Copies rows of `WIDTH` elements, a multiple of [`RUN`].
fn in_runs<E: Element, const WIDTH: usize>(to: &mut [E], from: &[E], stride: usize) {
    // Rows may overlap: a single column may have any stride.
    let rows = (0..).map_while(|row| from.get(row * stride..)?.first_chunk::<WIDTH>());
    for (to, from) in to.as_chunks_mut::<WIDTH>().0.iter_mut().zip(rows) {
        let runs = from.as_chunks::<RUN>().0;
        for (to, from) in to.as_chunks_mut::<RUN>().0.iter_mut().zip(runs) {
            *to = *from;
        }
    }
}

/// Writes a panel from a source whose columns lie one after the other, `stride` apart.
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
            let from = &data[column * stride + step..][..(block - 1) * stride + block];
            let to = &mut to[step * width + column..][..(block - 1) * width + block];
            // SAFETY: both slices hold a block at these distances; a `Micro` is for this processor.
            unsafe { (micro.transpose)(from.as_ptr(), stride, to.as_mut_ptr(), width) };
        }
    }
    for column in 0..columns {
        let first = if column < whole_columns {
            whole_depth
        } else {
            0
        };
        for step in first..depth {
            to[step * width + column] = data[column * stride + step];
        }
    }
}

/// Elements of a right operand that are worth packing by several threads.
const SHARED_PACKING: usize = scaled(1 << 15, 1 << 9);

/// As many tasks, about, pack them.
const PACKING_TASKS: usize = 8;

/// Packs the panels from number `first` on.
pub(super) fn shared<E: Element>(
    to: &mut [E],
    depth: usize,
    parts: Parts,
    first: usize,
    right: Strided<'_, E>,
    micro: &Micro<E>,
) {
    if to.len() < SHARED_PACKING {
        return panels(to, depth, parts, first..parts.count, right, micro);
    }
    let to = Panels(to.as_mut_ptr());
    if right.column_stride == 1 {
        return shared_by_steps(&to, depth, parts, first, right);
    }
    let base = parts.padded_start(first);
    let count = parts.count - first;
    // Several panels a task, as their steps are read side by side; few are cut along their steps.
    let (groups, cuts) = match count < PACKING_TASKS {
        true => (count, PACKING_TASKS.div_ceil(count.max(1))),
        false => (count.div_ceil(4).next_multiple_of(PACKING_TASKS / 2), 1),
    };
    let panel = |group: usize| first + count * group / groups;
    // Whole blocks, so that they are transposed as such.
    let step = |cut: usize| match cut == cuts {
        true => depth,
        false => depth * cut / cuts / micro.block * micro.block,
    };
    threads::run(groups * cuts, &|task| {
        let to = &to;
        let (start, end) = (panel(task / cuts), panel(task / cuts + 1));
        let (from, until) = (step(task % cuts), step(task % cuts + 1));
        let width = parts.padded_start(end) - parts.padded_start(start);
        let own = (parts.padded_start(start) - base) * depth + from * width;
        let length = width * (until - from);
        // SAFETY: what the panels of one task, or some steps of one panel, take does not overlap
        // with that of another, and all of it is in the slice, which is exclusive.
        let own = unsafe { std::slice::from_raw_parts_mut(to.0.add(own), length) };
        panels(
            own,
            until - from,
            parts,
            start..end,
            right.from(from, 0),
            micro,
        );
    });
}

/// Packs the panels from number `first` on, of an operand whose rows lie in one piece: each task takes
/// some rows of all panels. These are the rows of a weight that the same thread updates, so that they
/// stay in its core's cache: a line that two cores have read costs more to write.
fn shared_by_steps<E: Element>(
    to: &Panels<E>,
    depth: usize,
    parts: Parts,
    first: usize,
    right: Strided<'_, E>,
) {
    let base = parts.padded_start(first);
    let tasks = depth.div_ceil(STEPS).min(PACKING_TASKS);
    threads::run(tasks, &|task| {
        let end = depth * (task + 1) / tasks;
        let mut step = depth * task / tasks;
        while step < end {
            let steps = STEPS.min(end - step);
            for number in first..parts.count {
                let columns = parts.start(number)..parts.start(number + 1);
                let width = parts.padded_start(number + 1) - parts.padded_start(number);
                let own = (parts.padded_start(number) - base) * depth + step * width;
                // SAFETY: the panel has `depth` steps of this width in the slice, which is
                // exclusive, and these steps are this task's alone.
                let own = unsafe { std::slice::from_raw_parts_mut(to.0.add(own), steps * width) };
                let from = right.from(step, columns.start);
                side_by_side(own, columns.len(), width, from);
            }
            step += steps;
        }
    });
}

/// The address of the first panel.
struct Panels<E>(*mut E);

// SAFETY: tasks write panels of their own.
unsafe impl<E: Send> Sync for Panels<E> {}
