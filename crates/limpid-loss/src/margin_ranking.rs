//! Which of two scores should be the greater.

use limpid_tensor::{Element, Result, Tensor};

use crate::compared::{Compared, loss_of_pairs};
use crate::settings::{setting, with_reduction};
use crate::values::{check_same_shape, check_signs};
use crate::weston_watkins_hinge::check_margin;
use crate::{Loss, Reduction, uninformed};

const NAME: &str = "margin_ranking_loss";

/// Hinge of a ranking, per element: max(0, -y (f - g) + margin), where the score f should exceed the
/// other one g by the margin if y = +1, and fall short of it if y = -1.
///
/// # Shapes
/// Scores, other scores and signs of one shape; one number per element. Both scores receive gradients.
///
/// # Gradient
/// -y by f and y by g where the margin is violated, else 0.
///
/// # Uninformed
/// The margin, for scores that are all alike. The floor is 0. Has kinks.
///
/// # Source
/// Equals `torch.nn.MarginRankingLoss`.
///
/// # Example
/// ```
/// use limpid_loss::{Compared, Loss, MarginRanking};
/// use limpid_tensor::Tensor;
///
/// let scores = Tensor::<f64>::from_vec(vec![1.0, 1.0], [2])?;
/// let target = Compared { other: Tensor::zeros([2]), signs: Tensor::from_vec(vec![1.0, -1.0], [2])? };
/// let items = MarginRanking::new().with_margin(0.5).per_item(&scores, &target)?;
/// assert_eq!(items.to_vec(), [0.0, 1.5]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MarginRanking {
    /// By how much the scores must differ, not negative; default 0.
    pub margin: f64,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl MarginRanking {
    /// Without a margin, reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    setting! {
        /// With another margin.
        with_margin, margin: f64
    }

    with_reduction!();
}

impl<E: Element> Loss<E> for MarginRanking {
    loss_of_pairs!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Compared<E>) -> Result<Tensor<E>> {
        check_margin(NAME, self.margin)?;
        check_same_shape(NAME, prediction, &target.other)?;
        check_same_shape(NAME, prediction, &target.signs)?;
        check_signs(NAME, &target.signs)?;
        let ahead = prediction.sub(&target.other)?.mul(&target.signs.detach())?;
        Ok(ahead.affine(-1.0, self.margin).relu())
    }

    fn expected_initial(&self, _outputs: usize, target: &Compared<E>) -> Option<f64> {
        let items = target.signs.len();
        uninformed::reduced(self, self.margin * items as f64, items, target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::gradient_check;

    fn tensor(numbers: [f64; 2]) -> Tensor<f64> {
        Tensor::from_vec(numbers.to_vec(), [2]).unwrap()
    }

    #[test]
    fn values_are_those_of_pytorch_and_both_scores_are_pulled() {
        // torch 2.15.0, margin_ranking_loss(margin=0.5, reduction="none").
        let loss = MarginRanking::new().with_margin(0.5);
        let signs = tensor([1.0, -1.0]);
        let of = |x: &[Tensor<f64>]| {
            let (other, signs) = (x[1].clone(), signs.clone());
            loss.per_item(&x[0], &Compared { other, signs })
        };
        let inputs = [tensor([0.3, 2.0]), tensor([1.0, -0.2])];
        for (found, expected) in of(&inputs).unwrap().to_vec().iter().zip([1.2, 2.7]) {
            assert!((found - expected).abs() < 1e-15);
        }
        let worst = gradient_check::check(|x| Ok(of(x)?.sum()), &inputs, 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let loss = MarginRanking::new();
        let (other, signs) = (tensor([0.0; 2]), tensor([1.0, 0.0]));
        let target = Compared { other, signs };
        assert!(loss.forward(&tensor([0.0; 2]), &target).is_err());
        let (other, signs) = (Tensor::zeros([3]), tensor([1.0; 2]));
        let target = Compared { other, signs };
        assert!(loss.forward(&tensor([0.0; 2]), &target).is_err());
    }
}
