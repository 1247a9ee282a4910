//! Convolution in one dimension.

use std::sync::Arc;

use limpid_init::{Initializer, Nonlinearity};
use limpid_tensor::{Element, Parameter, Result, Stream, Tensor};

use super::padding::{Filling, Padding, settings};
use super::settings::{with_filling, with_steps};
use crate::{BatchNorm, Context, Module, Parameters};

/// How a [`Conv1d`] layer is to be made.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Conv1dConfig, Module, Padding};
/// use limpid_tensor::{Stream, Tensor};
///
/// let layer = Conv1dConfig::new(3, 8, 3)
///     .with_padding(Padding::Same)
///     .build::<f32>(Stream::new(7))?;
/// assert_eq!(layer.predict(&Tensor::zeros([1, 3, 6]))?.shape(), [1, 8, 6]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conv1dConfig {
    /// Channels that go in.
    pub inputs: usize,
    /// Channels that come out.
    pub outputs: usize,
    /// The size of the kernel.
    pub kernel_size: usize,
    /// How far the kernel moves. The default is 1.
    pub stride: usize,
    /// How much the input is padded. The default is none.
    pub padding: Padding<1>,
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

impl Conv1dConfig {
    /// From `inputs` to `outputs` channels, at stride 1 and without padding, with a bias.
    pub fn new(inputs: usize, outputs: usize, kernel_size: usize) -> Self {
        Self {
            inputs,
            outputs,
            kernel_size,
            stride: 1,
            padding: Padding::VALID,
            dilation: 1,
            groups: 1,
            bias: true,
            nonlinearity: Nonlinearity::Relu,
            initializer: None,
        }
    }

    /// The same, with this padding.
    #[must_use]
    pub fn with_padding(self, padding: Padding<1>) -> Self {
        Self { padding, ..self }
    }

    with_steps!(usize);
    with_filling!();

    /// The layer, filled from `stream`.
    ///
    /// # Errors
    /// An argument error when the groups do not divide the channels; a shape error when a size is
    /// 0; those of the initialiser.
    pub fn build<E: Element>(&self, stream: Stream) -> Result<Conv1d<E>> {
        let filling = Filling {
            operation: "conv1d",
            groups: self.groups,
            bias: self.bias.then_some(self.outputs),
            nonlinearity: self.nonlinearity,
            initializer: &self.initializer,
        };
        filling.divided("outputs", self.outputs)?;
        let inputs = filling.divided("inputs", self.inputs)?;
        let shape = [self.outputs, inputs, self.kernel_size];
        let (weight, bias) = filling.build(&shape, stream)?;
        let Self {
            stride,
            padding,
            dilation,
            groups,
            ..
        } = *self;
        Ok(Conv1d {
            weight,
            bias,
            stride,
            padding,
            dilation,
            groups,
        })
    }
}

/// Convolution in one dimension; see [`Tensor::conv1d`].
///
/// # Shapes
/// input: `[N, C, L]` or `[C, L]`; weight: `[out, C / groups, k]`; bias: `[out]`; output: `[N, out, L']`.
///
/// # Source
/// Equals `torch.nn.Conv1d`.
#[derive(Clone, Debug, Parameters)]
pub struct Conv1d<E: Element> {
    /// `[out, C / groups, k]`.
    pub weight: Parameter<E>,
    /// `[out]`.
    pub bias: Option<Parameter<E>>,
    /// How far the kernel moves.
    #[parameters(skip)]
    pub stride: usize,
    /// How much the input is padded.
    #[parameters(skip)]
    pub padding: Padding<1>,
    /// How far apart the kernel's elements lie.
    #[parameters(skip)]
    pub dilation: usize,
    /// Groups of channels that see nothing of each other.
    pub groups: usize,
}

impl<E: Element> Conv1d<E> {
    /// From `inputs` to `outputs` channels, at stride 1 and without padding, with a bias.
    ///
    /// # Errors
    /// As [`Conv1dConfig::build`].
    pub fn new(inputs: usize, outputs: usize, kernel_size: usize, stream: Stream) -> Result<Self> {
        Conv1dConfig::new(inputs, outputs, kernel_size).build(stream)
    }
}

impl<E: Element> Module<E> for Conv1d<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let padding = match self.padding {
            Padding::Explicit([both]) => Padding::Explicit([0, both]),
            Padding::Sides([sides]) => Padding::Sides([[0; 2], sides]),
            Padding::Same => Padding::Same,
        };
        let kernel = [1, self.weight.size(-1)?];
        let (stride, dilation) = ([1, self.stride], [1, self.dilation]);
        let settings = settings("conv1d", kernel, stride, padding, dilation, self.groups)?;
        input.conv1d(&self.weight, self.bias.as_deref(), &settings)
    }

    fn folded(&self, norm: &BatchNorm<E>) -> Result<Option<Box<dyn Module<E>>>> {
        Ok(Some(Box::new(self.fold_batch_norm(norm)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::PadMode;

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([2, 4, 5], Stream::new(1));
        check_module(|stream| Conv1d::new(4, 2, 3, stream), &input, &[2, 2, 3]).unwrap();
        let build = |stream| {
            Conv1dConfig::new(4, 6, 2)
                .with_padding(Padding::Same)
                .with_dilation(2)
                .with_groups(2)
                .with_bias(false)
                .build(stream)
        };
        check_module(build, &input, &[2, 6, 5]).unwrap();
        let build = |stream| {
            let config = Conv1dConfig::new(4, 2, 3).with_stride(2);
            config.with_padding(Padding::Explicit([1])).build(stream)
        };
        check_module(build, &input, &[2, 2, 3]).unwrap();
    }

    #[test]
    fn the_kernel_is_laid_over_the_input() {
        let mut layer = Conv1d::<f64>::new(1, 1, 2, Stream::new(1)).unwrap();
        layer
            .weight
            .set(Tensor::from_fn(layer.weight.shape(), |place| place as f64))
            .unwrap();
        let input = Tensor::from_fn([1, 1, 3], |place| place as f64);
        assert_eq!(layer.predict(&input).unwrap().to_vec(), [1.0, 2.0]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let config = Conv1dConfig::new(3, 4, 2).with_groups(2);
        let error = config.build::<f64>(Stream::new(1)).unwrap_err();
        let want = "conv1d: `inputs` must be a multiple of the 2 groups, found 3";
        assert_eq!(error.to_string(), want);
        let same = Conv1dConfig::new(3, 4, 2)
            .with_stride(2)
            .with_padding(Padding::Same);
        let layer = same.build::<f64>(Stream::new(1)).unwrap();
        let error = layer.predict(&Tensor::zeros([1, 3, 6])).unwrap_err();
        assert!(
            error.to_string().contains("1 where the padding is `Same`"),
            "{error}"
        );
    }

    #[test]
    fn the_sides_may_be_padded_unevenly() {
        let input = Tensor::standard_normal([1, 2, 4], Stream::new(1));
        let config = Conv1dConfig::new(2, 3, 3);
        let uneven = config.clone().with_padding(Padding::Sides([[2, 1]]));
        check_module(|stream| uneven.build(stream), &input, &[1, 3, 5]).unwrap();
        let longer = input.pad(&[[2, 1]], PadMode::Constant(0.0)).unwrap();
        let plain = config.build::<f64>(Stream::new(2)).unwrap();
        let uneven = uneven.build::<f64>(Stream::new(2)).unwrap();
        assert_eq!(
            uneven.predict(&input).unwrap(),
            plain.predict(&longer).unwrap()
        );
    }
}
