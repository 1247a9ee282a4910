//! Normalisation over groups of channels.

use limpid_tensor::{Element, Error, Parameter, Result, Tensor};

use crate::{Context, Module, Parameters};

/// Brings every group of channels of every item to mean 0 and variance 1, then scales and shifts
/// each channel. The same in training and in evaluation, whatever the batch.
///
/// With one group a channel it is instance normalisation, with one group it is layer normalisation
/// over all but the first dimension.
///
/// # Shapes
/// input: `[N, C, ...]` with C a multiple of the groups; weight, bias: `[C]`.
///
/// # Source
/// Wu and He 2018, "Group normalization"; equals `torch.nn.GroupNorm`.
#[derive(Clone, Debug, Parameters)]
pub struct GroupNorm<E: Element> {
    /// The scale, `[C]`.
    pub weight: Option<Parameter<E>>,
    /// The shift, `[C]`.
    pub bias: Option<Parameter<E>>,
    /// How many groups the channels are divided into.
    pub num_groups: usize,
    /// Added to the variance. The default is 1e-5.
    pub eps: f64,
}

impl<E: Element> GroupNorm<E> {
    /// `channels` channels in `num_groups` groups; scale 1, shift 0, eps 1e-5.
    ///
    /// # Errors
    /// An argument error when the channels cannot be divided so.
    pub fn new(num_groups: usize, channels: usize) -> Result<Self> {
        if num_groups == 0 || channels == 0 || !channels.is_multiple_of(num_groups) {
            let expected = format!("a divisor of the {channels} channels");
            return Err(Error::argument(
                "group_norm",
                "num_groups",
                expected,
                num_groups,
            ));
        }
        Ok(Self {
            weight: Some(Parameter::new(Tensor::ones([channels]))),
            bias: Some(Parameter::new(Tensor::zeros([channels]))),
            num_groups,
            eps: 1e-5,
        })
    }

    /// Instance normalisation: every channel is a group.
    ///
    /// # Errors
    /// As [`GroupNorm::new`].
    pub fn instance(channels: usize) -> Result<Self> {
        Self::new(channels, channels)
    }

    /// The same, with this added to the variance.
    #[must_use]
    pub fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }
}

impl<E: Element> Module<E> for GroupNorm<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let &[_, channels, ..] = input.shape() else {
            return Err(Error::shape(
                "group_norm",
                &[input.shape()],
                "must be [N, C, ...]",
            ));
        };
        let (weight, bias) = (self.weight.as_deref(), self.bias.as_deref());
        let known = weight.or(bias).map_or(channels, Tensor::len);
        if known != channels || self.num_groups == 0 || !channels.is_multiple_of(self.num_groups) {
            let rule = format!("must be [N, {known}, ...] with {} groups", self.num_groups);
            return Err(Error::shape("group_norm", &[input.shape()], rule));
        }
        input.group_norm(self.num_groups, weight, bias, self.eps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds_for_every_number_of_groups() {
        let input = Tensor::standard_normal([2, 4, 3], Stream::new(1));
        for groups in [1, 2, 4] {
            check_module(|_| GroupNorm::new(groups, 4), &input, &[2, 4, 3]).unwrap();
        }
        let flat = Tensor::standard_normal([3, 6], Stream::new(1));
        check_module(|_| GroupNorm::new(2, 6), &flat, &[3, 6]).unwrap();
    }

    #[test]
    fn two_numbers_a_channel_become_minus_one_and_one() {
        let norm = GroupNorm::<f64>::instance(2).unwrap().with_eps(0.0);
        let input = Tensor::from_vec(vec![1.0, 3.0, 10.0, 0.0], [1, 2, 2]).unwrap();
        assert_eq!(
            norm.predict(&input).unwrap().to_vec(),
            [-1.0, 1.0, 1.0, -1.0]
        );
    }

    #[test]
    fn channels_that_cannot_be_divided_are_named() {
        let error = GroupNorm::<f64>::new(3, 4).unwrap_err();
        let want = "group_norm: `num_groups` must be a divisor of the 4 channels, found 3";
        assert_eq!(error.to_string(), want);
        let norm = GroupNorm::<f64>::new(2, 4).unwrap();
        let error = norm.predict(&Tensor::zeros([2, 6])).unwrap_err();
        let want = "group_norm: shape [2, 6]: must be [N, 4, ...] with 2 groups";
        assert_eq!(error.to_string(), want);
    }
}
