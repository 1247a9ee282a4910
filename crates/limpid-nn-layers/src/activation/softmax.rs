//! Scores to probabilities.

use limpid_tensor::{Element, Result, Tensor};

use crate::{Context, Module, Parameters};

/// e^x divided by its sum along a dimension: positive and of sum 1.
///
/// Not to be put before a cross-entropy, which takes scores and is exact for large ones.
/// See [`Tensor::softmax`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Parameters)]
pub struct Softmax {
    /// The dimension; negative ones count from the end. The default is the last.
    pub dim: isize,
}

/// The logarithm of [`Softmax`], finite for every finite input.
///
/// See [`Tensor::log_softmax`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Parameters)]
pub struct LogSoftmax {
    /// The dimension; negative ones count from the end. The default is the last.
    pub dim: isize,
}

impl Softmax {
    /// Along `dim`.
    pub fn new(dim: isize) -> Self {
        Self { dim }
    }
}

impl LogSoftmax {
    /// Along `dim`.
    pub fn new(dim: isize) -> Self {
        Self { dim }
    }
}

impl Default for Softmax {
    fn default() -> Self {
        Self::new(-1)
    }
}

impl Default for LogSoftmax {
    fn default() -> Self {
        Self::new(-1)
    }
}

impl<E: Element> Module<E> for Softmax {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.softmax(self.dim)
    }
}

impl<E: Element> Module<E> for LogSoftmax {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.log_softmax(self.dim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds_along_every_dimension() {
        let input = Tensor::standard_normal([2, 3], Stream::new(1));
        for dim in [0, 1, -1] {
            check_module(|_| Ok(Softmax::new(dim)), &input, &[2, 3]).unwrap();
            check_module(|_| Ok(LogSoftmax::new(dim)), &input, &[2, 3]).unwrap();
        }
        let even = Softmax::default()
            .predict(&Tensor::<f64>::zeros([4]))
            .unwrap();
        assert_eq!(even.to_vec(), [0.25; 4]);
    }

    #[test]
    fn a_missing_dimension_is_named() {
        let error = Softmax::new(2)
            .predict(&Tensor::<f64>::zeros([4]))
            .unwrap_err();
        assert!(error.to_string().contains("dimension 2"), "{error}");
    }
}
