//! Positions as learned rows.

use limpid_init::{Fill, Initializer, Normal};
use limpid_tensor::{Element, Parameter, Result, Stream, Tensor};

use super::{add_rows, check_sizes};
use crate::{Context, Module, Parameters};

const NAME: &str = "learned_positional_encoding";

/// x plus a learned row for each position.
///
/// # Shapes
/// input and output: `[..., L, features]`, with L at most `max_len`; weight:
/// `[max_len, features]`.
///
/// # Source
/// Gehring et al. 2017, "Convolutional sequence to sequence learning", 3.1. The rows start normal
/// with standard deviation 0.02, as Devlin et al. 2019 (BERT) have it.
///
/// # Example
/// ```
/// use limpid_nn_layers::{LearnedPositionalEncoding, Module};
/// use limpid_tensor::{Stream, Tensor};
///
/// let encoding = LearnedPositionalEncoding::<f32>::new(4, 100, Stream::new(7))?;
/// assert_eq!(encoding.predict(&Tensor::zeros([2, 10, 4]))?.shape(), [2, 10, 4]);
/// assert_eq!(encoding.weight.shape(), [100, 4]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
pub struct LearnedPositionalEncoding<E: Element> {
    /// `[max_len, features]`.
    pub weight: Parameter<E>,
}

impl<E: Element> LearnedPositionalEncoding<E> {
    /// For so many features, and sequences up to `max_len`; normal with standard deviation 0.02.
    ///
    /// # Errors
    /// As [`LearnedPositionalEncoding::filled`].
    pub fn new(features: usize, max_len: usize, stream: Stream) -> Result<Self> {
        Self::filled(features, max_len, &Normal::new(0.02), stream)
    }

    /// The same, filled by `initializer`.
    ///
    /// # Errors
    /// An argument error when a size is 0; those of the initialiser.
    pub fn filled(
        features: usize,
        max_len: usize,
        initializer: &dyn Initializer,
        stream: Stream,
    ) -> Result<Self> {
        check_sizes(NAME, features, max_len)?;
        let weight = initializer.tensor(&[max_len, features], stream.fork("weight"))?;
        Ok(Self {
            weight: Parameter::new(weight),
        })
    }
}

impl<E: Element> Module<E> for LearnedPositionalEncoding<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        add_rows(NAME, input, &self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([2, 3, 5], Stream::new(1));
        let build = |stream| LearnedPositionalEncoding::new(5, 4, stream);
        check_module(build, &input, &[2, 3, 5]).unwrap();
    }

    #[test]
    fn the_first_rows_are_added() {
        let encoding = LearnedPositionalEncoding::<f64>::new(2, 4, Stream::new(1)).unwrap();
        let output = encoding.predict(&Tensor::zeros([3, 2])).unwrap();
        assert_eq!(output, encoding.weight.narrow(0, 0, 3).unwrap());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let encoding = LearnedPositionalEncoding::<f64>::new(2, 4, Stream::new(1)).unwrap();
        let error = encoding.predict(&Tensor::zeros([5, 2])).unwrap_err();
        let want = "learned_positional_encoding: shapes [5, 2] and [4, 2]: \
                    must be at most 4 long and have 2 features";
        assert_eq!(error.to_string(), want);
        assert!(LearnedPositionalEncoding::<f64>::new(2, 0, Stream::new(1)).is_err());
    }
}
