//! Attention of one head.

use limpid_tensor::{Element, Error, Result, Tensor};

use super::mask::AttentionMask;

/// softmax(Q K^T / sqrt(d)) V. A query that may see no key gives zeros.
///
/// Where there are several times as many heads of queries as of keys and values, each of the latter
/// serves so many of the former, side by side.
///
/// # Shapes
/// query: `[..., L, d]`; key: `[..., S, d]`; value: `[..., S, v]`; output: `[..., L, v]`. With grouped
/// queries `[..., heads, L, d]`, `[..., heads / n, S, d]` and so on.
///
/// # Errors
/// A shape error when these do not fit.
///
/// # Source
/// Vaswani et al. 2017, "Attention is all you need", equation 1; Ainslie et al. 2023, "GQA"; equals
/// `torch.nn.functional.scaled_dot_product_attention`, with `enable_gqa`.
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
    let scale = standard_scale(query);
    scaled_dot_product_attention_by(scale, query, key, value, mask)
}

/// [`scaled_dot_product_attention`] with another factor `scale` than 1 / sqrt(d):
/// softmax(scale Q K^T) V.
///
/// # Errors
/// As [`scaled_dot_product_attention`].
///
/// # Example
/// ```
/// use limpid_nn_layers::{AttentionMask, scaled_dot_product_attention_by};
/// use limpid_tensor::Tensor;
///
/// let query = Tensor::<f64>::from_vec(vec![1.0], [1, 1])?;
/// let key = Tensor::from_vec(vec![0.0, 3.0_f64.ln()], [2, 1])?;
/// let value = Tensor::from_vec(vec![0.0, 1.0], [2, 1])?;
/// let output = scaled_dot_product_attention_by(2.0, &query, &key, &value, AttentionMask::None)?;
/// assert!((output.item()? - 0.9).abs() < 1e-12);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub fn scaled_dot_product_attention_by<E: Element>(
    scale: f64,
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
    let groups = groups(query.shape(), key.shape(), value.shape());
    let key = key.transpose(-2, -1)?;
    let scores = grouped_matmul(&query.mul_scalar(scale), &key, groups)?;
    let bias = mask.bias(NAME, scores.shape())?;
    grouped_matmul(&weights(&scores, bias.as_ref())?, value, groups)
}

/// 1 / sqrt(d), for queries of width d.
pub(super) fn standard_scale<E: Element>(query: &Tensor<E>) -> f64 {
    let width = query.shape().last().copied().unwrap_or(1);
    (width.max(1) as f64).sqrt().recip()
}

/// How many heads of queries share one of keys and values: 1 where shapes are equal or broadcast, and
/// where there are items but no heads.
fn groups(query: &[usize], key: &[usize], value: &[usize]) -> usize {
    match (query, key, value) {
        (&[_, .., queries, _, _], &[_, .., keys, _, _], &[_, .., values, _, _])
            if keys == values && keys > 1 && queries.is_multiple_of(keys) =>
        {
            queries / keys
        }
        _ => 1,
    }
}

/// The product of `[..., heads, m, k]` with `[..., heads / groups, k, n]`.
fn grouped_matmul<E: Element>(
    left: &Tensor<E>,
    right: &Tensor<E>,
    groups: usize,
) -> Result<Tensor<E>> {
    let (&[ref batch @ .., heads, rows, inner], true) = (left.shape(), groups > 1) else {
        return left.matmul(right);
    };
    let apart = [batch, &[heads / groups, groups, rows, inner]].concat();
    let product = left.reshape(apart)?.matmul(&right.unsqueeze(-3)?)?;
    let columns = product.size(-1)?;
    let batch = &product.shape()[..product.rank() - 4];
    product.reshape([batch, &[heads, rows, columns]].concat())
}

/// Q K^T / sqrt(d), `[..., L, S]`.
pub(super) fn scores<E: Element>(query: &Tensor<E>, key: &Tensor<E>) -> Result<Tensor<E>> {
    let query = query.mul_scalar(standard_scale(query));
    query.matmul(&key.transpose(-2, -1)?)
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
    fn items_without_heads_do_not_share_keys() {
        let [query, key, value] = [[4, 3, 4], [2, 5, 4], [2, 5, 2]].map(Tensor::<f64>::ones);
        let output = scaled_dot_product_attention(&query, &key, &value, AttentionMask::None);
        assert!(output.is_err());
    }

    #[test]
    fn heads_of_queries_share_those_of_keys_and_values() {
        let draw = |shape: [usize; 4]| {
            let stream = Stream::new(shape.iter().sum::<usize>() as u64);
            Tensor::<f64>::standard_normal(shape, stream)
        };
        let (query, key, value) = (draw([2, 6, 3, 4]), draw([2, 2, 5, 4]), draw([2, 2, 5, 3]));
        let shared: Vec<usize> = vec![0, 0, 0, 1, 1, 1];
        let [keys, values] = [&key, &value].map(|it| it.index_select(1, &shared).unwrap());
        let bias = Tensor::standard_normal([6, 3, 5], Stream::new(9));
        for mask in [
            AttentionMask::None,
            AttentionMask::Causal,
            AttentionMask::Additive(&bias),
        ] {
            let found = scaled_dot_product_attention(&query, &key, &value, mask).unwrap();
            let want = scaled_dot_product_attention(&query, &keys, &values, mask).unwrap();
            let gaps = found.sub(&want).unwrap().abs().to_vec();
            assert!(gaps.into_iter().all(|gap| gap < 1e-14), "{mask:?}");
        }
        let function = |x: &[Tensor<f64>]| {
            let output =
                scaled_dot_product_attention_by(0.7, &x[0], &x[1], &x[2], AttentionMask::None)?;
            Ok(output.square().sum())
        };
        let worst = gradient_check::check(function, &[query, key, value], 1e-5).unwrap();
        assert!(worst.error < 1e-6, "{worst:?}");
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
