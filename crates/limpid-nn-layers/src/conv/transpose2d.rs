//! The transpose of a convolution.

use std::sync::Arc;

use limpid_init::{Initializer, Nonlinearity};
use limpid_tensor::{Convolution, Element, Parameter, Result, Stream, Tensor};

use super::padding::Filling;
use crate::{BatchNorm, Context, Module, Parameters};

/// How a [`ConvTranspose2d`] layer is to be made.
#[derive(Clone, Debug)]
pub struct ConvTranspose2dConfig {
    /// Channels that go in.
    pub inputs: usize,
    /// Channels that come out.
    pub outputs: usize,
    /// The size of the kernel.
    pub kernel_size: [usize; 2],
    /// The settings of the convolution that this is the transpose of.
    pub settings: Convolution,
    /// Rows and columns that are added below and to the right. The default is none.
    pub output_padding: [usize; 2],
    /// Whether there is a bias; it starts at 0. The default is yes.
    pub bias: bool,
    /// What follows the layer: chooses the scheme that fills the weight. The default is a ReLU.
    pub nonlinearity: Nonlinearity,
    /// The scheme that fills the weight, in place of the chosen one.
    pub initializer: Option<Arc<dyn Initializer>>,
}

impl ConvTranspose2dConfig {
    /// From `inputs` to `outputs` channels, at stride 1 and without padding, with a bias.
    pub fn new(inputs: usize, outputs: usize, kernel_size: [usize; 2]) -> Self {
        Self {
            inputs,
            outputs,
            kernel_size,
            settings: Convolution::default(),
            output_padding: [0; 2],
            bias: true,
            nonlinearity: Nonlinearity::Relu,
            initializer: None,
        }
    }

    /// The same, as the transpose of a convolution with these settings.
    #[must_use]
    pub fn with_settings(self, settings: Convolution) -> Self {
        Self { settings, ..self }
    }

    /// The same, with these rows and columns added.
    #[must_use]
    pub fn with_output_padding(self, output_padding: [usize; 2]) -> Self {
        Self {
            output_padding,
            ..self
        }
    }

    /// The same, with a bias or without.
    #[must_use]
    pub fn with_bias(self, bias: bool) -> Self {
        Self { bias, ..self }
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
    /// An argument error when the groups do not divide the channels; a shape error when a size is
    /// 0; those of the initialiser.
    pub fn build<E: Element>(&self, stream: Stream) -> Result<ConvTranspose2d<E>> {
        let filling = Filling {
            operation: "conv_transpose2d",
            groups: self.settings.groups,
            bias: self.bias.then_some(self.outputs),
            nonlinearity: self.nonlinearity,
            initializer: &self.initializer,
        };
        filling.divided("inputs", self.inputs)?;
        let outputs = filling.divided("outputs", self.outputs)?;
        let shape = [
            self.inputs,
            outputs,
            self.kernel_size[0],
            self.kernel_size[1],
        ];
        let (weight, bias) = filling.build(&shape, stream)?;
        let Self {
            settings,
            output_padding,
            ..
        } = *self;
        Ok(ConvTranspose2d {
            weight,
            bias,
            settings,
            output_padding,
        })
    }
}

/// The transpose of a convolution, which makes images larger; see [`Tensor::conv_transpose2d`].
///
/// # Shapes
/// input: `[N, C, H, W]` or `[C, H, W]`; weight: `[C, out / groups, kH, kW]`; bias: `[out]`;
/// output: `[N, out, H', W']`.
///
/// # Source
/// Equals `torch.nn.ConvTranspose2d`.
#[derive(Clone, Debug, Parameters)]
pub struct ConvTranspose2d<E: Element> {
    /// `[C, out / groups, kH, kW]`.
    pub weight: Parameter<E>,
    /// `[out]`.
    pub bias: Option<Parameter<E>>,
    /// The settings of the convolution that this is the transpose of.
    #[parameters(skip)]
    pub settings: Convolution,
    /// Rows and columns that are added below and to the right.
    #[parameters(skip)]
    pub output_padding: [usize; 2],
}

impl<E: Element> ConvTranspose2d<E> {
    /// From `inputs` to `outputs` channels, at stride 1 and without padding, with a bias.
    ///
    /// # Errors
    /// As [`ConvTranspose2dConfig::build`].
    pub fn new(
        inputs: usize,
        outputs: usize,
        kernel_size: [usize; 2],
        stream: Stream,
    ) -> Result<Self> {
        ConvTranspose2dConfig::new(inputs, outputs, kernel_size).build(stream)
    }
}

impl<E: Element> Module<E> for ConvTranspose2d<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let bias = self.bias.as_deref();
        input.conv_transpose2d(&self.weight, bias, &self.settings, self.output_padding)
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
    fn the_contract_holds() {
        let input = Tensor::standard_normal([2, 4, 2, 3], Stream::new(1));
        let build = |stream| ConvTranspose2d::new(4, 2, [2, 2], stream);
        check_module(build, &input, &[2, 2, 3, 4]).unwrap();
        let settings = Convolution {
            stride: [2, 2],
            groups: 2,
            padding: [[1; 2]; 2],
            ..Default::default()
        };
        let build = |stream| {
            let config = ConvTranspose2dConfig::new(4, 6, [3, 3]).with_settings(settings);
            config
                .with_output_padding([1, 0])
                .with_bias(false)
                .build(stream)
        };
        check_module(build, &input, &[2, 6, 4, 5]).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let layer = ConvTranspose2d::<f32>::new(3, 2, [2, 2], Stream::new(1)).unwrap();
        let error = layer.predict(&Tensor::zeros([1, 4, 2, 2])).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("4 channels must be the weight's 3"),
            "{error}"
        );
        assert!(ConvTranspose2d::<f32>::new(3, 0, [2, 2], Stream::new(1)).is_err());
    }
}
