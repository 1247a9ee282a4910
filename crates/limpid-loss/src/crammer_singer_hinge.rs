//! The multiclass hinge of the worst violation.

use limpid_tensor::{Element, Result, Tensor};

use crate::class_rows::{ClassRows, loss_of_classes};
use crate::settings::with_reduction;
use crate::slopes::with_slopes;
use crate::weston_watkins_hinge::check_margin;
use crate::{Loss, Reduction};

const NAME: &str = "crammer_singer_hinge";

/// The multiclass hinge of Crammer and Singer: max(0, max_{j != y} f_j - f_y + margin).
///
/// # Shapes
/// Scores `[C]`, `[N, C]` or `[N, C, d...]`; one class for each item; one number per item.
///
/// # Gradient
/// 1 for the best other class (the first among equals), -1 for the class itself, where the margin is
/// violated; 0 at the kink.
///
/// # Uninformed
/// The margin, 1 by default, for scores that are all alike; more for scores that are spread out. The
/// floor is 0. Has kinks.
///
/// # Source
/// Crammer and Singer 2001.
///
/// # Example
/// ```
/// use limpid_loss::{CrammerSingerHinge, Loss};
/// use limpid_tensor::Tensor;
///
/// let scores = Tensor::<f64>::from_vec(vec![3.0, 5.0, 4.0], [1, 3])?;
/// assert_eq!(CrammerSingerHinge::new().forward(&scores, &[0])?.item()?, 3.0);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CrammerSingerHinge {
    /// By how much the class's own score must exceed every other, not negative; default 1.
    pub margin: f64,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Default for CrammerSingerHinge {
    fn default() -> Self {
        Self {
            margin: 1.0,
            reduction: Reduction::Mean,
        }
    }
}

impl CrammerSingerHinge {
    /// With margin 1, reduced to the mean.
    pub fn new() -> Self {
        Self::default()
    }

    /// With another margin.
    #[must_use]
    pub fn with_margin(mut self, margin: f64) -> Self {
        self.margin = margin;
        self
    }

    with_reduction!();
}

/// The place and score of the best class but `class`.
fn rival<E: Element>(row: &[E], class: usize) -> Option<(usize, E)> {
    let mut best: Option<(usize, E)> = None;
    for (other, &score) in row.iter().enumerate() {
        let better = best.is_none_or(|(_, best)| score > best || score.is_nan());
        if other != class && better {
            best = Some((other, score));
        }
    }
    best
}

impl<E: Element> Loss<E> for CrammerSingerHinge {
    loss_of_classes!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &[usize]) -> Result<Tensor<E>> {
        let it = ClassRows::for_classes(NAME, prediction, target, None)?;
        check_margin(NAME, self.margin)?;
        let mut slopes = vec![E::zero(); it.rows.len()];
        let mut losses = vec![E::zero(); target.len()];
        let scores = it.rows.elements();
        let rows = scores.chunks_exact(it.classes);
        for (item, (row, &class)) in rows.zip(target).enumerate() {
            let Some((other, score)) = rival(row, class) else {
                continue;
            };
            let violation = score - row[class] + E::of(self.margin);
            if violation > E::zero() || violation.is_nan() {
                losses[item] = violation;
                slopes[item * it.classes + other] = E::one();
                slopes[item * it.classes + class] = -E::one();
            }
        }
        let losses = Tensor::from_vec(losses, [target.len()])?;
        it.shaped(&with_slopes(NAME, losses, &it.rows, slopes)?)
    }

    fn has_kinks(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, gradient_check};

    #[test]
    fn gradients_agree_with_differences_away_from_kinks() {
        let scores = Tensor::standard_normal([5, 4], Stream::new(2));
        let loss = CrammerSingerHinge::new().with_margin(0.5);
        let function = |x: &[Tensor<f64>]| loss.forward(&x[0], &[0, 3, 1, 2, 2]);
        let worst = gradient_check::check(function, &[scores], 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn uninformed_scores_cost_the_margin() {
        let loss = CrammerSingerHinge::new();
        assert_eq!(Loss::<f64>::expected_initial(&loss, 10, &[1, 2]), Some(1.0));
        assert_eq!(Loss::<f64>::expected_initial(&loss, 1, &[0]), Some(0.0));
    }

    #[test]
    fn wrong_settings_and_classes_are_refused() {
        let scores = Tensor::<f64>::zeros([1, 3]);
        let loss = CrammerSingerHinge::new().with_margin(-1.0);
        assert!(loss.forward(&scores, &[0]).is_err());
        assert!(CrammerSingerHinge::new().forward(&scores, &[3]).is_err());
    }
}
