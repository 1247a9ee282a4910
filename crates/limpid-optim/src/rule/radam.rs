//! RAdam.

use limpid_tensor::{Element, Result, Tensor};

use super::{At, Decay, Rule, lerp, power, rule_state, settings, sign, zeros};
use crate::{setting, sweep};

/// RAdam: Adam whose first steps are those of momentum alone, until the variance of the averages of
/// squares is known, and shortened by a rectification after that.
///
/// ```text
/// g = gradient + weight_decay * p                            (gradient negated first: maximize)
/// m = b1 * m + (1 - b1) * g
/// v = b2 * v + (1 - b2) * g^2
/// n = 2 / (1 - b2) - 1,  n(t) = n - 2 t b2^t / (1 - b2^t)
/// r = sqrt((n(t) - 4) (n(t) - 2) n / ((n - 4) (n - 2) n(t)))
/// p = p - rate / (1 - b1^t) * m * (r sqrt(1 - b2^t) / (sqrt(v) + eps) if n(t) > 5, else 1)
/// ```
///
/// # Range
/// `betas` in [0, 1), default 0.9 and 0.999; `eps` from 0, default 1e-8; `weight_decay` from 0,
/// default 0. PyTorch's rate is 0.001.
///
/// # Source
/// Liu et al. (2020), "On the variance of the adaptive learning rate and beyond"; equals
/// torch.optim.RAdam (2.15), with its threshold of 5 (the paper's is 4).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Radam {
    /// The share that the averages of gradients and of their squares keep.
    pub betas: [f64; 2],
    /// Added to the root, so that nothing is divided by 0.
    pub eps: f64,
    /// The weight decay's strength.
    pub weight_decay: f64,
    /// How the weight decay acts; default [`Decay::Coupled`].
    pub decay: Decay,
    /// Whether the objective is to grow.
    pub maximize: bool,
}

impl Default for Radam {
    fn default() -> Self {
        Self {
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            decay: Decay::Coupled,
            maximize: false,
        }
    }
}

settings!(Radam {
    /// Sets the share that the averages of gradients and of their squares keep.
    with_betas: betas: [f64; 2],
    /// Sets what is added to the root.
    with_eps: eps: f64,
    /// Sets the weight decay's strength.
    with_weight_decay: weight_decay: f64,
    /// Sets how the weight decay acts.
    with_decay: decay: Decay,
    /// Climbs instead of descending, or does not.
    with_maximize: maximize: bool,
});

/// What [`Radam`] remembers.
#[derive(Clone, Debug)]
pub struct RadamState<E> {
    mean: Vec<E>,
    square: Vec<E>,
}

rule_state!(RadamState { mean, square });

impl Radam {
    /// What the step is multiplied by once the variance is known, `None` before.
    fn rectification(&self, step: u64) -> Option<f64> {
        let beta = self.betas[1];
        let correction = 1.0 - power(beta, step);
        let most = 2.0 / (1.0 - beta) - 1.0;
        let length = most - 2.0 * step as f64 * power(beta, step) / correction;
        (length > 5.0).then(|| {
            let above = (length - 4.0) * (length - 2.0) * most;
            let below = (most - 4.0) * (most - 2.0) * length;
            (above / below).sqrt() * correction.sqrt()
        })
    }
}

impl<E: Element> Rule<E> for Radam {
    type State = RadamState<E>;

    fn name(&self) -> &'static str {
        "radam"
    }

    fn check(&self) -> Result<()> {
        setting::betas("radam", self.betas)?;
        setting::not_negative("radam", "eps", self.eps)?;
        setting::not_negative("radam", "weight_decay", self.weight_decay)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn init(&self, parameter: &Tensor<E>) -> RadamState<E> {
        RadamState {
            mean: zeros(parameter, true),
            square: zeros(parameter, true),
        }
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut RadamState<E>, at: &At) {
        let [first, second] = self.betas;
        let size = at.rate / (1.0 - power(first, at.step));
        let (shrink, penalty) = self.decay.factors::<E>(at);
        let (eps, sign) = (E::of(self.eps), sign::<E>(self.maximize));
        let entering = E::of(1.0 - first);
        let (kept, entering_square) = (E::of(second), E::of(1.0 - second));
        let average = |p: &mut E, g: E, m: &mut E, v: &mut E| {
            *p *= shrink;
            let g = sign * g + penalty * *p;
            *m = lerp(*m, g, entering);
            *v = kept * *v + entering_square * g * g;
        };
        let RadamState { mean, square } = state;
        if let Some(rectification) = self.rectification(at.step) {
            let size = E::of(size * rectification);
            sweep::with_two(parameter, gradient, mean, square, move |p, g, m, v| {
                average(p, g, m, v);
                *p -= size * *m / (v.sqrt() + eps);
            });
        } else {
            let size = E::of(size);
            sweep::with_two(parameter, gradient, mean, square, move |p, g, m, v| {
                average(p, g, m, v);
                *p -= size * *m;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_five_steps_are_momentum_and_the_sixth_is_rectified() {
        let rule = Radam::new();
        assert_eq!(rule.rectification(5), None);
        let sixth = rule.rectification(6).unwrap();
        assert!(sixth > 0.0 && sixth < 0.1, "{sixth}");
        let late = rule.rectification(100_000).unwrap();
        assert!((late - 1.0).abs() < 1e-9, "{late}");
    }

    #[test]
    fn the_first_step_is_the_gradient() {
        let rule = Radam::new();
        let mut state = rule.init(&Tensor::<f64>::zeros([1]));
        let mut parameter = [1.0];
        let at = At {
            step: 1,
            rate: 0.1,
            weight_decay: 0.0,
        };
        rule.step(&mut parameter, &[2.0], &mut state, &at);
        assert!((parameter[0] - 0.8_f64).abs() < 1e-12);
    }

    #[test]
    fn a_negative_eps_is_refused() {
        let error = Rule::<f64>::check(&Radam::new().with_eps(-1.0)).unwrap_err();
        assert!(error.to_string().contains("`eps`"), "{error}");
    }
}
