//! Attention of several heads.

use limpid_init::{Fill, Nonlinearity, XavierUniform};
use limpid_tensor::{Element, Error, Parameter, Result, Stream, Tensor};

use super::mask::AttentionMasks;
use super::scaled_dot_product::{scores, weights};
use crate::{Context, Dropout, Linear, LinearConfig, Module, Parameters};

const NAME: &str = "multihead_attention";

/// How a [`MultiheadAttention`] is to be made.
///
/// # Example
/// ```
/// use limpid_nn_layers::MultiheadAttentionConfig;
/// use limpid_tensor::Stream;
///
/// let layer = MultiheadAttentionConfig::new(64, 4)
///     .with_dropout(0.1)
///     .build::<f32>(Stream::new(7))?;
/// assert_eq!(layer.out_proj.weight.shape(), [64, 64]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MultiheadAttentionConfig {
    /// Features of queries and outputs.
    pub embed_dim: usize,
    /// Heads, each with its part of the features; they must divide `embed_dim`.
    pub num_heads: usize,
    /// Features of keys. The default is `embed_dim`.
    pub kdim: Option<usize>,
    /// Features of values. The default is `embed_dim`.
    pub vdim: Option<usize>,
    /// Whether projections have biases; they start at 0. The default is yes.
    pub bias: bool,
    /// The probability, in `[0, 1)`, that a weight is left out in training. The default is 0.
    pub dropout: f64,
}

impl MultiheadAttentionConfig {
    /// `num_heads` heads over `embed_dim` features, with biases, without dropout.
    pub fn new(embed_dim: usize, num_heads: usize) -> Self {
        Self {
            embed_dim,
            num_heads,
            kdim: None,
            vdim: None,
            bias: true,
            dropout: 0.0,
        }
    }

    /// The same, with keys of so many features.
    #[must_use]
    pub fn with_kdim(self, kdim: usize) -> Self {
        Self {
            kdim: Some(kdim),
            ..self
        }
    }

    /// The same, with values of so many features.
    #[must_use]
    pub fn with_vdim(self, vdim: usize) -> Self {
        Self {
            vdim: Some(vdim),
            ..self
        }
    }

    /// The same, with biases or without.
    #[must_use]
    pub fn with_bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// The same, with weights left out with this probability.
    #[must_use]
    pub fn with_dropout(self, dropout: f64) -> Self {
        Self { dropout, ..self }
    }

    /// The layer, filled from `stream`: the first projections Xavier uniform, the last one for
    /// nothing that follows, all biases 0.
    ///
    /// # Errors
    /// An argument error when a size is 0, when the heads do not divide the features, and when the
    /// probability is out of range.
    pub fn build<E: Element>(&self, stream: Stream) -> Result<MultiheadAttention<E>> {
        let embed = self.embed_dim;
        let [kdim, vdim] = [self.kdim, self.vdim].map(|dim| dim.unwrap_or(embed));
        let sizes = [
            ("embed_dim", embed),
            ("num_heads", self.num_heads),
            ("kdim", kdim),
            ("vdim", vdim),
        ];
        for (name, size) in sizes {
            if size == 0 {
                return Err(Error::argument(NAME, name, "at least 1", size));
            }
        }
        if !embed.is_multiple_of(self.num_heads) {
            let expected = format!("a multiple of the {} heads", self.num_heads);
            return Err(Error::argument(NAME, "embed_dim", expected, embed));
        }
        let draw = |name: &str, rows: usize, columns: usize| -> Result<_> {
            let weight = XavierUniform::new(1.0).tensor(&[rows, columns], stream.fork(name))?;
            Ok(Parameter::new(weight))
        };
        let in_proj = if kdim == embed && vdim == embed {
            InProjection::Packed {
                in_proj_weight: draw("in_proj_weight", 3 * embed, embed)?,
            }
        } else {
            InProjection::Separate {
                q_proj_weight: draw("q_proj_weight", embed, embed)?,
                k_proj_weight: draw("k_proj_weight", embed, kdim)?,
                v_proj_weight: draw("v_proj_weight", embed, vdim)?,
            }
        };
        let bias = || Parameter::new(Tensor::zeros([3 * embed]));
        let out_proj = LinearConfig::new(embed, embed)
            .with_nonlinearity(Nonlinearity::Linear)
            .with_bias(self.bias);
        Ok(MultiheadAttention {
            in_proj,
            in_proj_bias: self.bias.then(bias),
            out_proj: out_proj.build(stream.fork("out_proj"))?,
            num_heads: self.num_heads,
            dropout: Dropout::new(self.dropout)?,
        })
    }
}

/// The weights of the projections of queries, keys and values.
#[derive(Clone, Debug, Parameters)]
#[expect(
    clippy::large_enum_variant,
    reason = "a model has few of them, and each holds matrices"
)]
pub enum InProjection<E: Element> {
    /// All in one, where they have the same number of features.
    Packed {
        /// `[3 * embed, embed]`: of queries, keys, values.
        in_proj_weight: Parameter<E>,
    },
    /// Each for itself.
    Separate {
        /// `[embed, embed]`.
        q_proj_weight: Parameter<E>,
        /// `[embed, kdim]`.
        k_proj_weight: Parameter<E>,
        /// `[embed, vdim]`.
        v_proj_weight: Parameter<E>,
    },
}

/// Attention of several heads: queries, keys and values are projected, cut into heads, attended to
/// as [`scaled_dot_product_attention`](crate::scaled_dot_product_attention) does, joined and
/// projected again.
///
/// As a module it is self-attention without masks: the input is query, key and value.
/// [`MultiheadAttention::forward_with`] takes them apart, with masks;
/// [`MultiheadAttention::attend`] gives the weights as well.
///
/// # Shapes
/// query: `[N, L, embed]`; key: `[N, S, kdim]`; value: `[N, S, vdim]`; output: `[N, L, embed]`. All
/// of them also without the batch `N`.
///
/// # Source
/// Vaswani et al. 2017, "Attention is all you need", 3.2.2; equals `torch.nn.MultiheadAttention`
/// with `batch_first`, but for a query that may see no key: its heads give zeros, not NaN.
///
/// # Example
/// ```
/// use limpid_nn_layers::{AttentionMask, AttentionMasks, Context, MultiheadAttention};
/// use limpid_tensor::{Stream, Tensor};
///
/// let attention = MultiheadAttention::<f64>::new(8, 2, Stream::new(7))?;
/// let x = Tensor::standard_normal([3, 5, 8], Stream::new(1));
/// let masks = AttentionMasks { attention: AttentionMask::Causal, ..Default::default() };
/// let attended = attention.attend([&x; 3], masks, &mut Context::eval())?;
/// assert_eq!(attended.output.shape(), [3, 5, 8]);
/// // The first query sees the first key alone.
/// assert_eq!(attended.average_weights()?.to_vec()[..5], [1.0, 0.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
pub struct MultiheadAttention<E: Element> {
    /// The weights of the projections of queries, keys and values.
    #[parameters(flatten)]
    pub in_proj: InProjection<E>,
    /// `[3 * embed]`: of queries, keys, values.
    pub in_proj_bias: Option<Parameter<E>>,
    /// From the joined heads to the output.
    pub out_proj: Linear<E>,
    /// How many heads there are.
    pub num_heads: usize,
    /// Leaves out weights in training.
    pub dropout: Dropout,
}

/// What a [`MultiheadAttention`] gives.
#[derive(Clone, Debug)]
pub struct Attended<E: Element> {
    /// `[N, L, embed]`.
    pub output: Tensor<E>,
    /// The weight of each key for each query, after dropout, `[N, heads, L, S]`.
    pub weights: Tensor<E>,
}

impl<E: Element> Attended<E> {
    /// The mean of the weights over heads, `[N, L, S]`.
    ///
    /// # Errors
    /// None, as long as the weights have the heads before the last two dimensions.
    pub fn average_weights(&self) -> Result<Tensor<E>> {
        self.weights.mean_dim(&[-3], false)
    }
}

impl<E: Element> MultiheadAttention<E> {
    /// `num_heads` heads over `embed_dim` features, with biases, without dropout.
    ///
    /// # Errors
    /// As [`MultiheadAttentionConfig::build`].
    pub fn new(embed_dim: usize, num_heads: usize, stream: Stream) -> Result<Self> {
        MultiheadAttentionConfig::new(embed_dim, num_heads).build(stream)
    }

    /// The output for `[query, key, value]`.
    ///
    /// # Errors
    /// A shape error when they, or the masks, do not fit.
    pub fn forward_with(
        &self,
        inputs: [&Tensor<E>; 3],
        masks: AttentionMasks<'_, E>,
        context: &mut Context<'_, E>,
    ) -> Result<Tensor<E>> {
        Ok(self.attend(inputs, masks, context)?.output)
    }

    /// The output for `[query, key, value]`, with the weights that it was made by.
    ///
    /// # Errors
    /// A shape error when they, or the masks, do not fit.
    pub fn attend(
        &self,
        inputs: [&Tensor<E>; 3],
        masks: AttentionMasks<'_, E>,
        context: &mut Context<'_, E>,
    ) -> Result<Attended<E>> {
        if inputs.iter().all(|input| input.rank() == 2) {
            let batches = inputs.map(|input| input.unsqueeze(0));
            let [query, key, value] = batches;
            // What was one tensor stays one, so that it is projected at once.
            let (query, key, value) = (query?, key?, value?);
            let key = if same(inputs[0], inputs[1]) {
                &query
            } else {
                &key
            };
            let value = if same(inputs[1], inputs[2]) {
                key
            } else {
                &value
            };
            let attended = self.attend([&query, key, value], masks, context)?;
            return Ok(Attended {
                output: attended.output.squeeze(0)?,
                weights: attended.weights.squeeze(0)?,
            });
        }
        let [query, key, value] = self.heads(inputs)?;
        let &[batch, heads, queries, width] = query.shape() else {
            return Err(refusal(inputs, "must be [N, L, features]"));
        };
        let bias = masks.bias(NAME, [batch, heads, queries, key.size(2)?])?;
        let weights = weights(&scores(&query, &key)?, bias.as_ref())?;
        let weights = self.dropout.forward(&weights, context)?;
        let joined = weights.matmul(&value)?.permute(&[0, 2, 1, 3])?.reshape([
            batch,
            queries,
            heads * width,
        ])?;
        let output = context.call("out_proj", &self.out_proj, &joined)?;
        Ok(Attended { output, weights })
    }

    /// Queries, keys and values, projected and cut into heads, `[N, heads, length, width]`.
    fn heads(&self, inputs: [&Tensor<E>; 3]) -> Result<[Tensor<E>; 3]> {
        let shapes = inputs.map(Tensor::shape);
        let [&[n, _, _], &[key_n, keys, _], &[value_n, values, _]] = shapes else {
            return Err(refusal(
                inputs,
                "must be [N, length, features] or [length, features]",
            ));
        };
        if [key_n, value_n] != [n; 2] || keys != values {
            let rule = "must be of one batch, keys and values of one length";
            return Err(refusal(inputs, rule));
        }
        let embed = self.out_proj.weight.size(1)?;
        let width = embed / self.num_heads.max(1);
        // Part `first` to `end` of the projections, which have the same input.
        let project = |first: usize, end: usize| {
            let parts = end - first;
            let whole = |packed: &Tensor<E>| match parts {
                3 => Ok(packed.clone()),
                _ => packed.narrow(0, first * embed, parts * embed),
            };
            let weight = match (&self.in_proj, first) {
                (InProjection::Packed { in_proj_weight }, _) => whole(in_proj_weight)?,
                (InProjection::Separate { q_proj_weight, .. }, 0) => q_proj_weight.value().clone(),
                (InProjection::Separate { k_proj_weight, .. }, 1) => k_proj_weight.value().clone(),
                (InProjection::Separate { v_proj_weight, .. }, _) => v_proj_weight.value().clone(),
            };
            let bias = self.in_proj_bias.as_deref().map(whole).transpose()?;
            let input = inputs[first];
            input
                .linear(&weight, bias.as_ref())?
                .reshape([n, input.size(1)?, parts, self.num_heads, width])?
                .permute(&[2, 0, 3, 1, 4])
        };
        let together = |left: usize| {
            let packed = matches!(self.in_proj, InProjection::Packed { .. });
            packed && same(inputs[left], inputs[left + 1])
        };
        let part = |heads: &Tensor<E>, number: usize| heads.narrow(0, number, 1)?.squeeze(0);
        Ok(match (together(0), together(1)) {
            (true, true) => {
                let all = project(0, 3)?;
                [part(&all, 0)?, part(&all, 1)?, part(&all, 2)?]
            }
            (false, true) => {
                let pair = project(1, 3)?;
                [part(&project(0, 1)?, 0)?, part(&pair, 0)?, part(&pair, 1)?]
            }
            _ => [
                part(&project(0, 1)?, 0)?,
                part(&project(1, 2)?, 0)?,
                part(&project(2, 3)?, 0)?,
            ],
        })
    }
}

/// Whether both are one tensor, so that one product projects both.
fn same<E: Element>(left: &Tensor<E>, right: &Tensor<E>) -> bool {
    std::ptr::eq(left, right)
}

fn refusal<E: Element>(inputs: [&Tensor<E>; 3], rule: &str) -> Error {
    Error::shape(NAME, &inputs.map(Tensor::shape), rule)
}

impl<E: Element> Module<E> for MultiheadAttention<E> {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        self.forward_with([input; 3], AttentionMasks::default(), context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use crate::testing::pattern::{assert_close, filled, pattern};
    use crate::{AttentionMask, KeyMask};
    use limpid_tensor::{gradient_check, named_parameters};
    use ndarray::{arr1, arr2};

    type Layer = MultiheadAttention<f64>;

    fn layer(config: &MultiheadAttentionConfig) -> Layer {
        filled(config.build(Stream::new(1)).unwrap())
    }

    fn attend(
        layer: &Layer,
        inputs: [&Tensor<f64>; 3],
        masks: AttentionMasks<'_, f64>,
    ) -> Attended<f64> {
        layer.attend(inputs, masks, &mut Context::eval()).unwrap()
    }

    fn query() -> Tensor<f64> {
        pattern([2, 3, 4], 5)
    }

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([2, 3, 4], Stream::new(1));
        for config in [
            MultiheadAttentionConfig::new(4, 2),
            MultiheadAttentionConfig::new(4, 1).with_bias(false),
            MultiheadAttentionConfig::new(4, 4).with_dropout(0.3),
        ] {
            // The bias of keys has no effect: softmax takes no notice of what all keys share.
            check_module(|stream| config.build(stream), &input, &[2, 3, 4]).unwrap();
        }
        let single = Tensor::standard_normal([3, 4], Stream::new(1));
        check_module(|stream| Layer::new(4, 2, stream), &single, &[3, 4]).unwrap();
    }

    #[test]
    fn parameters_are_named_as_pytorch_names_them() {
        let names = |config: MultiheadAttentionConfig| {
            let layer = config.build::<f32>(Stream::new(1)).unwrap();
            let named = named_parameters(&layer);
            named
                .into_iter()
                .map(|(name, p)| (name, p.shape().to_vec()))
                .collect::<Vec<_>>()
        };
        let row = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
        let last = [row("out_proj.weight", &[4, 4]), row("out_proj.bias", &[4])];
        let mut want = vec![row("in_proj_weight", &[12, 4]), row("in_proj_bias", &[12])];
        want.extend(last.clone());
        assert_eq!(names(MultiheadAttentionConfig::new(4, 2)), want);
        let mut want = vec![
            row("q_proj_weight", &[4, 4]),
            row("k_proj_weight", &[4, 3]),
            row("v_proj_weight", &[4, 4]),
            row("in_proj_bias", &[12]),
        ];
        want.extend(last);
        assert_eq!(
            names(MultiheadAttentionConfig::new(4, 2).with_kdim(3)),
            want
        );
    }

    // The figures are those of PyTorch 2.15.

    #[test]
    fn self_attention_equals_pytorchs() {
        let (layer, x) = (layer(&MultiheadAttentionConfig::new(4, 2)), query());
        let attended = attend(&layer, [&x; 3], AttentionMasks::default());
        let want = [
            0.655810189663,
            0.006255392622,
            -0.186079995574,
            0.264365207385,
            0.667234274991,
            -0.006953250465,
        ];
        assert_close(&attended.output, &want);
        let want = [
            0.31949054464,
            0.360964489164,
            0.319544966196,
            0.332082069151,
        ];
        assert_close(&attended.average_weights().unwrap(), &want);
        // Equal tensors, but not one: each is projected for itself.
        let apart = attend(
            &layer,
            [&x, &x.clone(), &x.clone()],
            AttentionMasks::default(),
        );
        assert_close(&apart.output, &attended.output.to_vec());
        let first = x.narrow(0, 0, 1).unwrap().squeeze(0).unwrap();
        let single = attend(&layer, [&first; 3], AttentionMasks::default());
        assert_eq!(
            (single.output.shape(), single.weights.shape()),
            (&[3, 4][..], &[2, 3, 3][..])
        );
        assert_close(&attended.output, &single.output.to_vec());
    }

    #[test]
    fn masks_equal_pytorchs() {
        let (layer, x) = (layer(&MultiheadAttentionConfig::new(4, 2)), query());
        let there = arr2(&[[true; 3], [true, false, true]]).into_dyn();
        let masks = AttentionMasks {
            attention: AttentionMask::Causal,
            keys: KeyMask::Allowed(&there),
        };
        let attended = attend(&layer, [&x; 3], masks);
        let want = [0.838, -0.171, -0.003, 0.088, 0.601306930855, 0.045476910295];
        assert_close(&attended.output, &want);
        let last = attended
            .output
            .narrow(0, 1, 1)
            .unwrap()
            .narrow(1, 2, 1)
            .unwrap();
        assert_close(
            &last,
            &[
                0.596571642685,
                -0.14872764738,
                -0.276375218876,
                0.078325491059,
            ],
        );
        let (pairs, keys) = (pattern([3, 3], 2), pattern([2, 3], 1));
        let masks = AttentionMasks {
            attention: AttentionMask::Additive(&pairs),
            keys: KeyMask::Additive(&keys),
        };
        let attended = attend(&layer, [&x; 3], masks);
        assert_close(
            &attended.output,
            &[0.657174431663, 0.006408505864, -0.184796481401],
        );
        assert_close(
            &attended.weights,
            &[0.215127006463, 0.39163674917, 0.393236244367],
        );
    }

    #[test]
    fn keys_and_values_of_other_widths_equal_pytorchs() {
        let wide = MultiheadAttentionConfig::new(4, 2)
            .with_kdim(3)
            .with_vdim(5);
        let (key, value) = (pattern([2, 4, 3], 6), pattern([2, 4, 5], 7));
        let attended = attend(
            &layer(&wide),
            [&query(), &key, &value],
            AttentionMasks::default(),
        );
        assert_close(
            &attended.output,
            &[-0.48650732611, -0.545196850219, -0.120238022716],
        );
        let plain = MultiheadAttentionConfig::new(4, 2).with_bias(false);
        let memory = pattern([2, 2, 4], 8);
        let attended = attend(
            &layer(&plain),
            [&query(), &memory, &memory],
            AttentionMasks::default(),
        );
        assert_close(
            &attended.output,
            &[0.03883775582, 0.016554293166, -0.059503475694],
        );
    }

    #[test]
    fn gradients_agree_with_differences_under_masks_across_and_where_nothing_is_seen() {
        let layer = layer(&MultiheadAttentionConfig::new(4, 2));
        let pairs = arr2(&[[true, false], [false, false], [true, true]]).into_dyn();
        let masks = AttentionMasks {
            attention: AttentionMask::Allowed(&pairs),
            keys: KeyMask::None,
        };
        let run =
            |x: &[Tensor<f64>]| layer.attend([&x[0], &x[1], &x[1]], masks, &mut Context::eval());
        let inputs = [query(), pattern([2, 2, 4], 8)];
        let function = |x: &[Tensor<f64>]| Ok(run(x)?.output.square().sum());
        let worst = gradient_check::check(function, &inputs, 1e-5).unwrap();
        assert!(worst.error < 1e-6, "{worst:?}");
        let blind = run(&inputs).unwrap().output.narrow(1, 1, 1).unwrap();
        assert_close(&blind, &layer.out_proj.bias.as_ref().unwrap().to_vec());
    }

    #[test]
    fn dropout_takes_weights_in_training_only() {
        let config = MultiheadAttentionConfig::new(4, 2).with_dropout(0.5);
        let (layer, x) = (layer(&config), query());
        let mut context = Context::train(Stream::new(1));
        let attended = layer
            .attend([&x; 3], AttentionMasks::default(), &mut context)
            .unwrap();
        let zeros = attended
            .weights
            .to_vec()
            .iter()
            .filter(|&&weight| weight == 0.0)
            .count();
        assert!(
            (9..27).contains(&zeros),
            "{zeros} of 36 weights are left out"
        );
        let still = attend(&layer, [&x; 3], AttentionMasks::default());
        assert!(still.weights.to_vec().iter().all(|&weight| weight > 0.0));
    }

    #[test]
    fn no_query_and_no_key_and_no_item_are_in_order() {
        let layer = layer(&MultiheadAttentionConfig::new(4, 2));
        for [n, queries, keys] in [[2, 0, 3], [2, 3, 0], [0, 3, 3], [1, 1, 1]] {
            let (query, memory) = (Tensor::ones([n, queries, 4]), Tensor::ones([n, keys, 4]));
            for attention in [AttentionMask::None, AttentionMask::Causal] {
                let masks = AttentionMasks {
                    attention,
                    ..Default::default()
                };
                let attended = attend(&layer, [&query, &memory, &memory], masks);
                assert_eq!(attended.output.shape(), [n, queries, 4]);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error = Layer::new(4, 3, Stream::new(1)).unwrap_err().to_string();
        let want = "multihead_attention: `embed_dim` must be a multiple of the 3 heads, found 4";
        assert_eq!(error, want);
        assert!(
            Layer::new(0, 1, Stream::new(1)).is_err() && Layer::new(4, 0, Stream::new(1)).is_err()
        );
        let (layer, x) = (layer(&MultiheadAttentionConfig::new(4, 2)), query());
        let refuse = |inputs: [&Tensor<f64>; 3], masks: AttentionMasks<'_, f64>| {
            let refused = layer.attend(inputs, masks, &mut Context::eval());
            refused.unwrap_err().to_string()
        };
        let short = pattern([2, 2, 4], 1);
        let error = refuse([&x, &x, &short], AttentionMasks::default());
        assert!(
            error.ends_with("must be of one batch, keys and values of one length"),
            "{error}"
        );
        let error = refuse([&Tensor::zeros([4]); 3], AttentionMasks::default());
        assert!(
            error.ends_with("must be [N, length, features] or [length, features]"),
            "{error}"
        );
        let keys = arr1(&[true; 3]).into_dyn();
        let masks = AttentionMasks {
            keys: KeyMask::Allowed(&keys),
            ..Default::default()
        };
        let want = "multihead_attention: shape [3]: the mask of keys must be [2, 3]";
        assert_eq!(refuse([&x; 3], masks), want);
        let pairs = Tensor::zeros([5, 1, 2, 3, 3]);
        let attention = AttentionMask::Additive(&pairs);
        let error = refuse(
            [&x; 3],
            AttentionMasks {
                attention,
                ..Default::default()
            },
        );
        assert!(
            error.ends_with("the mask must broadcast to the scores' [2, 2, 3, 3]"),
            "{error}"
        );
    }
}
