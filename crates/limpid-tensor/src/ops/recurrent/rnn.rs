//! The plain recurrence.

use std::marker::PhantomData;

use super::cell::{BackwardRow, Cell, ForwardRow, Span, activate, combine};
use super::{Recurrence, RecurrentCell, RecurrentWeights};
use crate::kernel::math::tanh;
use crate::{Element, Result, Tensor};

/// What makes the next state of the products.
pub(super) trait Activation: Send + Sync + 'static {
    /// The operation's public name.
    const NAME: &'static str;

    /// The function.
    fn of<E: Element>(x: E) -> E;

    /// Its derivative where it gave `h`.
    fn slope<E: Element>(h: E) -> E;
}

/// tanh.
pub(super) struct Tanh;

impl Activation for Tanh {
    const NAME: &'static str = "rnn_tanh";

    #[inline(always)]
    fn of<E: Element>(x: E) -> E {
        tanh(x)
    }

    #[inline(always)]
    fn slope<E: Element>(h: E) -> E {
        E::one() - h * h
    }
}

/// max(0, x).
pub(super) struct Relu;

impl Activation for Relu {
    const NAME: &'static str = "rnn_relu";

    #[inline(always)]
    fn of<E: Element>(x: E) -> E {
        // What is no number is not below 0 and stays.
        if x < E::zero() { E::zero() } else { x }
    }

    #[inline(always)]
    fn slope<E: Element>(h: E) -> E {
        if h > E::zero() { E::one() } else { E::zero() }
    }
}

/// One column, the next state.
pub(super) struct RnnCell<A>(PhantomData<A>);

impl<A: Activation> Cell for RnnCell<A> {
    const NAME: &'static str = A::NAME;
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
        activate(row.saved, row.bias, A::of);
        row.h.copy_from_slice(row.saved);
    }

    #[inline(always)]
    fn backward<E: Element>(row: BackwardRow<'_, E>) {
        combine(row.columns, [row.dh, row.saved], |_, [dh, h]| {
            dh * A::slope(h)
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
        self.recurrent(&Recurrence {
            h0: start,
            ..Recurrence::new(RecurrentCell::RnnTanh, *weights)
        })
    }
}
