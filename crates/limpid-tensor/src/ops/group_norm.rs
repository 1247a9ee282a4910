//! Normalisation of groups of channels of each item.

use crate::buffers::{self, Storage};
use crate::kernel::channels::{Affine, Channels};
use crate::layout::{Shape, count};
use crate::{Backward, Element, Error, InputGradients, Result, Tensor};

/// The channels of all items, each of which lies in one group of its item.
#[derive(Clone, Copy)]
struct Groups {
    items: usize,
    channels: usize,
    /// Groups of an item.
    groups: usize,
    /// Numbers of a channel of an item.
    inner: usize,
}

impl Groups {
    /// The groups of all items, as channels of one.
    fn whole(self) -> Channels {
        Channels {
            outer: 1,
            channels: self.items * self.groups,
            inner: self.size(),
        }
    }

    /// The channels of all items, as channels of one.
    fn lines(self) -> Channels {
        Channels {
            outer: 1,
            channels: self.items * self.channels,
            inner: self.inner,
        }
    }

    /// Channels of a group.
    fn width(self) -> usize {
        self.channels / self.groups
    }

    /// Numbers of a group.
    fn size(self) -> usize {
        self.width() * self.inner
    }
}

struct GroupNormBackward<E: Element> {
    input: Tensor<E>,
    groups: Groups,
    /// One over the standard deviation, of every group.
    spreads: Vec<f64>,
    /// Mean, scale and shift of every channel of every item.
    numbers: [Storage<E>; 3],
    weight: Option<Tensor<E>>,
    bias: bool,
}

fn affine<E: Element>([mean, scale, shift]: &[Storage<E>; 3]) -> Affine<'_, E> {
    Affine { mean, scale, shift }
}

impl<E: Element> Backward<E> for GroupNormBackward<E> {
    fn name(&self) -> &'static str {
        "group_norm"
    }

    /// With y = (x - m) s w + b, sums over a channel of an item and then over a group's channels:
    /// dw = s sum(g (x - m)), db = sum(g), each over the items, and
    /// dx = s (w g - mean(w g) - (x - m) s^2 mean(w g (x - m))).
    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let (groups, affine) = (self.groups, affine(&self.numbers));
        let x = self.input.elements();
        let lines = groups.lines();
        let sums = lines.gradient_sums(&x, &gradient.elements(), affine, false);
        let weight = self.weight.as_ref().map(Tensor::elements);
        let factor = |line: usize| match &weight {
            Some(weight) => weight[line % groups.channels].double(),
            None => 1.0,
        };
        if inputs.wants(0) {
            let size = groups.size() as f64;
            let [mut slopes, mut offsets] = [(); 2].map(|()| buffers::zeroed(sums.len()));
            let width = groups.width();
            for (group, (sums, &spread)) in sums.chunks(width).zip(&self.spreads).enumerate() {
                let first = group * width;
                let [mut plain, mut along] = [0.0; 2];
                for (line, sums) in (first..).zip(sums) {
                    plain += factor(line) * sums[0];
                    along += factor(line) * sums[1];
                }
                let slope = E::of(-spread * spread * spread * along / size);
                slopes[first..first + width].fill(slope);
                offsets[first..first + width].fill(E::of(-spread * plain / size));
            }
            // In the gradient's own memory where nobody else holds it.
            let mut g = gradient.into_storage();
            lines.combine(&x, &mut g, affine, [&slopes, &offsets], false);
            inputs.add(0, Tensor::new(g, self.input.layout.shape.clone()));
        }
        let over_items = |term: &dyn Fn(usize) -> f64| -> Tensor<E> {
            let total = |channel: usize| {
                let items = (0..groups.items).map(|item| term(item * groups.channels + channel));
                E::of(items.sum())
            };
            let totals: Storage<E> = (0..groups.channels).map(total).collect();
            Tensor::new(totals, Shape::from_slice(&[groups.channels]))
        };
        if self.weight.is_some() && inputs.wants(1) {
            let along = |line: usize| sums[line][1] * self.spreads[line / groups.width()];
            inputs.add(1, over_items(&along));
        }
        let place = 1 + usize::from(self.weight.is_some());
        if self.bias && inputs.wants(place) {
            inputs.add(place, over_items(&|line| sums[line][0]));
        }
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// Every one of `groups` groups of neighbouring channels of every item brought to mean 0 and
    /// variance 1, then every channel scaled and shifted:
    /// (x - mean) / sqrt(variance + eps) * weight + bias, as one operation. The variance is the
    /// biased one. With one group a channel it is instance normalisation.
    ///
    /// # Shapes
    /// `self`: `[N, C, ...]` with C a multiple of `groups`; `weight`, `bias`: `[C]`; result: as
    /// `self`.
    ///
    /// # Errors
    /// A shape error when these do not fit, or a group has no numbers.
    ///
    /// # Source
    /// Wu and He 2018, "Group normalization", equations 1 to 7.
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::Tensor;
    ///
    /// let x = Tensor::<f64>::from_vec(vec![1.0, 3.0, 10.0, 0.0], [1, 2, 2])?;
    /// let weight = Tensor::from_vec(vec![1.0, 2.0], [2])?;
    /// let y = x.group_norm(2, Some(&weight), None, 0.0)?;
    /// assert_eq!(y.to_vec(), [-1.0, 1.0, 2.0, -2.0]);
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    pub fn group_norm(
        &self,
        groups: usize,
        weight: Option<&Self>,
        bias: Option<&Self>,
        eps: f64,
    ) -> Result<Self> {
        let &[items, channels, ref rest @ ..] = self.shape() else {
            return Err(Error::shape(
                "group_norm",
                &[self.shape()],
                "must be [N, C, ...]",
            ));
        };
        if groups == 0 || !channels.is_multiple_of(groups) {
            let rule = format!("the channels must be a multiple of {groups} groups");
            return Err(Error::shape("group_norm", &[self.shape()], rule));
        }
        for numbers in [weight, bias].into_iter().flatten() {
            if numbers.shape() != [channels] {
                let rule = format!("must hold one number for each of {channels} channels");
                return Err(Error::shape("group_norm", &[numbers.shape()], rule));
            }
        }
        let layout = Groups {
            items,
            channels,
            groups,
            inner: count(rest),
        };
        if layout.size() == 0 {
            let rule = "every group must have at least one number";
            return Err(Error::shape("group_norm", &[self.shape()], rule));
        }
        let x = self.elements();
        let moments = layout.whole().moments(&x);
        let spreads = moments
            .iter()
            .map(|[_, square]| (square + eps).sqrt().recip());
        let spreads: Vec<f64> = spreads.collect();
        let width = layout.width();
        let lines = 0..items * channels;
        let [factors, shifts] = [weight, bias].map(|it| it.map(Self::elements));
        let factor = |line: usize| match &factors {
            Some(factors) => factors[line % channels].double(),
            None => 1.0,
        };
        let numbers = [
            lines
                .clone()
                .map(|line| E::of(moments[line / width][0]))
                .collect(),
            lines
                .clone()
                .map(|line| E::of(spreads[line / width] * factor(line)))
                .collect(),
            match &shifts {
                Some(shifts) => lines.map(|line| shifts[line % channels]).collect(),
                None => buffers::zeroed(lines.len()),
            },
        ];
        let mut data = buffers::take(self.len());
        layout.lines().apply(&x, affine(&numbers), false, &mut data);
        let value = Self::new(data, self.layout.shape.clone());
        let inputs: Vec<&Self> = [Some(self), weight, bias].into_iter().flatten().collect();
        Ok(value.recorded(&inputs, || GroupNormBackward {
            input: self.contiguous(),
            groups: layout,
            spreads,
            numbers,
            weight: weight.map(Self::detach),
            bias: bias.is_some(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Result, Stream, Tensor, gradient_check};

    #[test]
    fn gradients_agree_with_differences() {
        let stream = Stream::new(1);
        for shape in [&[3, 4, 5][..], &[2, 6], &[2, 4, 6, 7]] {
            let x = Tensor::standard_normal(shape, stream.fork("x"));
            let factors = Tensor::<f64>::standard_normal(shape, stream.fork("factors"));
            let weight = Tensor::standard_normal(&shape[1..2], stream.fork("weight"));
            let bias = Tensor::standard_normal(&shape[1..2], stream.fork("bias"));
            type Function<'a> = &'a dyn Fn(&[Tensor<f64>]) -> Result<Tensor<f64>>;
            let check = |function: Function<'_>, inputs: &[Tensor<f64>]| {
                let function = |x: &[Tensor<f64>]| Ok(function(x)?.mul(&factors)?.sum());
                let worst = gradient_check::check(function, inputs, 1e-5).unwrap();
                assert!(worst.error < 1e-6, "{shape:?}: {worst:?}");
            };
            let all = [x.clone(), weight, bias.clone()];
            for groups in [1, 2] {
                check(&|x| x[0].group_norm(groups, x.get(1), x.get(2), 1e-3), &all);
                let some = [x.clone(), bias.clone()];
                check(&|x| x[0].group_norm(groups, None, x.get(1), 1e-3), &some);
                check(&|x| x[0].group_norm(groups, None, None, 1e-3), &all[..1]);
            }
        }
    }

    #[test]
    fn groups_without_weights_have_mean_zero_and_spread_one() {
        let input = Tensor::<f64>::uniform([4, 6, 40], 100.0, 103.0, Stream::new(1));
        let output = input.group_norm(3, None, None, 0.0).unwrap();
        let output = output.reshape([12, 80]).unwrap();
        let mean = output.mean_dim(&[1], false).unwrap().to_vec();
        let square = output.square().mean_dim(&[1], false).unwrap().to_vec();
        assert!(mean.iter().all(|x| x.abs() < 1e-12), "{mean:?}");
        assert!(square.iter().all(|x| (x - 1.0).abs() < 1e-12), "{square:?}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let x = Tensor::<f32>::zeros([2, 4, 3]);
        let error = x.group_norm(3, None, None, 0.0).unwrap_err();
        let want = "group_norm: shape [2, 4, 3]: the channels must be a multiple of 3 groups";
        assert_eq!(error.to_string(), want);
        assert!(x.group_norm(0, None, None, 0.0).is_err());
        assert!(
            x.group_norm(2, Some(&Tensor::zeros([3])), None, 0.0)
                .is_err()
        );
        assert!(
            Tensor::<f32>::zeros([4])
                .group_norm(1, None, None, 0.0)
                .is_err()
        );
        assert!(
            Tensor::<f32>::zeros([2, 4, 0])
                .group_norm(2, None, None, 0.0)
                .is_err()
        );
        let none = Tensor::<f32>::zeros([0, 4, 3]);
        assert_eq!(
            none.group_norm(2, None, None, 0.0).unwrap().shape(),
            [0, 4, 3]
        );
    }
}
