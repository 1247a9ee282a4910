//! One block of a transformer's encoder.

use limpid_init::Nonlinearity;
use limpid_tensor::{Element, Result, Stream, Tensor};

use crate::{
    AttentionMasks, Context, Dropout, Gelu, LayerNorm, Linear, LinearConfig, Module,
    MultiheadAttention, MultiheadAttentionConfig, Parameters, Relu,
};

/// What lies between the two linear maps of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransformerActivation {
    /// [`Relu`].
    #[default]
    Relu,
    /// [`Gelu`], exact.
    Gelu,
}

/// Where a block normalises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NormOrder {
    /// The sum of what goes past a part and what comes out of it, as Vaswani et al. have it.
    #[default]
    Last,
    /// What goes into a part: deep stacks train without a warm-up (Xiong et al. 2020, "On layer
    /// normalization in the transformer architecture").
    First,
}

/// How a [`TransformerEncoderLayer`] is to be made.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Module, NormOrder, TransformerEncoderLayerConfig};
/// use limpid_tensor::{Stream, Tensor};
///
/// let layer = TransformerEncoderLayerConfig::new(16, 4)
///     .with_feedforward(32)
///     .with_norm_order(NormOrder::First)
///     .build::<f32>(Stream::new(7))?;
/// assert_eq!(layer.predict(&Tensor::zeros([2, 5, 16]))?.shape(), [2, 5, 16]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TransformerEncoderLayerConfig {
    /// Features that go in and come out.
    pub d_model: usize,
    /// Heads of the attention; they must divide the features.
    pub num_heads: usize,
    /// Features between the two linear maps. The default is 2048.
    pub dim_feedforward: usize,
    /// The probability, in `[0, 1)`, with which weights of the attention, features between the
    /// maps, and outputs of both parts are left out in training. The default is 0.1.
    pub dropout: f64,
    /// What lies between the linear maps. The default is a ReLU.
    pub activation: TransformerActivation,
    /// Where the block normalises. The default is last.
    pub norm_order: NormOrder,
    /// Added to variances. The default is 1e-5.
    pub layer_norm_eps: f64,
    /// Whether linear maps and norms have a bias. The default is yes.
    pub bias: bool,
}

impl TransformerEncoderLayerConfig {
    /// A block of `num_heads` heads over `d_model` features, with PyTorch's defaults.
    pub fn new(d_model: usize, num_heads: usize) -> Self {
        Self {
            d_model,
            num_heads,
            dim_feedforward: 2048,
            dropout: 0.1,
            activation: TransformerActivation::Relu,
            norm_order: NormOrder::Last,
            layer_norm_eps: 1e-5,
            bias: true,
        }
    }

    /// The same, with so many features between the linear maps.
    #[must_use]
    pub fn with_feedforward(self, dim_feedforward: usize) -> Self {
        Self {
            dim_feedforward,
            ..self
        }
    }

    /// The same, with this probability of being left out.
    #[must_use]
    pub fn with_dropout(self, dropout: f64) -> Self {
        Self { dropout, ..self }
    }

    /// The same, with this between the linear maps.
    #[must_use]
    pub fn with_activation(self, activation: TransformerActivation) -> Self {
        Self { activation, ..self }
    }

    /// The same, normalised there.
    #[must_use]
    pub fn with_norm_order(self, norm_order: NormOrder) -> Self {
        Self { norm_order, ..self }
    }

    /// The same, with this added to variances.
    #[must_use]
    pub fn with_layer_norm_eps(self, layer_norm_eps: f64) -> Self {
        Self {
            layer_norm_eps,
            ..self
        }
    }

    /// The same, with biases or without.
    #[must_use]
    pub fn with_bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// A norm over the features.
    ///
    /// # Errors
    /// An argument error when there are none.
    pub(super) fn norm<E: Element>(&self) -> Result<LayerNorm<E>> {
        let mut norm = LayerNorm::new([self.d_model])?.with_eps(self.layer_norm_eps);
        if !self.bias {
            norm.bias = None;
        }
        Ok(norm)
    }

    /// The block, filled from `stream`.
    ///
    /// # Errors
    /// As [`MultiheadAttentionConfig::build`] and [`LinearConfig::build`].
    pub fn build<E: Element>(&self, stream: Stream) -> Result<TransformerEncoderLayer<E>> {
        let attention = MultiheadAttentionConfig::new(self.d_model, self.num_heads)
            .with_dropout(self.dropout)
            .with_bias(self.bias);
        let linear = |inputs, outputs, nonlinearity, name| {
            LinearConfig::new(inputs, outputs)
                .with_nonlinearity(nonlinearity)
                .with_bias(self.bias)
                .build(stream.fork(name))
        };
        let (outer, inner) = (self.d_model, self.dim_feedforward);
        Ok(TransformerEncoderLayer {
            self_attn: attention.build(stream.fork("self_attn"))?,
            linear1: linear(outer, inner, Nonlinearity::Relu, "linear1")?,
            linear2: linear(inner, outer, Nonlinearity::Linear, "linear2")?,
            norm1: self.norm()?,
            norm2: self.norm()?,
            dropout: Dropout::new(self.dropout)?,
            activation: self.activation,
            norm_order: self.norm_order,
        })
    }
}

/// One block of a transformer's encoder: self-attention, then two linear maps with an activation
/// between them, each with a way past it and a [`LayerNorm`].
///
/// With the norm last, x = norm1(x + self_attn(x)) and then norm2(x + linear2(f(linear1(x)))); with
/// the norm first, x = x + self_attn(norm1(x)) and then x + linear2(f(linear1(norm2(x)))).
///
/// As a module it has no masks; [`TransformerEncoderLayer::forward_with`] takes them.
///
/// # Shapes
/// input and output: `[N, L, d_model]` or `[L, d_model]`.
///
/// # Source
/// Vaswani et al. 2017, "Attention is all you need", 3.1 to 3.3; equals
/// `torch.nn.TransformerEncoderLayer` with `batch_first`.
#[derive(Clone, Debug, Parameters)]
pub struct TransformerEncoderLayer<E: Element> {
    /// The attention.
    pub self_attn: MultiheadAttention<E>,
    /// To the features between the linear maps.
    pub linear1: Linear<E>,
    /// Back from them.
    pub linear2: Linear<E>,
    /// The norm of the attention.
    pub norm1: LayerNorm<E>,
    /// The norm of the linear maps.
    pub norm2: LayerNorm<E>,
    /// Leaves out what comes out of either part, and features between the linear maps.
    pub dropout: Dropout,
    /// What lies between the linear maps.
    #[parameters(skip)]
    pub activation: TransformerActivation,
    /// Where the block normalises.
    #[parameters(skip)]
    pub norm_order: NormOrder,
}

impl<E: Element> TransformerEncoderLayer<E> {
    /// A block of `num_heads` heads over `d_model` features, with PyTorch's defaults.
    ///
    /// # Errors
    /// As [`TransformerEncoderLayerConfig::build`].
    pub fn new(d_model: usize, num_heads: usize, stream: Stream) -> Result<Self> {
        TransformerEncoderLayerConfig::new(d_model, num_heads).build(stream)
    }

    /// The output for `input`, under masks.
    ///
    /// # Errors
    /// A shape error when input or masks do not fit.
    pub fn forward_with(
        &self,
        input: &Tensor<E>,
        masks: AttentionMasks<'_, E>,
        context: &mut Context<'_, E>,
    ) -> Result<Tensor<E>> {
        match self.norm_order {
            NormOrder::Last => {
                let x = input.add(&self.attended(input, masks, context)?)?;
                let x = context.call("norm1", &self.norm1, &x)?;
                let x = x.add(&self.mapped(&x, context)?)?;
                context.call("norm2", &self.norm2, &x)
            }
            NormOrder::First => {
                let x = context.call("norm1", &self.norm1, input)?;
                let x = input.add(&self.attended(&x, masks, context)?)?;
                let inner = context.call("norm2", &self.norm2, &x)?;
                x.add(&self.mapped(&inner, context)?)
            }
        }
    }

    fn attended(
        &self,
        x: &Tensor<E>,
        masks: AttentionMasks<'_, E>,
        context: &mut Context<'_, E>,
    ) -> Result<Tensor<E>> {
        let kind = self.self_attn.kind();
        let x = context.call_with("self_attn", kind, x, |context| {
            self.self_attn.forward_with([x; 3], masks, context)
        })?;
        context.call("dropout1", &self.dropout, &x)
    }

    fn mapped(&self, x: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let x = context.call("linear1", &self.linear1, x)?;
        let x = match self.activation {
            TransformerActivation::Relu => context.call("activation", &Relu, &x)?,
            TransformerActivation::Gelu => context.call("activation", &Gelu::default(), &x)?,
        };
        let x = context.call("dropout", &self.dropout, &x)?;
        let x = context.call("linear2", &self.linear2, &x)?;
        context.call("dropout2", &self.dropout, &x)
    }
}

impl<E: Element> Module<E> for TransformerEncoderLayer<E> {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        self.forward_with(input, AttentionMasks::default(), context)
    }

    fn differs_in_training(&self) -> bool {
        self.dropout.p() > 0.0 || self.self_attn.differs_in_training()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use crate::testing::pattern::{assert_close, filled, pattern};
    use limpid_tensor::named_parameters;

    fn config() -> TransformerEncoderLayerConfig {
        TransformerEncoderLayerConfig::new(4, 2)
            .with_feedforward(3)
            .with_dropout(0.0)
    }

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([2, 3, 4], Stream::new(1));
        for norm_order in [NormOrder::Last, NormOrder::First] {
            let config = config()
                .with_norm_order(norm_order)
                .with_activation(TransformerActivation::Gelu)
                .with_dropout(0.2);
            check_module(|stream| config.build(stream), &input, &[2, 3, 4]).unwrap();
            let plain = config.with_bias(false);
            check_module(|stream| plain.build(stream), &input, &[2, 3, 4]).unwrap();
        }
    }

    #[test]
    fn parameters_are_named_as_pytorch_names_them() {
        let layer = config().build::<f32>(Stream::new(1)).unwrap();
        let names = named_parameters(&layer).into_iter().map(|(name, _)| name);
        let want = [
            "self_attn.in_proj_weight",
            "self_attn.in_proj_bias",
            "self_attn.out_proj.weight",
            "self_attn.out_proj.bias",
            "linear1.weight",
            "linear1.bias",
            "linear2.weight",
            "linear2.bias",
            "norm1.weight",
            "norm1.bias",
            "norm2.weight",
            "norm2.bias",
        ];
        assert_eq!(names.collect::<Vec<_>>(), want);
    }

    /// The figures are those of PyTorch 2.15.
    #[test]
    fn the_output_equals_pytorchs() {
        use NormOrder::{First, Last};
        use TransformerActivation::{Gelu, Relu};
        let cases = [
            (
                Last,
                Relu,
                [
                    -0.356148276394,
                    0.368846998613,
                    -0.348888006444,
                    0.682237645578,
                ],
            ),
            (
                Last,
                Gelu,
                [
                    -0.377455040006,
                    0.367888016125,
                    -0.356607275304,
                    0.691436482134,
                ],
            ),
            (
                First,
                Relu,
                [
                    1.427362406328,
                    -0.575172763147,
                    0.071239386018,
                    0.268704216543,
                ],
            ),
            (
                First,
                Gelu,
                [
                    1.408414867796,
                    -0.56311087691,
                    0.114310697023,
                    0.342784952317,
                ],
            ),
        ];
        for (order, activation, want) in cases {
            let config = config().with_norm_order(order).with_activation(activation);
            let layer = filled(config.build(Stream::new(1)).unwrap());
            assert_close(&layer.predict(&pattern([2, 3, 4], 5)).unwrap(), &want);
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert!(
            config()
                .with_dropout(1.0)
                .build::<f32>(Stream::new(1))
                .is_err()
        );
        assert!(
            config()
                .with_feedforward(0)
                .build::<f32>(Stream::new(1))
                .is_err()
        );
        let layer = config().build::<f64>(Stream::new(1)).unwrap();
        let error = layer.predict(&Tensor::zeros([2, 3, 5])).unwrap_err();
        assert_eq!(error.path(), "self_attn");
        let empty = layer.predict(&Tensor::zeros([0, 3, 4])).unwrap();
        assert_eq!(empty.shape(), [0, 3, 4]);
    }
}
