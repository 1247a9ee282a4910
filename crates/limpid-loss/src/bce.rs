//! Binary cross-entropy of probabilities.

use limpid_tensor::{Element, Error, Result, Tensor, math};

use crate::settings::with_reduction;
use crate::slopes::of_pairs;
use crate::values::{check_target, loss_of_values};
use crate::{BceWithLogits, Loss, Reduction, uninformed};

const NAME: &str = "bce_loss";

/// The least logarithm of a probability, as in PyTorch.
const LEAST_LOG: f64 = -100.0;

/// The least p (1 - p) that a gradient is divided by, as in PyTorch, which has it in single
/// precision.
const LEAST_VARIANCE: f64 = 1e-12_f32 as f64;

/// Binary cross-entropy of probabilities, per element: -y log p - (1 - y) log(1 - p), where no
/// logarithm falls below -100. [`BceWithLogits`] is the better one wherever there are logits: near 0
/// and 1 a probability has lost what the loss and its gradient need.
///
/// # Shapes
/// Probabilities and target of one shape; one number per element. Both lie in [0, 1]; the target
/// receives no gradient.
///
/// # Gradient
/// (p - y) / (p (1 - p)), with no divisor below 1e-12.
///
/// # Uninformed
/// log 2 = 0.693 for probabilities of 1/2; more for others. The floor is the entropy of the target, 0
/// for yes and no. No kinks.
///
/// # Source
/// Equals `torch.nn.BCELoss`.
///
/// # Example
/// ```
/// use limpid_loss::{Bce, Loss};
/// use limpid_tensor::Tensor;
///
/// let probabilities = Tensor::<f64>::from_vec(vec![0.5, 0.0, 0.0], [3])?;
/// let target = Tensor::from_vec(vec![1.0, 0.0, 1.0], [3])?;
/// let items = Bce::new().per_item(&probabilities, &target)?;
/// assert_eq!(items.to_vec(), [2.0_f64.ln(), 0.0, 100.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Bce {
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Bce {
    /// Reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    with_reduction!();
}

impl<E: Element> Loss<E> for Bce {
    loss_of_values!(E, NAME, but_for_the_initial_and_the_floor);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        let is_probability = |p: E| p >= E::zero() && p <= E::one();
        check_target(NAME, target, "in [0, 1] everywhere", is_probability)?;
        let outside = |p: &&E| !(is_probability(**p) || p.is_nan());
        if let Some(found) = prediction.elements().iter().find(outside) {
            let expected = "in [0, 1] everywhere";
            return Err(Error::argument(NAME, "prediction", expected, found));
        }
        let (least_log, least_variance) = (E::of(LEAST_LOG), E::of(LEAST_VARIANCE));
        // A comparison, as `max` drops NaN.
        let cut = |log: E| if log < least_log { least_log } else { log };
        of_pairs(NAME, prediction, target, |p, y| {
            let no = E::one() - y;
            let loss = -(y * cut(math::ln(p)) + no * cut(math::ln_1p(-p)));
            (loss, (p - y) / (p * (E::one() - p)).max(least_variance))
        })
    }

    fn expected_initial(&self, _outputs: usize, target: &Tensor<E>) -> Option<f64> {
        let even = Tensor::full(target.shape(), 0.5);
        let items = self.per_item(&even, target).ok()?;
        uninformed::reduced(self, uninformed::sum(&items), items.len(), target)
    }

    fn floor(&self, outputs: usize, target: &Tensor<E>) -> Option<f64> {
        BceWithLogits::new()
            .with_reduction(self.reduction)
            .floor(outputs, target)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, gradient_check};

    #[test]
    fn values_and_slopes_are_those_of_pytorch_also_where_they_are_cut() {
        // torch 2.15.0, binary_cross_entropy(reduction="none").
        let p = vec![0.3, 0.9, 0.0, 1.0, 0.0, 1.0, 1e-60, 0.25];
        let y = vec![1.0, 0.25, 0.0, 1.0, 1.0, 0.5, 1.0, 0.0];
        let losses = [
            1.2039728043259361,
            1.753278948659991,
            0.0,
            0.0,
            100.0,
            50.0,
            100.0,
            0.2876820724517809,
        ];
        let slopes = [
            -3.333333333333333,
            7.222222222222224,
            0.0,
            0.0,
            -1000000003995.8029,
            500000001997.9014,
            -1000000003995.8029,
            1.3333333333333333,
        ];
        let p = Tensor::<f64>::from_vec(p, [8]).unwrap().requires_grad();
        let y = Tensor::from_vec(y, [8]).unwrap();
        let items = Bce::new().per_item(&p, &y).unwrap();
        let gradients = items.sum().backward().unwrap();
        let near = |found: &Tensor<f64>, want: [f64; 8]| {
            for (found, want) in found.to_vec().into_iter().zip(want) {
                let close = (found - want).abs() <= 1e-14 * want.abs();
                assert!(close, "{found}, {want}");
            }
        };
        near(&items, losses);
        near(&gradients.tensor(&p).unwrap(), slopes);
    }

    #[test]
    fn it_is_the_loss_of_the_logits() {
        let logits = Tensor::<f64>::standard_normal([4, 3], Stream::new(1));
        let y = Tensor::uniform([4, 3], 0.0, 1.0, Stream::new(2));
        let left = Bce::new().forward(&logits.sigmoid(), &y).unwrap();
        let right = BceWithLogits::new().forward(&logits, &y).unwrap();
        assert!((left.item().unwrap() - right.item().unwrap()).abs() < 1e-15);
        let function = |x: &[Tensor<f64>]| Bce::new().forward(&x[0].sigmoid(), &y);
        let worst = gradient_check::check(function, &[logits], 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn halves_cost_log_2_and_what_is_no_probability_is_refused() {
        let y = Tensor::<f64>::from_vec(vec![1.0, 0.25], [2]).unwrap();
        let initial = Bce::new().expected_initial(1, &y).unwrap();
        assert!((initial - 2.0_f64.ln()).abs() < 1e-15);
        let error = Bce::new().forward(&Tensor::full([2], 1.5), &y).unwrap_err();
        let want = "bce_loss: `prediction` must be in [0, 1] everywhere, found 1.5";
        assert_eq!(error.to_string(), want);
        assert!(Bce::new().forward(&y, &Tensor::full([2], -0.5)).is_err());
        assert!(Bce::new().forward(&y, &Tensor::zeros([2, 1])).is_err());
        let unknown = Tensor::full([2], f64::NAN);
        assert!(
            Bce::new()
                .forward(&unknown, &y)
                .unwrap()
                .item()
                .unwrap()
                .is_nan()
        );
    }
}
