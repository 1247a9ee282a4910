//! The operations that normalisations share: groups of elements brought to spread 1.

use limpid_tensor::{Backward, Element, InputGradients, Result, Tensor};

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

struct RootMeanSquareBackward<E: Element> {
    /// Elements of a group.
    inner: usize,
    output: Tensor<E>,
    scale: Vec<f64>,
}

impl<E: Element> Backward<E> for RootMeanSquareBackward<E> {
    fn name(&self) -> &'static str {
        "rms_norm"
    }

    /// With y = x s: dx = s (g - y mean(g y)), the mean over a group.
    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let (y, g) = (self.output.elements(), gradient.elements());
        let mut data = Vec::with_capacity(y.len());
        let groups = y.chunks_exact(self.inner).zip(g.chunks_exact(self.inner));
        for ((y, g), &scale) in groups.zip(&self.scale) {
            let pairs = y.iter().zip(g).map(|(y, g)| (y.double(), g.double()));
            let along = pairs.clone().map(|(y, g)| y * g).sum::<f64>() / self.inner as f64;
            data.extend(pairs.map(|(y, g)| E::of(scale * (g - y * along))));
        }
        inputs.add(0, Tensor::from_vec(data, gradient.shape())?);
        Ok(())
    }
}

/// x / sqrt(mean(x^2) + eps) in every group of `inner` elements, the last dimensions of `input`. The
/// squares are summed in double precision.
pub(super) fn root_mean_square<E: Element>(
    input: &Tensor<E>,
    inner: usize,
    eps: f64,
) -> Result<Tensor<E>> {
    let x = input.elements();
    let squares = x.chunks_exact(inner).map(|group| {
        let squares = group.iter().map(|x| x.double() * x.double());
        squares.sum::<f64>() / inner as f64
    });
    let scale: Vec<f64> = squares
        .map(|square| (square + eps).sqrt().recip())
        .collect();
    let mut data = Vec::with_capacity(x.len());
    for (group, &scale) in x.chunks_exact(inner).zip(&scale) {
        data.extend(group.iter().map(|x| E::of(x.double() * scale)));
    }
    let value = Tensor::from_vec(data, input.shape())?;
    let output = value.clone();
    Ok(value.recorded(&[input], || RootMeanSquareBackward {
        inner,
        output,
        scale,
    }))
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
    fn gradients_agree_with_differences_around_the_mean_and_around_zero() {
        let weights = Tensor::<f64>::standard_normal([4, 3, 5], Stream::new(2));
        let check = |run: &dyn Fn(&Tensor<f64>) -> Result<Tensor<f64>>| {
            let function = |x: &[Tensor<f64>]| Ok(run(&x[0])?.mul(&weights)?.sum());
            let input = Tensor::standard_normal([4, 3, 5], Stream::new(1));
            let worst = gradient_check::check(function, &[input], 1e-5).unwrap();
            assert!(worst.error < 1e-6, "{worst:?}");
        };
        check(&|x| standardize(x, GROUPING, 1e-3));
        check(&|x| root_mean_square(x, 5, 1e-3));
    }
}
