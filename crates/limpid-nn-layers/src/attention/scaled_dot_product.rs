//! Attention of one head.

use limpid_tensor::{Element, Error, Result, Tensor};

use super::mask::AttentionMask;

/// softmax(Q K^T / sqrt(d)) V. A query that may see no key gives zeros.
///
/// # Shapes
/// query: `[..., L, d]`; key: `[..., S, d]`; value: `[..., S, v]`; output: `[..., L, v]`.
///
/// # Errors
/// A shape error when these do not fit.
///
/// # Source
/// Vaswani et al. 2017, "Attention is all you need", equation 1; equals
/// `torch.nn.functional.scaled_dot_product_attention`.
///
/// # Example
/// ```
/// use limpid_nn_layers::{AttentionMask, scaled_dot_product_attention};
/// use limpid_tensor::Tensor;
///
/// let (same, value) = (Tensor::<f64>::ones([2, 4]), Tensor::from_vec(vec![1.0, 3.0], [2, 1])?);
/// let output = scaled_dot_product_attention(&same, &same, &value, AttentionMask::Causal)?;
/// assert_eq!(output.to_vec(), [1.0, 2.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub fn scaled_dot_product_attention<E: Element>(
    query: &Tensor<E>,
    key: &Tensor<E>,
    value: &Tensor<E>,
    mask: AttentionMask<'_, E>,
) -> Result<Tensor<E>> {
    const NAME: &str = "scaled_dot_product_attention";
    let (&[.., width], &[.., keys, key_width], &[.., values, _]) =
        (query.shape(), key.shape(), value.shape())
    else {
        let rule = "query, key and value must be [..., length, features]";
        return Err(Error::shape(
            NAME,
            &[query.shape(), key.shape(), value.shape()],
            rule,
        ));
    };
    if query.rank() < 2 || width != key_width || keys != values {
        let rule = "queries and keys must be of one width, keys and values of one number";
        return Err(Error::shape(
            NAME,
            &[query.shape(), key.shape(), value.shape()],
            rule,
        ));
    }
    let scores = scores(query, key)?;
    let bias = mask.bias(NAME, scores.shape())?;
    weights(&scores, bias.as_ref())?.matmul(value)
}

/// Q K^T / sqrt(d), `[..., L, S]`.
pub(super) fn scores<E: Element>(query: &Tensor<E>, key: &Tensor<E>) -> Result<Tensor<E>> {
    let scale = (query.size(-1)?.max(1) as f64).sqrt().recip();
    query.mul_scalar(scale).matmul(&key.transpose(-2, -1)?)
}

/// The softmax over keys of scores and `bias`, with zeros where a query may see none.
pub(super) fn weights<E: Element>(
    scores: &Tensor<E>,
    bias: Option<&Tensor<E>>,
) -> Result<Tensor<E>> {
    if scores.size(-1)? == 0 {
        return Ok(scores.clone());
    }
    let Some(bias) = bias else {
        return scores.softmax(-1);
    };
    let scores = scores.add(bias)?;
    let best = bias.detach().amax(&[-1], true)?;
    let blind = best.view().mapv(|best| best == E::neg_infinity());
    if !blind.iter().any(|&blind| blind) {
        return scores.softmax(-1);
    }
    let zero = Tensor::zeros([1]);
    let seen = Tensor::where_(&blind, &zero, &scores)?.softmax(-1)?;
    Tensor::where_(&blind, &zero, &seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, gradient_check};
    use ndarray::{ArrayD, arr2};

    fn inputs() -> [Tensor<f64>; 3] {
        [[2, 3, 4], [2, 5, 4], [2, 5, 2]]
            .map(|shape| Tensor::standard_normal(shape, Stream::new(shape[1] as u64)))
    }

    fn allowed() -> ArrayD<bool> {
        let first = [true, false, true, true, false];
        arr2(&[first, [false; 5], [false, true, false, false, false]]).into_dyn()
    }

    #[test]
    fn gradients_agree_with_differences_under_every_mask() {
        let allowed = allowed();
        let bias = Tensor::standard_normal([3, 5], Stream::new(9));
        let masks = [
            AttentionMask::None,
            AttentionMask::Causal,
            AttentionMask::Allowed(&allowed),
            AttentionMask::Additive(&bias),
        ];
        for mask in masks {
            let function = |x: &[Tensor<f64>]| {
                let output = scaled_dot_product_attention(&x[0], &x[1], &x[2], mask)?;
                Ok(output.square().sum())
            };
            let worst = gradient_check::check(function, &inputs(), 1e-5).unwrap();
            assert!(worst.error < 1e-6, "{mask:?}: {worst:?}");
        }
    }

    #[test]
    fn a_query_sees_what_it_may_and_nothing_gives_zeros() {
        let [query, key, value] = inputs();
        let allowed = allowed();
        let mask = AttentionMask::Allowed(&allowed);
        let output = scaled_dot_product_attention(&query, &key, &value, mask).unwrap();
        assert_eq!(output.narrow(1, 1, 1).unwrap(), Tensor::zeros([2, 1, 2]));
        let only = value.narrow(1, 1, 1).unwrap();
        assert_eq!(output.narrow(1, 2, 1).unwrap(), only);
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let [query, key, value] = inputs();
        let error =
            scaled_dot_product_attention(&query, &value, &key, AttentionMask::None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "scaled_dot_product_attention: shapes [2, 3, 4] and [2, 5, 2] and [2, 5, 4]: \
             queries and keys must be of one width, keys and values of one number"
        );
    }
}
