//! Weights packed once for the products of all steps.

use crate::Element;
use crate::kernel::gemm::{Blend, Packed, Strided};

/// The inner dimension is multiplied in pieces of at most this length, so that what they read of
/// both operands stays near.
const DEPTH: usize = 512;

/// The right operand of many small products, each done by its caller alone.
pub(super) struct Factor<E: Element> {
    /// Pieces of the inner dimension, with where they begin.
    pieces: Vec<(usize, Packed<E>)>,
}

impl<E: Element> Factor<E> {
    /// Packs `right`, of `depth` x `columns`.
    pub(super) fn new(right: Strided<'_, E>, depth: usize, columns: usize) -> Self {
        let length = depth.div_ceil(depth.div_ceil(DEPTH).max(1)).max(1);
        let pieces = (0..depth).step_by(length).map(|start| {
            let right = right.from(start, 0);
            (
                start,
                Packed::new(right, length.min(depth - start), columns),
            )
        });
        Self {
            pieces: pieces.collect(),
        }
    }

    /// `out = left * right`, added to what `out` holds if `adds`; the rows of `out` are `stride`
    /// apart.
    pub(super) fn multiply(
        &self,
        out: &mut [E],
        stride: usize,
        rows: usize,
        left: Strided<'_, E>,
        adds: bool,
    ) {
        for &(start, ref piece) in &self.pieces {
            let keep = if adds || start > 0 {
                E::one()
            } else {
                E::zero()
            };
            let blend = Blend {
                keep,
                ..Blend::default()
            };
            piece.multiply(out, stride, rows, left.from(0, start), blend);
        }
    }
}
