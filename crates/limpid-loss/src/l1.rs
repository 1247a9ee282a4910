//! Sum of absolute errors per example.

use limpid_tensor::{Element, Result, Tensor};

use crate::settings::with_reduction;
use crate::values::{loss_of_values, residual, sum_per_example};
use crate::{Loss, Reduction};

const NAME: &str = "l1_loss";

/// Sum of absolute errors per example: sum over outputs of |prediction - target|.
///
/// # Shapes
/// Prediction and target of one shape `[N]` or `[N, d...]`; one number per example, `[N]`.
///
/// # Gradient
/// The sign of prediction - target; 0 at the kink, where they are equal.
///
/// # Uninformed
/// The targets' mean 1-norm for zeros. The floor is 0. Has kinks where they are equal.
///
/// # Differs from
/// `torch.nn.L1Loss` takes the mean over elements. This one is the article's 1-norm of an example.
///
/// # Source
/// CS231n, "Regression".
///
/// # Example
/// ```
/// use limpid_loss::{Loss, L1};
/// use limpid_tensor::Tensor;
///
/// let prediction = Tensor::<f64>::from_vec(vec![1.0, -2.0, 3.0, -4.0], [2, 2])?;
/// let target = Tensor::zeros([2, 2]);
/// assert_eq!(L1::new().forward(&prediction, &target)?.item()?, 5.0);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct L1 {
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl L1 {
    /// Reduced to the mean over examples.
    pub fn new() -> Self {
        Self::default()
    }

    with_reduction!();
}

impl<E: Element> Loss<E> for L1 {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        sum_per_example(NAME, &residual(NAME, prediction, target)?.abs())
    }

    fn has_kinks(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::testing::compares_values;

    #[test]
    fn it_is_a_loss_of_residuals() {
        compares_values(&L1::new());
    }

    #[test]
    fn the_gradient_at_the_kink_is_zero() {
        let x = Tensor::<f64>::ones([1, 2]).requires_grad();
        let loss = L1::new().forward(&x, &Tensor::ones([1, 2])).unwrap();
        let gradients = loss.backward().unwrap();
        assert_eq!(gradients.tensor(&x).unwrap().to_vec(), [0.0, 0.0]);
    }
}
