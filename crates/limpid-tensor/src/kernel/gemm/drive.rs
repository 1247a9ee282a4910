//! From operands to tiles: packing, blocks of the inner dimension, and tasks for threads.

#![expect(unsafe_code, reason = "tasks write interleaved parts of one result")]

use std::ops::Range;

use super::micro::{MOST_ROWS, Micro, Tile};
use super::pack::{Strided, panel};
use super::plan::{self, Parts};
use crate::kernel::threads;
use crate::{Element, buffers};

/// The most elements of a tile: of eight rows and three vectors of sixteen.
const TILE: usize = MOST_ROWS * 48;

/// Called with a row, a column, and the finished elements from there on along the row.
pub(crate) type Then<'a, E> = &'a (dyn Fn(usize, usize, &mut [E]) + Sync);

/// What becomes of a product: `keep * out + scale * product`, then `then`. With a `keep` of 0 the
/// old numbers are not read.
#[derive(Clone, Copy)]
pub(crate) struct Blend<'a, E> {
    pub(crate) scale: E,
    pub(crate) keep: E,
    pub(crate) then: Option<Then<'a, E>>,
}

impl<E: Element> Default for Blend<'_, E> {
    /// The product itself.
    fn default() -> Self {
        Self {
            scale: E::one(),
            keep: E::zero(),
            then: None,
        }
    }
}

/// `out = left * right` with `left` of `m` x `k`, `right` of `k` x `n` and `out` row-major,
/// contiguous, `m` x `n`. The sums run over `k` in an order that depends on the shape alone.
pub(crate) fn product<E: Element>(
    out: &mut [E],
    shape: (usize, usize, usize),
    left: Strided<'_, E>,
    right: Strided<'_, E>,
) {
    multiply(out, shape, left, right, Blend::default());
}

/// As [`product`], with a [`Blend`] of the product and what `out` holds.
pub(crate) fn multiply<E: Element>(
    out: &mut [E],
    (m, k, n): (usize, usize, usize),
    left: Strided<'_, E>,
    right: Strided<'_, E>,
    blend: Blend<'_, E>,
) {
    assert!(
        out.len() == m * n && left.holds(m, k) && right.holds(k, n),
        "a matrix product of {m} x {k} x {n} reaches beyond its slices"
    );
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        for (row, out) in out.chunks_exact_mut(n).enumerate() {
            for value in out.iter_mut() {
                *value = match blend.keep == E::zero() {
                    true => E::zero(),
                    false => blend.keep * *value,
                };
            }
            if let Some(then) = blend.then {
                then(row, 0, out);
            }
        }
        return;
    }
    let slabs = plan::slabs(m, k, n);
    if slabs > 1 {
        return in_slabs(out, (m, k, n), left, right, blend, slabs);
    }
    let micro = E::micro();
    let swapped = plan::swaps((m, k, n), &left, &right, &micro);
    let (shape, left, right, row, column) = match swapped {
        false => ((m, k, n), left, right, n, 1),
        true => ((n, k, m), right.transposed(), left.transposed(), 1, n),
    };
    let out = Out {
        start: out.as_mut_ptr(),
        row,
        column,
    };
    let whole = Whole { out, blend, micro };
    // SAFETY: `out` is exclusive, and holds the shape at these distances; both operands hold theirs.
    unsafe { whole.multiply(shape, left, right) }
}

/// The inner dimension in pieces, one task each, whose products are added in their order.
fn in_slabs<E: Element>(
    out: &mut [E],
    (m, k, n): (usize, usize, usize),
    left: Strided<'_, E>,
    right: Strided<'_, E>,
    blend: Blend<'_, E>,
    slabs: usize,
) {
    let size = m * n;
    let parts = Parts::new(k, 1, k.div_ceil(slabs));
    let mut partial = buffers::take::<E>(parts.count * size);
    threads::chunks(&mut partial[..parts.count * size], size, |first, partial| {
        let slab = first / size;
        let range = parts.start(slab)..parts.start(slab + 1);
        let (left, right) = (left.from(0, range.start), right.from(range.start, 0));
        multiply(partial, (m, range.len(), n), left, right, Blend::default());
    });
    let partial = &partial[..parts.count * size];
    let rows = (1 << 14_usize).div_ceil(n);
    threads::chunks(out, rows * n, |first, out| {
        for (place, value) in out.iter_mut().enumerate() {
            let sums = partial[first + place..].iter().step_by(size);
            let sum = sums.fold(E::zero(), |sum, &part| sum + part) * blend.scale;
            *value = match blend.keep == E::zero() {
                true => sum,
                false => blend.keep * *value + sum,
            };
        }
        if let Some(then) = blend.then {
            for (row, out) in out.chunks_exact_mut(n).enumerate() {
                then(first / n + row, 0, out);
            }
        }
    });
}

/// Where a result lies: its first element, and the distances of rows and columns, of which one is
/// 1.
#[derive(Clone, Copy)]
struct Out<E> {
    start: *mut E,
    row: usize,
    column: usize,
}

// SAFETY: tasks write through it to places of their own.
unsafe impl<E: Send> Send for Out<E> {}
// SAFETY: as above.
unsafe impl<E: Send> Sync for Out<E> {}

/// A right operand in panels, one after the other.
struct Panels<'a, E> {
    data: &'a [E],
    depth: usize,
    parts: Parts,
}

/// A product and where it goes.
struct Whole<'a, E: 'static> {
    out: Out<E>,
    blend: Blend<'a, E>,
    micro: Micro<E>,
}

impl<E: Element> Whole<'_, E> {
    /// # Safety
    /// `left` holds `rows` x `depth` elements, `right` `depth` x `columns`, and `out` `rows` x
    /// `columns`, which nobody else touches.
    unsafe fn multiply(
        &self,
        (rows, depth, columns): (usize, usize, usize),
        left: Strided<'_, E>,
        right: Strided<'_, E>,
    ) {
        let parts = plan::panels(columns, &self.micro);
        let blocks = plan::blocks(depth);
        let mut packed = buffers::take::<E>(parts.padded() * (depth.div_ceil(blocks.count)) + ALIGN);
        for block in 0..blocks.count {
            let range = blocks.start(block)..blocks.start(block + 1);
            let data = aligned(&mut packed, parts.padded() * range.len());
            let right = right.from(range.start, 0);
            pack_panels(data, range.len(), parts, right, &self.micro);
            let panels = Panels {
                data,
                depth: range.len(),
                parts,
            };
            let blend = Blend {
                keep: if block == 0 { self.blend.keep } else { E::one() },
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
    unsafe fn piece(
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
                for tile in which.clone() {
                    let range = tiles.start(tile)..tiles.start(tile + 1);
                    let to = &mut packed[(range.start - base) * depth..];
                    let source = left.from(range.start, 0).transposed();
                    panel(to, (depth, range.len(), range.len()), source, &self.micro);
                }
                Some(packed)
            }
        };
        let mut edge = Edge {
            tile: [E::zero(); TILE],
            turned: [E::zero(); TILE],
        };
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
        edge: &mut Edge<E>,
    ) {
        let parts = panels.parts;
        let start = parts.padded_start(number);
        let width = parts.padded_start(number + 1) - start;
        let columns = parts.start(number + 1) - start;
        work.right = panels.data[start * panels.depth..][..width * panels.depth].as_ptr();
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
        work.out = edge.tile.as_mut_ptr();
        work.out_row = width;
        // SAFETY: `edge.tile` holds the largest tile.
        unsafe { kernel(work) };
        let (numbers, step) = match self.out.column {
            1 => (&edge.tile, width),
            _ => {
                edge.turn(rows.len(), columns, width, &self.micro);
                (&edge.turned, rows.len())
            }
        };
        // Along the result's rows, which are the columns of a transposed product.
        let (lines, length) = match self.out.column {
            1 => (rows.clone(), columns),
            _ => (start..start + columns, rows.len()),
        };
        let first = if self.out.column == 1 { start } else { rows.start };
        let stride = self.out.row.max(self.out.column);
        for (line, numbers) in lines.zip(numbers.chunks(step)) {
            // SAFETY: the elements are this tile's, within `out`.
            let out = unsafe {
                let place = self.out.start.add(line * stride + first);
                std::slice::from_raw_parts_mut(place, length)
            };
            self.settle(out, numbers);
            if let Some(then) = self.blend.then {
                then(line, first, out);
            }
        }
    }

    /// Blends scaled numbers into the result.
    fn settle(&self, out: &mut [E], numbers: &[E]) {
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

/// A tile that cannot be written where it belongs at once.
struct Edge<E> {
    tile: [E; TILE],
    turned: [E; TILE],
}

impl<E: Element> Edge<E> {
    /// Writes the tile, of `width` places a row, into `turned`, `rows` places a row.
    fn turn(&mut self, rows: usize, columns: usize, width: usize, micro: &Micro<E>) {
        let block = micro.block;
        if rows.is_multiple_of(block) {
            // Whole vectors of columns are there, also where fewer are asked for.
            for row in (0..rows).step_by(block) {
                for column in (0..columns).step_by(block) {
                    let from = &self.tile[row * width + column..];
                    let to = &mut self.turned[column * rows + row..];
                    (micro.transpose)(from, width, to, rows);
                }
            }
        } else {
            for column in 0..columns {
                for row in 0..rows {
                    self.turned[column * rows + row] = self.tile[row * width + column];
                }
            }
        }
    }
}

/// Bytes of a line of the cache: a vector that crosses one is loaded twice.
const LINE: usize = 64;
/// Elements that a buffer is longer for, so that it has an aligned part.
const ALIGN: usize = LINE / 4;

/// The first `length` elements that begin at a line of the cache.
fn aligned<E>(buffer: &mut [E], length: usize) -> &mut [E] {
    let skip = match buffer.as_ptr().align_offset(LINE) {
        skip if skip < ALIGN => skip,
        _ => 0,
    };
    &mut buffer[skip..skip + length]
}

/// Elements of a right operand that are worth packing by several threads.
const SHARED_PACKING: usize = 1 << 15;

fn pack_panels<E: Element>(
    to: &mut [E],
    depth: usize,
    parts: Parts,
    right: Strided<'_, E>,
    micro: &Micro<E>,
) {
    let one = |number: usize, to: &mut [E]| {
        let columns = parts.start(number + 1) - parts.start(number);
        let width = parts.padded_start(number + 1) - parts.padded_start(number);
        panel(to, (depth, columns, width), right.from(0, parts.start(number)), micro);
    };
    if to.len() < SHARED_PACKING {
        let mut rest = to;
        for number in 0..parts.count {
            let width = parts.padded_start(number + 1) - parts.padded_start(number);
            let (own, others) = rest.split_at_mut(width * depth);
            one(number, own);
            rest = others;
        }
        return;
    }
    let to = Out {
        start: to.as_mut_ptr(),
        row: 0,
        column: 1,
    };
    threads::run(parts.count, &|number| {
        let range = parts.padded_start(number) * depth..parts.padded_start(number + 1) * depth;
        let to = &to;
        // SAFETY: the panels' ranges do not overlap and fill the slice, which is exclusive.
        let own =
            unsafe { std::slice::from_raw_parts_mut(to.start.add(range.start), range.len()) };
        one(number, own);
    });
}

/// A right operand packed once for many products, each done by its caller alone.
pub(crate) struct Packed<E: Element> {
    data: buffers::Buffer<E>,
    skip: usize,
    depth: usize,
    parts: Parts,
    micro: Micro<E>,
}

impl<E: Element> Packed<E> {
    /// Packs `right`, of `depth` x `columns`.
    pub(crate) fn new(right: Strided<'_, E>, depth: usize, columns: usize) -> Self {
        assert!(right.holds(depth, columns), "a packed operand reaches beyond its slice");
        let micro = E::micro();
        let parts = plan::panels(columns, &micro);
        let length = parts.padded() * depth;
        let mut data = buffers::take::<E>(length + ALIGN);
        let start = data.as_ptr();
        let to = aligned(&mut data, length);
        let skip = (to.as_ptr() as usize - start as usize) / size_of::<E>();
        pack_panels(to, depth, parts, right, &micro);
        Self { data, skip, depth, parts, micro }
    }

    /// `out = keep * out + scale * left * right`, then `then`, with `rows` rows of `out`
    /// `out_stride` apart. Blocks of the inner dimension are not formed: it should be below a
    /// thousand or so.
    pub(crate) fn multiply(
        &self,
        out: &mut [E],
        out_stride: usize,
        rows: usize,
        left: Strided<'_, E>,
        blend: Blend<'_, E>,
    ) {
        let columns = self.parts.start(self.parts.count);
        assert!(
            columns <= out_stride
                && left.holds(rows, self.depth)
                && (rows == 0 || out.len() >= (rows - 1) * out_stride + columns),
            "a product with a packed operand reaches beyond its slices"
        );
        let out = Out {
            start: out.as_mut_ptr(),
            row: out_stride,
            column: 1,
        };
        let whole = Whole { out, blend, micro: self.micro };
        let panels = Panels {
            data: &self.data[self.skip..],
            depth: self.depth,
            parts: self.parts,
        };
        let tiles = plan::tiles(rows, &self.micro);
        // SAFETY: `out` is exclusive, and holds the shape at its distance, as does `left`.
        unsafe { whole.piece(tiles, 0..tiles.count, left, &panels, 0..self.parts.count) }
    }
}
