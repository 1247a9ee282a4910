//! Long short-term memory.

use super::cell::{BackwardRow, Cell, ForwardRow, Span, activate, columns, combine};
use super::{Recurrence, RecurrentCell, RecurrentWeights};
use crate::kernel::math::{sigmoid, tanh};
use crate::{Element, Result, Tensor};

/// The columns i, f, g, o, and tanh(c).
pub(super) struct LstmCell;

impl Cell for LstmCell {
    const NAME: &'static str = "lstm";
    const GATES: usize = 4;
    const COLUMNS: usize = 4;
    const SAVED: usize = 5;
    const HAS_MEMORY: bool = true;
    const KEEPS_STATE: bool = false;
    const STATE: &'static [Span] = &[Span {
        gate: 0,
        gates: 4,
        column: 0,
        adds: true,
    }];

    #[inline(always)]
    fn forward<E: Element>(row: ForwardRow<'_, E>) {
        let ForwardRow {
            saved, bias, h, c, ..
        } = row;
        let hidden = h.len();
        let (gates, tanh_c) = saved.split_at_mut(4 * hidden);
        activate(&mut gates[..2 * hidden], bias, sigmoid);
        activate(
            &mut gates[2 * hidden..3 * hidden],
            &bias[2 * hidden..],
            tanh,
        );
        activate(&mut gates[3 * hidden..], &bias[3 * hidden..], sigmoid);
        let [i, f, g, o] = columns(gates);
        combine(c, [i, f, g, row.c_before], |_, [i, f, g, c]| f * c + i * g);
        combine(tanh_c, [c], |_, [c]| tanh(c));
        combine(h, [o, tanh_c], |_, [o, tanh_c]| o * tanh_c);
    }

    #[inline(always)]
    fn backward<E: Element>(row: BackwardRow<'_, E>) {
        let BackwardRow { dh, dc, .. } = row;
        let one = E::one();
        let [i, f, g, o, tanh_c] = columns(row.saved);
        let hidden = dh.len();
        let (di, rest) = row.columns.split_at_mut(hidden);
        let (df, rest) = rest.split_at_mut(hidden);
        let (dg, d_o) = rest.split_at_mut(hidden);
        combine(dc, [dh, o, tanh_c], |dc, [dh, o, tanh_c]| {
            dc + dh * o * (one - tanh_c * tanh_c)
        });
        combine(d_o, [dh, o, tanh_c], |_, [dh, o, tanh_c]| {
            dh * tanh_c * o * (one - o)
        });
        combine(di, [dc, i, g], |_, [dc, i, g]| dc * g * i * (one - i));
        combine(dg, [dc, i, g], |_, [dc, i, g]| dc * i * (one - g * g));
        combine(df, [dc, f, row.c_before], |_, [dc, f, c]| {
            dc * c * f * (one - f)
        });
        combine(dc, [f], |dc, [f]| dc * f);
    }
}

fn recurrence<'a, E: Element>(
    weights: &RecurrentWeights<'a, E>,
    start: Option<[&'a Tensor<E>; 2]>,
) -> Recurrence<'a, E> {
    Recurrence {
        h0: start.map(|[h, _]| h),
        c0: start.map(|[_, c]| c),
        ..Recurrence::new(RecurrentCell::Lstm, *weights)
    }
}

impl<E: Element> Tensor<E> {
    /// Long short-term memory over a sequence: with i, f, o = sigmoid(W_ih x + b_ih + W_hh h +
    /// b_hh) and g = tanh(W_ih x + b_ih + W_hh h + b_hh), the memory c becomes f c + i g and the
    /// state h becomes o tanh(c). The result holds the states after every step.
    ///
    /// `start` holds state and memory before the first step; without it they are 0.
    ///
    /// # Shapes
    /// `self`: `[time, batch, in]`; weights of 4 gates (i, f, g, o); `start`: `[batch, hidden]`
    /// each; result: `[time, batch, hidden]`.
    ///
    /// # Errors
    /// A shape error when these do not fit, when there is no step, and when features or state are
    /// empty.
    ///
    /// # Source
    /// Hochreiter and Schmidhuber 1997, "Long short-term memory", with the forget gate of Gers et
    /// al. 2000; equals `torch.nn.LSTM` with one layer.
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::{RecurrentWeights, Tensor};
    ///
    /// let weights = RecurrentWeights {
    ///     weight_ih: &Tensor::<f64>::ones([4, 1]),
    ///     weight_hh: &Tensor::ones([4, 1]),
    ///     bias_ih: None,
    ///     bias_hh: None,
    /// };
    /// let states = Tensor::zeros([3, 2, 1]).lstm(&weights, None)?;
    /// assert_eq!(states, Tensor::zeros([3, 2, 1]));
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    pub fn lstm(
        &self,
        weights: &RecurrentWeights<'_, E>,
        start: Option<[&Self; 2]>,
    ) -> Result<Self> {
        self.recurrent(&recurrence(weights, start))
    }

    /// [`Tensor::lstm`] with what is left behind: the states after every step, the last state and
    /// the last memory.
    ///
    /// # Errors
    /// As [`Tensor::lstm`].
    pub fn lstm_with_memory(
        &self,
        weights: &RecurrentWeights<'_, E>,
        start: Option<[&Self; 2]>,
    ) -> Result<(Self, Self, Self)> {
        let (states, memory) = self.recurrent_with_memory(&recurrence(weights, start))?;
        let last = states.narrow(0, states.size(0)? - 1, 1)?.squeeze(0)?;
        Ok((states, last, memory))
    }
}
