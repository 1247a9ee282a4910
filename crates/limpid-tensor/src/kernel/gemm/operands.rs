//! The two operands as the tiles of a product meet them, and what of them is needed next.

#![expect(
    unsafe_code,
    reason = "an address is shared that is named, never read from"
)]

use std::ops::Range;

use super::pack::Strided;
use super::plan::Parts;
use crate::Element;
use crate::kernel::prefetch;

/// A right operand in panels.
pub(super) struct Panels<'a, E> {
    /// One packed after the other; without those that are read in place.
    pub(super) data: &'a [E],
    /// The operand itself, where whole vectors of it are read in place.
    pub(super) in_place: Option<Strided<'a, E>>,
    pub(super) depth: usize,
    pub(super) parts: Parts,
    /// What the product needs after these steps.
    pub(super) next: Ahead<E>,
}

impl<E: Element> Panels<'_, E> {
    /// How wide panel `number` is, and whether all of it is wanted.
    #[inline(always)]
    pub(super) fn width(&self, number: usize) -> (usize, bool) {
        let start = self.parts.padded_start(number);
        let end = self.parts.padded_start(number + 1);
        (end - start, end == self.parts.start(number + 1))
    }

    /// The columns of the panels `which`.
    #[inline(always)]
    pub(super) fn columns(&self, which: &Range<usize>) -> Range<usize> {
        self.parts.start(which.start)..self.parts.start(which.end)
    }

    /// The elements of panel `number`, and the distance of its steps.
    #[inline(always)]
    pub(super) fn panel(&self, number: usize) -> (&[E], usize) {
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

/// The left operand of some tiles, packed or where it lies.
pub(super) struct Left<'a, E> {
    pub(super) tiles: Parts,
    pub(super) depth: usize,
    pub(super) matrix: Strided<'a, E>,
    /// The first packed row, and what has been packed.
    pub(super) packed: Option<(usize, &'a [E])>,
}

impl<E> Left<'_, E> {
    /// The rows of the tiles `which`.
    #[inline(always)]
    pub(super) fn rows(&self, which: &Range<usize>) -> Range<usize> {
        self.tiles.start(which.start)..self.tiles.start(which.end)
    }

    /// The first element of the tile of the rows `rows`, and the distances of rows and of steps.
    #[inline(always)]
    pub(super) fn tile(&self, rows: &Range<usize>) -> (*const E, usize, usize) {
        match self.packed {
            Some((base, packed)) => {
                let first = packed[(rows.start - base) * self.depth..].as_ptr();
                (first, 1, rows.len())
            }
            None => {
                let left = self.matrix.from(rows.start, 0);
                let first = left.data[left.offset..].as_ptr();
                (first, left.row_stride, left.column_stride)
            }
        }
    }

    /// The rows after `rows`, where they lie in one piece of memory and will be read there.
    pub(super) fn ahead(&self, rows: &Range<usize>) -> Option<Ahead<E>> {
        let near = self.matrix.row_stride <= self.depth + self.depth / 8;
        (self.packed.is_none() && near).then(|| Ahead {
            start: self.at(rows.end, 0),
            elements: rows.len() * self.matrix.row_stride,
        })
    }

    fn at(&self, row: usize, step: usize) -> *const E {
        let offset = self.matrix.from(row, step).offset;
        self.matrix.data.as_ptr().wrapping_add(offset)
    }

    /// Asks the memory for what will be packed next: part `part` of `parts` of the rows after
    /// `rows`, or in a `slab` of the steps that follow.
    pub(super) fn ask(&self, rows: &Range<usize>, part: usize, parts: usize, slab: bool) {
        let share = |length: usize| length * part / parts..length * (part + 1) / parts;
        let (row, column) = (self.matrix.row_stride, self.matrix.column_stride);
        let (first, step) = match slab {
            true => (rows.start, self.depth),
            false => (rows.end, 0),
        };
        if column == 1 {
            let share = share(rows.len());
            let start = self.at(first + share.start, step);
            prefetch::rows(start, (share.len(), row), self.depth);
        } else if row == 1 {
            let share = share(self.depth);
            let start = self.at(first, step + share.start);
            prefetch::rows(start, (share.len(), column), rows.len());
        }
    }
}

/// Memory that is asked for while other numbers are multiplied.
#[derive(Clone, Copy)]
pub(super) struct Ahead<E> {
    pub(super) start: *const E,
    pub(super) elements: usize,
}

// SAFETY: the address is only named, never read from.
unsafe impl<E> Sync for Ahead<E> {}

impl<E> Ahead<E> {
    /// Nothing.
    pub(super) const NONE: Self = Self {
        start: std::ptr::null(),
        elements: 0,
    };

    /// Part `part` of `parts`.
    #[inline(always)]
    pub(super) fn part(self, part: usize, parts: usize) -> Self {
        // Most products are near: no time for divisions.
        if self.elements == 0 {
            return self;
        }
        let elements = self.elements / parts;
        Self {
            start: self.start.wrapping_add(part * elements),
            elements,
        }
    }

    /// Where it begins; of nothing, at `near`, as an address without memory takes longest of all.
    #[inline(always)]
    pub(super) fn or(self, near: *const E) -> *const E {
        match self.elements {
            0 => near,
            _ => self.start,
        }
    }

    /// How many bytes further a tile of `depth` steps asks with each step.
    #[inline(always)]
    pub(super) fn step(self, depth: usize) -> usize {
        match self.elements {
            0 => 0,
            elements => (elements * size_of::<E>()).div_ceil(depth),
        }
    }
}
