//! The transpose of a convolution in one dimension.

use std::sync::Arc;

use limpid_init::{Initializer, Nonlinearity};
use limpid_tensor::{Convolution, Element, Parameter, Result, Stream, Tensor};

use super::padding::Filling;
use super::settings::{with_filling, with_steps};
use crate::{BatchNorm, Context, Module, Parameters};

/// How a [`ConvTranspose1d`] layer is to be made.
///
/// # Example
/// ```
/// use limpid_nn_layers::{ConvTranspose1dConfig, Module};
/// use limpid_tensor::{Stream, Tensor};
///
/// let layer = ConvTranspose1dConfig::new(3, 8, 4)
///     .with_stride(2)
///     .with_padding(1)
///     .build::<f32>(Stream::new(7))?;
/// assert_eq!(layer.predict(&Tensor::zeros([1, 3, 6]))?.shape(), [1, 8, 12]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConvTranspose1dConfig {
    /// Channels that go in.
    pub inputs: usize,
    /// Channels that come out.
    pub outputs: usize,
    /// The size of the kernel.
    pub kernel_size: usize,
    /// How far apart the kernel is laid down. The default is 1.
    pub stride: usize,
    /// How much of the result is cut off at both ends. The default is none.
    pub padding: usize,
    /// How much is added at the end. The default is none.
    pub output_padding: usize,
    /// How far apart the kernel's elements lie. The default is 1.
    pub dilation: usize,
    /// Groups of channels that see nothing of each other. The default is 1.
    pub groups: usize,
    /// Whether there is a bias; it starts at 0. The default is yes.
    pub bias: bool,
    /// What follows the layer: chooses the scheme that fills the weight. The default is a ReLU.
    pub nonlinearity: Nonlinearity,
    /// The scheme that fills the weight, in place of the chosen one.
    pub initializer: Option<Arc<dyn Initializer>>,
}

impl ConvTranspose1dConfig {
    /// From `inputs` to `outputs` channels, at stride 1 and without padding, with a bias.
    pub fn new(inputs: usize, outputs: usize, kernel_size: usize) -> Self {
        Self {
            inputs,
            outputs,
            kernel_size,
            stride: 1,
            padding: 0,
            output_padding: 0,
            dilation: 1,
            groups: 1,
            bias: true,
            nonlinearity: Nonlinearity::Relu,
            initializer: None,
        }
    }

    /// The same, with so much less of the result at both ends.
    #[must_use]
    pub fn with_padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// The same, with so many elements added at the end.
    #[must_use]
    pub fn with_output_padding(self, output_padding: usize) -> Self {
        Self {
            output_padding,
            ..self
        }
    }

    with_steps!(usize);
    with_filling!();

    /// The layer, filled from `stream`.
    ///
    /// # Errors
    /// An argument error when the groups do not divide the channels; a shape error when a size is
    /// 0; those of the initialiser.
    pub fn build<E: Element>(&self, stream: Stream) -> Result<ConvTranspose1d<E>> {
        let filling = Filling {
            operation: "conv_transpose1d",
            groups: self.groups,
            bias: self.bias.then_some(self.outputs),
            nonlinearity: self.nonlinearity,
            initializer: &self.initializer,
        };
        filling.divided("inputs", self.inputs)?;
        let outputs = filling.divided("outputs", self.outputs)?;
        let (weight, bias) = filling.build(&[self.inputs, outputs, self.kernel_size], stream)?;
        Ok(ConvTranspose1d {
            weight,
            bias,
            settings: Convolution {
                stride: [1, self.stride],
                padding: [[0; 2], [self.padding; 2]],
                dilation: [1, self.dilation],
                groups: self.groups,
                ..Convolution::default()
            },
            output_padding: self.output_padding,
        })
    }
}

/// The transpose of a convolution in one dimension; see [`Tensor::conv_transpose1d`].
///
/// # Shapes
/// input: `[N, C, L]` or `[C, L]`; weight: `[C, out / groups, k]`; bias: `[out]`; output:
/// `[N, out, L']`.
///
/// # Source
/// Equals `torch.nn.ConvTranspose1d`.
#[derive(Clone, Debug, Parameters)]
pub struct ConvTranspose1d<E: Element> {
    /// `[C, out / groups, k]`.
    pub weight: Parameter<E>,
    /// `[out]`.
    pub bias: Option<Parameter<E>>,
    /// The settings of the convolution that this is the transpose of; of each the second number
    /// counts.
    #[parameters(skip)]
    pub settings: Convolution,
    /// How much is added at the end.
    pub output_padding: usize,
}

impl<E: Element> ConvTranspose1d<E> {
    /// From `inputs` to `outputs` channels, at stride 1 and without padding, with a bias.
    ///
    /// # Errors
    /// As [`ConvTranspose1dConfig::build`].
    pub fn new(inputs: usize, outputs: usize, kernel_size: usize, stream: Stream) -> Result<Self> {
        ConvTranspose1dConfig::new(inputs, outputs, kernel_size).build(stream)
    }
}

impl<E: Element> Module<E> for ConvTranspose1d<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let bias = self.bias.as_deref();
        input.conv_transpose1d(&self.weight, bias, &self.settings, self.output_padding)
    }

    fn folded(&self, norm: &BatchNorm<E>) -> Result<Option<Box<dyn Module<E>>>> {
        Ok(Some(Box::new(self.fold_batch_norm(norm)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use crate::testing::pattern::{assert_close, filled, pattern};

    fn config() -> ConvTranspose1dConfig {
        ConvTranspose1dConfig::new(4, 6, 3)
            .with_stride(3)
            .with_padding(1)
            .with_output_padding(1)
            .with_dilation(2)
            .with_groups(2)
    }

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([2, 4, 3], Stream::new(1));
        let build = |stream| ConvTranspose1d::new(4, 2, 2, stream);
        check_module(build, &input, &[2, 2, 4]).unwrap();
        check_module(|stream| config().build(stream), &input, &[2, 6, 10]).unwrap();
        let plain = config().with_bias(false);
        check_module(|stream| plain.build(stream), &input, &[2, 6, 10]).unwrap();
    }

    /// The figures are those of PyTorch 2.15.
    #[test]
    fn the_output_equals_pytorchs() {
        let layer = filled(config().build::<f64>(Stream::new(1)).unwrap());
        let output = layer.predict(&pattern([2, 4, 3], 5)).unwrap();
        let want = [
            -0.2, -0.2, 0.2, -0.08, -0.35, -0.27, -0.35, -0.17, -0.2, -0.29,
        ];
        assert_close(&output, &want);
        let alone = pattern([2, 4, 3], 5)
            .narrow(0, 0, 1)
            .unwrap()
            .squeeze(0)
            .unwrap();
        assert_close(&layer.predict(&alone).unwrap(), &want);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let layer = ConvTranspose1d::<f32>::new(3, 2, 2, Stream::new(1)).unwrap();
        let error = layer.predict(&Tensor::zeros([4, 2, 2, 2])).unwrap_err();
        let want = "conv_transpose1d: shapes [4, 2, 2, 2] and [3, 2, 2]: \
                    must be [N, C, L] and [C, out / groups, k]";
        assert_eq!(error.to_string(), want);
        assert!(layer.predict(&Tensor::zeros([1, 4, 2])).is_err());
        assert!(ConvTranspose1d::<f32>::new(3, 0, 2, Stream::new(1)).is_err());
    }
}
