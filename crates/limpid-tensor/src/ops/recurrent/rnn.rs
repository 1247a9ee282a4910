//! The plain recurrence.

use super::cell::{BackwardRow, Cell, ForwardRow, Span, activate, combine};
use super::{RecurrentWeights, sequence};
use crate::kernel::math::tanh;
use crate::{Element, Result, Tensor};

/// One column, the next state.
pub(super) struct RnnCell;

impl Cell for RnnCell {
    const NAME: &'static str = "rnn_tanh";
    const GATES: usize = 1;
    const COLUMNS: usize = 1;
    const SAVED: usize = 1;
    const HAS_MEMORY: bool = false;
    const KEEPS_STATE: bool = false;
    const STATE: &'static [Span] = &[Span {
        gate: 0,
        gates: 1,
        column: 0,
        adds: true,
    }];

    #[inline(always)]
    fn forward<E: Element>(row: ForwardRow<'_, E>) {
        activate(row.saved, row.bias, tanh);
        row.h.copy_from_slice(row.saved);
    }

    #[inline(always)]
    fn backward<E: Element>(row: BackwardRow<'_, E>) {
        combine(row.columns, [row.dh, row.saved], |_, [dh, h]| {
            dh * (E::one() - h * h)
        });
    }
}

impl<E: Element> Tensor<E> {
    /// The plain recurrence over a sequence: the state h becomes
    /// tanh(W_ih x + b_ih + W_hh h + b_hh). The result holds the states after every step.
    ///
    /// `start` is the state before the first step; without it it is 0.
    ///
    /// # Shapes
    /// `self`: `[time, batch, in]`; weights of 1 gate; `start`: `[batch, hidden]`; result:
    /// `[time, batch, hidden]`.
    ///
    /// # Errors
    /// As [`Tensor::lstm`].
    ///
    /// # Source
    /// Elman 1990, "Finding structure in time"; equals `torch.nn.RNN` with one layer.
    pub fn rnn_tanh(
        &self,
        weights: &RecurrentWeights<'_, E>,
        start: Option<&Self>,
    ) -> Result<Self> {
        sequence::<E, RnnCell>(self, weights, start.map(|h| (h, None)), false)
    }
}
