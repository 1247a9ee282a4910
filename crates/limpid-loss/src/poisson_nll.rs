//! The likelihood of counts.

use limpid_tensor::{Element, Result, Tensor, math};

use crate::settings::{setting, with_reduction};
use crate::slopes::of_pairs;
use crate::values::{check_positive, check_target, loss_of_values};
use crate::{Loss, Reduction, uninformed};

const NAME: &str = "poisson_nll_loss";

/// Negative log-likelihood of counts y under a Poisson distribution, per element: e^f - y f where the
/// prediction f is the logarithm of the rate, or f - y log(f + eps) where it is the rate itself. What
/// depends on y alone, log y!, is left out, or approximated by Stirling's y log y - y + log(2 pi y) / 2
/// for y > 1.
///
/// # Shapes
/// Prediction and target of one shape; one number per element. The target must not be negative, and
/// receives no gradient.
///
/// # Gradient
/// e^f - y, or 1 - y / (f + eps).
///
/// # Uninformed
/// 1 for zeros as logarithms of rates; -y log(eps) for rates of 0. The floor is y - y log y: that of the
/// rate y. No kinks.
///
/// # Source
/// Equals `torch.nn.PoissonNLLLoss`.
///
/// # Example
/// ```
/// use limpid_loss::{Loss, PoissonNll};
/// use limpid_tensor::Tensor;
///
/// let prediction = Tensor::<f64>::zeros([2]);
/// let target = Tensor::from_vec(vec![0.0, 5.0], [2])?;
/// assert_eq!(PoissonNll::new().forward(&prediction, &target)?.item()?, 1.0);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PoissonNll {
    /// Whether predictions are logarithms of rates; default yes.
    pub log_input: bool,
    /// Whether Stirling's approximation of log y! is added; default no.
    pub full: bool,
    /// What keeps the logarithm of a rate of 0 finite, above 0; default 1e-8.
    pub eps: f64,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Default for PoissonNll {
    fn default() -> Self {
        Self {
            log_input: true,
            full: false,
            eps: 1e-8,
            reduction: Reduction::Mean,
        }
    }
}

impl PoissonNll {
    /// Of logarithms of rates, without log y!, reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    setting! {
        /// Of logarithms of rates, or of rates.
        with_log_input, log_input: bool
    }

    setting! {
        /// With Stirling's approximation of log y!, or without.
        with_full, full: bool
    }

    setting! {
        /// With another eps.
        with_eps, eps: f64
    }

    with_reduction!();

    /// What depends on the target alone.
    fn stirling(&self, y: f64) -> f64 {
        if self.full && y > 1.0 {
            y * y.ln() - y + 0.5 * (std::f64::consts::TAU * y).ln()
        } else {
            0.0
        }
    }
}

impl<E: Element> Loss<E> for PoissonNll {
    loss_of_values!(E, NAME, but_for_the_floor);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        check_positive(NAME, "eps", self.eps)?;
        check_target(NAME, target, "not negative", |y| y >= E::zero())?;
        let eps = E::of(self.eps);
        of_pairs(NAME, prediction, target, |f, y| {
            // Of no events, 0 times even minus infinity is 0.
            let times = |log: E| {
                if y == E::zero() && !log.is_nan() {
                    y
                } else {
                    y * log
                }
            };
            let (loss, slope) = if self.log_input {
                let rate = math::exp(f);
                (rate - times(f), rate - y)
            } else {
                let rate = f + eps;
                (f - times(math::ln(rate)), E::one() - y / rate)
            };
            (loss + E::of(self.stirling(y.double())), slope)
        })
    }

    fn floor(&self, _outputs: usize, target: &Tensor<E>) -> Option<f64> {
        let least = |y: f64| {
            let entropy = if y > 0.0 { y - y * y.ln() } else { 0.0 };
            let below = if self.log_input { 0.0 } else { self.eps };
            entropy - below + self.stirling(y)
        };
        let elements = target.elements();
        let total = elements.iter().map(|y| least(y.double())).sum();
        uninformed::reduced(self, total, elements.len(), target)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(loss: &PoissonNll, f: &[f64], y: &[f64]) -> Vec<f64> {
        let tensor = |it: &[f64]| Tensor::from_vec(it.to_vec(), [it.len()]).unwrap();
        loss.per_item(&tensor(f), &tensor(y)).unwrap().to_vec()
    }

    #[rustfmt::skip]
    const TORCH: [(bool, bool, [f64; 4]); 4] = [
        (false, true, [1.3498588075760032, 1.5011942119122021, -0.6109439010693496, -3.2362472925295234]),
        (false, false, [0.3, 1.0176784348727121, -0.772588742239781, 3.375061972397636]),
        (true, true, [1.3498588075760032, 1.5011942119122021, 2.5463192571748308, 6.301915405013268]),
        (true, false, [0.3, 1.0176784348727121, 2.3846744160043993, 12.913224669940426]),
    ];

    #[test]
    fn values_are_those_of_pytorch() {
        // torch 2.15.0, poisson_nll_loss(reduction="none").
        let (f, y) = ([0.3, -1.2, 2.0, 0.7], [0.0, 1.0, 4.0, 7.5]);
        for (full, log_input, expected) in TORCH {
            let loss = PoissonNll::new().with_full(full).with_log_input(log_input);
            let f = f.map(|f: f64| if log_input { f } else { f.abs() });
            let found = items(&loss, &f, &y);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-13, "{found}, {expected}");
            }
        }
    }

    #[test]
    fn the_floor_is_reached_where_the_rate_is_the_count() {
        let y = Tensor::<f64>::from_vec(vec![0.0, 0.5, 3.0], [3]).unwrap();
        let loss = PoissonNll::new().with_full(true);
        let best = Tensor::from_vec(vec![f64::NEG_INFINITY, 0.5_f64.ln(), 3.0_f64.ln()], [3]);
        let reached = loss.forward(&best.unwrap(), &y).unwrap().item().unwrap();
        assert!((reached - loss.floor(1, &y).unwrap()).abs() < 1e-15);
    }

    #[test]
    fn rates_of_zero_and_counts_of_zero_stay_finite() {
        let rates = PoissonNll::new().with_log_input(false);
        assert_eq!(items(&rates, &[1e30, 0.0], &[0.0, 0.0]), [1e30, 0.0]);
        let found = items(&PoissonNll::new(), &[-1e3, f64::NEG_INFINITY], &[2.0, 0.0]);
        assert_eq!(found, [2e3, 0.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (x, ones) = (Tensor::<f64>::zeros([2]), Tensor::ones([2]));
        let negative = Tensor::full([2], -1.0);
        assert!(PoissonNll::new().forward(&x, &negative).is_err());
        assert!(PoissonNll::new().with_eps(0.0).forward(&x, &ones).is_err());
        assert!(
            PoissonNll::new()
                .forward(&x, &Tensor::ones([2, 1]))
                .is_err()
        );
    }
}
