//! Units that are left out at random.

use limpid_tensor::{Element, Result, Tensor};

use super::{mask, probability};
use crate::{Context, Module, Parameters};

/// In training, each element becomes 0 with probability `p` and is divided by 1 - p otherwise, so
/// that its mean stays. In evaluation nothing happens.
///
/// # Source
/// Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting";
/// scaled in training ("inverted"), as in CS231n and PyTorch.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Context, Dropout, Module};
/// use limpid_tensor::{Stream, Tensor};
///
/// let dropout = Dropout::new(0.5)?;
/// let mut context = Context::train(Stream::new(7));
/// let output = dropout.forward(&Tensor::<f32>::ones([1000]), &mut context)?;
/// assert!(output.to_vec().iter().all(|&x| x == 0.0 || x == 2.0));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
pub struct Dropout {
    p: f64,
}

impl Dropout {
    /// Leaves out each element with probability `p`, in `[0, 1)`.
    ///
    /// # Errors
    /// An argument error when `p` lies outside.
    pub fn new(p: f64) -> Result<Self> {
        Ok(Self {
            p: probability("dropout", p)?,
        })
    }

    /// The probability of being left out.
    pub fn p(&self) -> f64 {
        self.p
    }
}

impl<E: Element> Module<E> for Dropout {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        if !context.is_noisy() || self.p == 0.0 {
            return Ok(input.clone());
        }
        let scale = 1.0 / (1.0 - self.p);
        input.mul(&mask(input.shape(), self.p, scale, 0.0, context.stream()))
    }

    fn differs_in_training(&self) -> bool {
        self.p > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([4, 5], Stream::new(1));
        check_module(|_| Dropout::new(0.3), &input, &[4, 5]).unwrap();
        check_module(|_| Dropout::new(0.0), &input, &[4, 5]).unwrap();
    }

    #[test]
    fn the_share_and_the_mean_are_right_and_evaluation_does_nothing() {
        let input = Tensor::<f64>::ones([100, 1000]);
        let dropout = Dropout::new(0.2).unwrap();
        let mut context = Context::train(Stream::new(1));
        let output = dropout.forward(&input, &mut context).unwrap();
        let zeros = output.to_vec().iter().filter(|&&x| x == 0.0).count() as f64 / 1e5;
        assert!(
            (zeros - 0.2).abs() < 5.0 * (0.16_f64 / 1e5).sqrt(),
            "{zeros}"
        );
        assert!((output.mean().item().unwrap() - 1.0).abs() < 0.01);
        assert_eq!(dropout.predict(&input).unwrap(), input);
        let again = dropout.forward(&input, &mut context).unwrap();
        assert_ne!(again, output);
    }

    #[test]
    fn probabilities_out_of_range_are_refused() {
        for p in [1.0, -0.1, f64::NAN] {
            let error = Dropout::new(p).unwrap_err();
            let want = format!("dropout: `p` must be in [0, 1), found {p}");
            assert_eq!(error.to_string(), want);
        }
    }
}
