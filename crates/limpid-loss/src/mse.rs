//! Squared error per element.

use limpid_tensor::{Element, Result, Tensor};

use crate::settings::with_reduction;
use crate::values::{loss_of_values, residual};
use crate::{Loss, Reduction};

const NAME: &str = "mse_loss";

/// Squared error per element: (prediction - target)^2.
///
/// # Shapes
/// Prediction and target of one shape; one number per element, so that the mean is over all
/// elements. [`L2`](crate::L2) sums over an example's outputs first.
///
/// # Gradient
/// 2 (prediction - target).
///
/// # Uninformed
/// The mean square of the targets for zeros; their variance for their mean. The floor is 0. No kinks.
///
/// # Source
/// Equals `torch.nn.MSELoss`, but for shapes that differ, which are refused instead of broadcast.
///
/// # Example
/// ```
/// use limpid_loss::{Loss, Mse};
/// use limpid_tensor::Tensor;
///
/// let prediction = Tensor::<f64>::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2])?;
/// let target = Tensor::zeros([2, 2]);
/// assert_eq!(Mse::new().forward(&prediction, &target)?.item()?, 7.5);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Mse {
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Mse {
    /// Reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    with_reduction!();
}

impl<E: Element> Loss<E> for Mse {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        Ok(residual(NAME, prediction, target)?.square())
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
        compares_values(&Mse::new());
    }

    #[test]
    fn targets_that_are_standardised_cost_one_uninformed() {
        let target = Tensor::<f64>::from_vec(vec![-1.0, 1.0], [2, 1]).unwrap();
        let loss = Mse::new();
        assert_eq!(loss.expected_initial(1, &target), Some(1.0));
        let spread = Tensor::from_vec(vec![-2.0, 2.0], [2, 1]).unwrap();
        assert_eq!(loss.expected_given(&spread, &target), Some(5.0));
    }
}
