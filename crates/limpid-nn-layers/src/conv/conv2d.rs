//! Convolution in two dimensions.

use std::sync::Arc;

use limpid_init::{Initializer, Nonlinearity};
use limpid_tensor::{ConvAlgorithm, Convolution, Element, Parameter, Result, Stream, Tensor};

use super::padding::{Filling, Padding, settings};
use super::settings::{with_filling, with_steps};
use crate::{BatchNorm, Context, Module, Parameters};

/// How a [`Conv2d`] layer is to be made.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Conv2dConfig, Module, Padding};
/// use limpid_tensor::{Stream, Tensor};
///
/// let layer = Conv2dConfig::new(3, 8, [3, 3])
///     .with_padding(Padding::Same)
///     .build::<f32>(Stream::new(7))?;
/// assert_eq!(layer.predict(&Tensor::zeros([1, 3, 5, 6]))?.shape(), [1, 8, 5, 6]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conv2dConfig {
    /// Channels that go in.
    pub inputs: usize,
    /// Channels that come out.
    pub outputs: usize,
    /// The size of the kernel.
    pub kernel_size: [usize; 2],
    /// How far the kernel moves. The default is 1.
    pub stride: [usize; 2],
    /// How much the input is padded. The default is none.
    pub padding: Padding<2>,
    /// How far apart the kernel's elements lie. The default is 1.
    pub dilation: [usize; 2],
    /// Groups of channels that see nothing of each other. The default is 1.
    pub groups: usize,
    /// How the convolution is computed. The default is directly, by its definition.
    pub algorithm: ConvAlgorithm,
    /// Whether there is a bias; it starts at 0. The default is yes.
    pub bias: bool,
    /// What follows the layer: chooses the scheme that fills the weight. The default is a ReLU.
    pub nonlinearity: Nonlinearity,
    /// The scheme that fills the weight, in place of the chosen one.
    pub initializer: Option<Arc<dyn Initializer>>,
}

impl Conv2dConfig {
    /// From `inputs` to `outputs` channels, at stride 1 and without padding, with a bias.
    pub fn new(inputs: usize, outputs: usize, kernel_size: [usize; 2]) -> Self {
        Self {
            inputs,
            outputs,
            kernel_size,
            stride: [1; 2],
            padding: Padding::VALID,
            dilation: [1; 2],
            groups: 1,
            algorithm: ConvAlgorithm::default(),
            bias: true,
            nonlinearity: Nonlinearity::Relu,
            initializer: None,
        }
    }

    /// The same, with this padding.
    #[must_use]
    pub fn with_padding(self, padding: Padding<2>) -> Self {
        Self { padding, ..self }
    }

    /// The same, computed by `algorithm`.
    #[must_use]
    pub fn with_algorithm(self, algorithm: ConvAlgorithm) -> Self {
        Self { algorithm, ..self }
    }

    with_steps!([usize; 2]);
    with_filling!();

    /// The layer, filled from `stream`.
    ///
    /// # Errors
    /// An argument error when the groups do not divide the channels; a shape error when a size is
    /// 0; those of the initialiser.
    pub fn build<E: Element>(&self, stream: Stream) -> Result<Conv2d<E>> {
        let filling = Filling {
            operation: "conv2d",
            groups: self.groups,
            bias: self.bias.then_some(self.outputs),
            nonlinearity: self.nonlinearity,
            initializer: &self.initializer,
        };
        filling.divided("outputs", self.outputs)?;
        let inputs = filling.divided("inputs", self.inputs)?;
        let shape = [
            self.outputs,
            inputs,
            self.kernel_size[0],
            self.kernel_size[1],
        ];
        let (weight, bias) = filling.build(&shape, stream)?;
        let Self {
            stride,
            padding,
            dilation,
            groups,
            algorithm,
            ..
        } = *self;
        Ok(Conv2d {
            weight,
            bias,
            stride,
            padding,
            dilation,
            groups,
            algorithm,
        })
    }
}

/// Convolution in two dimensions; see [`Tensor::conv2d`].
///
/// # Shapes
/// input: `[N, C, H, W]` or `[C, H, W]`; weight: `[out, C / groups, kH, kW]`; bias: `[out]`; output: `[N, out, H', W']`.
///
/// # Source
/// Equals `torch.nn.Conv2d`.
#[derive(Clone, Debug, Parameters)]
pub struct Conv2d<E: Element> {
    /// `[out, C / groups, kH, kW]`.
    pub weight: Parameter<E>,
    /// `[out]`.
    pub bias: Option<Parameter<E>>,
    /// How far the kernel moves.
    #[parameters(skip)]
    pub stride: [usize; 2],
    /// How much the input is padded.
    #[parameters(skip)]
    pub padding: Padding<2>,
    /// How far apart the kernel's elements lie.
    #[parameters(skip)]
    pub dilation: [usize; 2],
    /// Groups of channels that see nothing of each other.
    pub groups: usize,
    /// How the convolution is computed.
    #[parameters(skip)]
    pub algorithm: ConvAlgorithm,
}

impl<E: Element> Conv2d<E> {
    /// From `inputs` to `outputs` channels, at stride 1 and without padding, with a bias.
    ///
    /// # Errors
    /// As [`Conv2dConfig::build`].
    pub fn new(
        inputs: usize,
        outputs: usize,
        kernel_size: [usize; 2],
        stream: Stream,
    ) -> Result<Self> {
        Conv2dConfig::new(inputs, outputs, kernel_size).build(stream)
    }
}

impl<E: Element> Conv2d<E> {
    fn settings(&self) -> Result<Convolution> {
        let kernel = match *self.weight.shape() {
            [_, _, down, across] => [down, across],
            // The operation says what is wrong with a weight of another rank.
            _ => [1, 1],
        };
        let settings = settings(
            "conv2d",
            kernel,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
        )?;
        Ok(Convolution {
            algorithm: self.algorithm,
            ..settings
        })
    }
}

impl<E: Element> Module<E> for Conv2d<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.conv2d(&self.weight, self.bias.as_deref(), &self.settings()?)
    }

    fn forward_relu(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.conv2d_relu(&self.weight, self.bias.as_deref(), &self.settings()?)
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
        let input = Tensor::standard_normal([2, 4, 3, 4], Stream::new(1));
        check_module(
            |stream| Conv2d::new(4, 2, [2, 3], stream),
            &input,
            &[2, 2, 2, 2],
        )
        .unwrap();
        let build = |stream| {
            Conv2dConfig::new(4, 6, [2, 3])
                .with_padding(Padding::Same)
                .with_dilation([1, 2])
                .with_groups(2)
                .with_bias(false)
                .build(stream)
        };
        check_module(build, &input, &[2, 6, 3, 4]).unwrap();
        let build = |stream| {
            let config = Conv2dConfig::new(4, 2, [3, 3]).with_stride([2, 1]);
            config.with_padding(Padding::Explicit([1, 0])).build(stream)
        };
        check_module(build, &input, &[2, 2, 2, 2]).unwrap();
    }

    #[test]
    fn the_kernel_is_laid_over_the_input() {
        let mut layer = Conv2d::<f64>::new(1, 1, [2, 2], Stream::new(1)).unwrap();
        layer
            .weight
            .set(Tensor::from_fn(layer.weight.shape(), |place| place as f64))
            .unwrap();
        let input = Tensor::from_fn([1, 1, 2, 3], |place| place as f64);
        assert_eq!(layer.predict(&input).unwrap().to_vec(), [19.0, 25.0]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let config = Conv2dConfig::new(3, 4, [2, 2]).with_groups(2);
        let error = config.build::<f64>(Stream::new(1)).unwrap_err();
        let want = "conv2d: `inputs` must be a multiple of the 2 groups, found 3";
        assert_eq!(error.to_string(), want);
        let same = Conv2dConfig::new(3, 4, [2, 2])
            .with_stride([2; 2])
            .with_padding(Padding::Same);
        let layer = same.build::<f64>(Stream::new(1)).unwrap();
        let error = layer.predict(&Tensor::zeros([1, 3, 5, 6])).unwrap_err();
        assert!(
            error.to_string().contains("1 where the padding is `Same`"),
            "{error}"
        );
    }
}
