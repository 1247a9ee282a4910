//! Blocks one after another.

use limpid_tensor::{Element, Result, Stream, Tensor};

use super::encoder_layer::{TransformerEncoderLayer, TransformerEncoderLayerConfig};
use crate::{AttentionMasks, Context, LayerNorm, Module, Parameters};

/// How a [`TransformerEncoder`] is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformerEncoderConfig {
    /// How each block is to be made.
    pub layer: TransformerEncoderLayerConfig,
    /// How many blocks there are.
    pub num_layers: usize,
    /// Whether a norm follows the last block. The default is no; blocks that normalise first want
    /// one.
    pub norm: bool,
}

impl TransformerEncoderConfig {
    /// `num_layers` blocks without a norm after them.
    pub fn new(layer: TransformerEncoderLayerConfig, num_layers: usize) -> Self {
        Self {
            layer,
            num_layers,
            norm: false,
        }
    }

    /// The same, with a norm after the last block or without.
    #[must_use]
    pub fn with_norm(self, norm: bool) -> Self {
        Self { norm, ..self }
    }

    /// The stack, filled from `stream`, each block on its own: PyTorch starts with copies of one.
    ///
    /// # Errors
    /// As [`TransformerEncoderLayerConfig::build`].
    pub fn build<E: Element>(&self, stream: Stream) -> Result<TransformerEncoder<E>> {
        let layers = stream.fork("layers");
        let layers =
            (0..self.num_layers).map(|number| self.layer.build(layers.fork(number as u64)));
        Ok(TransformerEncoder {
            layers: layers.collect::<Result<_>>()?,
            norm: self.norm.then(|| self.layer.norm()).transpose()?,
        })
    }
}

/// A stack of [`TransformerEncoderLayer`]s, all under the same masks.
///
/// # Shapes
/// input and output: `[N, L, d_model]` or `[L, d_model]`.
///
/// # Source
/// Vaswani et al. 2017, "Attention is all you need", 3.1; equals `torch.nn.TransformerEncoder`.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Module, TransformerEncoderConfig, TransformerEncoderLayerConfig};
/// use limpid_tensor::{Stream, Tensor};
///
/// let block = TransformerEncoderLayerConfig::new(8, 2).with_feedforward(16);
/// let encoder = TransformerEncoderConfig::new(block, 3).build::<f32>(Stream::new(7))?;
/// assert_eq!(encoder.predict(&Tensor::zeros([2, 5, 8]))?.shape(), [2, 5, 8]);
/// assert_eq!(encoder.layers.len(), 3);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
pub struct TransformerEncoder<E: Element> {
    /// The blocks.
    pub layers: Vec<TransformerEncoderLayer<E>>,
    /// What follows the last of them.
    pub norm: Option<LayerNorm<E>>,
}

impl<E: Element> TransformerEncoder<E> {
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
        let mut x = input.clone();
        context.scope("layers", |context| {
            for (number, layer) in self.layers.iter().enumerate() {
                x = context.call_with(&number.to_string(), layer.kind(), &x, |context| {
                    layer.forward_with(&x, masks, context)
                })?;
            }
            Ok(())
        })?;
        match &self.norm {
            Some(norm) => context.call("norm", norm, &x),
            None => Ok(x),
        }
    }
}

impl<E: Element> Module<E> for TransformerEncoder<E> {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        self.forward_with(input, AttentionMasks::default(), context)
    }

    fn differs_in_training(&self) -> bool {
        self.layers.iter().any(Module::differs_in_training)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use crate::testing::pattern::{assert_close, filled, pattern};
    use crate::{AttentionMask, KeyMask, NormOrder, TransformerActivation};
    use limpid_tensor::named_parameters;
    use ndarray::arr2;

    fn config() -> TransformerEncoderConfig {
        let layer = TransformerEncoderLayerConfig::new(4, 2).with_feedforward(3);
        TransformerEncoderConfig::new(layer.with_dropout(0.0), 2).with_norm(true)
    }

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([1, 3, 4], Stream::new(1));
        let layer = config()
            .layer
            .with_norm_order(NormOrder::First)
            .with_activation(TransformerActivation::Gelu);
        let config = TransformerEncoderConfig { layer, ..config() };
        check_module(|stream| config.build(stream), &input, &[1, 3, 4]).unwrap();
        let none = TransformerEncoderConfig {
            num_layers: 0,
            norm: false,
            ..config
        };
        check_module(|stream| none.build(stream), &input, &[1, 3, 4]).unwrap();
    }

    /// The figures are those of PyTorch 2.15.
    #[test]
    fn the_output_equals_pytorchs_under_masks() {
        let encoder = filled(config().build::<f64>(Stream::new(1)).unwrap());
        let there = arr2(&[[true; 3], [true, false, true]]).into_dyn();
        let masks = AttentionMasks {
            attention: AttentionMask::Causal,
            keys: KeyMask::Allowed(&there),
        };
        let output = encoder
            .forward_with(&pattern([2, 3, 4], 5), masks, &mut Context::eval())
            .unwrap();
        let want = [
            0.23725423577,
            -0.271535918794,
            -0.108279084707,
            0.3,
            0.235519662048,
        ];
        assert_close(&output, &want);
        let last = output.narrow(0, 1, 1).unwrap().narrow(1, 2, 1).unwrap();
        assert_close(
            &last,
            &[0.238217801074, -0.279799185802, -0.113879178417, 0.3],
        );
    }

    #[test]
    fn blocks_are_named_by_number_and_start_apart() {
        let encoder = config().build::<f32>(Stream::new(1)).unwrap();
        let parameters = named_parameters(&encoder);
        let find = |path: &str| parameters.iter().find(|(own, _)| own == path).unwrap().1;
        let [first, second] = [0, 1].map(|number| find(&format!("layers.{number}.linear1.weight")));
        assert_ne!(first.value(), second.value());
        assert_eq!(find("norm.weight").shape(), [4]);
        let error = encoder.predict(&Tensor::zeros([2, 3, 5])).unwrap_err();
        assert_eq!(error.path(), "layers.0.self_attn");
    }
}
