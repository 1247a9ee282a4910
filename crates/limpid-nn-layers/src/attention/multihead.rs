//! Attention of several heads.

use limpid_tensor::{Element, Error, Parameter, Result, Stream, Tensor};

use super::config::MultiheadAttentionConfig;
use super::mask::AttentionMasks;
use super::scaled_dot_product::{scores, weights};
use crate::{Context, Dropout, Linear, Module, Parameters};

pub(super) const NAME: &str = "multihead_attention";

/// The weights of the projections of queries, keys and values.
#[derive(Clone, Debug, Parameters)]
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

    fn differs_in_training(&self) -> bool {
        self.dropout.p() > 0.0
    }
}

#[cfg(test)]
mod tests;
