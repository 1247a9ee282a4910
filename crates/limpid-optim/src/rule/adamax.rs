//! Adamax.

use limpid_tensor::{Element, Result, Tensor};

use super::{At, Rule, lerp, power, rule_state, settings, sign, zeros};
use crate::{setting, sweep};

/// Adamax: Adam with the largest recent gradient in the place of the root mean square.
///
/// ```text
/// g = gradient + weight_decay * p                            (gradient negated first: maximize)
/// m = b1 * m + (1 - b1) * g
/// u = max(b2 * u, |g| + eps)
/// p = p - rate / (1 - b1^t) * m / u
/// ```
///
/// # Range
/// `betas` in [0, 1), default 0.9 and 0.999; `eps` from 0, default 1e-8; `weight_decay` from 0,
/// default 0. PyTorch's rate is 0.002.
///
/// # Source
/// Kingma & Ba (2015), "Adam: a method for stochastic optimization", section 7.1; equals
/// torch.optim.Adamax (2.15).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Adamax {
    /// The share that the average of gradients and the largest one keep.
    pub betas: [f64; 2],
    /// Added to the gradient's magnitude, so that nothing is divided by 0.
    pub eps: f64,
    /// The L2 penalty's strength, added to the gradient.
    pub weight_decay: f64,
    /// Whether the objective is to grow.
    pub maximize: bool,
}

impl Default for Adamax {
    fn default() -> Self {
        Self {
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            maximize: false,
        }
    }
}

settings!(Adamax {
    /// Sets the share that the average of gradients and the largest one keep.
    with_betas: betas: [f64; 2],
    /// Sets what is added to the gradient's magnitude.
    with_eps: eps: f64,
    /// Sets the L2 penalty's strength.
    with_weight_decay: weight_decay: f64,
    /// Climbs instead of descending, or does not.
    with_maximize: maximize: bool,
});

/// What [`Adamax`] remembers.
#[derive(Clone, Debug)]
pub struct AdamaxState<E> {
    mean: Vec<E>,
    largest: Vec<E>,
}

rule_state!(AdamaxState { mean, largest });

impl<E: Element> Rule<E> for Adamax {
    type State = AdamaxState<E>;

    fn name(&self) -> &'static str {
        "adamax"
    }

    fn check(&self) -> Result<()> {
        setting::betas("adamax", self.betas)?;
        setting::not_negative("adamax", "eps", self.eps)?;
        setting::not_negative("adamax", "weight_decay", self.weight_decay)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn init(&self, parameter: &Tensor<E>) -> AdamaxState<E> {
        AdamaxState {
            mean: zeros(parameter, true),
            largest: zeros(parameter, true),
        }
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut AdamaxState<E>, at: &At) {
        let [first, second] = self.betas;
        let size = E::of(at.rate / (1.0 - power(first, at.step)));
        let (decay, eps, sign) = (
            E::of(at.weight_decay),
            E::of(self.eps),
            sign::<E>(self.maximize),
        );
        let (entering, kept) = (E::of(1.0 - first), E::of(second));
        let AdamaxState { mean, largest } = state;
        sweep::with_two(parameter, gradient, mean, largest, move |p, g, m, u| {
            let g = sign * g + decay * *p;
            *m = lerp(*m, g, entering);
            *u = (kept * *u).max(g.abs() + eps);
            *p -= size * *m / *u;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_by_hand() {
        let rule = Adamax::new().with_betas([0.5, 0.5]).with_eps(0.0);
        let mut state = rule.init(&Tensor::<f64>::zeros([1]));
        let mut parameter = [1.0];
        for (step, gradient) in [(1, 4.0), (2, 1.0)] {
            let at = At {
                step,
                rate: 0.1,
                weight_decay: 0.0,
            };
            rule.step(&mut parameter, &[gradient], &mut state, &at);
        }
        // m = 2, 1.5; u = 4, 2; corrections 0.5, 0.75
        assert!((parameter[0] - (1.0 - 0.1 - 0.1_f64)).abs() < 1e-15);
    }

    #[test]
    fn a_beta_of_one_is_refused() {
        let error = Rule::<f64>::check(&Adamax::new().with_betas([0.9, 1.0])).unwrap_err();
        assert!(error.to_string().contains("`betas[1]`"), "{error}");
    }
}
