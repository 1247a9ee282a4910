//! The logistic loss of signs.

use limpid_tensor::{Element, Result, Tensor, math};

use crate::settings::with_reduction;
use crate::slopes::of_pairs;
use crate::values::{check_signs, loss_of_values};
use crate::{Loss, Reduction};

const NAME: &str = "soft_margin_loss";

/// Logistic loss per element: log(1 + e^(-y f)) for y = +1 or -1. It is
/// [`BceWithLogits`](crate::BceWithLogits) for targets that are signs.
///
/// # Shapes
/// Scores and target of one shape; one number per element. The target receives no gradient.
///
/// # Gradient
/// -y sigmoid(-y f).
///
/// # Uninformed
/// log 2 = 0.693 for zero scores. The floor is 0. No kinks.
///
/// # Source
/// Equals `torch.nn.SoftMarginLoss`, which overflows for great scores where this one does not.
///
/// # Example
/// ```
/// use limpid_loss::{Loss, SoftMargin};
/// use limpid_tensor::Tensor;
///
/// let scores = Tensor::<f64>::from_vec(vec![0.0, 1e3], [2])?;
/// let signs = Tensor::from_vec(vec![1.0, -1.0], [2])?;
/// assert_eq!(SoftMargin::new().per_item(&scores, &signs)?.to_vec()[1], 1e3);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SoftMargin {
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl SoftMargin {
    /// Reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    with_reduction!();
}

impl<E: Element> Loss<E> for SoftMargin {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        check_signs(NAME, target)?;
        of_pairs(NAME, prediction, target, |f, y| {
            let wrong = -y * f;
            (math::softplus(wrong), -y * math::sigmoid(wrong))
        })
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_pytorch() {
        // torch 2.15.0, soft_margin_loss(reduction="none").
        let x = Tensor::<f64>::from_vec(vec![0.3, -1.2, 0.5, 2.0, 0.7, -0.3], [2, 3]).unwrap();
        let y = Tensor::from_vec(vec![1.0, -1.0, 1.0, -1.0, -1.0, 1.0], [2, 3]).unwrap();
        let items = SoftMargin::new().per_item(&x, &y).unwrap();
        let expected = [
            0.5543552444685271,
            0.26328246733803123,
            0.4740769841801067,
            2.1269280110429727,
            1.103186048885458,
            0.8543552444685272,
        ];
        for (found, expected) in items.to_vec().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15, "{found}, {expected}");
        }
    }

    #[test]
    fn extreme_scores_stay_finite() {
        let infinity = f32::INFINITY;
        let scores = Tensor::from_vec(vec![1e30, -1e30, infinity], [3]).unwrap();
        let items = SoftMargin::new().per_item(&scores, &Tensor::ones([3]));
        assert_eq!(items.unwrap().to_vec(), [0.0, 1e30, 0.0]);
    }
}
