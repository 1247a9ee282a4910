//! The logistic loss of several labels.

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::class_rows::check_weights;
use crate::settings::{with_reduction, with_weight};
use crate::values::loss_of_values;
use crate::{BceWithLogits, Loss, Reduction, uninformed};

const NAME: &str = "multilabel_soft_margin_loss";

/// Logistic loss of several labels: the mean over classes, which lie along the last dimension, of
/// w_j (-y_j log sigmoid(f_j) - (1 - y_j) log sigmoid(-f_j)).
///
/// # Shapes
/// Logits and target of one shape `[C]`, `[N, C]` or `[N, d..., C]`; one number per row of classes.
/// Targets lie in [0, 1] and receive no gradient.
///
/// # Gradient
/// w_j (sigmoid(f_j) - y_j) / C.
///
/// # Uninformed
/// log 2 times the mean weight for zero logits. The floor is the target's weighted mean entropy, 0 for
/// yes and no. No kinks.
///
/// # Source
/// Equals `torch.nn.MultiLabelSoftMarginLoss`.
///
/// # Example
/// ```
/// use limpid_loss::{Loss, MultilabelSoftMargin};
/// use limpid_tensor::Tensor;
///
/// let labels = Tensor::<f64>::from_vec(vec![1.0, 0.0, 1.0], [1, 3])?;
/// let loss = MultilabelSoftMargin::new().forward(&Tensor::zeros([1, 3]), &labels)?;
/// assert!((loss.item()? - 2.0_f64.ln()).abs() < 1e-15);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MultilabelSoftMargin {
    /// A weight for each class, not negative; by default all are 1.
    pub weight: Option<Vec<f64>>,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl MultilabelSoftMargin {
    /// Without weights, reduced to the mean.
    pub fn new() -> Self {
        Self::default()
    }

    with_weight!();
    with_reduction!();

    /// The weighted mean over the last dimension.
    fn over_classes<E: Element>(&self, elements: &Tensor<E>) -> Result<Tensor<E>> {
        let Some(&classes) = elements.shape().last() else {
            let rule = "must have a last dimension of classes";
            return Err(Error::shape(NAME, &[elements.shape()], rule));
        };
        check_weights(NAME, self.weight.as_deref(), classes)?;
        match &self.weight {
            Some(weight) => {
                let weight = Tensor::from_fn([classes], |class| weight[class]);
                elements.mul(&weight)?.mean_dim(&[-1], false)
            }
            None => elements.mean_dim(&[-1], false),
        }
    }
}

impl<E: Element> Loss<E> for MultilabelSoftMargin {
    loss_of_values!(E, NAME, but_for_the_floor);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        self.over_classes(&BceWithLogits::new().per_item(prediction, target)?)
    }

    fn floor(&self, _outputs: usize, target: &Tensor<E>) -> Option<f64> {
        let entropies = BceWithLogits::new().floors(target).ok()?;
        let entropies = Tensor::<f64>::from_vec(entropies, target.shape()).ok()?;
        let items = self.over_classes(&entropies).ok()?;
        uninformed::reduced(self, uninformed::sum(&items), items.len(), target)
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
        // torch 2.15.0, multilabel_soft_margin_loss(reduction="none"), then weighted.
        let x = Tensor::<f64>::from_vec(vec![0.3, -1.2, 0.5, 2.0, 0.7, -0.3], [2, 3]).unwrap();
        let y = Tensor::from_vec(vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0], [2, 3]).unwrap();
        let weighted = MultilabelSoftMargin::new().with_weight([1.0, 0.5, 2.0]);
        for (loss, expected) in [
            (
                MultilabelSoftMargin::new(),
                [0.43057156532888835, 1.3614897681323193],
            ),
            (weighted, [0.544716815499252, 1.4624105081409187]),
        ] {
            let items = loss.per_item(&x, &y).unwrap();
            for (found, expected) in items.to_vec().iter().zip(expected) {
                assert!((found - expected).abs() < 1e-14, "{found}, {expected}");
            }
            assert_eq!(loss.floor(3, &y), Some(0.0));
        }
    }

    #[test]
    fn weights_that_do_not_fit_are_refused() {
        let x = Tensor::<f64>::zeros([2, 3]);
        let loss = MultilabelSoftMargin::new().with_weight([1.0]);
        assert!(loss.forward(&x, &x).is_err());
        assert!(
            MultilabelSoftMargin::new()
                .forward(&Tensor::scalar(1.0), &Tensor::<f64>::scalar(1.0))
                .is_err()
        );
    }
}
