//! The gated recurrent unit.

use super::cell::{BackwardRow, Cell, ForwardRow, Span, activate, columns, combine};
use super::{Recurrence, RecurrentCell, RecurrentWeights};
use crate::kernel::math::{sigmoid, tanh};
use crate::{Element, Result, Tensor};

/// The columns r, z, n, and s: the part of n that comes from the state, before r.
pub(super) struct GruCell;

impl Cell for GruCell {
    const NAME: &'static str = "gru";
    const GATES: usize = 3;
    const COLUMNS: usize = 4;
    const SAVED: usize = 4;
    const HAS_MEMORY: bool = false;
    const KEEPS_STATE: bool = true;
    const STATE: &'static [Span] = &[
        Span {
            gate: 0,
            gates: 2,
            column: 0,
            adds: true,
        },
        Span {
            gate: 2,
            gates: 1,
            column: 3,
            adds: false,
        },
    ];

    #[inline(always)]
    fn forward<E: Element>(row: ForwardRow<'_, E>) {
        let ForwardRow { saved, bias, h, .. } = row;
        let hidden = h.len();
        activate(&mut saved[..2 * hidden], bias, sigmoid);
        activate(&mut saved[2 * hidden..], &bias[2 * hidden..], |x| x);
        let (gates, s) = saved.split_at_mut(3 * hidden);
        let (gates, n) = gates.split_at_mut(2 * hidden);
        let [r, z] = columns(gates);
        combine(n, [r, s], |n, [r, s]| tanh(n + r * s));
        combine(h, [z, n, row.h_before], |_, [z, n, h]| n + z * (h - n));
    }

    #[inline(always)]
    fn backward<E: Element>(row: BackwardRow<'_, E>) {
        let BackwardRow { dh, h_before, .. } = row;
        let one = E::one();
        let [r, z, n, s] = columns(row.saved);
        let hidden = dh.len();
        let (dr, rest) = row.columns.split_at_mut(hidden);
        let (dz, rest) = rest.split_at_mut(hidden);
        let (dn, ds) = rest.split_at_mut(hidden);
        combine(dn, [dh, z, n], |_, [dh, z, n]| {
            dh * (one - z) * (one - n * n)
        });
        combine(ds, [dn, r], |_, [dn, r]| dn * r);
        combine(dr, [dn, s, r], |_, [dn, s, r]| dn * s * r * (one - r));
        combine(dz, [dh, h_before, n, z], |_, [dh, h, n, z]| {
            dh * (h - n) * z * (one - z)
        });
        combine(dh, [z], |dh, [z]| dh * z);
    }
}

impl<E: Element> Tensor<E> {
    /// The gated recurrent unit over a sequence: with r, z = sigmoid(W_ih x + b_ih + W_hh h + b_hh)
    /// and n = tanh(W_ih x + b_ih + r (W_hh h + b_hh)), the state h becomes (1 - z) n + z h. The
    /// result holds the states after every step.
    ///
    /// `start` is the state before the first step; without it it is 0.
    ///
    /// # Shapes
    /// `self`: `[time, batch, in]`; weights of 3 gates (r, z, n); `start`: `[batch, hidden]`;
    /// result: `[time, batch, hidden]`.
    ///
    /// # Errors
    /// As [`Tensor::lstm`].
    ///
    /// # Source
    /// Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder"; equals
    /// `torch.nn.GRU` with one layer, which applies r after the matrix product.
    pub fn gru(&self, weights: &RecurrentWeights<'_, E>, start: Option<&Self>) -> Result<Self> {
        self.recurrent(&Recurrence {
            h0: start,
            ..Recurrence::new(RecurrentCell::Gru, *weights)
        })
    }
}
