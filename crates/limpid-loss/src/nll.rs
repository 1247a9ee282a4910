//! Negative log-likelihood of log-probabilities.

use limpid_tensor::{Backward, Element, InputGradients, Result, Tensor};

use crate::class_rows::{ClassRows, check_weights, loss_of_classes};
use crate::settings::{with_ignore_index, with_reduction, with_weight};
use crate::{Loss, Reduction, uninformed};

const NAME: &str = "nll_loss";

/// Negative log-likelihood: -w_y times the log-probability of class y. The mean divides by the sum of
/// the items' weights.
///
/// # Shapes
/// Log-probabilities `[C]`, `[N, C]` or `[N, C, d...]`, as [`Tensor::log_softmax`] gives them (they
/// are not normalised again); one class for each item; one number per item.
///
/// # Gradient
/// -w_y for the item's own class, 0 for every other and for an item that is ignored.
///
/// # Uninformed
/// log C for even probabilities. The floor is 0. No kinks.
///
/// # Source
/// Equals `torch.nn.NLLLoss`.
///
/// # Example
/// ```
/// use limpid_loss::{Loss, Nll};
/// use limpid_tensor::Tensor;
///
/// let log_probabilities = Tensor::<f64>::from_vec(vec![-0.5, -1.5], [1, 2])?;
/// assert_eq!(Nll::new().forward(&log_probabilities, &[1])?.item()?, 1.5);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Nll {
    /// A weight for each class, not negative; by default all are 1.
    pub weight: Option<Vec<f64>>,
    /// Items of this class do not count; it need not exist. By default there is none.
    pub ignore_index: Option<usize>,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Nll {
    /// Without weights, reduced to the mean.
    pub fn new() -> Self {
        Self::default()
    }

    with_weight!();
    with_ignore_index!();
    with_reduction!();
}

struct NllBackward<E> {
    classes: usize,
    /// Where the items that are not ignored have their classes, and the derivatives there.
    slopes: Vec<(usize, E)>,
}

impl<E: Element> Backward<E> for NllBackward<E> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let (gradient, classes) = (gradient.elements(), self.classes);
        let mut data = vec![E::zero(); gradient.len() * classes];
        for &(place, slope) in &self.slopes {
            data[place] = slope * gradient[place / classes];
        }
        inputs.add(0, Tensor::from_vec(data, [gradient.len(), classes])?);
        Ok(())
    }
}

impl<E: Element> Loss<E> for Nll {
    loss_of_classes!(E, NAME, but_for_the_initial);

    fn per_item(&self, prediction: &Tensor<E>, target: &[usize]) -> Result<Tensor<E>> {
        let it = ClassRows::for_classes(NAME, prediction, target, self.ignore_index)?;
        check_weights(NAME, self.weight.as_deref(), it.classes)?;
        let scores = it.rows.elements();
        let mut losses = vec![E::zero(); target.len()];
        let mut slopes = Vec::with_capacity(target.len());
        for (item, &class) in target.iter().enumerate() {
            if Some(class) == self.ignore_index {
                continue;
            }
            let (place, weight) = (item * it.classes + class, self.weight_of(class));
            slopes.push((place, E::of(-weight)));
            // Without weight, even a probability of 0 costs nothing.
            if weight > 0.0 {
                losses[item] = E::of(-weight) * scores[place];
            }
        }
        let losses = Tensor::from_vec(losses, [target.len()])?;
        let losses = losses.recorded(&[&it.rows], || NllBackward {
            classes: it.classes,
            slopes,
        });
        it.shaped(&losses)
    }

    fn total_weight(&self, _items: usize, target: &[usize]) -> Result<f64> {
        Ok(target.iter().map(|&class| self.weight_of(class)).sum())
    }

    fn expected_initial(&self, outputs: usize, target: &[usize]) -> Option<f64> {
        let even = -(outputs as f64).ln();
        uninformed::same_for_all_classes::<Self>(self, outputs, even, target)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CrossEntropy;
    use limpid_tensor::{Stream, gradient_check};

    #[test]
    fn after_log_softmax_it_is_the_cross_entropy() {
        let logits = Tensor::<f64>::standard_normal([2, 4, 3], Stream::new(1));
        let target = [0, 1, 2, 3, 0, 1];
        let weight = [1.0, 0.5, 2.0, 0.1];
        let nll = Nll::new().with_weight(weight).with_ignore_index(3);
        let entropy = CrossEntropy::new().with_weight(weight).with_ignore_index(3);
        let left = nll
            .forward(&logits.log_softmax(1).unwrap(), &target)
            .unwrap();
        let right = entropy.forward(&logits, &target).unwrap();
        assert!((left.item().unwrap() - right.item().unwrap()).abs() < 1e-14);
        let function = |x: &[Tensor<f64>]| nll.forward(&x[0], &target);
        let worst = gradient_check::check(function, &[logits], 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    /// As in PyTorch 2.15.
    #[test]
    fn a_batch_that_is_ignored_has_no_mean_and_no_gradient() {
        let scores = Tensor::<f64>::standard_normal([2, 3], Stream::new(1)).requires_grad();
        let loss = Nll::new().with_ignore_index(0);
        let mean = loss.forward(&scores, &[0, 0]).unwrap();
        assert!(mean.item().unwrap().is_nan());
        let gradients = mean.backward().unwrap();
        assert_eq!(gradients.tensor(&scores).unwrap().to_vec(), [0.0; 6]);
        let mixed = loss.forward(&scores, &[0, 2]).unwrap().backward().unwrap();
        let want = [0.0, 0.0, 0.0, 0.0, 0.0, -1.0];
        assert_eq!(mixed.tensor(&scores).unwrap().to_vec(), want);
    }

    #[test]
    fn even_probabilities_cost_the_logarithm_of_the_classes() {
        let found = Loss::<f64>::expected_initial(&Nll::new(), 10, &[1, 2]).unwrap();
        assert!((found - 10f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let scores = Tensor::<f64>::zeros([1, 3]);
        assert!(Nll::new().forward(&scores, &[3]).is_err());
        assert!(
            Nll::new()
                .with_weight([1.0])
                .forward(&scores, &[0])
                .is_err()
        );
    }
}
