//! Normalisation by the root of the mean square.

use limpid_tensor::{Element, Parameter, Result, Tensor};

use super::layer::check_normalized;
use crate::{Context, Module, Parameters};

/// Divides the last dimensions of every item by the root of their mean square, then scales them:
/// x / sqrt(mean(x^2) + eps) * weight. The same in training and in evaluation.
///
/// # Shapes
/// input: `[..., normalized_shape]`; weight: `normalized_shape`.
///
/// # Source
/// Zhang and Sennrich 2019, "Root mean square layer normalization", equation 4; equals
/// `torch.nn.RMSNorm`.
#[derive(Clone, Debug, Parameters)]
pub struct RmsNorm<E: Element> {
    /// The scale, `normalized_shape`.
    pub weight: Option<Parameter<E>>,
    /// The dimensions that are normalised together.
    pub normalized_shape: Vec<usize>,
    /// Added to the mean square. The default is the distance from 1 to the next number of the
    /// element type, as in PyTorch.
    pub eps: f64,
}

impl<E: Element> RmsNorm<E> {
    /// Over the last dimensions, which must have this shape; scale 1.
    ///
    /// # Errors
    /// An argument error when the shape is empty.
    pub fn new(normalized_shape: impl AsRef<[usize]>) -> Result<Self> {
        let shape = normalized_shape.as_ref();
        check_normalized("rms_norm", shape)?;
        let weight = Some(Parameter::new(Tensor::ones(shape)));
        Ok(Self {
            weight,
            normalized_shape: shape.to_vec(),
            eps: E::epsilon().double(),
        })
    }

    /// The same, with this added to the mean square.
    #[must_use]
    pub fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }
}

impl<E: Element> Module<E> for RmsNorm<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.rms_norm(&self.normalized_shape, self.weight.as_deref(), self.eps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([2, 3, 4], Stream::new(1));
        check_module(|_| RmsNorm::new([4]), &input, &[2, 3, 4]).unwrap();
    }

    #[test]
    fn three_and_four_have_the_root_mean_square_of_a_half_of_fifty() {
        let norm = RmsNorm::<f64>::new([2]).unwrap().with_eps(0.0);
        let input = Tensor::from_vec(vec![3.0, 4.0], [1, 2]).unwrap();
        let root = 12.5_f64.sqrt();
        for (got, want) in norm
            .predict(&input)
            .unwrap()
            .to_vec()
            .iter()
            .zip([3.0, 4.0])
        {
            assert!((got - want / root).abs() < 1e-15);
        }
    }

    #[test]
    fn other_last_dimensions_are_named() {
        let error = RmsNorm::<f64>::new([3])
            .unwrap()
            .predict(&Tensor::zeros([4]))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "rms_norm: shape [4]: the last dimensions must be [3]"
        );
    }
}
