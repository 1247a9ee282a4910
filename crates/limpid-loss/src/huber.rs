//! Squared error near, absolute error far.

use limpid_tensor::{Element, Elementwise, Result, Saved, Tensor};

use crate::values::{check_positive, loss_of_values, residual};
use crate::{Loss, Reduction};

const NAME: &str = "huber_loss";

/// Huber loss per element: r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2), for
/// r = prediction - target.
///
/// # Shapes
/// Prediction and target of one shape; one number per element.
///
/// # Gradient
/// r, clamped to [-delta, delta]: continuous, so there are no kinks.
///
/// # Uninformed
/// That of zeros against the targets. The floor is 0.
///
/// # Source
/// Huber 1964; equals `torch.nn.HuberLoss`.
///
/// # Example
/// ```
/// use limpid_loss::{Loss, Huber};
/// use limpid_tensor::Tensor;
///
/// let prediction = Tensor::<f64>::from_vec(vec![0.0, 1.0, -2.0, 0.0], [2, 2])?;
/// let target = Tensor::zeros([2, 2]);
/// assert_eq!(Huber::new().forward(&prediction, &target)?.item()?, 0.5);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Huber {
    /// Where the parabola becomes a line, above 0, in the unit of the target; default 1.
    pub delta: f64,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Default for Huber {
    fn default() -> Self {
        Self {
            delta: 1.0,
            reduction: Reduction::Mean,
        }
    }
}

impl Huber {
    /// With delta 1, reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    /// With another delta.
    #[must_use]
    pub fn with_delta(mut self, delta: f64) -> Self {
        self.delta = delta;
        self
    }

    /// With another reduction.
    #[must_use]
    pub fn with_reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }
}

struct HuberOf<E> {
    delta: E,
}

impl<E: Element> Elementwise<E> for HuberOf<E> {
    const NAME: &'static str = NAME;
    const SAVED: Saved = Saved::Input;

    fn value(&self, r: E) -> E {
        let size = r.abs();
        let half = E::of(0.5);
        if size <= self.delta {
            half * r * r
        } else {
            self.delta * (size - half * self.delta)
        }
    }

    fn backward(&self, r: E, gradient: E) -> E {
        // `max` and `min` of Rust drop NaN.
        let slope = if r > self.delta {
            self.delta
        } else if r < -self.delta {
            -self.delta
        } else {
            r
        };
        gradient * slope
    }
}

impl<E: Element> Loss<E> for Huber {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        check_positive(NAME, "delta", self.delta)?;
        let delta = E::of(self.delta);
        Ok(residual(NAME, prediction, target)?.apply(HuberOf { delta }))
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
    fn gradients_of_prediction_and_target_agree_with_differences() {
        let draw = |seed| Tensor::<f64>::standard_normal([5, 3], Stream::new(seed));
        for reduction in [Reduction::Mean, Reduction::Sum] {
            let loss = Huber::new().with_delta(0.7).with_reduction(reduction);
            let function = |x: &[Tensor<f64>]| loss.forward(&x[0], &x[1]);
            let worst = gradient_check::check(function, &[draw(1), draw(2)], 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{worst:?}");
        }
    }

    #[test]
    fn a_delta_out_of_range_is_refused() {
        let x = Tensor::<f64>::zeros([1]);
        for found in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Huber::new().with_delta(found).forward(&x, &x).is_err());
        }
    }

    #[test]
    fn shapes_that_differ_are_refused() {
        let (prediction, target) = (Tensor::<f64>::zeros([3, 1]), Tensor::zeros([3]));
        assert!(Huber::new().forward(&prediction, &target).is_err());
    }
}
