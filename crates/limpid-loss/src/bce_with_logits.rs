//! Binary cross-entropy of logits.

use limpid_tensor::{Element, Error, Result, Tensor, math};

use crate::log_sum_exp::entropy;
use crate::settings::with_reduction;
use crate::slopes::of_each;
use crate::values::{check_same_shape, check_target, loss_of_values};
use crate::{Loss, Reduction, uninformed};

const NAME: &str = "bce_with_logits";

/// Binary cross-entropy per element: -w y log sigmoid(f) - (1 - y) log sigmoid(-f), with y the
/// probability of a yes and w the weight of yes.
///
/// # Shapes
/// Logits and target of one shape; one number per element, so that the mean is over all elements.
/// Targets lie in [0, 1] and receive no gradient.
///
/// # Gradient
/// (1 - y) sigmoid(f) - w y sigmoid(-f): sigmoid minus target without a weight.
///
/// # Uninformed
/// log 2 = 0.693 for zero logits; more for logits that are spread out. The floor is the entropy of the
/// target, 0 for yes and no. No kinks.
///
/// # Infinite logits
/// An outcome that is certain costs nothing where it is the target's, and infinity where it is not;
/// PyTorch multiplies 0 by infinity, and says NaN to both.
///
/// # Differs from
/// The article's attribute loss lacks the minus sign; this one is to be minimised.
///
/// # Source
/// Equals `torch.nn.BCEWithLogitsLoss`.
///
/// # Example
/// ```
/// use limpid_loss::{BceWithLogits, Loss};
/// use limpid_tensor::Tensor;
///
/// let logits = Tensor::<f64>::from_vec(vec![0.0, 1e3], [2])?;
/// let target = Tensor::from_vec(vec![1.0, 0.0], [2])?;
/// let criterion = BceWithLogits::new();
/// assert_eq!(criterion.per_item(&logits, &target)?.to_vec(), [2.0_f64.ln(), 1e3]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct BceWithLogits {
    /// What a yes weighs against a no, not negative; broadcast against the logits, so that `[C]`
    /// holds a weight for each of their last dimension. By default 1.
    pub pos_weight: Option<Tensor<f64>>,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl BceWithLogits {
    /// Without weights, reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    /// With another weight of yes.
    #[must_use]
    pub fn with_pos_weight(mut self, pos_weight: Tensor<f64>) -> Self {
        self.pos_weight = Some(pos_weight);
        self
    }

    with_reduction!();

    /// The least loss of each element.
    pub(crate) fn floors<E: Element>(&self, target: &Tensor<E>) -> Result<Vec<f64>> {
        let stakes = self.stakes(target)?;
        let least = |(yes, no): (E, E)| entropy([yes.double(), no.double()].into_iter());
        Ok(stakes.into_iter().map(least).collect())
    }

    /// For each element what a yes and what a no cost.
    fn stakes<E: Element>(&self, target: &Tensor<E>) -> Result<Vec<(E, E)>> {
        let expected = "in [0, 1] everywhere";
        check_target(NAME, target, expected, |y| y >= E::zero() && y <= E::one())?;
        let elements = target.elements();
        let even = |&y: &E| (y, E::one() - y);
        let Some(weight) = &self.pos_weight else {
            return Ok(elements.iter().map(even).collect());
        };
        let valid = |it: &&f64| it.is_finite() && **it >= 0.0;
        if let Some(found) = weight.elements().iter().find(|it| !valid(it)) {
            let expected = "finite and not negative everywhere";
            return Err(Error::argument(NAME, "pos_weight", expected, found));
        }
        let weight = weight.detach().broadcast_to(target.shape())?;
        let weight = weight.elements();
        let stakes = elements.iter().zip(weight.iter());
        Ok(stakes
            .map(|(&y, &weight)| (E::of(weight) * y, E::one() - y))
            .collect())
    }
}

impl<E: Element> Loss<E> for BceWithLogits {
    loss_of_values!(E, NAME, but_for_the_floor);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        check_same_shape(NAME, prediction, target)?;
        let stakes = self.stakes(target)?;
        // What cannot happen costs nothing, also where the other outcome is certain.
        let cost = |stake: E, logit: E| {
            if stake == E::zero() && !logit.is_nan() {
                E::zero()
            } else {
                stake * math::softplus(logit)
            }
        };
        of_each(NAME, prediction, &stakes, |f, (yes, no)| {
            let slope = no * math::sigmoid(f) - yes * math::sigmoid(-f);
            (cost(yes, -f) + cost(no, f), slope)
        })
    }

    fn floor(&self, _outputs: usize, target: &Tensor<E>) -> Option<f64> {
        let floors = self.floors(target).ok()?;
        uninformed::reduced(self, floors.iter().sum(), floors.len(), target)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, gradient_check};

    fn flags() -> Tensor<f64> {
        Tensor::from_fn([4, 3], |place| (place % 3) as f64 / 2.0)
    }

    fn weighted() -> BceWithLogits {
        let weight = Tensor::from_vec(vec![0.5, 1.0, 4.0], [3]).unwrap();
        BceWithLogits::new().with_pos_weight(weight)
    }

    #[test]
    fn gradients_agree_with_differences() {
        let logits = [Tensor::standard_normal([4, 3], Stream::new(2))];
        for loss in [BceWithLogits::new(), weighted()] {
            let function = |x: &[Tensor<f64>]| loss.forward(&x[0], &flags());
            let worst = gradient_check::check(function, &logits, 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{worst:?}");
        }
    }

    #[test]
    fn zero_logits_cost_log_two_and_doubt_has_a_floor() {
        let initial = BceWithLogits::new().expected_initial(3, &flags()).unwrap();
        assert!((initial - 2f64.ln()).abs() < 1e-15);
        let floor = BceWithLogits::new().floor(3, &flags()).unwrap();
        assert!((floor - 2f64.ln() / 3.0).abs() < 1e-15);
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let infinity = f32::INFINITY;
        let logits = Tensor::from_vec(vec![1e30, -1e30, infinity, -infinity], [4]).unwrap();
        let target = Tensor::from_vec(vec![1.0, 1.0, 1.0, 0.0], [4]).unwrap();
        let losses = BceWithLogits::new().per_item(&logits, &target).unwrap();
        assert_eq!(losses.to_vec(), [0.0, 1e30, 0.0, 0.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let logits = Tensor::<f64>::zeros([2, 2]);
        let ones = Tensor::ones([2, 2]);
        assert!(
            BceWithLogits::new()
                .forward(&logits, &Tensor::full([2, 2], 1.5))
                .is_err()
        );
        assert!(weighted().forward(&logits, &ones).is_err());
        let negative = BceWithLogits::new().with_pos_weight(Tensor::full([2], -1.0));
        assert!(negative.forward(&logits, &ones).is_err());
    }
}
