//! The weights of one cell: one layer in one direction.

use limpid_tensor::{Element, Error, Parameter, RecurrentWeights, Result, Stream, Tensor};

/// The weights of a cell's gates, stacked in PyTorch's order.
#[derive(Clone, Debug)]
pub struct CellWeights<E: Element> {
    /// From the input, `[gates * hidden, in]`.
    pub weight_ih: Parameter<E>,
    /// From the state, `[gates * hidden, hidden]`; where the state is projected, `hidden` is its
    /// projected length here.
    pub weight_hh: Parameter<E>,
    /// Added to the input's part, `[gates * hidden]`.
    pub bias_ih: Option<Parameter<E>>,
    /// Added to the state's part, `[gates * hidden]`.
    pub bias_hh: Option<Parameter<E>>,
    /// From the state to its projection, `[projected, hidden]`.
    pub weight_hr: Option<Parameter<E>>,
}

/// The sizes of a cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct CellSizes {
    pub(super) gates: usize,
    pub(super) inputs: usize,
    pub(super) hidden: usize,
    pub(super) projected: Option<usize>,
    pub(super) bias: bool,
}

impl<E: Element> CellWeights<E> {
    /// All drawn evenly from -1/sqrt(hidden) to 1/sqrt(hidden), as PyTorch starts recurrent layers.
    pub(super) fn draw(sizes: CellSizes, suffix: &str, stream: Stream) -> Self {
        let CellSizes {
            gates,
            inputs,
            hidden,
            projected,
            bias,
        } = sizes;
        let bound = (hidden as f64).sqrt().recip();
        let draw = |name: &str, shape: &[usize]| {
            let stream = stream.fork(format!("{name}{suffix}").as_str());
            Parameter::new(Tensor::uniform(shape, -bound, bound, stream))
        };
        let rows = gates * hidden;
        Self {
            weight_ih: draw("weight_ih", &[rows, inputs]),
            weight_hh: draw("weight_hh", &[rows, projected.unwrap_or(hidden)]),
            bias_ih: bias.then(|| draw("bias_ih", &[rows])),
            bias_hh: bias.then(|| draw("bias_hh", &[rows])),
            weight_hr: projected.map(|projected| draw("weight_hr", &[projected, hidden])),
        }
    }

    /// The length of the state that goes out.
    ///
    /// # Errors
    /// A shape error when the weight is no matrix.
    pub fn outputs(&self) -> Result<usize> {
        match *self.weight_hh.shape() {
            [_, outputs] => Ok(outputs),
            _ => {
                let rule = "the weight must be [gates * hidden, hidden]";
                Err(Error::shape("recurrent", &[self.weight_hh.shape()], rule))
            }
        }
    }

    /// The length of the memory, and of the state before it is projected.
    ///
    /// # Errors
    /// As [`CellWeights::outputs`].
    pub fn hidden(&self) -> Result<usize> {
        match &self.weight_hr {
            Some(weight) => weight.size(1),
            None => self.outputs(),
        }
    }

    /// The weights, for the operations on sequences.
    pub(super) fn borrowed(&self) -> RecurrentWeights<'_, E> {
        RecurrentWeights {
            weight_ih: &self.weight_ih,
            weight_hh: &self.weight_hh,
            bias_ih: self.bias_ih.as_deref(),
            bias_hh: self.bias_hh.as_deref(),
        }
    }

    /// What there is, with PyTorch's names.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, &Parameter<E>)> {
        let matrices = [
            ("weight_ih", &self.weight_ih),
            ("weight_hh", &self.weight_hh),
        ];
        let others = [
            ("bias_ih", &self.bias_ih),
            ("bias_hh", &self.bias_hh),
            ("weight_hr", &self.weight_hr),
        ];
        let others = others.map(|(name, parameter)| Some((name, parameter.as_ref()?)));
        matrices.into_iter().chain(others.into_iter().flatten())
    }

    /// The same, to be changed.
    pub(super) fn named_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Parameter<E>)> {
        let matrices = [
            ("weight_ih", &mut self.weight_ih),
            ("weight_hh", &mut self.weight_hh),
        ];
        let others = [
            ("bias_ih", &mut self.bias_ih),
            ("bias_hh", &mut self.bias_hh),
            ("weight_hr", &mut self.weight_hr),
        ];
        let others = others.map(|(name, parameter)| Some((name, parameter.as_mut()?)));
        matrices.into_iter().chain(others.into_iter().flatten())
    }
}
