//! Binary cross-entropy that looks away from what is known already.

use limpid_tensor::{Element, Result, Tensor, math};

use crate::focal::{check_gamma, focused};
use crate::settings::{setting, with_reduction};
use crate::slopes::of_pairs;
use crate::values::{check_share, check_target, loss_of_values};
use crate::{Loss, Reduction};

const NAME: &str = "sigmoid_focal_loss";

/// Focal loss of logits against yes and no, per element: -a (1 - p)^gamma log p, with p = sigmoid(f) and
/// a = alpha for a yes (y = 1), p = sigmoid(-f) and a = 1 - alpha for a no (y = 0).
///
/// # Shapes
/// Logits and target of one shape; one number per element. Targets are 0 or 1 and receive no gradient.
///
/// # Gradient
/// a (1 - p)^gamma (1 - gamma p log p / (1 - p)) (p - 1), negated for a no.
///
/// # Uninformed
/// 2^-gamma log 2 alpha for a yes, and 1 - alpha of it for a no. The floor is 0. No kinks.
///
/// # Source
/// Lin et al. 2017, equation 5; equals `torchvision.ops.sigmoid_focal_loss`, reduced to the mean.
///
/// # Example
/// ```
/// use limpid_loss::{BinaryFocal, Loss};
/// use limpid_tensor::Tensor;
///
/// let logits = Tensor::<f64>::zeros([2]);
/// let target = Tensor::from_vec(vec![1.0, 0.0], [2])?;
/// let loss = BinaryFocal::new().forward(&logits, &target)?;
/// assert!((loss.item()? - 0.125 * 2.0_f64.ln()).abs() < 1e-15);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BinaryFocal {
    /// How much the known is looked away from, not negative; default 2.
    pub gamma: f64,
    /// What a yes weighs, in [0, 1], a no having the rest; default 0.25. `None` weighs both with 1.
    pub alpha: Option<f64>,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Default for BinaryFocal {
    fn default() -> Self {
        Self {
            gamma: 2.0,
            alpha: Some(0.25),
            reduction: Reduction::Mean,
        }
    }
}

impl BinaryFocal {
    /// With gamma 2 and alpha 0.25, reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    setting! {
        /// With another gamma.
        with_gamma, gamma: f64
    }

    setting! {
        /// With another weight of a yes, or none.
        with_alpha, alpha: Option<f64>
    }

    with_reduction!();
}

impl<E: Element> Loss<E> for BinaryFocal {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        check_gamma(NAME, self.gamma)?;
        check_share(NAME, "alpha", self.alpha.unwrap_or(0.0))?;
        let allowed = |y: E| y == E::zero() || y == E::one();
        check_target(NAME, target, "0 or 1 everywhere", allowed)?;
        let gamma = E::of(self.gamma);
        let [yes, no] = match self.alpha {
            Some(alpha) => [alpha, 1.0 - alpha].map(E::of),
            None => [E::one(); 2],
        };
        of_pairs(NAME, prediction, target, |f, y| {
            let (weight, sign) = if y == E::one() {
                (yes, E::one())
            } else {
                (no, -E::one())
            };
            let right = sign * f;
            let (p, rest) = (math::sigmoid(right), math::sigmoid(-right));
            let (loss, slope) = focused(math::softplus(-right), p, rest, gamma);
            let loss = if weight == E::zero() {
                weight
            } else {
                weight * loss
            };
            (loss, -sign * weight * slope * rest)
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
    fn values_and_gradients_are_those_of_the_formula_in_pytorch() {
        let logits = [0.3, -1.2, 0.5, 2.0, 0.7, -0.3];
        let logits = Tensor::<f64>::from_vec(logits.to_vec(), [2, 3])
            .unwrap()
            .requires_grad();
        let flags = Tensor::from_vec(vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0], [2, 3]).unwrap();
        let loss = BinaryFocal::new().with_reduction(Reduction::None);
        let items = loss.forward(&logits, &flags).unwrap();
        let gradients = items.sum().backward().unwrap();
        let found = [items.to_vec(), gradients.tensor(&logits).unwrap().to_vec()].concat();
        let expected = [
            0.025098318872149264,
            0.010580159151580225,
            0.016893372629375906,
            1.2375586345660565,
            0.3694086597123815,
            0.07048093405920756,
            -0.048102109828820544,
            0.0255641953110588,
            -0.0344842493377286,
            0.8075352978363615,
            0.46889542172532295,
            -0.10737661714643759,
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15, "{found}, {expected}");
        }
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let infinity = f32::INFINITY;
        let logits = Tensor::from_vec(vec![1e30, -1e30, infinity, -infinity], [4]).unwrap();
        let (logits, ones) = (logits.requires_grad(), Tensor::ones([4]));
        for (gamma, alpha) in [(0.5, None), (2.0, None), (2.0, Some(0.0))] {
            let loss = BinaryFocal::new().with_gamma(gamma).with_alpha(alpha);
            let items = loss.per_item(&logits, &ones).unwrap();
            let weight = alpha.unwrap_or(1.0) as f32;
            assert_eq!(items.to_vec()[..3], [0.0, weight * 1e30, 0.0]);
            let gradients = items.sum().backward().unwrap();
            assert!(gradients.tensor(&logits).unwrap().is_finite());
        }
    }

    #[test]
    fn doubt_and_wrong_settings_are_refused() {
        let (logits, ones) = (Tensor::<f64>::zeros([2]), Tensor::ones([2]));
        let half = Tensor::full([2], 0.5);
        assert!(BinaryFocal::new().forward(&logits, &half).is_err());
        for alpha in [-0.1, 1.1, f64::NAN] {
            let loss = BinaryFocal::new().with_alpha(Some(alpha));
            assert!(loss.forward(&logits, &ones).is_err());
        }
        assert!(
            BinaryFocal::new()
                .with_gamma(-1.0)
                .forward(&logits, &ones)
                .is_err()
        );
    }
}
