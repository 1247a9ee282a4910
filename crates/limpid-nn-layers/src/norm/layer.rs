//! Normalisation over an item's features.

use limpid_tensor::{Element, Error, Parameter, Result, Tensor};

use crate::{Context, Module, Parameters};

/// Brings the last dimensions of every item to mean 0 and variance 1, then scales and shifts them:
/// (x - mean) / sqrt(var + eps) * weight + bias. The same in training and in evaluation.
///
/// # Shapes
/// input: `[..., normalized_shape]`; weight, bias: `normalized_shape`.
///
/// # Source
/// Ba et al. 2016, "Layer normalization"; equals `torch.nn.LayerNorm`.
#[derive(Clone, Debug, Parameters)]
pub struct LayerNorm<E: Element> {
    /// The scale, `normalized_shape`.
    pub weight: Option<Parameter<E>>,
    /// The shift, `normalized_shape`.
    pub bias: Option<Parameter<E>>,
    /// The dimensions that are normalised together.
    pub normalized_shape: Vec<usize>,
    /// Added to the variance. The default is 1e-5.
    pub eps: f64,
}

impl<E: Element> LayerNorm<E> {
    /// Over the last dimensions, which must have this shape; scale 1, shift 0, eps 1e-5.
    ///
    /// # Errors
    /// An argument error when the shape is empty.
    pub fn new(normalized_shape: impl AsRef<[usize]>) -> Result<Self> {
        let shape = normalized_shape.as_ref();
        check_normalized("layer_norm", shape)?;
        Ok(Self {
            weight: Some(Parameter::new(Tensor::ones(shape))),
            bias: Some(Parameter::new(Tensor::zeros(shape))),
            normalized_shape: shape.to_vec(),
            eps: 1e-5,
        })
    }

    /// The same, with this added to the variance.
    #[must_use]
    pub fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }
}

pub(super) fn check_normalized(name: &'static str, shape: &[usize]) -> Result<()> {
    if shape.is_empty() || shape.contains(&0) {
        let expected = "one dimension or more, none of length 0";
        return Err(Error::argument(
            name,
            "normalized_shape",
            expected,
            format!("{shape:?}"),
        ));
    }
    Ok(())
}

impl<E: Element> Module<E> for LayerNorm<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let (weight, bias) = (self.weight.as_deref(), self.bias.as_deref());
        input.layer_norm(&self.normalized_shape, weight, bias, self.eps)
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
        check_module(|_| LayerNorm::new([4]), &input, &[2, 3, 4]).unwrap();
        check_module(|_| LayerNorm::new([3, 4]), &input, &[2, 3, 4]).unwrap();
    }

    #[test]
    fn two_features_become_minus_one_and_one() {
        let norm = LayerNorm::<f64>::new([2]).unwrap().with_eps(0.0);
        let input = Tensor::from_vec(vec![5.0, 9.0], [1, 2]).unwrap();
        assert_eq!(norm.predict(&input).unwrap().to_vec(), [-1.0, 1.0]);
    }

    #[test]
    fn other_last_dimensions_are_named() {
        let norm = LayerNorm::<f64>::new([3, 4]).unwrap();
        let error = norm.predict(&Tensor::zeros([2, 4])).unwrap_err();
        let want = "layer_norm: shape [2, 4]: the last dimensions must be [3, 4]";
        assert_eq!(error.to_string(), want);
        assert!(LayerNorm::<f64>::new([]).is_err());
    }
}
