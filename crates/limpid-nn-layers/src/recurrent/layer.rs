//! Cells one above the other, in one direction or both.

use limpid_tensor::{
    Element, Error, Parameters, Path, Result, Stream, Tensor, Visitor, VisitorMut,
};

use super::config::RecurrentConfig;
use super::kind::{CarriedState, CellOutputs, CellRun, RecurrentKind};
use super::order::{cut, reversed};
use super::weights::CellWeights;
use crate::{Context, Dropout, Module};

/// A recurrent layer: an [`Rnn`](crate::Rnn), a [`Gru`](crate::Gru) or an [`Lstm`](crate::Lstm), of
/// one cell or of several one above the other, in one direction or both.
///
/// As a module it starts from a state of zeros and gives the outputs of all steps;
/// [`Recurrent::forward_with`] takes and gives the state, and knows items of different lengths.
/// [`RecurrentConfig`] has the settings.
///
/// # Shapes
/// With D directions: input `[time, batch, in]`; output `[time, batch, D * hidden]`; state and
/// memory `[layers * D, batch, hidden]`, first layer first, in each the forward direction first.
/// All of them also without `batch`. Where states are projected, `hidden` is the projected length,
/// but for the memory.
///
/// # Names
/// `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0` of the first layer, `weight_ih_l0_reverse`
/// and so on of its other direction, as PyTorch has them.
#[derive(Clone, Debug)]
pub struct Recurrent<E: Element, K> {
    /// The weights of each layer, and in it of each direction.
    pub weights: Vec<CellWeights<E>>,
    /// What kind of layer it is.
    pub kind: K,
    /// Whether there are two directions.
    pub bidirectional: bool,
    /// Leaves out outputs on their way from one layer to the next.
    pub dropout: Dropout,
}

/// What follows the names of the weights of cell number `index`.
pub(super) fn suffix(index: usize, directions: usize) -> String {
    let direction = match index % directions {
        0 => "",
        _ => "_reverse",
    };
    format!("_l{}{direction}", index / directions)
}

/// The outputs of all steps, and what the cells end with, if that is wanted.
type Outputs<E, S> = (Tensor<E>, Vec<S>);

impl<E: Element, K: RecurrentKind> Recurrent<E, K> {
    /// One layer in one direction, with biases.
    ///
    /// # Errors
    /// As [`RecurrentConfig::build`].
    pub fn new(inputs: usize, hidden: usize, stream: Stream) -> Result<Self> {
        RecurrentConfig::new(inputs, hidden).build(stream)
    }

    /// The outputs of all steps, and the state that each layer and direction ends with.
    ///
    /// `start` is the state before the first step; without it it is 0. `lengths` says how many steps
    /// each item of the batch has; without it all have all. Outputs after an item's last step are 0,
    /// its state is that of its last step, and the other direction begins there: what pads an item
    /// is not looked at. Equals `torch.nn.utils.rnn.pack_padded_sequence` before and
    /// `pad_packed_sequence` after the layer.
    ///
    /// # Errors
    /// A shape error when input or state do not fit; an argument error when a length is 0 or above
    /// the number of steps.
    pub fn forward_with(
        &self,
        input: &Tensor<E>,
        start: Option<&K::State<E>>,
        lengths: Option<&[usize]>,
        context: &mut Context<'_, E>,
    ) -> Result<(Tensor<E>, K::State<E>)> {
        let single = input.rank() == 2;
        let batched = |state: &K::State<E>| match single {
            true => CarriedState::combine(std::slice::from_ref(state), |x| x[0].unsqueeze(1)),
            false => Ok(state.clone()),
        };
        let start = start.map(batched).transpose()?;
        let (output, ends) = self.run(input, start.as_ref(), lengths, true, context)?;
        let end = CarriedState::combine(&ends, |states| {
            let states = Tensor::stack(states, 0)?;
            if single {
                states.squeeze(1)
            } else {
                Ok(states)
            }
        })?;
        Ok((output, end))
    }

    fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// The outputs of all steps and, if `ends` are wanted, the states at the end. `start` has a
    /// batch.
    fn run(
        &self,
        input: &Tensor<E>,
        start: Option<&K::State<E>>,
        lengths: Option<&[usize]>,
        ends: bool,
        context: &mut Context<'_, E>,
    ) -> Result<Outputs<E, K::State<E>>> {
        if input.rank() == 2 {
            let batch = input.unsqueeze(1)?;
            let (output, states) = self.run(&batch, start, lengths, ends, context)?;
            return Ok((output.squeeze(1)?, states));
        }
        let directions = self.directions();
        if self.weights.is_empty() || !self.weights.len().is_multiple_of(directions) {
            let expected = "those of each layer in each direction";
            let found = self.weights.len();
            return Err(Error::argument(K::NAME, "weights", expected, found));
        }
        if let Some(start) = start {
            self.check_start(input, start)?;
        }
        let mut x = input.clone();
        let mut states = Vec::new();
        for (layer, cells) in self.weights.chunks(directions).enumerate() {
            if layer > 0 {
                x = self.dropout.forward(&x, context)?;
            }
            let mut outputs = Vec::with_capacity(directions);
            for (direction, cell) in cells.iter().enumerate() {
                let number = layer * directions + direction;
                let own = |all: &K::State<E>| {
                    CarriedState::combine(std::slice::from_ref(all), |x| {
                        x[0].narrow(0, number, 1)?.squeeze(0)
                    })
                };
                let start = start.map(own).transpose()?;
                let turned = (direction == 1)
                    .then(|| reversed(&x, lengths))
                    .transpose()?;
                let (output, end) = self.cell(CellRun {
                    input: turned.as_ref().unwrap_or(&x),
                    weights: cell,
                    start: start.as_ref(),
                    lengths,
                    ends,
                })?;
                let output = match direction {
                    0 => output,
                    _ => reversed(&output, lengths)?,
                };
                outputs.push(output);
                states.extend(end);
            }
            x = match outputs.as_slice() {
                [one] => one.clone(),
                both => Tensor::concat(&both.iter().collect::<Vec<_>>(), -1)?,
            };
        }
        Ok((x, states))
    }

    fn check_start(&self, input: &Tensor<E>, start: &K::State<E>) -> Result<()> {
        let &[_, batch, _] = input.shape() else {
            // The cell says what is wrong.
            return Ok(());
        };
        let (h, c) = start.parts();
        for (state, length) in [
            (Some(h), self.weights[0].outputs()?),
            (c, self.weights[0].hidden()?),
        ] {
            let want = [self.weights.len(), batch, length];
            if let Some(state) = state
                && state.shape() != want
            {
                let rule = format!("the state must be {want:?}");
                return Err(Error::shape(K::NAME, &[input.shape(), state.shape()], rule));
            }
        }
        Ok(())
    }

    /// One cell over all steps, in their order.
    fn cell(&self, run: CellRun<'_, E, K::State<E>>) -> Result<CellOutputs<E, K::State<E>>> {
        let lengths = run.lengths;
        let (states, end) = self.kind.run(run)?;
        match lengths {
            Some(lengths) => Ok((cut(&states, lengths)?, end)),
            None => Ok((states, end)),
        }
    }
}

impl<E: Element, K: RecurrentKind> Module<E> for Recurrent<E, K> {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        Ok(self.run(input, None, None, false, context)?.0)
    }

    fn differs_in_training(&self) -> bool {
        self.dropout.p() > 0.0 && self.weights.len() > self.directions()
    }

    fn kind(&self) -> &'static str {
        K::NAME
    }
}

impl<E: Element, K: RecurrentKind> Parameters<E> for Recurrent<E, K> {
    fn visit<'a>(&'a self, path: &mut Path, visitor: &mut dyn Visitor<'a, E>) {
        let directions = self.directions();
        for (index, cell) in self.weights.iter().enumerate() {
            for (name, parameter) in cell.named() {
                path.push(&format!("{name}{}", suffix(index, directions)));
                parameter.visit(path, visitor);
                path.pop();
            }
        }
    }

    fn visit_mut(&mut self, path: &mut Path, visitor: &mut dyn VisitorMut<E>) {
        let directions = self.directions();
        for (index, cell) in self.weights.iter_mut().enumerate() {
            for (name, parameter) in cell.named_mut() {
                path.push(&format!("{name}{}", suffix(index, directions)));
                parameter.visit_mut(path, visitor);
                path.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests;
