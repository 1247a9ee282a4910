//! The hinge between labels that apply and labels that do not.

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::settings::with_reduction;
use crate::slopes::with_slopes;
use crate::values::{check_same_shape, check_target, loss_of_values};
use crate::{Loss, Reduction};

const NAME: &str = "multilabel_margin_loss";

/// Hinge between the labels of an example: the sum over labels j that apply and k that do not of
/// max(0, 1 - (f_j - f_k)), divided by the number of classes C, which lie along the last dimension.
///
/// # Shapes
/// Scores and target of one shape `[C]`, `[N, C]` or `[N, d..., C]`; one number per row of classes.
/// The target is 1 where a label applies and 0 where it does not, and receives no gradient.
///
/// # Gradient
/// -1 / C for j and 1 / C for k of every pair that violates the margin; 0 at the kink.
///
/// # Uninformed
/// n (C - n) / C for an example with n labels, for scores that are all alike. The floor is 0. Has kinks.
///
/// # Differs from
/// [`MultilabelHinge`](crate::MultilabelHinge) holds each score to its own side of 0, apart from all
/// others, and does not divide.
///
/// # Source
/// Equals `torch.nn.MultiLabelMarginLoss`, which is given the labels by number.
///
/// # Example
/// ```
/// use limpid_loss::{Loss, MultilabelMargin};
/// use limpid_tensor::Tensor;
///
/// let scores = Tensor::<f64>::from_vec(vec![0.1, 0.2, 0.4, 0.8], [1, 4])?;
/// let labels = Tensor::from_vec(vec![1.0, 0.0, 0.0, 1.0], [1, 4])?;
/// let loss = MultilabelMargin::new().forward(&scores, &labels)?;
/// assert!((loss.item()? - 0.85).abs() < 1e-12);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MultilabelMargin {
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl MultilabelMargin {
    /// Reduced to the mean over examples.
    pub fn new() -> Self {
        Self::default()
    }

    with_reduction!();
}

impl<E: Element> Loss<E> for MultilabelMargin {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        check_same_shape(NAME, prediction, target)?;
        let flag = |y: E| y == E::zero() || y == E::one();
        check_target(NAME, target, "0 or 1 everywhere", flag)?;
        let Some((&classes, rows)) = prediction.shape().split_last() else {
            let rule = "must have a last dimension of classes";
            return Err(Error::shape(NAME, &[prediction.shape()], rule));
        };
        if classes == 0 {
            let rule = "must hold a class or more";
            return Err(Error::shape(NAME, &[prediction.shape()], rule));
        }
        let (scores, labels) = (prediction.elements(), target.elements());
        let share = E::of(1.0 / classes as f64);
        let mut slopes = vec![E::zero(); scores.len()];
        let pairs = scores
            .chunks_exact(classes)
            .zip(labels.chunks_exact(classes));
        let losses = pairs
            .zip(slopes.chunks_exact_mut(classes))
            .map(|((scores, labels), slopes)| {
                let which = |flag: E| (0..classes).filter(move |&it| labels[it] == flag);
                let mut loss = E::zero();
                for own in which(E::one()) {
                    for other in which(E::zero()) {
                        let violation = E::one() - (scores[own] - scores[other]);
                        // NaN is no violation for `>`, but must not vanish.
                        if violation <= E::zero() {
                            continue;
                        }
                        loss += violation;
                        slopes[own] -= share;
                        slopes[other] += share;
                    }
                }
                loss * share
            })
            .collect();
        let losses = Tensor::from_vec(losses, rows)?;
        with_slopes(NAME, losses, prediction, slopes)
    }

    fn has_kinks(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, gradient_check};

    fn tensor(numbers: &[f64]) -> Tensor<f64> {
        Tensor::from_fn([2, 4], |place| numbers[place])
    }

    #[test]
    fn values_and_slopes_are_those_of_pytorch() {
        // torch 2.15.0, multilabel_margin_loss(reduction="none"), targets 3, 0 and 1.
        let scores = tensor(&[0.1, 0.2, 0.4, 0.8, -1.0, 2.0, 0.3, 0.5]).requires_grad();
        let labels = tensor(&[1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        let items = MultilabelMargin::new().per_item(&scores, &labels).unwrap();
        assert!((items.to_vec()[0] - 0.85).abs() < 1e-15 && items.to_vec()[1] == 0.0);
        let gradients = items.sum().backward().unwrap();
        let want = [-0.5, 0.5, 0.5, -0.5, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(gradients.tensor(&scores).unwrap().to_vec(), want);
        let none = MultilabelMargin::new().per_item(&scores, &Tensor::zeros([2, 4]));
        assert_eq!(none.unwrap().to_vec(), [0.0; 2]);
    }

    #[test]
    fn gradients_agree_with_differences_for_rows_of_every_rank() {
        for shape in [&[4][..], &[3, 4], &[2, 3, 4]] {
            let scores = Tensor::standard_normal(shape, Stream::new(2));
            let labels = Tensor::from_fn(shape, |place| f64::from(place % 3 == 0));
            let function = |x: &[Tensor<f64>]| MultilabelMargin::new().forward(&x[0], &labels);
            let worst = gradient_check::check(function, &[scores], 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{worst:?}");
        }
    }

    #[test]
    fn alike_scores_cost_one_for_each_pair_and_flags_are_asked_for() {
        let labels = tensor(&[1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        let initial = MultilabelMargin::new().expected_initial(4, &labels);
        assert_eq!(initial, Some((2.0 * 2.0 / 4.0 + 3.0 / 4.0) / 2.0));
        let signs = Tensor::full([2, 4], -1.0);
        let error = MultilabelMargin::new()
            .forward(&labels, &signs)
            .unwrap_err();
        let want = "multilabel_margin_loss: `target` must be 0 or 1 everywhere, found -1";
        assert_eq!(error.to_string(), want);
        let nothing = Tensor::<f64>::zeros([2, 0]);
        assert!(MultilabelMargin::new().forward(&nothing, &nothing).is_err());
        let single = Tensor::<f64>::scalar(1.0);
        assert!(MultilabelMargin::new().forward(&single, &single).is_err());
    }
}
