//! Positions as waves.

use limpid_tensor::{Element, Result, Tensor};

use super::{add_rows, check_sizes};
use crate::{Context, Module, Parameters};

const NAME: &str = "sinusoidal_positional_encoding";

/// x plus waves of its position: feature 2i of position p is sin(p / 10000^(2i / features)),
/// feature 2i + 1 the cosine of the same. Nothing is learned, and nothing is saved with a model.
///
/// # Shapes
/// input and output: `[..., L, features]`, with L at most `max_len`.
///
/// # Source
/// Vaswani et al. 2017, "Attention is all you need", 3.5. They leave out elements of the sum:
/// [`Dropout`](crate::Dropout) may follow.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Module, SinusoidalPositionalEncoding};
/// use limpid_tensor::Tensor;
///
/// let encoding = SinusoidalPositionalEncoding::<f64>::new(4, 100)?;
/// let output = encoding.predict(&Tensor::zeros([2, 4]))?;
/// assert_eq!(output.to_vec()[..5], [0.0, 1.0, 0.0, 1.0, 1.0_f64.sin()]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
pub struct SinusoidalPositionalEncoding<E: Element> {
    /// `[max_len, features]`.
    #[parameters(skip)]
    table: Tensor<E>,
}

impl<E: Element> SinusoidalPositionalEncoding<E> {
    /// For so many features, and sequences up to `max_len`.
    ///
    /// # Errors
    /// An argument error when either is 0.
    pub fn new(features: usize, max_len: usize) -> Result<Self> {
        check_sizes(NAME, features, max_len)?;
        let wave = |place: usize| {
            let (position, feature) = ((place / features) as f64, place % features);
            let exponent = (feature - feature % 2) as f64 / features as f64;
            let angle = position / 10_000_f64.powf(exponent);
            match feature % 2 {
                0 => angle.sin(),
                _ => angle.cos(),
            }
        };
        Ok(Self {
            table: Tensor::from_fn([max_len, features], wave),
        })
    }

    /// What is added, `[max_len, features]`.
    pub fn table(&self) -> &Tensor<E> {
        &self.table
    }
}

impl<E: Element> Module<E> for SinusoidalPositionalEncoding<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        add_rows(NAME, input, &self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::{Stream, named_parameters};

    #[test]
    fn the_contract_holds_and_there_is_nothing_to_learn() {
        let input = Tensor::standard_normal([2, 3, 5], Stream::new(1));
        let build = || SinusoidalPositionalEncoding::new(5, 3);
        check_module(|_| build(), &input, &[2, 3, 5]).unwrap();
        assert!(named_parameters::<f64, _>(&build().unwrap()).is_empty());
    }

    #[test]
    fn the_waves_are_those_of_the_formula() {
        let encoding = SinusoidalPositionalEncoding::<f64>::new(6, 8).unwrap();
        let angle = 7.0 / 10_000_f64.powf(4.0 / 6.0);
        let last = encoding.table().narrow(0, 7, 1).unwrap().to_vec();
        assert_eq!(last[4..], [angle.sin(), angle.cos()]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let encoding = SinusoidalPositionalEncoding::<f64>::new(4, 2).unwrap();
        let error = encoding.predict(&Tensor::zeros([1, 3, 4])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sinusoidal_positional_encoding: shapes [1, 3, 4] and [2, 4]: \
             must be at most 2 long and have 4 features"
        );
        assert!(encoding.predict(&Tensor::zeros([4])).is_err());
        assert_eq!(
            encoding.predict(&Tensor::zeros([0, 4])).unwrap().shape(),
            [0, 4]
        );
        assert!(SinusoidalPositionalEncoding::<f64>::new(0, 2).is_err());
    }
}
