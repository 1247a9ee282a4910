//! What may be seen: pairs of queries and keys, and keys at all.

use limpid_tensor::{Element, Error, Result, Tensor, broadcast_shapes};
use ndarray::ArrayD;

/// Which keys a query may see.
#[derive(Clone, Copy, Debug, Default)]
pub enum AttentionMask<'a, E: Element> {
    /// All.
    #[default]
    None,
    /// Query number i the keys 0 to i.
    Causal,
    /// Those where this is true, `[..., L, S]` or a shape that broadcasts to it.
    Allowed(&'a ArrayD<bool>),
    /// All, with this added to their scores, `[..., L, S]` or a shape that broadcasts to it.
    Additive(&'a Tensor<E>),
}

/// Which keys of an item are there to be seen: what pads a short sequence is not.
#[derive(Clone, Copy, Debug, Default)]
pub enum KeyMask<'a, E: Element> {
    /// All.
    #[default]
    None,
    /// Those where this is true, `[N, S]`, or `[S]` without a batch.
    Allowed(&'a ArrayD<bool>),
    /// All, with this added to their scores, `[N, S]`, or `[S]` without a batch.
    Additive(&'a Tensor<E>),
}

/// The masks of a [`MultiheadAttention`](crate::MultiheadAttention). A key is seen where both let
/// it be seen; what they add to its score adds up.
///
/// True means "may be seen", as in `torch.nn.functional.scaled_dot_product_attention`; the boolean
/// masks of `torch.nn.MultiheadAttention` say the opposite.
///
/// # Example
/// ```
/// use limpid_nn_layers::{AttentionMask, AttentionMasks, KeyMask};
/// use ndarray::array;
///
/// // Two sequences, the second of them padded at its end.
/// let there = array![[true, true, true], [true, true, false]].into_dyn();
/// let masks = AttentionMasks::<f32> {
///     attention: AttentionMask::Causal,
///     keys: KeyMask::Allowed(&there),
/// };
/// assert!(matches!(masks.keys, KeyMask::Allowed(_)));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionMasks<'a, E: Element> {
    /// Pairs of a query and a key: `[L, S]`, or a shape that broadcasts to `[N, heads, L, S]`.
    pub attention: AttentionMask<'a, E>,
    /// Keys.
    pub keys: KeyMask<'a, E>,
}

/// 0 where `allowed`, else -infinity.
fn bias_of<E: Element>(allowed: &ArrayD<bool>) -> Result<Tensor<E>> {
    let bias = allowed.iter().map(|&allowed| match allowed {
        true => E::zero(),
        false => E::neg_infinity(),
    });
    Tensor::from_vec(bias.collect(), allowed.shape())
}

impl<E: Element> AttentionMask<'_, E> {
    /// What is added to scores of shape `scores`, if anything.
    pub(super) fn bias(self, name: &'static str, scores: &[usize]) -> Result<Option<Tensor<E>>> {
        let bias = match self {
            Self::None => return Ok(None),
            Self::Causal => {
                let &[.., queries, keys] = scores else {
                    return Err(Error::shape(name, &[scores], "must be [..., L, S]"));
                };
                let hidden = |place: usize| match place % keys > place / keys {
                    true => f64::NEG_INFINITY,
                    false => 0.0,
                };
                Tensor::from_fn([queries, keys], hidden)
            }
            Self::Allowed(allowed) => bias_of(allowed)?,
            Self::Additive(bias) => bias.clone(),
        };
        if broadcast_shapes(name, bias.shape(), scores)?.as_slice() != scores {
            let rule = format!("the mask must broadcast to the scores' {scores:?}");
            return Err(Error::shape(name, &[bias.shape()], rule));
        }
        Ok(Some(bias))
    }
}

impl<E: Element> AttentionMasks<'_, E> {
    /// What is added to scores of shape `[N, heads, L, S]`, if anything.
    pub(super) fn bias(self, name: &'static str, scores: [usize; 4]) -> Result<Option<Tensor<E>>> {
        let [batch, _, _, keys] = scores;
        let pairs = self.attention.bias(name, &scores)?;
        let single = match self.keys {
            KeyMask::None => return Ok(pairs),
            KeyMask::Allowed(allowed) => bias_of(allowed)?,
            KeyMask::Additive(bias) => bias.clone(),
        };
        if single.shape() != [batch, keys] && !(batch == 1 && single.shape() == [keys]) {
            let rule = format!("the mask of keys must be [{batch}, {keys}]");
            return Err(Error::shape(name, &[single.shape()], rule));
        }
        let single = single.reshape([batch, 1, 1, keys])?;
        Ok(Some(match pairs {
            Some(pairs) => pairs.add(&single)?,
            None => single,
        }))
    }
}
