//! The operations that normalisations share: groups of elements brought to spread 1.

use limpid_tensor::{Element, Result, Tensor};

/// How a tensor's elements fall into groups: seen as `[outer, groups, inner]`, the elements of one
/// middle index are a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grouping {
    pub(super) outer: usize,
    pub(super) groups: usize,
    pub(super) inner: usize,
}

/// (x - mean) / sqrt(variance + eps) in every group: normalisation over a batch whose channels are
/// the groups.
pub(super) fn standardize<E: Element>(
    input: &Tensor<E>,
    grouping: Grouping,
    eps: f64,
) -> Result<Tensor<E>> {
    let Grouping {
        outer,
        groups,
        inner,
    } = grouping;
    let view = input.reshape([outer, groups, inner])?;
    view.batch_norm(None, None, eps)?
        .output
        .reshape(input.shape())
}

/// x * weight + bias, each where it is there, laid out as `shape` to broadcast.
pub(super) fn scale_and_shift<E: Element>(
    mut value: Tensor<E>,
    weight: Option<&Tensor<E>>,
    bias: Option<&Tensor<E>>,
    shape: &[usize],
) -> Result<Tensor<E>> {
    if let Some(weight) = weight {
        value = value.mul(&weight.reshape(shape)?)?;
    }
    if let Some(bias) = bias {
        value = value.add(&bias.reshape(shape)?)?;
    }
    Ok(value)
}

/// `[1, C, 1, ...]` without the leading 1: how one number a channel broadcasts over dimension 1 of
/// a tensor of `rank`.
pub(super) fn channel_shape(channels: usize, rank: usize) -> Vec<usize> {
    let mut shape = vec![1; rank.saturating_sub(1).max(1)];
    shape[0] = channels;
    shape
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, gradient_check};

    const GROUPING: Grouping = Grouping {
        outer: 4,
        groups: 3,
        inner: 5,
    };

    #[test]
    fn groups_have_mean_zero_and_spread_one() {
        let input = Tensor::<f64>::uniform([4, 3, 5], 100.0, 103.0, Stream::new(1));
        let output = standardize(&input, GROUPING, 0.0).unwrap();
        let mean = output.mean_dim(&[0, 2], false).unwrap().to_vec();
        let square = output.square().mean_dim(&[0, 2], false).unwrap().to_vec();
        assert!(mean.iter().all(|x| x.abs() < 1e-12), "{mean:?}");
        assert!(square.iter().all(|x| (x - 1.0).abs() < 1e-12), "{square:?}");
    }

    #[test]
    fn gradients_agree_with_differences() {
        let weights = Tensor::<f64>::standard_normal([4, 3, 5], Stream::new(2));
        let function =
            |x: &[Tensor<f64>]| Ok(standardize(&x[0], GROUPING, 1e-3)?.mul(&weights)?.sum());
        let input = Tensor::standard_normal([4, 3, 5], Stream::new(1));
        let worst = gradient_check::check(function, &[input], 1e-5).unwrap();
        assert!(worst.error < 1e-6, "{worst:?}");
    }
}
