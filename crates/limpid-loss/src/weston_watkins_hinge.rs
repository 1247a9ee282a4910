//! The multiclass hinge of the article's support vector machine.

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::class_rows::{ClassRows, loss_of_classes};
use crate::settings::with_reduction;
use crate::slopes::with_slopes;
use crate::{Loss, Reduction};

const NAME: &str = "weston_watkins_hinge";

/// The multiclass hinge of Weston and Watkins: sum over classes j != y of max(0, f_j - f_y + margin),
/// or of its square.
///
/// # Shapes
/// Scores `[C]`, `[N, C]` or `[N, C, d...]`; one class for each item; one number per item.
///
/// # Gradient
/// 1 for every class that violates the margin (twice the violation when squared), minus their sum
/// for the class itself; 0 at the kink.
///
/// # Uninformed
/// margin (C - 1) for scores that are all alike: 9 for ten classes; squared, margin^2 (C - 1). More
/// for scores that are spread out (see [`Loss::expected_given`]). The floor is 0. Has kinks unless
/// squared.
///
/// # Infinite scores
/// A class's own score of plus infinity, or every other of minus infinity, costs 0.
///
/// # Differs from
/// `torch.nn.MultiMarginLoss` and others divide the sum by the number of classes. This one does not:
/// it is the article's.
///
/// # Source
/// Weston and Watkins 1999; CS231n, "Multiclass support vector machine loss".
///
/// # Example
/// ```
/// use limpid_loss::{Loss, WestonWatkinsHinge};
/// use limpid_tensor::Tensor;
///
/// let scores = Tensor::<f64>::from_vec(vec![13.0, -7.0, 11.0], [1, 3])?;
/// let loss = WestonWatkinsHinge::new().with_margin(10.0).forward(&scores, &[0])?;
/// assert_eq!(loss.item()?, 8.0);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WestonWatkinsHinge {
    /// By how much the class's own score must exceed every other, not negative; default 1.
    pub margin: f64,
    /// Whether violations are squared; default no.
    pub squared: bool,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Default for WestonWatkinsHinge {
    fn default() -> Self {
        Self {
            margin: 1.0,
            squared: false,
            reduction: Reduction::Mean,
        }
    }
}

impl WestonWatkinsHinge {
    /// With margin 1, not squared, reduced to the mean.
    pub fn new() -> Self {
        Self::default()
    }

    /// With another margin.
    #[must_use]
    pub fn with_margin(mut self, margin: f64) -> Self {
        self.margin = margin;
        self
    }

    /// With violations squared, or not.
    #[must_use]
    pub fn with_squared(mut self, squared: bool) -> Self {
        self.squared = squared;
        self
    }

    with_reduction!();
}

/// Checks that a margin is finite and not negative.
pub(crate) fn check_margin(operation: &'static str, margin: f64) -> Result<()> {
    if margin.is_finite() && margin >= 0.0 {
        return Ok(());
    }
    Err(Error::argument(
        operation,
        "margin",
        "finite and not negative",
        margin,
    ))
}

impl<E: Element> Loss<E> for WestonWatkinsHinge {
    loss_of_classes!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &[usize]) -> Result<Tensor<E>> {
        let it = ClassRows::for_classes(NAME, prediction, target, None)?;
        check_margin(NAME, self.margin)?;
        let margin = E::of(self.margin);
        let mut slopes = it.rows.to_vec();
        let mut losses = Vec::with_capacity(target.len());
        for (row, &class) in slopes.chunks_exact_mut(it.classes).zip(target) {
            let own = row[class];
            let (mut loss, mut pull) = (E::zero(), E::zero());
            for (other, x) in row.iter_mut().enumerate() {
                let violation = *x - own + margin;
                *x = E::zero();
                // NaN is no violation for `>`, but must not vanish.
                if other == class || violation <= E::zero() {
                    continue;
                }
                let (value, slope) = if self.squared {
                    (violation * violation, violation + violation)
                } else {
                    (violation, E::one())
                };
                loss += value;
                pull += slope;
                *x = slope;
            }
            row[class] = -pull;
            losses.push(loss);
        }
        let losses = Tensor::from_vec(losses, [target.len()])?;
        it.shaped(&with_slopes(NAME, losses, &it.rows, slopes)?)
    }

    fn has_kinks(&self) -> bool {
        !self.squared
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, gradient_check};

    #[test]
    fn gradients_agree_with_differences_away_from_kinks() {
        let scores = [Tensor::standard_normal([5, 4], Stream::new(2))];
        for squared in [false, true] {
            let loss = WestonWatkinsHinge::new().with_squared(squared);
            let function = |x: &[Tensor<f64>]| loss.forward(&x[0], &[0, 3, 1, 2, 2]);
            let worst = gradient_check::check(function, &scores, 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{worst:?}");
        }
    }

    #[test]
    fn uninformed_scores_cost_the_margin_for_every_other_class() {
        let target: Vec<usize> = (0..20_000).map(|it| it % 10).collect();
        let loss = WestonWatkinsHinge::new();
        assert_eq!(Loss::<f64>::expected_initial(&loss, 10, &target), Some(9.0));
        let squared = loss.clone().with_squared(true).with_margin(2.0);
        assert_eq!(
            Loss::<f64>::expected_initial(&squared, 10, &target),
            Some(36.0)
        );
        let scores = Tensor::<f64>::standard_normal([20_000, 10], Stream::new(4));
        for (deviation, expected) in [(0.3, 9.0), (1.0, 10.8), (2f64.sqrt(), 12.6)] {
            let found = loss
                .expected_given(&scores.mul_scalar(deviation), &target)
                .unwrap();
            assert!((found - expected).abs() < 0.06, "{deviation}: {found}");
        }
    }

    #[test]
    fn numbers_that_are_none_do_not_vanish() {
        let scores = Tensor::<f64>::from_vec(vec![0.0, f64::NAN], [1, 2]).unwrap();
        let loss = WestonWatkinsHinge::new().forward(&scores, &[0]).unwrap();
        assert!(loss.item().unwrap().is_nan());
    }

    #[test]
    fn wrong_settings_and_classes_are_refused() {
        let scores = Tensor::<f64>::zeros([1, 3]);
        for margin in [-1.0, f64::NAN, f64::INFINITY] {
            let loss = WestonWatkinsHinge::new().with_margin(margin);
            assert!(loss.forward(&scores, &[0]).is_err());
        }
        assert!(WestonWatkinsHinge::new().forward(&scores, &[3]).is_err());
    }
}
