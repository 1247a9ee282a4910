//! The hinge of each of several labels.

use limpid_tensor::{Element, Result, Tensor};

use crate::settings::with_reduction;
use crate::values::{check_same_shape, check_signs, loss_of_values, sum_per_example};
use crate::{Loss, Reduction};

const NAME: &str = "multilabel_hinge";

/// The hinge of each label: sum over labels j of max(0, 1 - y_j f_j), with y_j = +1 where the label
/// applies and -1 where it does not.
///
/// # Shapes
/// Scores and target of one shape `[N]` or `[N, d...]`; one number per example, `[N]`. The target
/// receives no gradient.
///
/// # Gradient
/// -y_j where y_j f_j < 1, else 0.
///
/// # Uninformed
/// The number of labels, for zero scores. The floor is 0. Has kinks.
///
/// # Differs from
/// [`MultilabelMargin`](crate::MultilabelMargin), PyTorch's, compares labels with each other and
/// divides by the number of classes.
///
/// # Source
/// CS231n, "Attribute classification".
///
/// # Example
/// ```
/// use limpid_loss::{Loss, MultilabelHinge};
/// use limpid_tensor::Tensor;
///
/// let scores = Tensor::<f64>::from_vec(vec![2.0, 0.5, 0.5], [1, 3])?;
/// let labels = Tensor::from_vec(vec![1.0, 1.0, -1.0], [1, 3])?;
/// assert_eq!(MultilabelHinge::new().forward(&scores, &labels)?.item()?, 2.0);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MultilabelHinge {
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl MultilabelHinge {
    /// Reduced to the mean over examples.
    pub fn new() -> Self {
        Self::default()
    }

    with_reduction!();
}

impl<E: Element> Loss<E> for MultilabelHinge {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        check_same_shape(NAME, prediction, target)?;
        check_signs(NAME, target)?;
        let violations = prediction.mul(&target.detach())?.affine(-1.0, 1.0).relu();
        sum_per_example(NAME, &violations)
    }

    fn has_kinks(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, gradient_check};

    fn labels() -> Tensor<f64> {
        Tensor::from_fn([4, 3], |place| if place % 2 == 0 { 1.0 } else { -1.0 })
    }

    #[test]
    fn gradients_agree_with_differences_away_from_kinks() {
        let scores = Tensor::standard_normal([4, 3], Stream::new(2));
        let function = |x: &[Tensor<f64>]| MultilabelHinge::new().forward(&x[0], &labels());
        let worst = gradient_check::check(function, &[scores], 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn zero_scores_cost_one_for_each_label() {
        assert_eq!(
            MultilabelHinge::new().expected_initial(3, &labels()),
            Some(3.0)
        );
    }

    #[test]
    fn labels_of_zero_and_one_are_refused() {
        let scores = Tensor::<f64>::zeros([1, 2]);
        let flags = Tensor::from_vec(vec![0.0, 1.0], [1, 2]).unwrap();
        let error = MultilabelHinge::new().forward(&scores, &flags).unwrap_err();
        assert_eq!(
            error.to_string(),
            "multilabel_hinge: `target` must be -1 or +1 everywhere, found 0"
        );
    }
}
