//! Adadelta.

use limpid_tensor::{Element, Result, Tensor};

use super::{At, Rule, rule_state, settings, sign, zeros};
use crate::{setting, sweep};

/// Adadelta: steps in the unit of the parameter, by the ratio of the root mean squares of past
/// updates and gradients.
///
/// ```text
/// g = gradient + weight_decay * p                            (gradient negated first: maximize)
/// s = rho * s + (1 - rho) * g^2
/// d = sqrt(u + eps) / sqrt(s + eps) * g
/// u = rho * u + (1 - rho) * d^2
/// p = p - rate * d
/// ```
///
/// # Range
/// `rho` in [0, 1), default 0.9; `eps` from 0, default 1e-6; `weight_decay` from 0, default 0.
/// PyTorch's rate, and the paper's, is 1.
///
/// # Source
/// Zeiler (2012), "ADADELTA: an adaptive learning rate method"; equals torch.optim.Adadelta (2.15).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Adadelta {
    /// The share that both averages keep.
    pub rho: f64,
    /// Added under the roots.
    pub eps: f64,
    /// The L2 penalty's strength, added to the gradient.
    pub weight_decay: f64,
    /// Whether the objective is to grow.
    pub maximize: bool,
}

impl Default for Adadelta {
    fn default() -> Self {
        Self {
            rho: 0.9,
            eps: 1e-6,
            weight_decay: 0.0,
            maximize: false,
        }
    }
}

settings!(Adadelta {
    /// Sets the share that both averages keep.
    with_rho: rho: f64,
    /// Sets what is added under the roots.
    with_eps: eps: f64,
    /// Sets the L2 penalty's strength.
    with_weight_decay: weight_decay: f64,
    /// Climbs instead of descending, or does not.
    with_maximize: maximize: bool,
});

/// What [`Adadelta`] remembers.
#[derive(Clone, Debug)]
pub struct AdadeltaState<E> {
    square: Vec<E>,
    squared_update: Vec<E>,
}

rule_state!(AdadeltaState {
    square,
    squared_update
});

impl<E: Element> Rule<E> for Adadelta {
    type State = AdadeltaState<E>;

    fn name(&self) -> &'static str {
        "adadelta"
    }

    fn check(&self) -> Result<()> {
        setting::share("adadelta", "rho", self.rho)?;
        setting::not_negative("adadelta", "eps", self.eps)?;
        setting::not_negative("adadelta", "weight_decay", self.weight_decay)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn init(&self, parameter: &Tensor<E>) -> AdadeltaState<E> {
        AdadeltaState {
            square: zeros(parameter, true),
            squared_update: zeros(parameter, true),
        }
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut AdadeltaState<E>, at: &At) {
        let (rate, decay, sign) = (
            E::of(at.rate),
            E::of(at.weight_decay),
            sign::<E>(self.maximize),
        );
        let (rho, entering, eps) = (E::of(self.rho), E::of(1.0 - self.rho), E::of(self.eps));
        let AdadeltaState {
            square,
            squared_update,
        } = state;
        sweep::with_two(
            parameter,
            gradient,
            square,
            squared_update,
            move |p, g, s, u| {
                let g = sign * g + decay * *p;
                *s = rho * *s + entering * g * g;
                let update = (*u + eps).sqrt() / (*s + eps).sqrt() * g;
                *u = rho * *u + entering * update * update;
                *p -= rate * update;
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_by_hand() {
        let rule = Adadelta::new().with_rho(0.5).with_eps(1.0);
        let mut state = rule.init(&Tensor::<f64>::zeros([1]));
        let mut parameter = [1.0];
        let at = At {
            step: 1,
            rate: 0.5,
            weight_decay: 0.0,
        };
        // s = 0.5 * 16 = 8; d = 1 / 3 * 4
        rule.step(&mut parameter, &[4.0], &mut state, &at);
        assert!((parameter[0] - (1.0 - 0.5 * 4.0 / 3.0_f64)).abs() < 1e-15);
    }

    #[test]
    fn a_share_of_one_is_refused() {
        let error = Rule::<f64>::check(&Adadelta::new().with_rho(1.0)).unwrap_err();
        assert!(error.to_string().contains("`rho`"), "{error}");
    }
}
