//! Absolute error, rounded at its tip.

use limpid_tensor::{Element, Elementwise, Error, Result, Saved, Tensor};

use crate::values::{loss_of_values, residual};
use crate::{Loss, Reduction};

const NAME: &str = "smooth_l1_loss";

/// Absolute error with a rounded tip, per element: r^2 / (2 beta) where |r| < beta, else
/// |r| - beta / 2, for r = prediction - target. It is [`Huber`](crate::Huber) divided by its delta.
///
/// # Shapes
/// Prediction and target of one shape; one number per element.
///
/// # Gradient
/// r / beta, clamped to [-1, 1]: continuous, so there are no kinks unless beta is 0.
///
/// # Uninformed
/// That of zeros against the targets. The floor is 0.
///
/// # Source
/// Girshick 2015, equation 3; equals `torch.nn.SmoothL1Loss`.
///
/// # Example
/// ```
/// use limpid_loss::{Loss, SmoothL1};
/// use limpid_tensor::Tensor;
///
/// let prediction = Tensor::<f64>::from_vec(vec![0.0, 1.0, -2.0, 0.0], [2, 2])?;
/// let target = Tensor::zeros([2, 2]);
/// assert_eq!(SmoothL1::new().forward(&prediction, &target)?.item()?, 0.5);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SmoothL1 {
    /// Where the parabola becomes a line, not negative, in the unit of the target; default 1. 0 is the
    /// absolute error.
    pub beta: f64,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Default for SmoothL1 {
    fn default() -> Self {
        Self {
            beta: 1.0,
            reduction: Reduction::Mean,
        }
    }
}

impl SmoothL1 {
    /// With beta 1, reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    /// With another beta.
    #[must_use]
    pub fn with_beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }

    /// With another reduction.
    #[must_use]
    pub fn with_reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }
}

struct SmoothL1Of<E> {
    beta: E,
}

impl<E: Element> Elementwise<E> for SmoothL1Of<E> {
    const NAME: &'static str = NAME;
    const SAVED: Saved = Saved::Input;

    fn value(&self, r: E) -> E {
        let size = r.abs();
        let half = E::of(0.5);
        if size < self.beta {
            half * r * r / self.beta
        } else {
            size - half * self.beta
        }
    }

    fn backward(&self, r: E, gradient: E) -> E {
        if r.abs() < self.beta {
            gradient * r / self.beta
        } else if r == E::zero() {
            E::zero()
        } else {
            // NaN stays NaN.
            gradient * r.signum()
        }
    }
}

impl<E: Element> Loss<E> for SmoothL1 {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        if !(self.beta.is_finite() && self.beta >= 0.0) {
            let expected = "finite and not negative";
            return Err(Error::argument(NAME, "beta", expected, self.beta));
        }
        let beta = E::of(self.beta);
        Ok(residual(NAME, prediction, target)?.apply(SmoothL1Of { beta }))
    }

    fn has_kinks(&self) -> bool {
        self.beta == 0.0
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
            let loss = SmoothL1::new().with_beta(0.7).with_reduction(reduction);
            let function = |x: &[Tensor<f64>]| loss.forward(&x[0], &x[1]);
            let worst = gradient_check::check(function, &[draw(1), draw(2)], 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{worst:?}");
        }
    }

    #[test]
    fn beta_zero_is_the_absolute_error() {
        let x = Tensor::<f64>::from_vec(vec![-2.0, 0.0, 3.0], [3])
            .unwrap()
            .requires_grad();
        let loss = SmoothL1::new()
            .with_beta(0.0)
            .with_reduction(Reduction::Sum);
        let value = loss.forward(&x, &Tensor::zeros([3])).unwrap();
        assert_eq!(value.item().unwrap(), 5.0);
        let gradients = value.backward().unwrap();
        assert_eq!(gradients.tensor(&x).unwrap().to_vec(), [-1.0, 0.0, 1.0]);
    }

    #[test]
    fn a_beta_out_of_range_is_refused() {
        let x = Tensor::<f64>::zeros([1]);
        for found in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(SmoothL1::new().with_beta(found).forward(&x, &x).is_err());
        }
    }

    #[test]
    fn shapes_that_differ_are_refused() {
        let (prediction, target) = (Tensor::<f64>::zeros([3, 1]), Tensor::zeros([3]));
        assert!(SmoothL1::new().forward(&prediction, &target).is_err());
    }
}
