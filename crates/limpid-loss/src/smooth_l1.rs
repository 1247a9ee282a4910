//! Absolute error, rounded at its tip.

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::bent::Bent;
use crate::settings::{setting, with_reduction};
use crate::values::{loss_of_values, residual};
use crate::{Loss, Reduction};

const NAME: &str = "smooth_l1_loss";

/// Absolute error with a rounded tip, per element: r^2 / (2 beta) where |r| < beta, else
/// |r| - beta / 2, for r = prediction - target. It is [`Huber`](crate::Huber) divided by its delta.
///
/// # Shapes
/// Prediction and target of one shape; one number per element.
///
/// # Gradient
/// r / beta, clamped to [-1, 1]: continuous, so there are no kinks unless beta is 0.
///
/// # Uninformed
/// That of zeros against the targets. The floor is 0. No kinks, unless beta
/// is 0.
///
/// # Source
/// Girshick 2015, equation 3; equals `torch.nn.SmoothL1Loss`.
///
/// # Example
/// ```
/// use limpid_loss::{Loss, SmoothL1};
/// use limpid_tensor::Tensor;
///
/// let prediction = Tensor::<f64>::from_vec(vec![0.0, 1.0, -2.0, 0.0], [2, 2])?;
/// let target = Tensor::zeros([2, 2]);
/// assert_eq!(SmoothL1::new().forward(&prediction, &target)?.item()?, 0.5);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SmoothL1 {
    /// Where the parabola becomes a line, not negative, in the unit of the target; default 1. 0 is the
    /// absolute error.
    pub beta: f64,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Default for SmoothL1 {
    fn default() -> Self {
        Self {
            beta: 1.0,
            reduction: Reduction::Mean,
        }
    }
}

impl SmoothL1 {
    /// With beta 1, reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    setting! {
        /// With another beta.
        with_beta, beta: f64
    }

    with_reduction!();
}

impl<E: Element> Loss<E> for SmoothL1 {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        if !(self.beta.is_finite() && self.beta >= 0.0) {
            let expected = "finite and not negative";
            return Err(Error::argument(NAME, "beta", expected, self.beta));
        }
        let beta = E::of(self.beta);
        let bent = Bent {
            knee: beta,
            softness: beta,
            slope: E::one(),
        };
        Ok(residual(NAME, prediction, target)?.apply(bent))
    }

    fn has_kinks(&self) -> bool {
        self.beta == 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::testing::compares_values;

    #[test]
    fn it_is_a_loss_of_residuals() {
        compares_values(&SmoothL1::new().with_beta(0.7));
    }

    #[test]
    fn beta_zero_is_the_absolute_error() {
        let x = Tensor::<f64>::from_vec(vec![-2.0, 0.0, 3.0], [3])
            .unwrap()
            .requires_grad();
        let loss = SmoothL1::new()
            .with_beta(0.0)
            .with_reduction(Reduction::Sum);
        let value = loss.forward(&x, &Tensor::zeros([3])).unwrap();
        assert_eq!(value.item().unwrap(), 5.0);
        let gradients = value.backward().unwrap();
        assert_eq!(gradients.tensor(&x).unwrap().to_vec(), [-1.0, 0.0, 1.0]);
    }

    #[test]
    fn a_beta_out_of_range_is_refused() {
        let x = Tensor::<f64>::zeros([1]);
        for found in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(SmoothL1::new().with_beta(found).forward(&x, &x).is_err());
        }
    }
}
