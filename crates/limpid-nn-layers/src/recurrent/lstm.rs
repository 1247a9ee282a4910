//! Long short-term memory.

use limpid_tensor::{Element, Result, Stream, Tensor};

use super::cell::CellWeights;
use crate::{Context, Module, Parameters};

/// Long short-term memory: with i, f, o = sigmoid(W_ih x + b_ih + W_hh h + b_hh) and
/// g = tanh(W_ih x + b_ih + W_hh h + b_hh), the memory c becomes f c + i g and the state o tanh(c).
///
/// As a module it starts from a state of zeros and gives the outputs of all times;
/// [`Lstm::forward_with`] takes and gives the state.
///
/// # Shapes
/// input: `[time, batch, in]`; state, memory: `[batch, hidden]`; output: `[time, batch, hidden]`.
///
/// # Source
/// Hochreiter and Schmidhuber 1997, "Long short-term memory", with the forget gate of Gers et al.
/// 2000; equals `torch.nn.LSTM` with one layer.
#[derive(Clone, Debug, Parameters)]
pub struct Lstm<E: Element> {
    /// The weights, of the gates i, f, g, o.
    #[parameters(flatten)]
    pub weights: CellWeights<E>,
}

/// What a [`Lstm`] carries from one time to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct LstmState<E: Element> {
    /// The state, `[batch, hidden]`.
    pub h: Tensor<E>,
    /// The memory, `[batch, hidden]`.
    pub c: Tensor<E>,
}

impl<E: Element> Lstm<E> {
    /// From `inputs` features to a state of `hidden`.
    ///
    /// # Errors
    /// As [`CellWeights::new`].
    pub fn new(inputs: usize, hidden: usize, stream: Stream) -> Result<Self> {
        let weights = CellWeights::new("lstm", 4, inputs, hidden, stream)?;
        Ok(Self { weights })
    }

    /// The outputs of all times and the last state, from `start`.
    ///
    /// # Errors
    /// A shape error when input or state do not fit.
    pub fn forward_with(
        &self,
        input: &Tensor<E>,
        start: &LstmState<E>,
    ) -> Result<(Tensor<E>, LstmState<E>)> {
        let start = Some([&start.h, &start.c]);
        let (states, h, c) = input.lstm_with_memory(&self.weights.borrowed(), start)?;
        Ok((states, LstmState { h, c }))
    }
}

impl<E: Element> Module<E> for Lstm<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.lstm(&self.weights.borrowed(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::{for_each_parameter_mut, gradient_check, named_parameters};

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([3, 2, 4], Stream::new(1));
        check_module(|stream| Lstm::new(4, 3, stream), &input, &[3, 2, 3]).unwrap();
    }

    #[test]
    fn parameters_are_named_as_a_cells() {
        let layer = Lstm::<f32>::new(4, 3, Stream::new(1)).unwrap();
        let names = named_parameters(&layer).into_iter().map(|(name, _)| name);
        let want = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
        assert_eq!(names.collect::<Vec<_>>(), want);
    }

    #[test]
    fn one_step_is_that_by_hand() {
        let mut layer = Lstm::<f64>::new(1, 1, Stream::new(1)).unwrap();
        for_each_parameter_mut(&mut layer, |_, parameter| {
            parameter.update(|elements| elements.fill(0.5));
        });
        let start = LstmState {
            h: Tensor::full([1, 1], -1.0),
            c: Tensor::full([1, 1], 0.25),
        };
        let (output, last) = layer
            .forward_with(&Tensor::full([1, 1, 1], 2.0), &start)
            .unwrap();
        let gate = 1.0 / (1.0 + (-1.5_f64).exp());
        let c = gate * 0.25 + gate * 1.5_f64.tanh();
        assert!((last.c.item().unwrap() - c).abs() < 1e-15);
        assert!((output.item().unwrap() - gate * c.tanh()).abs() < 1e-15);
    }

    #[test]
    fn state_and_memory_have_gradients() {
        let layer = Lstm::<f64>::new(4, 3, Stream::new(1)).unwrap();
        let input = Tensor::standard_normal([3, 2, 4], Stream::new(2));
        let function = |x: &[Tensor<f64>]| {
            let start = LstmState {
                h: x[0].clone(),
                c: x[1].clone(),
            };
            let (output, last) = layer.forward_with(&input, &start)?;
            output.square().sum().add(&last.c.square().sum())
        };
        let starts = [3, 4].map(|seed| Tensor::standard_normal([2, 3], Stream::new(seed)));
        let worst = gradient_check::check(function, &starts, 1e-5).unwrap();
        assert!(worst.error < 1e-6, "{worst:?}");
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let layer = Lstm::<f32>::new(4, 3, Stream::new(1)).unwrap();
        let error = layer.predict(&Tensor::zeros([5, 2, 7])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "lstm: shapes [5, 2, 7] and [12, 4]: the input's weight must be [12, 7]"
        );
        let state = LstmState {
            h: Tensor::zeros([2, 3]),
            c: Tensor::zeros([2, 4]),
        };
        let error = layer
            .forward_with(&Tensor::zeros([5, 2, 4]), &state)
            .unwrap_err();
        let want = "lstm: shapes [5, 2, 4] and [2, 4]: the state must be [2, 3]";
        assert_eq!(error.to_string(), want);
    }
}
