//! The rectifier whose leak is learned.

use limpid_tensor::{Element, Parameter, Result, Tensor};

use crate::{Context, Module, Parameters};

/// x above 0, weight * x below, with learned weights.
///
/// # Shapes
/// input: `[N, C, ...]`; weight: `[1]`, or `[C]` for one a channel.
///
/// See [`Tensor::prelu`].
#[derive(Clone, Debug, Parameters)]
pub struct Prelu<E: Element> {
    /// The slopes below 0. They start at 0.25, as in the paper, and should not decay: a penalty
    /// would pull the layer towards a plain ReLU.
    pub weight: Parameter<E>,
}

impl<E: Element> Prelu<E> {
    /// One weight for all channels, or one for each of `channels`.
    pub fn new(channels: usize) -> Self {
        Self {
            weight: Parameter::new(Tensor::full([channels], 0.25)),
        }
    }
}

impl<E: Element> Module<E> for Prelu<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.prelu(&self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;

    #[test]
    fn the_contract_holds_for_one_weight_and_for_one_a_channel() {
        let input = Tensor::from_vec(vec![-4.1, -0.6, 0.4, 1.7, 0.3, -2.0], [1, 3, 2]).unwrap();
        for channels in [1, 3] {
            check_module(|_| Ok(Prelu::new(channels)), &input, &[1, 3, 2]).unwrap();
        }
        let value = Prelu::<f64>::new(1).predict(&Tensor::scalar(-2.0)).unwrap();
        assert_eq!(value.item().unwrap(), -0.5);
    }

    #[test]
    fn the_wrong_number_of_channels_is_named() {
        let error = Prelu::<f64>::new(4)
            .predict(&Tensor::ones([2, 3]))
            .unwrap_err();
        let want = "prelu: shapes [4] and [2, 3]: must be 1 weight, 1 for each of 3 channels, or broadcast";
        assert_eq!(error.to_string(), want);
    }
}
