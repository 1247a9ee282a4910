//! Cross-entropy that looks away from what is known already.

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::class_rows::{ClassRows, check_weights, loss_of_classes};
use crate::log_sum_exp::exponentials;
use crate::settings::{setting, with_reduction, with_weight};
use crate::slopes::with_slopes;
use crate::{Loss, Reduction};

const NAME: &str = "focal_loss";

/// Focal loss of logits against classes: -w_y (1 - p_y)^gamma log p_y, with p the softmax. Examples that
/// are classified well count little, so that many easy ones do not drown a few hard ones.
///
/// # Shapes
/// Logits `[C]`, `[N, C]` or `[N, C, d...]`; one class for each item; one number per item.
///
/// # Gradient
/// w_y (1 - p_y)^gamma (1 - gamma p_y log p_y / (1 - p_y)) (p - 1 at y).
///
/// # Uninformed
/// (1 - 1/C)^gamma log C for zero logits: 1.865 for ten classes and gamma 2. The floor is 0. No kinks.
///
/// # Infinite logits
/// As of [`CrossEntropy`](crate::CrossEntropy): minus infinity is a probability of 0; plus infinity makes
/// the loss NaN, so that a network that has overflowed shows.
///
/// # Source
/// Lin et al. 2017, equation 5, with weights for classes. The mean divides by the number of items.
///
/// # Example
/// ```
/// use limpid_loss::{Focal, Loss};
/// use limpid_tensor::Tensor;
///
/// let loss = Focal::new().forward(&Tensor::<f64>::zeros([1, 2]), &[1])?;
/// assert!((loss.item()? - 0.25 * 2.0_f64.ln()).abs() < 1e-15);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Focal {
    /// How much the known is looked away from, not negative; default 2. 0 is the cross-entropy.
    pub gamma: f64,
    /// A weight for each class, not negative; by default all are 1.
    pub weight: Option<Vec<f64>>,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Default for Focal {
    fn default() -> Self {
        Self {
            gamma: 2.0,
            weight: None,
            reduction: Reduction::Mean,
        }
    }
}

impl Focal {
    /// With gamma 2 and without weights, reduced to the mean.
    pub fn new() -> Self {
        Self::default()
    }

    setting! {
        /// With another gamma.
        with_gamma, gamma: f64
    }

    with_weight!();
    with_reduction!();
}

/// Checks that a gamma is finite and not negative.
pub(crate) fn check_gamma(operation: &'static str, gamma: f64) -> Result<()> {
    if gamma.is_finite() && gamma >= 0.0 {
        return Ok(());
    }
    let expected = "finite and not negative";
    Err(Error::argument(operation, "gamma", expected, gamma))
}

/// The focal loss of an outcome of probability `p`, given -log p and 1 - p apart, so that neither is
/// lost near 0 or 1; and minus p/(1 - p) times its derivative by p, over p/(1 - p): what stands before
/// (p - 1) in the gradient by the outcome's own logit.
pub(crate) fn focused<E: Element>(surprise: E, p: E, rest: E, gamma: E) -> (E, E) {
    let focus = if gamma == E::zero() {
        E::one()
    } else {
        rest.powf(gamma)
    };
    // 0 times an infinite surprise is 0 here, and a surprise of 0 is what 1 - p is near it.
    let pull = if p == E::zero() {
        E::zero()
    } else if rest == E::zero() {
        E::one()
    } else {
        p * surprise / rest
    };
    let loss = if focus == E::zero() {
        focus
    } else {
        focus * surprise
    };
    (loss, focus * (E::one() + gamma * pull))
}

impl<E: Element> Loss<E> for Focal {
    loss_of_classes!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &[usize]) -> Result<Tensor<E>> {
        let it = ClassRows::for_classes(NAME, prediction, target, None)?;
        check_gamma(NAME, self.gamma)?;
        check_weights(NAME, self.weight.as_deref(), it.classes)?;
        let gamma = E::of(self.gamma);
        let mut slopes = it.rows.to_vec();
        let mut losses = Vec::with_capacity(target.len());
        for (row, &class) in slopes.chunks_exact_mut(it.classes).zip(target) {
            let logit = row[class];
            let surprise = exponentials(row).surprise(logit);
            let weight = E::of(self.weight.as_ref().map_or(1.0, |it| it[class]));
            let rest = -(-surprise).exp_m1();
            let (loss, slope) = focused(surprise, row[class], rest, gamma);
            // Without weight, even a probability of 0 costs nothing.
            losses.push(if weight == E::zero() {
                weight
            } else {
                weight * loss
            });
            row[class] = -rest;
            for x in row {
                *x *= weight * slope;
            }
        }
        let losses = Tensor::from_vec(losses, [target.len()])?;
        it.shaped(&with_slopes(NAME, losses, &it.rows, slopes)?)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CrossEntropy;
    use limpid_tensor::Stream;

    #[test]
    fn values_and_gradients_are_those_of_the_formula_in_pytorch() {
        let logits = [0.3, -1.2, 0.5, 2.0, 0.7, -0.3];
        let logits = Tensor::<f64>::from_vec(logits.to_vec(), [2, 3])
            .unwrap()
            .requires_grad();
        let loss = Focal::new().with_reduction(Reduction::None);
        let items = loss.forward(&logits, &[2, 0]).unwrap();
        let gradients = items.sum().backward().unwrap();
        let found = [items.to_vec(), gradients.tensor(&logits).unwrap().to_vec()].concat();
        let expected = [
            0.1737087560511838,
            0.02336517807936176,
            0.24433309986312676,
            0.05451808370202179,
            -0.2988511835651485,
            -0.054065849803132754,
            0.03952530330950157,
            0.014540546493631195,
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15, "{found}, {expected}");
        }
    }

    #[test]
    fn without_gamma_it_is_the_cross_entropy() {
        let logits = Tensor::<f64>::standard_normal([2, 3, 2], Stream::new(1));
        let target = [0, 1, 2, 0];
        let focal = Focal::new()
            .with_gamma(0.0)
            .forward(&logits, &target)
            .unwrap();
        let plain = CrossEntropy::new().forward(&logits, &target).unwrap();
        assert!((focal.item().unwrap() - plain.item().unwrap()).abs() < 1e-14);
        let initial = Loss::<f64>::expected_initial(&Focal::new(), 10, &[3]).unwrap();
        assert!((initial - 0.81 * 10_f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn extreme_logits_stay_finite() {
        for gamma in [0.0, 0.5, 2.0] {
            for (own, expected) in [(1e3_f32, 0.0), (1e30, 0.0), (-1e30, 1e30)] {
                let logits = Tensor::from_vec(vec![own, 0.0], [1, 2])
                    .unwrap()
                    .requires_grad();
                let loss = Focal::new()
                    .with_gamma(gamma)
                    .forward(&logits, &[0])
                    .unwrap();
                assert_eq!(loss.item().unwrap(), expected, "{own}, {gamma}");
                let gradients = loss.backward().unwrap();
                assert!(
                    gradients.tensor(&logits).unwrap().is_finite(),
                    "{own}, {gamma}"
                );
            }
        }
    }

    #[test]
    fn wrong_settings_are_refused() {
        let logits = Tensor::<f64>::zeros([1, 3]);
        for gamma in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(
                Focal::new()
                    .with_gamma(gamma)
                    .forward(&logits, &[0])
                    .is_err()
            );
        }
        assert!(
            Focal::new()
                .with_weight([1.0])
                .forward(&logits, &[0])
                .is_err()
        );
        assert!(Focal::new().forward(&logits, &[3]).is_err());
    }
}
