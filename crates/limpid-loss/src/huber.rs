//! Squared error near, absolute error far.

use limpid_tensor::{Element, Result, Tensor};

use crate::bent::Bent;
use crate::settings::{setting, with_reduction};
use crate::values::{check_positive, loss_of_values, residual};
use crate::{Loss, Reduction};

const NAME: &str = "huber_loss";

/// Huber loss per element: r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2), for
/// r = prediction - target.
///
/// # Shapes
/// Prediction and target of one shape; one number per element.
///
/// # Gradient
/// r, clamped to [-delta, delta]: continuous, so there are no kinks.
///
/// # Uninformed
/// That of zeros against the targets. The floor is 0. No kinks: the slope is
/// continuous.
///
/// # Source
/// Huber 1964; equals `torch.nn.HuberLoss`.
///
/// # Example
/// ```
/// use limpid_loss::{Loss, Huber};
/// use limpid_tensor::Tensor;
///
/// let prediction = Tensor::<f64>::from_vec(vec![0.0, 1.0, -2.0, 0.0], [2, 2])?;
/// let target = Tensor::zeros([2, 2]);
/// assert_eq!(Huber::new().forward(&prediction, &target)?.item()?, 0.5);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Huber {
    /// Where the parabola becomes a line, above 0, in the unit of the target; default 1.
    pub delta: f64,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Default for Huber {
    fn default() -> Self {
        Self {
            delta: 1.0,
            reduction: Reduction::Mean,
        }
    }
}

impl Huber {
    /// With delta 1, reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    setting! {
        /// With another delta.
        with_delta, delta: f64
    }

    with_reduction!();
}

impl<E: Element> Loss<E> for Huber {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        check_positive(NAME, "delta", self.delta)?;
        let delta = E::of(self.delta);
        let bent = Bent {
            knee: delta,
            softness: E::one(),
            slope: delta,
        };
        Ok(residual(NAME, prediction, target)?.apply(bent))
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::testing::compares_values;

    #[test]
    fn it_is_a_loss_of_residuals() {
        compares_values(&Huber::new().with_delta(0.7));
    }

    #[test]
    fn a_delta_out_of_range_is_refused() {
        let x = Tensor::<f64>::zeros([1]);
        for found in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Huber::new().with_delta(found).forward(&x, &x).is_err());
        }
    }
}
