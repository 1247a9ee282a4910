//! What all recurrent cells share: the weights of their gates.

use limpid_tensor::{Element, Error, Parameter, RecurrentWeights, Result, Stream, Tensor};

use crate::Parameters;

/// The weights of a cell's gates, stacked in PyTorch's order.
#[derive(Clone, Debug, Parameters)]
pub struct CellWeights<E: Element> {
    /// From the input, `[gates * hidden, in]`.
    pub weight_ih: Parameter<E>,
    /// From the state, `[gates * hidden, hidden]`.
    pub weight_hh: Parameter<E>,
    /// Added to the input's part, `[gates * hidden]`.
    pub bias_ih: Option<Parameter<E>>,
    /// Added to the state's part, `[gates * hidden]`.
    pub bias_hh: Option<Parameter<E>>,
}

impl<E: Element> CellWeights<E> {
    /// Weights and biases drawn evenly from -1/sqrt(hidden) to 1/sqrt(hidden), as PyTorch starts
    /// recurrent layers.
    ///
    /// # Errors
    /// An argument error when a size is 0.
    pub fn new(
        operation: &'static str,
        gates: usize,
        inputs: usize,
        hidden: usize,
        stream: Stream,
    ) -> Result<Self> {
        for (name, size) in [("inputs", inputs), ("hidden", hidden)] {
            if size == 0 {
                return Err(Error::argument(operation, name, "at least 1", size));
            }
        }
        let bound = (hidden as f64).sqrt().recip();
        let draw = |name: &str, shape: &[usize]| {
            Parameter::new(Tensor::uniform(shape, -bound, bound, stream.fork(name)))
        };
        let rows = gates * hidden;
        Ok(Self {
            weight_ih: draw("weight_ih", &[rows, inputs]),
            weight_hh: draw("weight_hh", &[rows, hidden]),
            bias_ih: Some(draw("bias_ih", &[rows])),
            bias_hh: Some(draw("bias_hh", &[rows])),
        })
    }

    /// The length of the state.
    ///
    /// # Errors
    /// A shape error when the weight is no matrix.
    pub fn hidden(&self) -> Result<usize> {
        match *self.weight_hh.shape() {
            [_, hidden] => Ok(hidden),
            _ => {
                let rule = "the weight must be [gates * hidden, hidden]";
                Err(Error::shape("recurrent", &[self.weight_hh.shape()], rule))
            }
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
}

/// The states after every step, and the last one.
pub(super) fn with_last<E: Element>(states: Tensor<E>) -> Result<(Tensor<E>, Tensor<E>)> {
    let last = states.narrow(0, states.size(0)? - 1, 1)?.squeeze(0)?;
    Ok((states, last))
}
