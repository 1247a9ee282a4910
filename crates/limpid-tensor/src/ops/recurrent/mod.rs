//! Recurrent cells, run over all steps of a sequence as one operation.
//!
//! The rows of a batch do not depend on each other, so it is cut into blocks of rows; each block is
//! one task that walks through all steps, forward or backward, without waiting for the others.

mod backward;
mod cell;
mod factor;
mod forward;
mod gru;
mod lstm;
mod recurrence;
mod rnn;
#[cfg(test)]
mod tests;

pub use recurrence::{Recurrence, RecurrentCell};

use cell::Cell;

use crate::buffers;
use crate::flops::add_products;
use crate::{Element, Error, Result, Tensor};

/// The weights of a recurrent cell, its gates stacked in PyTorch's order.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentWeights<'a, E: Element> {
    /// From the input, `[gates * hidden, in]`.
    pub weight_ih: &'a Tensor<E>,
    /// From the state, `[gates * hidden, hidden]`.
    pub weight_hh: &'a Tensor<E>,
    /// Added to the input's part, `[gates * hidden]`.
    pub bias_ih: Option<&'a Tensor<E>>,
    /// Added to the state's part, `[gates * hidden]`.
    pub bias_hh: Option<&'a Tensor<E>>,
}

/// The sizes of a sequence.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    time: usize,
    batch: usize,
    inputs: usize,
    hidden: usize,
}

/// Rows of a batch that a task takes at least: what the micro kernels multiply at once.
const ROWS: usize = 8;
/// Blocks beyond which they become longer instead, as each reads the whole weight at each step.
const BLOCKS: usize = 16;
/// Multiply-adds below which the caller works alone.
const ALONE: usize = 1 << 20;

impl Sizes {
    /// That everything fits `C`.
    fn check<E: Element, C: Cell>(
        input: &Tensor<E>,
        weights: &RecurrentWeights<'_, E>,
        start: &[&Tensor<E>],
    ) -> Result<Self> {
        let gates = C::GATES;
        let refuse = |shapes: &[&[usize]], rule: String| Err(Error::shape(C::NAME, shapes, rule));
        let (weight_ih, weight_hh) = (weights.weight_ih.shape(), weights.weight_hh.shape());
        let hidden = match *weight_hh {
            [rows, hidden] if hidden > 0 && rows == gates * hidden => hidden,
            _ => {
                let rule = format!("the state's weight must be [{gates} * hidden, hidden]");
                return refuse(&[weight_hh], rule);
            }
        };
        let &[time, batch, inputs] = input.shape() else {
            return refuse(&[input.shape()], "must be [time, batch, in]".to_owned());
        };
        if time == 0 || inputs == 0 {
            let rule = "must have at least one step of time and one feature".to_owned();
            return refuse(&[input.shape()], rule);
        }
        if weight_ih != [gates * hidden, inputs] {
            let rule = format!("the input's weight must be [{}, {inputs}]", gates * hidden);
            return refuse(&[input.shape(), weight_ih], rule);
        }
        for bias in [weights.bias_ih, weights.bias_hh].into_iter().flatten() {
            if bias.shape() != [gates * hidden] {
                return refuse(
                    &[bias.shape()],
                    format!("the bias must be [{}]", gates * hidden),
                );
            }
        }
        for state in start {
            if state.shape() != [batch, hidden] {
                let rule = format!("the state must be [{batch}, {hidden}]");
                return refuse(&[input.shape(), state.shape()], rule);
            }
        }
        Ok(Self {
            time,
            batch,
            inputs,
            hidden,
        })
    }

    /// Reports the products of so many steps with the weights of the input, and of the state.
    fn count<C: Cell>(&self, input_steps: usize, state_steps: usize) {
        let weights = input_steps * self.inputs + state_steps * self.hidden;
        add_products(&[self.batch, C::GATES, self.hidden, weights]);
    }

    /// The rows of a task.
    fn block(&self) -> usize {
        let tiles = self.batch.div_ceil(ROWS);
        let blocks = tiles.div_ceil(tiles.div_ceil(BLOCKS).max(1));
        self.batch.div_ceil(blocks.max(1))
    }

    /// The threads that a walk through time is worth: 0 for all.
    fn threads<C: Cell>(&self) -> usize {
        let weights = C::GATES * self.hidden * (self.inputs + self.hidden);
        usize::from(self.time * self.batch * weights < ALONE)
    }
}

/// That each item of a batch has a number of steps. Where there are none they have all.
fn check_lengths<C: Cell>(sizes: Sizes, lengths: Option<&[usize]>) -> Result<&[usize]> {
    let Some(lengths) = lengths else {
        return Ok(&[]);
    };
    let Sizes { time, batch, .. } = sizes;
    if lengths.len() != batch || lengths.iter().any(|length| !(1..=time).contains(length)) {
        let expected = format!("from 1 to {time} for each of the {batch} items");
        let found = format!("{lengths:?}");
        return Err(Error::argument(C::NAME, "lengths", expected, found));
    }
    Ok(lengths)
}

/// The input with zeros after each item's last step: what is no number there would spoil the sums
/// over all steps, though its factor is 0.
fn without_padding<E: Element>(input: &Tensor<E>, sizes: Sizes, lengths: &[usize]) -> Tensor<E> {
    let mut data = buffers::copied(slice(input));
    for (place, row) in data.chunks_exact_mut(sizes.inputs).enumerate() {
        if place / sizes.batch >= lengths[place % sizes.batch] {
            row.fill(E::zero());
        }
    }
    Tensor::new(data, input.layout.shape.clone())
}

/// The elements of a contiguous tensor.
fn slice<E: Element>(tensor: &Tensor<E>) -> &[E] {
    &tensor.storage[tensor.layout.offset..][..tensor.len()]
}

/// The states of `C` after every step and, if it `ends_with_memory`, after them the last memory.
fn sequence<E: Element, C: Cell>(
    input: &Tensor<E>,
    recurrence: &Recurrence<'_, E>,
    ends_with_memory: bool,
) -> Result<Tensor<E>> {
    let Recurrence {
        weights,
        h0,
        c0,
        lengths,
        ..
    } = *recurrence;
    let states: Vec<_> = h0.into_iter().chain(c0).collect();
    let sizes = Sizes::check::<E, C>(input, &weights, &states)?;
    let lengths = check_lengths::<C>(sizes, lengths)?;
    let none = Tensor::zeros([0]);
    let inputs = [
        input,
        weights.weight_ih,
        weights.weight_hh,
        weights.bias_ih.unwrap_or(&none),
        weights.bias_hh.unwrap_or(&none),
        h0.unwrap_or(&none),
        c0.unwrap_or(&none),
    ];
    let keeps = Tensor::records(&inputs);
    let mut operands = inputs.map(Tensor::contiguous);
    if !lengths.is_empty() {
        operands[0] = without_padding(&operands[0], sizes, lengths);
    }
    let run = forward::forward::<E, C>(sizes, &operands, lengths, keeps);
    let result = run.result(sizes, ends_with_memory);
    Ok(result.recorded(&inputs, || {
        backward::RecurrentBackward::<E, C>::new(sizes, operands, lengths.to_vec(), run)
    }))
}
