//! How far one distribution lies from another.

use limpid_tensor::{Element, Result, Tensor, math};

use crate::class_rows::ClassRows;
use crate::settings::{setting, with_reduction};
use crate::slopes::of_pairs;
use crate::values::{check_same_shape, check_target, loss_of_values};
use crate::{Loss, Reduction, uninformed};

const NAME: &str = "kl_div";

/// What a mean is taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MeanOver {
    /// All elements.
    Elements,
    /// The examples, which lie along dimension 0: the mean divergence of a distribution.
    #[default]
    Examples,
}

/// Kullback-Leibler divergence of predicted log-probabilities f from a target distribution q, per
/// element: q (log q - f). An example's divergence is the sum of its elements; the mean is over
/// examples.
///
/// # Shapes
/// Log-probabilities and target `[C]`, `[N, C]` or `[N, C, d...]`, of one shape; one number per element.
/// The target holds probabilities, or their logarithms, and receives no gradient.
///
/// # Gradient
/// -q.
///
/// # Uninformed
/// log C less the target's entropy, for even probabilities. The floor is 0, as long as both are
/// distributions. No kinks.
///
/// # Differs from
/// `torch.nn.KLDivLoss` takes the mean over all elements unless it is given `reduction="batchmean"`, which
/// is the default here. It gives NaN where the target is 0 and the log-probability minus infinity; here
/// such an element costs nothing.
///
/// # Example
/// ```
/// use limpid_loss::{KlDivergence, Loss};
/// use limpid_tensor::Tensor;
///
/// let target = Tensor::<f64>::from_vec(vec![0.25, 0.75], [1, 2])?;
/// let even = Tensor::full([1, 2], -2.0_f64.ln());
/// let loss = KlDivergence::new().forward(&even, &target)?.item()?;
/// assert!((loss - (2.0_f64.ln() - 0.562_335)).abs() < 1e-6);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct KlDivergence {
    /// Whether the target holds logarithms of probabilities; default no.
    pub log_target: bool,
    /// What a mean is taken over; default examples.
    pub mean_over: MeanOver,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl KlDivergence {
    /// From probabilities, reduced to the mean over examples.
    pub fn new() -> Self {
        Self::default()
    }

    setting! {
        /// From logarithms of probabilities, or from probabilities.
        with_log_target, log_target: bool
    }

    setting! {
        /// With a mean over something else.
        with_mean_over, mean_over: MeanOver
    }

    with_reduction!();
}

impl<E: Element> Loss<E> for KlDivergence {
    loss_of_values!(E, NAME, but_for_the_initial_and_the_floor);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        check_same_shape(NAME, prediction, target)?;
        if !self.log_target {
            check_target(NAME, target, "not negative", |q| q >= E::zero())?;
        }
        of_pairs(NAME, prediction, target, |f, y| {
            let (q, log_q) = if self.log_target {
                (math::exp(y), y)
            } else {
                (y, math::ln(y))
            };
            let loss = if q == E::zero() && !f.is_nan() {
                E::zero()
            } else {
                q * (log_q - f)
            };
            (loss, -q)
        })
    }

    fn total_weight(&self, items: usize, target: &Tensor<E>) -> Result<f64> {
        Ok(match (self.mean_over, target.shape()) {
            (MeanOver::Examples, &[examples, _, ..]) => examples as f64,
            (MeanOver::Examples, _) => 1.0,
            (MeanOver::Elements, _) => items as f64,
        })
    }

    fn expected_initial(&self, _outputs: usize, target: &Tensor<E>) -> Option<f64> {
        let classes = ClassRows::new(NAME, target).ok()?.classes as f64;
        let even = Tensor::full(target.shape(), -classes.ln());
        let items = self.per_item(&even, target).ok()?;
        uninformed::reduced(self, uninformed::sum(&items), items.len(), target)
    }

    fn floor(&self, _outputs: usize, _target: &Tensor<E>) -> Option<f64> {
        Some(0.0)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> (Tensor<f64>, Tensor<f64>) {
        let logits = Tensor::from_vec(vec![0.3, -1.2, 0.5, 2.0, 0.7, -0.3], [2, 3]).unwrap();
        let target = Tensor::from_vec(vec![0.2, 0.5, 0.3, 0.0, 0.9, 0.1], [2, 3]).unwrap();
        (logits.log_softmax(1).unwrap(), target)
    }

    #[test]
    fn values_are_those_of_pytorch() {
        // torch 2.15.0, kl_div with reduction "batchmean", "mean" and "none".
        let (prediction, target) = batch();
        let value = |loss: KlDivergence| {
            let loss = loss.forward(&prediction, &target).unwrap();
            loss.item().unwrap()
        };
        let examples = value(KlDivergence::new());
        assert!((examples - 0.9729818554743173).abs() < 1e-14, "{examples}");
        let elements = value(KlDivergence::new().with_mean_over(MeanOver::Elements));
        assert!((elements - 0.32432728515810577).abs() < 1e-15, "{elements}");
        let items = KlDivergence::new().per_item(&prediction, &target).unwrap();
        assert!((items.to_vec()[1] - 0.8503534443303435).abs() < 1e-15);
    }

    #[test]
    fn logarithms_of_the_target_are_the_same_target() {
        let (prediction, target) = batch();
        let logarithms = KlDivergence::new().with_log_target(true);
        let found = logarithms.per_item(&prediction, &target.log()).unwrap();
        let expected = KlDivergence::new().per_item(&prediction, &target).unwrap();
        for (found, expected) in found.to_vec().iter().zip(expected.to_vec()) {
            assert!((found - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn what_is_neither_expected_nor_predicted_costs_nothing() {
        let prediction = Tensor::from_vec(vec![0.0, f64::NEG_INFINITY], [1, 2]).unwrap();
        let target = Tensor::from_vec(vec![1.0, 0.0], [1, 2]).unwrap();
        let loss = KlDivergence::new().forward(&prediction, &target).unwrap();
        assert_eq!(loss.item().unwrap(), 0.0);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (prediction, target) = batch();
        let loss = KlDivergence::new();
        assert!(loss.forward(&prediction, &target.mul_scalar(-1.0)).is_err());
        assert!(loss.forward(&Tensor::zeros([2, 2]), &target).is_err());
    }
}
