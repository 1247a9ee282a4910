//! A right operand that is packed once and multiplied often.

#![expect(
    unsafe_code,
    reason = "the result is handed over as an address and distances"
)]

use super::drive::Blend;
use super::micro::Micro;
use super::operands::{Ahead, Panels};
use super::pack::{self, Strided};
use super::plan::{self, Parts};
use super::tiles::{Out, Whole};
use crate::Element;
use crate::buffers;

/// A right operand packed once for many products, each done by its caller alone.
pub(crate) struct Packed<E: Element> {
    data: buffers::Storage<E>,
    depth: usize,
    parts: Parts,
    micro: Micro<E>,
}

impl<E: Element> Packed<E> {
    /// Packs `right`, of `depth` x `columns`.
    pub(crate) fn new(right: Strided<'_, E>, depth: usize, columns: usize) -> Self {
        assert!(
            right.holds(depth, columns),
            "a packed operand reaches beyond its slice"
        );
        let micro = E::micro();
        let parts = plan::panels(columns, &micro);
        let mut data = buffers::take::<E>(parts.padded() * depth);
        pack::shared(&mut data, depth, parts, 0, right, &micro);
        Self {
            data,
            depth,
            parts,
            micro,
        }
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
            far: false,
        };
        let whole = Whole {
            out,
            blend,
            micro: self.micro,
            slab: false,
        };
        let panels = Panels {
            data: &self.data,
            in_place: None,
            depth: self.depth,
            parts: self.parts,
            next: Ahead::NONE,
        };
        let tiles = plan::tiles(rows, &self.micro);
        // SAFETY: `out` is exclusive, and holds the shape at its distance, as does `left`.
        unsafe { whole.piece(tiles, 0..tiles.count, left, &panels, 0..self.parts.count) }
    }
}
