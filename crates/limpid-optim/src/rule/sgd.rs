//! Stochastic gradient descent.

use limpid_tensor::{Element, Result, Tensor};

use super::{At, LinearStep, Rule, rule_state, settings, sign, zeros};
use crate::{setting, sweep};

/// Stochastic gradient descent, with momentum or Nesterov's momentum.
///
/// ```text
/// g = gradient + weight_decay * p                            (gradient negated first: maximize)
/// v = g at the first step, momentum * v + (1 - dampening) * g after it
/// p = p - rate * (g: without momentum; v: with it; g + momentum * v: Nesterov)
/// ```
///
/// # Range
/// `momentum` in [0, 1), default 0; `dampening` in [0, 1], default 0; `weight_decay` from 0,
/// default 0. Nesterov needs momentum and no dampening.
///
/// # Differs from
/// torch.optim.SGD takes any momentum from 0; one of 1 or more diverges and is refused here.
///
/// # Source
/// Sutskever et al. (2013), "On the importance of initialization and momentum in deep learning";
/// equals torch.optim.SGD (2.15).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Sgd {
    /// The share of the velocity that is kept.
    pub momentum: f64,
    /// The share of the gradient that does not enter the velocity.
    pub dampening: f64,
    /// The L2 penalty's strength, added to the gradient.
    pub weight_decay: f64,
    /// Whether to look ahead along the velocity.
    pub nesterov: bool,
    /// Whether the objective is to grow.
    pub maximize: bool,
}

settings!(Sgd {
    /// Keeps this share of the velocity.
    with_momentum: momentum: f64,
    /// Keeps this share of the gradient out of the velocity.
    with_dampening: dampening: f64,
    /// Sets the L2 penalty's strength.
    with_weight_decay: weight_decay: f64,
    /// Looks ahead along the velocity, or does not.
    with_nesterov: nesterov: bool,
    /// Climbs instead of descending, or does not.
    with_maximize: maximize: bool,
});

/// What [`Sgd`] remembers.
#[derive(Clone, Debug)]
pub struct SgdState<E> {
    velocity: Vec<E>,
}

rule_state!(SgdState { velocity });

impl<E: Element> Rule<E> for Sgd {
    type State = SgdState<E>;

    fn name(&self) -> &'static str {
        "sgd"
    }

    fn check(&self) -> Result<()> {
        setting::share("sgd", "momentum", self.momentum)?;
        let dampening = self.dampening;
        setting::require(
            (0.0..=1.0).contains(&dampening),
            "sgd",
            "dampening",
            "in [0, 1]",
            dampening,
        )?;
        setting::not_negative("sgd", "weight_decay", self.weight_decay)?;
        let fits = !self.nesterov || (self.momentum > 0.0 && dampening == 0.0);
        let expected = "false without momentum, and with dampening";
        setting::require(fits, "sgd", "nesterov", expected, self.nesterov)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn init(&self, parameter: &Tensor<E>) -> SgdState<E> {
        SgdState {
            velocity: zeros(parameter, self.momentum > 0.0),
        }
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut SgdState<E>, at: &At) {
        let (rate, decay) = (E::of(at.rate), E::of(at.weight_decay));
        let sign = sign::<E>(self.maximize);
        if self.momentum == 0.0 {
            sweep::plain(parameter, gradient, move |p, g| {
                *p -= rate * (sign * g + decay * *p)
            });
            return;
        }
        // The first gradient enters whole, whatever the dampening.
        let (kept, entering) = match at.step {
            1 => (E::zero(), E::one()),
            _ => (E::of(self.momentum), E::of(1.0 - self.dampening)),
        };
        let momentum = E::of(self.momentum);
        let velocity = &mut state.velocity;
        if self.nesterov {
            sweep::with_one(parameter, gradient, velocity, move |p, g, v| {
                let g = sign * g + decay * *p;
                *v = kept * *v + entering * g;
                *p -= rate * (g + momentum * *v);
            });
        } else {
            sweep::with_one(parameter, gradient, velocity, move |p, g, v| {
                let g = sign * g + decay * *p;
                *v = kept * *v + entering * g;
                *p -= rate * *v;
            });
        }
    }
    fn linear(&self, at: &At) -> Option<LinearStep> {
        (self.momentum == 0.0).then(|| LinearStep {
            keep: 1.0 - at.rate * at.weight_decay,
            scale: -at.rate * sign::<f64>(self.maximize),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_steps(rule: &Sgd) -> f64 {
        let mut state = rule.init(&Tensor::<f64>::zeros([1]));
        let mut parameter = [1.0];
        for step in 1..=2 {
            let at = At {
                step,
                rate: 0.1,
                weight_decay: rule.weight_decay,
            };
            rule.step(&mut parameter, &[2.0], &mut state, &at);
        }
        parameter[0]
    }

    #[test]
    fn two_steps_by_hand() {
        let near = |rule: &Sgd, want: f64| {
            let got = two_steps(rule);
            assert!((got - want).abs() < 1e-15, "{rule:?}: {got}, not {want}");
        };
        near(&Sgd::new(), 0.6);
        near(&Sgd::new().with_maximize(true), 1.4);
        // v = 2, then 0.5 * 2 + 2 = 3
        near(&Sgd::new().with_momentum(0.5), 0.5);
        // v = 2, then 0.5 * 2 + 0.75 * 2 = 2.5
        near(&Sgd::new().with_momentum(0.5).with_dampening(0.25), 0.55);
        // 2 + 0.5 * 2 = 3, then 2 + 0.5 * 3 = 3.5
        near(&Sgd::new().with_momentum(0.5).with_nesterov(true), 0.35);
        // p = 1 - 0.1 (2 + 0.5) = 0.75, then 0.75 - 0.1 (2 + 0.375)
        near(&Sgd::new().with_weight_decay(0.5), 0.5125);
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        let refused = |rule: Sgd| Rule::<f64>::check(&rule).unwrap_err().to_string();
        assert!(refused(Sgd::new().with_momentum(1.0)).contains("`momentum`"));
        assert!(refused(Sgd::new().with_momentum(-0.1)).contains("`momentum`"));
        assert!(refused(Sgd::new().with_weight_decay(f64::NAN)).contains("`weight_decay`"));
        assert!(refused(Sgd::new().with_nesterov(true)).contains("`nesterov`"));
        let dampened = Sgd::new().with_momentum(0.9).with_dampening(0.1);
        assert!(refused(dampened.with_nesterov(true)).contains("`nesterov`"));
    }
}
