//! The logarithm of the hyperbolic cosine of the error.

use limpid_tensor::{Element, Elementwise, Result, Saved, Tensor, math};

use crate::settings::with_reduction;
use crate::values::{loss_of_values, residual};
use crate::{Loss, Reduction};

const NAME: &str = "log_cosh_loss";

/// Log-cosh loss per element: log(cosh(r)) for r = prediction - target. About r^2 / 2 near 0 and
/// |r| - log 2 far from it, and smooth everywhere.
///
/// # Shapes
/// Prediction and target of one shape; one number per element.
///
/// # Gradient
/// tanh(r).
///
/// # Uninformed
/// That of zeros against the targets. The floor is 0. No kinks.
///
/// # Source
/// `keras.losses.LogCosh`; computed as |r| + log(1 + e^(-2|r|)) - log 2, which does not overflow.
///
/// # Example
/// ```
/// use limpid_loss::{LogCosh, Loss};
/// use limpid_tensor::Tensor;
///
/// let prediction = Tensor::<f64>::from_vec(vec![1.0, -1e30], [2])?;
/// let items = LogCosh::new().per_item(&prediction, &Tensor::zeros([2]))?.to_vec();
/// assert!((items[0] - 1.0_f64.cosh().ln()).abs() < 1e-15);
/// assert_eq!(items[1], 1e30);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LogCosh {
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl LogCosh {
    /// Reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    with_reduction!();
}

struct LogCoshOf;

impl<E: Element> Elementwise<E> for LogCoshOf {
    const NAME: &'static str = NAME;
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn value(&self, r: E) -> E {
        let (size, two) = (r.abs(), E::of(2.0));
        // Below, the two great terms of the other form would cancel.
        if size < E::of(1e-2) {
            let square = r * r;
            square * (E::of(0.5) - square * (E::of(1.0 / 12.0) - square / E::of(45.0)))
        } else {
            size + (math::ln_1p(math::exp(-two * size)) - E::of(std::f64::consts::LN_2))
        }
    }

    #[inline(always)]
    fn backward(&self, r: E, gradient: E) -> E {
        gradient * math::tanh(r)
    }
}

impl<E: Element> Loss<E> for LogCosh {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        Ok(residual(NAME, prediction, target)?.apply(LogCoshOf))
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::testing::compares_values;

    #[test]
    fn it_is_a_loss_of_residuals() {
        compares_values(&LogCosh::new());
    }

    #[test]
    fn small_errors_keep_their_digits() {
        for size in [1e-8, 1e-3, 0.009_999, 0.010_001, 0.5, 20.0] {
            let r = Tensor::<f64>::scalar(size);
            let items = LogCosh::new().per_item(&r, &Tensor::scalar(0.0)).unwrap();
            let found = items.item().unwrap();
            // 2 sinh(r/2)^2 = cosh(r) - 1.
            let expected = (2.0 * (size / 2.0).sinh().powi(2)).ln_1p();
            assert!((found / expected - 1.0).abs() < 1e-11, "{size}: {found}");
        }
    }

    #[test]
    fn extreme_errors_stay_finite() {
        let r = Tensor::from_vec(vec![1e3_f32, -1e30], [2]).unwrap();
        let r = r.requires_grad();
        let loss = LogCosh::new().forward(&r, &Tensor::zeros([2])).unwrap();
        assert_eq!(loss.item().unwrap(), 0.5e30);
        let gradients = loss.backward().unwrap();
        assert_eq!(gradients.tensor(&r).unwrap().to_vec(), [0.5, -0.5]);
    }
}
