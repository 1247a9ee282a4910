//! NAdam.

use limpid_tensor::{Element, Result, Tensor};

use super::{At, Decay, Rule, lerp, power, rule_state, settings, sign, zeros};
use crate::{setting, sweep};

/// NAdam: Adam with Nesterov's momentum, and a momentum that grows with the step.
///
/// ```text
/// g = gradient + weight_decay * p                            (gradient negated first: maximize)
/// mu(t) = b1 * (1 - 0.5 * 0.96^(t * momentum_decay)),  M = mu(1) * ... * mu(t)
/// m = b1 * m + (1 - b1) * g
/// v = b2 * v + (1 - b2) * g^2
/// p = p - rate * ((1 - mu(t)) / (1 - M) * g + mu(t+1) / (1 - M * mu(t+1)) * m)
///         / (sqrt(v / (1 - b2^t)) + eps)
/// ```
///
/// M is kept in single precision for both element types, as PyTorch has it.
///
/// # Range
/// `betas` in [0, 1), default 0.9 and 0.999; `eps` from 0, default 1e-8; `momentum_decay` from 0,
/// default 0.004; `weight_decay` from 0, default 0. PyTorch's rate is 0.002.
///
/// # Source
/// Dozat (2016), "Incorporating Nesterov momentum into Adam"; equals torch.optim.NAdam (2.15).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Nadam {
    /// The share that the averages of gradients and of their squares keep.
    pub betas: [f64; 2],
    /// Added to the root, so that nothing is divided by 0.
    pub eps: f64,
    /// The weight decay's strength.
    pub weight_decay: f64,
    /// How fast the momentum grows to its full size.
    pub momentum_decay: f64,
    /// How the weight decay acts; default [`Decay::Coupled`].
    pub decay: Decay,
    /// Whether the objective is to grow.
    pub maximize: bool,
}

impl Default for Nadam {
    fn default() -> Self {
        Self {
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            momentum_decay: 4e-3,
            decay: Decay::Coupled,
            maximize: false,
        }
    }
}

settings!(Nadam {
    /// Sets the share that the averages of gradients and of their squares keep.
    with_betas: betas: [f64; 2],
    /// Sets what is added to the root.
    with_eps: eps: f64,
    /// Sets the weight decay's strength.
    with_weight_decay: weight_decay: f64,
    /// Sets how fast the momentum grows to its full size.
    with_momentum_decay: momentum_decay: f64,
    /// Sets how the weight decay acts.
    with_decay: decay: Decay,
    /// Climbs instead of descending, or does not.
    with_maximize: maximize: bool,
});

/// What [`Nadam`] remembers.
#[derive(Clone, Debug)]
pub struct NadamState<E> {
    mean: Vec<E>,
    square: Vec<E>,
    momentum_product: f64,
}

rule_state!(NadamState { mean, square; momentum_product });

impl Nadam {
    /// The momentum of a step.
    fn momentum(&self, step: u64) -> f64 {
        self.betas[0] * (1.0 - 0.5 * 0.96f64.powf(step as f64 * self.momentum_decay))
    }
}

impl<E: Element> Rule<E> for Nadam {
    type State = NadamState<E>;

    fn name(&self) -> &'static str {
        "nadam"
    }

    fn check(&self) -> Result<()> {
        setting::betas("nadam", self.betas)?;
        setting::not_negative("nadam", "eps", self.eps)?;
        setting::not_negative("nadam", "weight_decay", self.weight_decay)?;
        setting::not_negative("nadam", "momentum_decay", self.momentum_decay)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn init(&self, parameter: &Tensor<E>) -> NadamState<E> {
        NadamState {
            mean: zeros(parameter, true),
            square: zeros(parameter, true),
            momentum_product: 1.0,
        }
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut NadamState<E>, at: &At) {
        let [first, second] = self.betas;
        let (now, next) = (self.momentum(at.step), self.momentum(at.step + 1));
        let product = f64::from(state.momentum_product as f32 * now as f32);
        state.momentum_product = product;
        let of_gradient = E::of(at.rate * (1.0 - now) / (1.0 - product));
        let of_mean = E::of(at.rate * next / (1.0 - product * next));
        let correction = E::of(1.0 - power(second, at.step));
        let (shrink, penalty) = self.decay.factors::<E>(at);
        let (eps, sign) = (E::of(self.eps), sign::<E>(self.maximize));
        let entering = E::of(1.0 - first);
        let (kept, entering_square) = (E::of(second), E::of(1.0 - second));
        let NadamState { mean, square, .. } = state;
        sweep::with_two(parameter, gradient, mean, square, move |p, g, m, v| {
            *p *= shrink;
            let g = sign * g + penalty * *p;
            *m = lerp(*m, g, entering);
            *v = kept * *v + entering_square * g * g;
            let root = (*v / correction).sqrt() + eps;
            *p -= of_gradient * g / root + of_mean * *m / root;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_by_hand() {
        let rule = Nadam::new().with_betas([0.5, 0.999]);
        let rule = rule.with_momentum_decay(0.0).with_eps(0.0);
        let mut state = rule.init(&Tensor::<f64>::zeros([1]));
        let mut parameter = [1.0];
        let at = At {
            step: 1,
            rate: 0.1,
            weight_decay: 0.0,
        };
        rule.step(&mut parameter, &[2.0], &mut state, &at);
        // mu = 0.25 throughout; m = 1; the root is 2
        let want = 1.0 - 0.1 * (2.0 + 0.25 / (1.0 - 0.0625)) / 2.0;
        assert!(
            (parameter[0] - want).abs() < 1e-12,
            "{} {want}",
            parameter[0]
        );
    }

    #[test]
    fn a_negative_momentum_decay_is_refused() {
        let error = Rule::<f64>::check(&Nadam::new().with_momentum_decay(-1.0)).unwrap_err();
        assert!(error.to_string().contains("`momentum_decay`"), "{error}");
    }
}
