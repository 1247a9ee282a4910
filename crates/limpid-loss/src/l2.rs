//! Squared Euclidean distance per example.

use limpid_tensor::{Element, Result, Tensor};

use crate::settings::with_reduction;
use crate::values::{loss_of_values, residual, sum_per_example};
use crate::{Loss, Reduction};

const NAME: &str = "l2_loss";

/// Squared Euclidean distance per example: sum over outputs of (prediction - target)^2.
///
/// # Shapes
/// Prediction and target of one shape `[N]` or `[N, d...]`; one number per example, `[N]`.
/// [`Mse`](crate::Mse) divides by the number of outputs as well.
///
/// # Gradient
/// 2 (prediction - target).
///
/// # Uninformed
/// The targets' mean squared norm for zeros. The floor is 0. No kinks.
///
/// # Source
/// CS231n, "Regression".
///
/// # Example
/// ```
/// use limpid_loss::{Loss, L2};
/// use limpid_tensor::Tensor;
///
/// let prediction = Tensor::<f64>::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2])?;
/// let target = Tensor::zeros([2, 2]);
/// assert_eq!(L2::new().forward(&prediction, &target)?.item()?, 15.0);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct L2 {
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl L2 {
    /// Reduced to the mean over examples.
    pub fn new() -> Self {
        Self::default()
    }

    with_reduction!();
}

impl<E: Element> Loss<E> for L2 {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        sum_per_example(NAME, &residual(NAME, prediction, target)?.square())
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
        compares_values(&L2::new());
    }

    #[test]
    fn outputs_are_summed_and_examples_averaged() {
        let target = Tensor::<f64>::ones([5, 4]);
        assert_eq!(L2::new().expected_initial(4, &target), Some(4.0));
        let none = L2::new().with_reduction(Reduction::None);
        let losses = none.forward(&Tensor::zeros([5, 4]), &target).unwrap();
        assert_eq!(losses.to_vec(), [4.0; 5]);
    }
}
