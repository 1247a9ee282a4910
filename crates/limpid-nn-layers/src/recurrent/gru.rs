//! The gated recurrent unit.

use limpid_tensor::{Element, Result, Stream, Tensor};

use super::cell::{CellWeights, with_last};
use crate::{Context, Module, Parameters};

/// The gated recurrent unit: with r, z = sigmoid(W_ih x + b_ih + W_hh h + b_hh) and
/// n = tanh(W_ih x + b_ih + r (W_hh h + b_hh)), the state becomes (1 - z) n + z h.
///
/// As a module it starts from a state of zeros and gives the outputs of all times;
/// [`Gru::forward_with`] takes and gives the state.
///
/// # Shapes
/// input: `[time, batch, in]`; state: `[batch, hidden]`; output: `[time, batch, hidden]`.
///
/// # Source
/// Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder"; equals
/// `torch.nn.GRU` with one layer, which applies r after the matrix product.
#[derive(Clone, Debug, Parameters)]
pub struct Gru<E: Element> {
    /// The weights, of the gates r, z, n.
    #[parameters(flatten)]
    pub weights: CellWeights<E>,
}

impl<E: Element> Gru<E> {
    /// From `inputs` features to a state of `hidden`.
    ///
    /// # Errors
    /// As [`CellWeights::new`].
    pub fn new(inputs: usize, hidden: usize, stream: Stream) -> Result<Self> {
        let weights = CellWeights::new("gru", 3, inputs, hidden, stream)?;
        Ok(Self { weights })
    }

    /// The outputs of all times and the last state, from the state `h0`.
    ///
    /// # Errors
    /// A shape error when input or state do not fit.
    pub fn forward_with(
        &self,
        input: &Tensor<E>,
        h0: &Tensor<E>,
    ) -> Result<(Tensor<E>, Tensor<E>)> {
        with_last(input.gru(&self.weights.borrowed(), Some(h0))?)
    }
}

impl<E: Element> Module<E> for Gru<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.gru(&self.weights.borrowed(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::{for_each_parameter_mut, gradient_check};

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([3, 2, 4], Stream::new(1));
        check_module(|stream| Gru::new(4, 3, stream), &input, &[3, 2, 3]).unwrap();
    }

    #[test]
    fn one_step_is_that_by_hand() {
        let mut layer = Gru::<f64>::new(1, 1, Stream::new(1)).unwrap();
        for_each_parameter_mut(&mut layer, |_, parameter| {
            parameter.update(|elements| elements.fill(0.5));
        });
        let (input, h0) = (Tensor::full([1, 1, 1], 2.0), Tensor::full([1, 1], -1.0));
        let (output, last) = layer.forward_with(&input, &h0).unwrap();
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let (x, s) = (1.5, 0.0);
        let (r, z) = (sigmoid(x + s), sigmoid(x + s));
        let want = (1.0 - z) * (x + r * s).tanh() - z;
        assert!((output.item().unwrap() - want).abs() < 1e-15);
        assert_eq!(last.item().unwrap(), output.item().unwrap());
    }

    #[test]
    fn the_state_has_a_gradient() {
        let layer = Gru::<f64>::new(4, 3, Stream::new(1)).unwrap();
        let input = Tensor::standard_normal([3, 2, 4], Stream::new(2));
        let function = |x: &[Tensor<f64>]| Ok(layer.forward_with(&input, &x[0])?.0.square().sum());
        let h0 = Tensor::standard_normal([2, 3], Stream::new(3));
        let worst = gradient_check::check(function, &[h0], 1e-5).unwrap();
        assert!(worst.error < 1e-6, "{worst:?}");
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let layer = Gru::<f32>::new(4, 3, Stream::new(1)).unwrap();
        let error = layer.predict(&Tensor::zeros([2, 4])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "gru: shape [2, 4]: must be [time, batch, in]"
        );
        let input = Tensor::zeros([5, 2, 4]);
        let error = layer
            .forward_with(&input, &Tensor::zeros([1, 3]))
            .unwrap_err();
        let want = "gru: shapes [5, 2, 4] and [1, 3]: the state must be [2, 3]";
        assert_eq!(error.to_string(), want);
        assert!(layer.predict(&Tensor::zeros([0, 2, 4])).is_err());
    }
}
