//! The largest of several linear functions.

use std::sync::Arc;

use limpid_init::{Fill, Initializer, LecunNormal};
use limpid_tensor::{Element, Error, Parameter, Result, Stream, Tensor};

use crate::{Context, Module, Parameters};

/// How a [`Maxout`] layer is to be made.
#[derive(Clone, Debug)]
pub struct MaxoutConfig {
    /// Features that go in.
    pub inputs: usize,
    /// Features that come out.
    pub outputs: usize,
    /// How many linear functions compete for each output; at least 2 to be more than linear.
    pub pieces: usize,
    /// The scheme that fills each piece's weight `[out, in]`. The default is LeCun normal.
    pub initializer: Arc<dyn Initializer>,
}

impl MaxoutConfig {
    /// A layer from `inputs` to `outputs` features with `pieces` functions for each.
    pub fn new(inputs: usize, outputs: usize, pieces: usize) -> Self {
        Self {
            inputs,
            outputs,
            pieces,
            initializer: Arc::new(LecunNormal),
        }
    }

    /// The same, with each piece filled by `initializer`.
    #[must_use]
    pub fn with_initializer(self, initializer: impl Initializer + 'static) -> Self {
        Self {
            initializer: Arc::new(initializer),
            ..self
        }
    }

    /// The layer, filled from `stream`; biases start at 0.
    ///
    /// # Errors
    /// An argument error when a size is 0; those of the initialiser.
    pub fn build<E: Element>(&self, stream: Stream) -> Result<Maxout<E>> {
        let Self {
            inputs,
            outputs,
            pieces,
            ..
        } = *self;
        for (name, size) in [("inputs", inputs), ("outputs", outputs), ("pieces", pieces)] {
            if size == 0 {
                return Err(Error::argument("maxout", name, "at least 1", size));
            }
        }
        let stream = stream.fork("weight");
        let weights = (0..pieces)
            .map(|piece| {
                self.initializer
                    .tensor(&[outputs, inputs], stream.fork(piece))
            })
            .collect::<Result<Vec<_>>>()?;
        let weight = Tensor::stack(&weights.iter().collect::<Vec<_>>(), 0)?;
        let bias = Tensor::zeros([pieces, outputs]);
        Ok(Maxout {
            weight: Parameter::new(weight),
            bias: Parameter::new(bias),
        })
    }
}

/// The largest of several linear functions, max over k of x W_k^T + b_k: a learned convex
/// activation, which cannot die. Where pieces tie they share the gradient evenly.
///
/// # Shapes
/// input: `[..., in]`; weight: `[pieces, out, in]`; bias: `[pieces, out]`; output: `[..., out]`.
///
/// # Source
/// Goodfellow et al. 2013, "Maxout networks".
#[derive(Clone, Debug, Parameters)]
pub struct Maxout<E: Element> {
    /// `[pieces, out, in]`.
    pub weight: Parameter<E>,
    /// `[pieces, out]`.
    pub bias: Parameter<E>,
}

impl<E: Element> Maxout<E> {
    /// A layer from `inputs` to `outputs` features with `pieces` functions for each.
    ///
    /// # Errors
    /// As [`MaxoutConfig::build`].
    pub fn new(inputs: usize, outputs: usize, pieces: usize, stream: Stream) -> Result<Self> {
        MaxoutConfig::new(inputs, outputs, pieces).build(stream)
    }
}

impl<E: Element> Module<E> for Maxout<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let &[pieces, outputs, inputs] = self.weight.shape() else {
            let rule = "the weight must be [pieces, out, in]";
            return Err(Error::shape("maxout", &[self.weight.shape()], rule));
        };
        let Some((_, lead)) = input
            .shape()
            .split_last()
            .filter(|(last, _)| **last == inputs)
        else {
            let rule = "the input's last dimension must equal the weight's third";
            return Err(Error::shape(
                "maxout",
                &[input.shape(), self.weight.shape()],
                rule,
            ));
        };
        let weight = self.weight.reshape([pieces * outputs, inputs])?;
        let bias = self.bias.reshape([pieces * outputs])?;
        let mut shape = lead.to_vec();
        shape.extend([pieces, outputs]);
        input
            .linear(&weight, Some(&bias))?
            .reshape(shape)?
            .amax(&[-2], false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;

    #[test]
    fn two_pieces_can_be_an_absolute_value() {
        let weight = Tensor::<f64>::from_vec(vec![1.0, -1.0], [2, 1, 1]).unwrap();
        let layer = Maxout {
            weight: Parameter::new(weight),
            bias: Parameter::new(Tensor::zeros([2, 1])),
        };
        let input = Tensor::from_vec(vec![-3.0, 2.0], [2, 1]).unwrap();
        assert_eq!(layer.predict(&input).unwrap().to_vec(), [3.0, 2.0]);
    }

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([5, 3], Stream::new(1));
        check_module(|stream| Maxout::new(3, 2, 4, stream), &input, &[5, 2]).unwrap();
    }

    #[test]
    fn pieces_start_different() {
        let layer = Maxout::<f64>::new(3, 2, 2, Stream::new(1)).unwrap();
        let pieces = [0, 1].map(|piece| layer.weight.narrow(0, piece, 1).unwrap());
        assert_ne!(pieces[0], pieces[1]);
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let layer = Maxout::<f32>::new(3, 2, 4, Stream::new(1)).unwrap();
        let error = layer.predict(&Tensor::zeros([5, 4])).unwrap_err();
        let want = "maxout: shapes [5, 4] and [4, 2, 3]: \
                    the input's last dimension must equal the weight's third";
        assert_eq!(error.to_string(), want);
    }
}
