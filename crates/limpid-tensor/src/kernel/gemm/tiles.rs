//! A product in tiles: blocks of the inner dimension, tasks for threads, and the edges.

#![expect(unsafe_code, reason = "tasks write interleaved parts of one result")]

use std::ops::Range;

use super::drive::Blend;
use super::micro::{MOST_ROWS, Micro, Tile};
use super::pack::{self, ALIGN, Strided, aligned};
use super::plan::{self, Parts};
use crate::kernel::threads;
use crate::{Element, buffers};

/// The most elements of a tile: of eight rows and three vectors of sixteen.
const TILE: usize = MOST_ROWS * 48;

/// Where a result lies: its first element, and the distances of rows and columns, of which one is
/// 1.
#[derive(Clone, Copy)]
pub(super) struct Out<E> {
    pub(super) start: *mut E,
    pub(super) row: usize,
    pub(super) column: usize,
}

impl<E> Out<E> {
    /// The result from column `column` on.
    pub(super) fn right(self, column: usize) -> Self {
        Self {
            start: self.start.wrapping_add(column * self.column),
            ..self
        }
    }
}

// SAFETY: tasks write through it to places of their own.
unsafe impl<E: Send> Send for Out<E> {}
// SAFETY: as above.
unsafe impl<E: Send> Sync for Out<E> {}

/// A right operand in panels.
pub(super) struct Panels<'a, E> {
    /// One packed after the other; without those that are read in place.
    pub(super) data: &'a [E],
    /// The operand itself, where whole vectors of it are read in place.
    pub(super) in_place: Option<Strided<'a, E>>,
    pub(super) depth: usize,
    pub(super) parts: Parts,
}

impl<E: Element> Panels<'_, E> {
    /// The elements of panel `number`, and the distance of its steps.
    fn panel(&self, number: usize) -> (&[E], usize) {
        let (start, end) = (
            self.parts.padded_start(number),
            self.parts.padded_start(number + 1),
        );
        match &self.in_place {
            None => (
                &self.data[start * self.depth..end * self.depth],
                end - start,
            ),
            Some(right) if end == self.parts.start(number + 1) => {
                let last = right.offset + (self.depth - 1) * right.row_stride + end;
                (&right.data[right.offset + start..last], right.row_stride)
            }
            Some(_) => (&self.data[..(end - start) * self.depth], end - start),
        }
    }
}

/// A product and where it goes.
pub(super) struct Whole<'a, E: 'static> {
    pub(super) out: Out<E>,
    pub(super) blend: Blend<'a, E>,
    pub(super) micro: Micro<E>,
}

impl<E: Element> Whole<'_, E> {
    /// # Safety
    /// `left` holds `rows` x `depth` elements, `right` `depth` x `columns`, and `out` `rows` x
    /// `columns`, which nobody else touches.
    pub(super) unsafe fn multiply(
        &self,
        (rows, depth, columns): (usize, usize, usize),
        left: Strided<'_, E>,
        right: Strided<'_, E>,
    ) {
        let parts = plan::panels(columns, &self.micro);
        let blocks = plan::blocks(depth);
        let in_place = plan::reads_right_in_place((rows, depth), &right, &self.micro);
        // In place, only a last panel that ends within a vector is packed.
        let first = match in_place {
            true if parts.padded() == columns => parts.count,
            true => parts.count - 1,
            false => 0,
        };
        let width = parts.padded() - parts.padded_start(first);
        let mut packed = buffers::take::<E>(width * depth.div_ceil(blocks.count) + ALIGN);
        for block in 0..blocks.count {
            let range = blocks.start(block)..blocks.start(block + 1);
            let data = aligned(&mut packed, width * range.len());
            let right = right.from(range.start, 0);
            pack::shared(data, range.len(), parts, first, right, &self.micro);
            let panels = Panels {
                data,
                in_place: in_place.then_some(right),
                depth: range.len(),
                parts,
            };
            let blend = Blend {
                keep: if block == 0 {
                    self.blend.keep
                } else {
                    E::one()
                },
                then: self.blend.then.filter(|_| block + 1 == blocks.count),
                ..self.blend
            };
            let part = Whole { blend, ..*self };
            // SAFETY: the caller's promise, for a part of the inner dimension.
            unsafe { part.in_tasks(rows, left.from(0, range.start), &panels) }
        }
    }

    /// # Safety
    /// As for [`Whole::multiply`].
    unsafe fn in_tasks(&self, rows: usize, left: Strided<'_, E>, panels: &Panels<'_, E>) {
        let tiles = plan::tiles(rows, &self.micro);
        let (down, across) = plan::tasks(panels.depth, tiles, panels.parts);
        let piece = |count: usize, pieces: usize, piece: usize| {
            count * piece / pieces..count * (piece + 1) / pieces
        };
        threads::run(down * across, &|task| {
            let rows = piece(tiles.count, down, task / across);
            let columns = piece(panels.parts.count, across, task % across);
            // SAFETY: the caller's promise; the pieces of different tasks have no tile in common.
            unsafe { self.piece(tiles, rows, left, panels, columns) }
        });
    }

    /// The tiles `which` times the panels `columns`.
    ///
    /// # Safety
    /// As for [`Whole::multiply`]; no other task has these tiles and panels.
    pub(super) unsafe fn piece(
        &self,
        tiles: Parts,
        which: Range<usize>,
        left: Strided<'_, E>,
        panels: &Panels<'_, E>,
        columns: Range<usize>,
    ) {
        let depth = panels.depth;
        let in_place = plan::reads_left_in_place(&left, panels.parts.count);
        let base = tiles.start(which.start);
        let packed = match in_place {
            true => None,
            false => {
                let rows = tiles.start(which.end) - base;
                let mut packed = buffers::take::<E>(rows * depth);
                pack::panels(
                    &mut packed,
                    depth,
                    tiles,
                    which.clone(),
                    left.transposed(),
                    &self.micro,
                );
                Some(packed)
            }
        };
        let mut edge = [E::zero(); TILE];
        for number in columns {
            for tile in which.clone() {
                let range = tiles.start(tile)..tiles.start(tile + 1);
                let (first, row, step) = match &packed {
                    Some(packed) => {
                        let first = packed[(range.start - base) * depth..].as_ptr();
                        (first, 1, range.len())
                    }
                    None => {
                        let left = left.from(range.start, 0);
                        let first = left.data[left.offset..].as_ptr();
                        (first, left.row_stride, left.column_stride)
                    }
                };
                let work = Tile {
                    depth,
                    left: first,
                    left_row: row,
                    left_step: step,
                    right: std::ptr::null(),
                    right_step: 0,
                    out: std::ptr::null_mut(),
                    out_row: 0,
                    scale: self.blend.scale,
                    keep: E::zero(),
                };
                // SAFETY: `work` names the rows `range` of the left operand, packed or in place;
                // the tile is this task's own.
                unsafe { self.tile(work, range, panels, number, &mut edge) }
            }
        }
    }

    /// One tile: the rows `rows`, times the panel `number`.
    ///
    /// # Safety
    /// `work` names a left operand of these rows and the panels' depth; the places of the tile in
    /// `out` exist and are nobody else's.
    unsafe fn tile(
        &self,
        mut work: Tile<E>,
        rows: Range<usize>,
        panels: &Panels<'_, E>,
        number: usize,
        edge: &mut [E; TILE],
    ) {
        let parts = panels.parts;
        let start = parts.padded_start(number);
        let width = parts.padded_start(number + 1) - start;
        let columns = parts.start(number + 1) - start;
        let (right, step) = panels.panel(number);
        (work.right, work.right_step) = (right.as_ptr(), step);
        let kernel = self.micro.kernels[rows.len() - 1][width / self.micro.lanes - 1];
        if self.out.column == 1 && columns == width {
            // SAFETY: the tile has whole vectors only, and lies within `out`.
            unsafe {
                work.out = self.out.start.add(rows.start * self.out.row + start);
                work.out_row = self.out.row;
                work.keep = self.blend.keep;
                kernel(work);
                if let Some(then) = self.blend.then {
                    for row in rows {
                        let place = self.out.start.add(row * self.out.row + start);
                        then(row, start, std::slice::from_raw_parts_mut(place, columns));
                    }
                }
            }
            return;
        }
        work.out = edge.as_mut_ptr();
        work.out_row = width;
        // SAFETY: `edge` holds the largest tile.
        unsafe { kernel(work) };
        let turned = self.out.column != 1;
        // The lines of the result that the tile has elements of, and where on them it begins.
        let (lines, first, length) = match turned {
            false => (rows, start, columns),
            true => (start..start + columns, rows.start, rows.len()),
        };
        let stride = self.out.row.max(self.out.column);
        if turned && self.blend.keep == E::zero() && length.is_multiple_of(self.micro.block) {
            // SAFETY: the tile's places exist and are this task's own.
            unsafe {
                let out = self.out.start.add(lines.start * stride + first);
                self.turn(edge, width, out, (columns, length, stride));
            }
        } else {
            for (place, line) in lines.clone().enumerate() {
                // SAFETY: as above.
                let out = unsafe {
                    let start = self.out.start.add(line * stride + first);
                    std::slice::from_raw_parts_mut(start, length)
                };
                match turned {
                    false => self.settle(out, edge[place * width..].iter()),
                    true => self.settle(out, edge[place..].iter().step_by(width)),
                }
            }
        }
        if let Some(then) = self.blend.then {
            for line in lines {
                // SAFETY: as above.
                let out = unsafe {
                    let start = self.out.start.add(line * stride + first);
                    std::slice::from_raw_parts_mut(start, length)
                };
                then(line, first, out);
            }
        }
    }

    /// Blends scaled numbers into a line of the result.
    #[inline(always)]
    fn settle<'n>(&self, out: &mut [E], numbers: impl Iterator<Item = &'n E>) {
        match self.blend.keep == E::zero() {
            true => {
                for (out, &number) in out.iter_mut().zip(numbers) {
                    *out = number;
                }
            }
            false => {
                for (out, &number) in out.iter_mut().zip(numbers) {
                    *out = self.blend.keep * *out + number;
                }
            }
        }
    }

    /// Writes a tile of `rows` rows, a multiple of the blocks that are turned at once, as `columns`
    /// lines of `rows` elements, `stride` apart.
    ///
    /// # Safety
    /// `out` has these lines, and nobody else touches them.
    unsafe fn turn(
        &self,
        tile: &[E; TILE],
        width: usize,
        out: *mut E,
        (columns, rows, stride): (usize, usize, usize),
    ) {
        let block = self.micro.block;
        let whole = columns / block * block;
        for row in (0..rows).step_by(block) {
            for column in (0..whole).step_by(block) {
                let from = tile[row * width + column..].as_ptr();
                // SAFETY: the tile has `rows` rows of `width` elements, and `out` the columns as
                // lines; the kernels are for this processor.
                unsafe {
                    (self.micro.transpose)(from, width, out.add(column * stride + row), stride);
                }
            }
            for column in whole..columns {
                for row in row..row + block {
                    // SAFETY: as above.
                    unsafe {
                        out.add(column * stride + row)
                            .write(tile[row * width + column])
                    };
                }
            }
        }
    }
}
