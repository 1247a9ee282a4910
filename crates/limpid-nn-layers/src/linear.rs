//! The fully connected layer.

use std::sync::Arc;

use limpid_init::{Fill, Initializer, Nonlinearity, OutputPrior};
use limpid_tensor::{Element, Error, Parameter, Result, Stream, Tensor};

use crate::{BatchNorm, Context, Module, Parameters};

/// How a [`Linear`] layer is to be made.
///
/// # Example
/// ```
/// use limpid_nn_layers::LinearConfig;
/// use limpid_init::Nonlinearity;
/// use limpid_tensor::Stream;
///
/// let layer = LinearConfig::new(64, 32)
///     .with_nonlinearity(Nonlinearity::Tanh)
///     .with_bias(false)
///     .build::<f32>(Stream::new(7))?;
/// assert_eq!(layer.weight.shape(), [32, 64]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LinearConfig {
    /// Features that go in.
    pub inputs: usize,
    /// Features that come out.
    pub outputs: usize,
    /// Whether there is a bias; it starts at 0. The default is yes.
    pub bias: bool,
    /// What follows the layer: chooses the scheme that fills the weight. The default is a ReLU.
    pub nonlinearity: Nonlinearity,
    /// The scheme that fills the weight, in place of the chosen one.
    pub initializer: Option<Arc<dyn Initializer>>,
}

impl LinearConfig {
    /// A layer from `inputs` to `outputs` features, with a bias, before a ReLU.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            bias: true,
            nonlinearity: Nonlinearity::Relu,
            initializer: None,
        }
    }

    /// The same, with a bias or without.
    #[must_use]
    pub fn with_bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// The same, before another activation.
    #[must_use]
    pub fn with_nonlinearity(self, nonlinearity: Nonlinearity) -> Self {
        Self {
            nonlinearity,
            ..self
        }
    }

    /// The same, with the weight filled by `initializer`.
    #[must_use]
    pub fn with_initializer(self, initializer: impl Initializer + 'static) -> Self {
        Self {
            initializer: Some(Arc::new(initializer)),
            ..self
        }
    }

    /// The layer, filled from `stream`.
    ///
    /// # Errors
    /// An argument error when a size is 0; those of the initialiser.
    pub fn build<E: Element>(&self, stream: Stream) -> Result<Linear<E>> {
        for (name, size) in [("inputs", self.inputs), ("outputs", self.outputs)] {
            if size == 0 {
                return Err(Error::argument("linear", name, "at least 1", size));
            }
        }
        let shape = [self.outputs, self.inputs];
        let stream = stream.fork("weight");
        let weight = match &self.initializer {
            Some(initializer) => initializer.tensor(&shape, stream)?,
            None => self.nonlinearity.initializer().tensor(&shape, stream)?,
        };
        let bias = self
            .bias
            .then(|| Parameter::new(Tensor::zeros([self.outputs])));
        Ok(Linear {
            weight: Parameter::new(weight),
            bias,
        })
    }
}

/// The fully connected layer, y = x W^T + b.
///
/// # Shapes
/// input: `[..., in]`; weight: `[out, in]`; bias: `[out]`; output: `[..., out]`.
///
/// # Output layers
/// [`Linear::new`] fills the weight for a ReLU that follows: He normal. An output layer has none;
/// so filled, its logits would spread by about sqrt(2), and the initial cross-entropy over ten
/// classes would be about 3.1 and not log 10 = 2.303. Use [`Linear::output`], or
/// [`Nonlinearity::Linear`], or a small initialiser.
///
/// # Source
/// Equals `torch.nn.functional.linear`.
#[derive(Clone, Debug, Parameters)]
pub struct Linear<E: Element> {
    /// `[out, in]`.
    pub weight: Parameter<E>,
    /// `[out]`.
    pub bias: Option<Parameter<E>>,
}

impl<E: Element> Linear<E> {
    /// A layer with a bias of 0 and weights drawn for a ReLU that follows.
    ///
    /// # Errors
    /// As [`LinearConfig::build`].
    pub fn new(inputs: usize, outputs: usize, stream: Stream) -> Result<Self> {
        LinearConfig::new(inputs, outputs).build(stream)
    }

    /// An output layer: a bias of 0 and small normal weights (0.01), so that an untrained model is
    /// nearly undecided and its first loss is that of ignorance.
    ///
    /// # Errors
    /// As [`LinearConfig::build`].
    pub fn output(inputs: usize, outputs: usize, stream: Stream) -> Result<Self> {
        LinearConfig::new(inputs, outputs)
            .with_nonlinearity(Nonlinearity::Linear)
            .with_initializer(limpid_init::Normal::default())
            .build(stream)
    }

    /// The same weight with `prior` as its bias: an output layer that at first says of every example
    /// what the targets' shares or means say.
    ///
    /// # Errors
    /// A shape error when the prior is not one value for each output.
    ///
    /// # Example
    /// ```
    /// use limpid_init::OutputPrior;
    /// use limpid_nn_layers::{Linear, Module};
    /// use limpid_tensor::{Stream, Tensor};
    ///
    /// let prior = OutputPrior::softmax(&[90.0, 10.0])?;
    /// let layer = Linear::<f64>::output(3, 2, Stream::new(7))?.with_prior(&prior)?;
    /// let said = layer.predict(&Tensor::zeros([3]))?.softmax(-1)?;
    /// assert!((said.to_vec()[0] - 0.9).abs() < 1e-15);
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    pub fn with_prior(mut self, prior: &OutputPrior) -> Result<Self> {
        let outputs = self.weight.shape()[0];
        // A prior draws nothing, so any stream will do.
        let bias = prior.tensor(&[outputs], Stream::new(0))?;
        self.bias = Some(Parameter::new(bias));
        Ok(self)
    }
}

impl<E: Element> Module<E> for Linear<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.linear(&self.weight, self.bias.as_deref())
    }

    fn folded(&self, norm: &BatchNorm<E>) -> Result<Option<Box<dyn Module<E>>>> {
        Ok(Some(Box::new(self.fold_batch_norm(norm)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;

    #[test]
    fn the_product_is_that_by_hand() {
        let weight = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2]).unwrap();
        let bias = Tensor::from_vec(vec![0.5, 0.0, -1.0], [3]).unwrap();
        let layer = Linear::<f64> {
            weight: Parameter::new(weight),
            bias: Some(Parameter::new(bias)),
        };
        let input = Tensor::from_vec(vec![1.0, -1.0], [2]).unwrap();
        assert_eq!(layer.predict(&input).unwrap().to_vec(), [-0.5, -1.0, -2.0]);
    }

    #[test]
    fn the_contract_holds_for_every_rank() {
        let build = |stream| LinearConfig::new(3, 4).build(stream);
        for lead in [&[][..], &[5], &[2, 3], &[0]] {
            let (mut shape, mut want) = (lead.to_vec(), lead.to_vec());
            shape.push(3);
            want.push(4);
            let input = Tensor::standard_normal(&shape, Stream::new(1));
            check_module(build, &input, &want).unwrap();
        }
        let build = |stream| LinearConfig::new(3, 4).with_bias(false).build(stream);
        check_module(
            build,
            &Tensor::standard_normal([5, 3], Stream::new(1)),
            &[5, 4],
        )
        .unwrap();
    }

    #[test]
    fn hidden_layers_start_with_he_and_output_layers_small() {
        let square = |layer: &Linear<f64>| layer.weight.square().mean().item().unwrap();
        let hidden = Linear::new(100, 200, Stream::new(1)).unwrap();
        assert!((square(&hidden) / 0.02 - 1.0).abs() < 0.05);
        let output = Linear::output(100, 200, Stream::new(1)).unwrap();
        assert!((square(&output) / 1e-4 - 1.0).abs() < 0.05);
        assert_eq!(hidden.bias.unwrap().to_vec(), [0.0; 200]);
    }

    #[test]
    fn a_prior_is_the_bias_and_must_fit() {
        let prior = OutputPrior::mean(&[1.5, -2.0]).unwrap();
        let layer = Linear::<f64>::output(3, 2, Stream::new(1)).unwrap();
        let (weight, layer) = (layer.weight.to_vec(), layer.with_prior(&prior).unwrap());
        assert_eq!(layer.weight.to_vec(), weight);
        assert_eq!(layer.bias.unwrap().to_vec(), [1.5, -2.0]);
        let wider = Linear::<f64>::output(3, 4, Stream::new(1)).unwrap();
        assert!(wider.with_prior(&prior).is_err());
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let layer = Linear::<f32>::new(784, 128, Stream::new(1)).unwrap();
        let error = layer.predict(&Tensor::zeros([32, 100])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "linear: shapes [32, 100] and [128, 784]: \
             the input's last dimension (100) must equal the weight's second (784)"
        );
        assert!(layer.predict(&Tensor::scalar(1.0)).is_err());
        assert!(Linear::<f32>::new(0, 3, Stream::new(1)).is_err());
    }
}
