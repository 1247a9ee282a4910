//! The operation that all normalisations share: groups of elements brought to spread 1.

use limpid_tensor::{Backward, Element, InputGradients, Result, Tensor};

/// How a tensor's elements fall into groups: seen as `[outer, groups, inner]`, the elements of one
/// middle index are a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grouping {
    pub(super) outer: usize,
    pub(super) groups: usize,
    pub(super) inner: usize,
}

impl Grouping {
    /// How many elements a group has.
    pub(super) fn size(&self) -> usize {
        self.outer * self.inner
    }

    /// Calls `visit` with the group of every run of consecutive elements.
    fn runs<'a, T>(&self, data: &'a [T]) -> impl Iterator<Item = (usize, &'a [T])> {
        let groups = self.groups;
        let chunks = data.chunks_exact(self.inner.max(1));
        chunks
            .enumerate()
            .map(move |(run, chunk)| (run % groups, chunk))
    }

    /// The sum of `term` over every group.
    fn sums<E: Element>(&self, data: &[E], term: impl Fn(usize, f64) -> f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.groups];
        for (group, run) in self.runs(data) {
            sums[group] += run.iter().map(|&x| term(group, x.double())).sum::<f64>();
        }
        sums
    }
}

/// Whether a group's mean is taken away before its spread is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Centre {
    /// Around the mean: the spread is the standard deviation.
    Mean,
    /// Around 0: the spread is the root of the mean square.
    Zero,
}

/// Elements brought to spread 1, and what was measured of each group in double precision.
pub(super) struct Standardized<E: Element> {
    pub(super) output: Tensor<E>,
    pub(super) mean: Vec<f64>,
    /// The mean square around the centre.
    pub(super) variance: Vec<f64>,
}

struct StandardizeBackward<E: Element> {
    name: &'static str,
    grouping: Grouping,
    centre: Centre,
    output: Tensor<E>,
    scale: Vec<f64>,
}

impl<E: Element> Backward<E> for StandardizeBackward<E> {
    fn name(&self) -> &'static str {
        self.name
    }

    /// With y = (x - m) s: dx = s (g - mean(g) - y mean(g y)), each mean over a group.
    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let (y, g) = (self.output.elements(), gradient.elements());
        let grouping = &self.grouping;
        let size = grouping.size() as f64;
        let mut plain = vec![0.0; grouping.groups];
        let mut along = vec![0.0; grouping.groups];
        for ((group, y), (_, g)) in grouping.runs(&y).zip(grouping.runs(&g)) {
            for (y, g) in y.iter().zip(g) {
                plain[group] += g.double() / size;
                along[group] += y.double() * g.double() / size;
            }
        }
        if self.centre == Centre::Zero {
            plain.fill(0.0);
        }
        let mut data = Vec::with_capacity(y.len());
        for ((group, y), (_, g)) in grouping.runs(&y).zip(grouping.runs(&g)) {
            let (plain, along, scale) = (plain[group], along[group], self.scale[group]);
            let shares = y
                .iter()
                .zip(g)
                .map(|(y, g)| E::of(scale * (g.double() - plain - y.double() * along)));
            data.extend(shares);
        }
        inputs.add(0, Tensor::from_vec(data, gradient.shape())?);
        Ok(())
    }
}

/// (x - centre) / sqrt(variance + eps) in every group, one record in the graph. Statistics are
/// taken in double precision and in two passes, so that a large offset does not swallow the spread.
pub(super) fn standardize<E: Element>(
    name: &'static str,
    input: &Tensor<E>,
    grouping: Grouping,
    centre: Centre,
    eps: f64,
) -> Result<Standardized<E>> {
    let x = input.elements();
    let size = grouping.size() as f64;
    let mean: Vec<f64> = match centre {
        Centre::Mean => grouping
            .sums(&x, |_, x| x)
            .iter()
            .map(|sum| sum / size)
            .collect(),
        Centre::Zero => vec![0.0; grouping.groups],
    };
    let squares = grouping.sums(&x, |group, x| (x - mean[group]).powi(2));
    let variance: Vec<f64> = squares.iter().map(|sum| sum / size).collect();
    let scale: Vec<f64> = variance
        .iter()
        .map(|variance| (variance + eps).sqrt().recip())
        .collect();
    let mut data = Vec::with_capacity(x.len());
    for (group, run) in grouping.runs(&x) {
        let (mean, scale) = (mean[group], scale[group]);
        data.extend(run.iter().map(|x| E::of((x.double() - mean) * scale)));
    }
    let value = Tensor::from_vec(data, input.shape())?;
    let output = value.clone();
    let output = value.recorded(&[input], || StandardizeBackward {
        name,
        grouping,
        centre,
        output,
        scale,
    });
    Ok(Standardized {
        output,
        mean,
        variance,
    })
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

    #[test]
    fn groups_have_mean_zero_and_spread_one() {
        let input = Tensor::<f64>::uniform([4, 3, 5], 100.0, 103.0, Stream::new(1));
        let grouping = Grouping {
            outer: 4,
            groups: 3,
            inner: 5,
        };
        let done = standardize("test", &input, grouping, Centre::Mean, 0.0).unwrap();
        let mean = done.output.mean_dim(&[0, 2], false).unwrap().to_vec();
        let square = done
            .output
            .square()
            .mean_dim(&[0, 2], false)
            .unwrap()
            .to_vec();
        assert!(mean.iter().all(|x| x.abs() < 1e-12), "{mean:?}");
        assert!(square.iter().all(|x| (x - 1.0).abs() < 1e-12), "{square:?}");
    }

    #[test]
    fn gradients_agree_with_differences_around_both_centres() {
        let weights = Tensor::<f64>::standard_normal([4, 3, 5], Stream::new(2));
        for centre in [Centre::Mean, Centre::Zero] {
            let function = |x: &[Tensor<f64>]| {
                let grouping = Grouping {
                    outer: 4,
                    groups: 3,
                    inner: 5,
                };
                let done = standardize("test", &x[0], grouping, centre, 1e-3)?;
                Ok(done.output.mul(&weights)?.sum())
            };
            let input = Tensor::standard_normal([4, 3, 5], Stream::new(1));
            let worst = gradient_check::check(function, &[input], 1e-5).unwrap();
            assert!(worst.error < 1e-6, "{centre:?}: {worst:?}");
        }
    }
}
