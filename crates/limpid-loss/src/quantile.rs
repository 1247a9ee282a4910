//! Absolute error that leans to one side.

use limpid_tensor::{Element, Elementwise, Error, Result, Saved, Tensor};

use crate::settings::{setting, with_reduction};
use crate::values::{loss_of_values, residual};
use crate::{Loss, Reduction};

const NAME: &str = "quantile_loss";

/// Quantile or pinball loss per element: q (y - f) where the target y lies above the prediction f, and
/// (1 - q) (f - y) where it lies below. Its minimiser is the q-quantile of the target.
///
/// # Shapes
/// Prediction and target of one shape; one number per element.
///
/// # Gradient
/// -q below the target, 1 - q above it; 0 at the kink, where they are equal.
///
/// # Uninformed
/// That of zeros against the targets. The floor is 0. Has a kink where they
/// are equal.
///
/// # Source
/// Koenker and Bassett 1978; equals `sklearn.metrics.mean_pinball_loss`. Twice the loss of the median
/// (q = 1/2) is the absolute error.
///
/// # Example
/// ```
/// use limpid_loss::{Loss, Quantile};
/// use limpid_tensor::Tensor;
///
/// let prediction = Tensor::<f64>::from_vec(vec![0.0, 0.0], [2])?;
/// let target = Tensor::from_vec(vec![10.0, -10.0], [2])?;
/// let criterion = Quantile::new(0.75);
/// assert_eq!(criterion.per_item(&prediction, &target)?.to_vec(), [7.5, 2.5]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Quantile {
    /// Which quantile is to be predicted, in (0, 1).
    pub quantile: f64,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Quantile {
    /// Of this quantile, reduced to the mean over all elements.
    pub fn new(quantile: f64) -> Self {
        Self {
            quantile,
            reduction: Reduction::Mean,
        }
    }

    setting! {
        /// Of another quantile.
        with_quantile, quantile: f64
    }

    with_reduction!();
}

struct Pinball<E> {
    quantile: E,
}

impl<E: Element> Elementwise<E> for Pinball<E> {
    const NAME: &'static str = NAME;
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn value(&self, r: E) -> E {
        r * Elementwise::backward(self, r, E::one())
    }

    #[inline(always)]
    fn backward(&self, r: E, gradient: E) -> E {
        let slope = if r > E::zero() {
            E::one() - self.quantile
        } else if r < E::zero() {
            -self.quantile
        } else {
            // 0 at the kink; NaN stays NaN.
            r
        };
        gradient * slope
    }
}

impl<E: Element> Loss<E> for Quantile {
    loss_of_values!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        if !(self.quantile > 0.0 && self.quantile < 1.0) {
            let found = self.quantile;
            return Err(Error::argument(NAME, "quantile", "between 0 and 1", found));
        }
        let quantile = E::of(self.quantile);
        Ok(residual(NAME, prediction, target)?.apply(Pinball { quantile }))
    }

    fn has_kinks(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::L1;
    use crate::values::testing::compares_values;

    #[test]
    fn it_is_a_loss_of_residuals() {
        compares_values(&Quantile::new(0.9));
    }

    #[test]
    fn twice_that_of_the_median_is_the_absolute_error() {
        let prediction = Tensor::<f64>::from_vec(vec![1.0, -2.0, 0.5], [3]).unwrap();
        let target = Tensor::zeros([3]);
        let median = Quantile::new(0.5).forward(&prediction, &target).unwrap();
        let absolute = L1::new().forward(&prediction, &target).unwrap();
        assert_eq!(2.0 * median.item().unwrap(), absolute.item().unwrap());
    }

    #[test]
    fn extreme_predictions_stay_finite() {
        let prediction = Tensor::from_vec(vec![1e30_f32, -1e30], [2]).unwrap();
        let items = Quantile::new(0.75).per_item(&prediction, &Tensor::zeros([2]));
        for (found, expected) in items.unwrap().to_vec().iter().zip([0.25, 0.75]) {
            assert!((found / 1e30 - expected).abs() < 1e-6, "{found}");
        }
    }

    #[test]
    fn quantiles_lie_between_zero_and_one() {
        let x = Tensor::<f64>::zeros([1]);
        for found in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(Quantile::new(found).forward(&x, &x).is_err(), "{found}");
        }
    }
}
