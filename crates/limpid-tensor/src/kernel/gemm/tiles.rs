//! A product in tiles: blocks of the inner dimension, tasks for threads, and the edges.

#![expect(unsafe_code, reason = "tasks write interleaved parts of one result")]

use std::mem::MaybeUninit;
use std::ops::Range;

use super::drive::Blend;
use super::micro::{MOST_ROWS, Micro, Tile, VECTORS};
use super::operands::{Ahead, Left, Panels};
use super::pack::{self, Strided};
use super::plan::{self, Parts};
use crate::kernel::{prefetch, threads};
use crate::{Element, buffers};

/// The most elements of the tiles that are settled at once: sixteen rows of three vectors of sixteen.
const EDGE: usize = 2 * MOST_ROWS * VECTORS * 16;

/// Tiles that are not written where they belong at once.
#[repr(align(64))]
struct Edge<E>(MaybeUninit<[E; EDGE]>);

/// Where a result lies: its first element, and the distances of rows and columns, of which one is
/// 1.
#[derive(Clone, Copy)]
pub(super) struct Out<E> {
    pub(super) start: *mut E,
    pub(super) row: usize,
    pub(super) column: usize,
    /// Whether it is so large that it comes from memory.
    pub(super) far: bool,
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

/// `range` in pieces of `length`, the last of which may be shorter.
fn pieces(range: Range<usize>, length: usize) -> impl Iterator<Item = Range<usize>> {
    let Range { mut start, end } = range;
    // Without the division that `step_by` begins with.
    std::iter::from_fn(move || {
        let piece = start..end.min(start + length);
        start = piece.end;
        (!piece.is_empty()).then_some(piece)
    })
}

/// A product and where it goes.
pub(super) struct Whole<'a, E: 'static> {
    pub(super) out: Out<E>,
    pub(super) blend: Blend<'a, E>,
    pub(super) micro: Micro<E>,
    /// Whether one task does it all, with a right operand that is a slab of a longer one.
    pub(super) slab: bool,
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
        let in_place = match self.slab {
            true => plan::reads_slab_in_place((rows, columns), &right, &self.micro),
            false => plan::reads_right_in_place((rows, depth), &right, &self.micro),
        };
        let blocks = plan::blocks(depth, (self.slab && in_place).then_some(&right));
        // In place, only a last panel that ends within a vector is packed.
        let first = match in_place {
            true if parts.padded() == columns => parts.count,
            true => parts.count - 1,
            false => 0,
        };
        let width = parts.padded() - parts.padded_start(first);
        let mut packed = buffers::take::<E>(width * depth.div_ceil(blocks.count));
        for block in 0..blocks.count {
            let range = blocks.start(block)..blocks.start(block + 1);
            let data = &mut packed[..width * range.len()];
            let right = right.from(range.start, 0);
            pack::shared(data, range.len(), parts, first, right, &self.micro);
            let next = match self.slab && in_place {
                true => Ahead {
                    start: right
                        .data
                        .as_ptr()
                        .wrapping_add(right.from(range.len(), 0).offset),
                    elements: range.len() * right.row_stride,
                },
                false => Ahead::NONE,
            };
            let panels = Panels {
                data,
                in_place: in_place.then_some(right),
                depth: range.len(),
                parts,
                next,
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
        let tasks = match self.slab {
            true => plan::Tasks::ONE,
            false => plan::Tasks::new(panels.depth, tiles, panels.parts, self.out.column != 1),
        };
        threads::run(tasks.count(), &|task| {
            let (rows, columns) = tasks.piece(task, tiles.count, panels.parts.count);
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
        let (depth, micro) = (panels.depth, &self.micro);
        let turned = self.out.column != 1;
        let in_place = plan::reads_left_in_place(&left, columns.len());
        let run = plan::run(depth, micro).min(which.len()).max(1);
        let bundle = if turned { plan::bundle(micro) } else { 1 };
        let longest = tiles.start(which.start + run) - tiles.start(which.start);
        let mut packed = buffers::take::<E>(if in_place { 0 } else { longest * depth });
        let mut edge = Edge(MaybeUninit::uninit());
        let far = !in_place && (self.slab || self.out.far);
        for run in pieces(which.clone(), run) {
            if !in_place {
                let left = left.transposed();
                pack::panels(&mut packed, depth, tiles, run.clone(), left, micro);
            }
            let left = Left {
                tiles,
                depth,
                matrix: left,
                packed: (!in_place).then(|| (tiles.start(run.start), &packed[..])),
            };
            let rows = left.rows(&run);
            for group in pieces(columns.clone(), plan::group(depth, micro)) {
                for bundle in pieces(run.clone(), bundle) {
                    if far && group.start == columns.start {
                        left.ask(&rows, bundle.start - run.start, run.len(), self.slab);
                    }
                    let done = bundle.start - which.start;
                    let ahead = panels.next.part(done, which.len());
                    // SAFETY: the caller's promise.
                    unsafe { self.bundle(&left, bundle, panels, group.clone(), ahead, &mut edge) }
                }
            }
        }
        if turned {
            let along = tiles.start(which.start)..tiles.start(which.end);
            // SAFETY: these places are this task's own.
            unsafe { self.finish(panels.columns(&columns), along) }
        }
    }

    /// The tiles `which`, side by side in memory where they are written transposed, times the panels
    /// `columns`.
    ///
    /// # Safety
    /// As for [`Whole::piece`].
    unsafe fn bundle(
        &self,
        left: &Left<'_, E>,
        which: Range<usize>,
        panels: &Panels<'_, E>,
        columns: Range<usize>,
        ahead: Ahead<E>,
        edge: &mut Edge<E>,
    ) {
        let turned = self.out.column != 1;
        let rows = left.rows(&which);
        let ahead = match self.out.far {
            true => left.ahead(&rows).unwrap_or(ahead),
            false => ahead,
        };
        let calls = which.len() * columns.len();
        for number in columns.clone() {
            let (width, whole) = panels.width(number);
            let in_edge = turned || !whole;
            if self.out.far {
                let own = panels.columns(&(number..number + 1));
                let (lines, along) = if turned { (&own, &rows) } else { (&rows, &own) };
                let stride = self.out.row.max(self.out.column);
                let first = lines.start * stride + along.start;
                let start = self.out.start.cast_const().wrapping_add(first);
                prefetch::rows(start, (lines.len(), stride), along.len());
            }
            let (right, right_step) = panels.panel(number);
            for tile in which.clone() {
                let own = left.rows(&(tile..tile + 1));
                let (first, left_row, left_step) = left.tile(&own);
                let call = (number - columns.start) * which.len() + tile - which.start;
                let ahead = ahead.part(call, calls);
                let (out, out_row, keep) = match in_edge {
                    true => {
                        let first = (own.start - rows.start) * width;
                        (
                            edge.0.as_mut_ptr().cast::<E>().wrapping_add(first),
                            width,
                            E::zero(),
                        )
                    }
                    false => {
                        let first = own.start * self.out.row + panels.parts.padded_start(number);
                        (
                            self.out.start.wrapping_add(first),
                            self.out.row,
                            self.blend.keep,
                        )
                    }
                };
                let kernel = self.micro.kernels[own.len() - 1][panels.parts.units(number) - 1];
                let work = Tile {
                    depth: panels.depth,
                    left: first,
                    left_row,
                    left_step,
                    right: right.as_ptr(),
                    right_step,
                    out,
                    out_row,
                    scale: self.blend.scale,
                    keep,
                    ahead: ahead.or(right.as_ptr()),
                    ahead_step: ahead.step(panels.depth),
                };
                // SAFETY: the operands are of the tile's rows and the panel's vectors; `edge` holds
                // the bundle, and a tile of whole vectors lies within `out`, at places that are
                // nobody else's.
                unsafe { kernel(work) }
            }
            if in_edge {
                // SAFETY: the tiles have been multiplied into `edge`; their places in `out` exist
                // and are nobody else's.
                unsafe {
                    self.settle(
                        edge,
                        rows.clone(),
                        width,
                        panels.columns(&(number..number + 1)),
                    )
                }
            }
        }
        if !turned {
            // SAFETY: these places are this task's own.
            unsafe { self.finish(rows, panels.columns(&columns)) }
        }
    }

    /// Calls `then` with the elements `along` of each of the lines `lines` of the result.
    ///
    /// # Safety
    /// They exist, and nobody else touches them.
    unsafe fn finish(&self, lines: Range<usize>, along: Range<usize>) {
        if let Some(then) = self.blend.then {
            for line in lines {
                // SAFETY: the caller's promise.
                let out = unsafe { self.line(line, &along) };
                then(line, along.start, out);
            }
        }
    }

    /// The elements `along` of the line `line` of the result, as it lies in memory.
    ///
    /// # Safety
    /// They exist, and nobody else touches them.
    #[inline(always)]
    unsafe fn line<'l>(&self, line: usize, along: &Range<usize>) -> &'l mut [E] {
        let stride = self.out.row.max(self.out.column);
        // SAFETY: the caller's promise.
        unsafe {
            let start = self.out.start.add(line * stride + along.start);
            std::slice::from_raw_parts_mut(start, along.len())
        }
    }

    /// Blends a bundle of tiles, `width` elements a row, into the result.
    ///
    /// # Safety
    /// `edge` holds the rows `rows`, whose places at `columns` in the result exist and are nobody
    /// else's.
    unsafe fn settle(
        &self,
        edge: &Edge<E>,
        rows: Range<usize>,
        width: usize,
        columns: Range<usize>,
    ) {
        // SAFETY: the kernels have written so many elements.
        let edge =
            unsafe { std::slice::from_raw_parts(edge.0.as_ptr().cast::<E>(), rows.len() * width) };
        if self.out.column == 1 {
            for (edge, row) in edge.chunks_exact(width).zip(rows) {
                // SAFETY: the caller's promise.
                self.blend_line(unsafe { self.line(row, &columns) }, edge.iter());
            }
            return;
        }
        let block = self.micro.block;
        let simple = self.blend.keep == E::zero() && rows.len().is_multiple_of(block);
        let whole = if simple {
            columns.len() / block * block
        } else {
            0
        };
        let stride = self.out.column;
        for column in (0..whole).step_by(block) {
            for row in (0..rows.len()).step_by(block) {
                let from = edge[row * width + column..].as_ptr();
                let to = (columns.start + column) * stride + rows.start + row;
                // SAFETY: `edge` has a block there, and the result one turned; the kernels are for
                // this processor.
                unsafe { (self.micro.transpose)(from, width, self.out.start.add(to), stride) };
            }
        }
        for column in whole..columns.len() {
            // SAFETY: the caller's promise.
            let line = unsafe { self.line(columns.start + column, &rows) };
            self.blend_line(line, edge[column..].iter().step_by(width));
        }
    }

    /// Blends scaled numbers into a line of the result.
    #[inline(always)]
    fn blend_line<'n>(&self, out: &mut [E], numbers: impl Iterator<Item = &'n E>) {
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
}
