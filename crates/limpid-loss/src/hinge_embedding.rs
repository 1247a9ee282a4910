//! Distances that are to be small or large.

use limpid_tensor::{Element, Result, Tensor};

use crate::settings::{setting, with_reduction};
use crate::slopes::of_pairs;
use crate::values::{check_signs, loss_of_values};
use crate::weston_watkins_hinge::check_margin;
use crate::{Loss, Reduction};

const NAME: &str = "hinge_embedding_loss";

/// Hinge of distances, per element: the distance f itself where it belongs to a pair of likes (y = +1),
/// max(0, margin - f) where it belongs to a pair of unlikes (y = -1).
///
/// # Shapes
/// Distances and target of one shape; one number per element. The target receives no gradient.
///
/// # Gradient
/// 1 for likes; -1 for unlikes nearer than the margin.
///
/// # Uninformed
/// 0 for likes and the margin for unlikes, where all distances are 0. The floor is 0, since distances are
/// not negative. Has a kink at the margin.
///
/// # Source
/// Equals `torch.nn.HingeEmbeddingLoss`.
///
/// # Example
/// ```
/// use limpid_loss::{HingeEmbedding, Loss};
/// use limpid_tensor::Tensor;
///
/// let distances = Tensor::<f64>::from_vec(vec![0.25, 0.25, 4.0], [3])?;
/// let alike = Tensor::from_vec(vec![1.0, -1.0, -1.0], [3])?;
/// let items = HingeEmbedding::new().per_item(&distances, &alike)?;
/// assert_eq!(items.to_vec(), [0.25, 0.75, 0.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HingeEmbedding {
    /// From which distance on unlikes cost nothing, not negative; default 1.
    pub margin: f64,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Default for HingeEmbedding {
    fn default() -> Self {
        Self {
            margin: 1.0,
            reduction: Reduction::Mean,
        }
    }
}

impl HingeEmbedding {
    /// With margin 1, reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    setting! {
        /// With another margin.
        with_margin, margin: f64
    }

    with_reduction!();
}

impl<E: Element> Loss<E> for HingeEmbedding {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        check_margin(NAME, self.margin)?;
        check_signs(NAME, target)?;
        let margin = E::of(self.margin);
        of_pairs(NAME, prediction, target, |f, y| {
            if y == E::one() {
                (f, E::one())
            } else if f >= margin {
                (E::zero(), E::zero())
            } else {
                (margin - f, -E::one())
            }
        })
    }

    fn has_kinks(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_pytorch() {
        // torch 2.15.0, hinge_embedding_loss(margin=0.8, reduction="none").
        let x = Tensor::<f64>::from_vec(vec![0.3, -1.2, 0.5, 2.0, 0.7, -0.3], [2, 3]).unwrap();
        let y = Tensor::from_vec(vec![1.0, -1.0, 1.0, -1.0, -1.0, 1.0], [2, 3]).unwrap();
        let items = HingeEmbedding::new().with_margin(0.8).per_item(&x, &y);
        let expected = [0.3, 2.0, 0.5, 0.0, 0.8 - 0.7, -0.3];
        assert_eq!(items.unwrap().to_vec(), expected);
    }

    #[test]
    fn flags_and_negative_margins_are_refused() {
        let (x, ones) = (Tensor::<f64>::zeros([2]), Tensor::ones([2]));
        let loss = HingeEmbedding::new();
        assert!(loss.forward(&x, &Tensor::zeros([2])).is_err());
        assert!(loss.with_margin(-1.0).forward(&x, &ones).is_err());
    }
}
