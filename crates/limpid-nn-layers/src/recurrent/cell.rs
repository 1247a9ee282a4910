//! What all recurrent cells share: the weights of their gates, and the walk over time.

use limpid_tensor::{Element, Error, Parameter, Result, Stream, Tensor};

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

    /// That the weights hold `gates` gates, and that input and states fit them.
    pub(super) fn check(
        &self,
        operation: &'static str,
        gates: usize,
        input: &Tensor<E>,
        states: &[&Tensor<E>],
    ) -> Result<()> {
        let hidden = self.hidden()?;
        if self.weight_hh.shape() != [gates * hidden, hidden] {
            let rule = format!("the weight must be [{gates} * hidden, hidden]");
            return Err(Error::shape(operation, &[self.weight_hh.shape()], rule));
        }
        let &[time, batch, _] = input.shape() else {
            return Err(Error::shape(
                operation,
                &[input.shape()],
                "must be [time, batch, in]",
            ));
        };
        if time == 0 {
            let rule = "must have at least one step of time";
            return Err(Error::shape(operation, &[input.shape()], rule));
        }
        for state in states {
            if state.shape() != [batch, hidden] {
                let rule = format!("the state must be [{batch}, {hidden}]");
                return Err(Error::shape(
                    operation,
                    &[input.shape(), state.shape()],
                    rule,
                ));
            }
        }
        Ok(())
    }

    /// A state of zeros for `input`.
    pub(super) fn zero_state(&self, input: &Tensor<E>) -> Result<Tensor<E>> {
        Ok(Tensor::zeros([input.size(1)?, self.hidden()?]))
    }

    /// The input's part of all gates at all times, `[time, batch, gates * hidden]`.
    pub(super) fn input_part(&self, input: &Tensor<E>) -> Result<Tensor<E>> {
        input.linear(&self.weight_ih, self.bias_ih.as_deref())
    }

    /// The state's part of all gates, `[batch, gates * hidden]`.
    pub(super) fn state_part(&self, state: &Tensor<E>) -> Result<Tensor<E>> {
        state.linear(&self.weight_hh, self.bias_hh.as_deref())
    }
}

/// Gate number `gate` of `[batch, gates * hidden]`.
pub(super) fn gate<E: Element>(gates: &Tensor<E>, gate: usize, hidden: usize) -> Result<Tensor<E>> {
    gates.narrow(-1, gate * hidden, hidden)
}

/// The slice of one time of `[time, batch, ...]`.
pub(super) fn at<E: Element>(sequence: &Tensor<E>, time: usize) -> Result<Tensor<E>> {
    sequence.narrow(0, time, 1)?.squeeze(0)
}

/// The outputs of all times as one tensor.
pub(super) fn over_time<E: Element>(outputs: &[Tensor<E>]) -> Result<Tensor<E>> {
    Tensor::stack(&outputs.iter().collect::<Vec<_>>(), 0)
}
