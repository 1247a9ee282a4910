//! Adagrad.

use limpid_tensor::{Element, Result, Tensor};

use super::{At, Rule, rule_state, settings, sign};
use crate::{setting, sweep};

/// Adagrad: every element's rate falls with the squares of all gradients that it has seen.
///
/// ```text
/// g = gradient + weight_decay * p                            (gradient negated first: maximize)
/// s = s + g^2                                                (starts at initial_accumulator_value)
/// p = p - rate / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)
/// ```
///
/// # Range
/// All settings from 0; `eps` has the default 1e-10, the others 0. PyTorch's rate is 0.01.
///
/// # Source
/// Duchi, Hazan & Singer (2011), "Adaptive subgradient methods for online learning and stochastic
/// optimization"; equals torch.optim.Adagrad (2.15).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Adagrad {
    /// How fast the rate falls with the step.
    pub lr_decay: f64,
    /// The L2 penalty's strength, added to the gradient.
    pub weight_decay: f64,
    /// What the sum of squares starts from.
    pub initial_accumulator_value: f64,
    /// Added to the root, so that nothing is divided by 0.
    pub eps: f64,
    /// Whether the objective is to grow.
    pub maximize: bool,
}

impl Default for Adagrad {
    fn default() -> Self {
        Self {
            lr_decay: 0.0,
            weight_decay: 0.0,
            initial_accumulator_value: 0.0,
            eps: 1e-10,
            maximize: false,
        }
    }
}

settings!(Adagrad {
    /// Sets how fast the rate falls with the step.
    with_lr_decay: lr_decay: f64,
    /// Sets the L2 penalty's strength.
    with_weight_decay: weight_decay: f64,
    /// Sets what the sum of squares starts from.
    with_initial_accumulator_value: initial_accumulator_value: f64,
    /// Sets what is added to the root.
    with_eps: eps: f64,
    /// Climbs instead of descending, or does not.
    with_maximize: maximize: bool,
});

/// What [`Adagrad`] remembers.
#[derive(Clone, Debug)]
pub struct AdagradState<E> {
    sum: Vec<E>,
}

rule_state!(AdagradState { sum });

impl<E: Element> Rule<E> for Adagrad {
    type State = AdagradState<E>;

    fn name(&self) -> &'static str {
        "adagrad"
    }

    fn check(&self) -> Result<()> {
        setting::not_negative("adagrad", "lr_decay", self.lr_decay)?;
        setting::not_negative("adagrad", "weight_decay", self.weight_decay)?;
        let initial = self.initial_accumulator_value;
        setting::not_negative("adagrad", "initial_accumulator_value", initial)?;
        setting::not_negative("adagrad", "eps", self.eps)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn init(&self, parameter: &Tensor<E>) -> AdagradState<E> {
        AdagradState {
            sum: vec![E::of(self.initial_accumulator_value); parameter.len()],
        }
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut AdagradState<E>, at: &At) {
        let rate = E::of(at.rate / (1.0 + (at.step - 1) as f64 * self.lr_decay));
        let (decay, eps, sign) = (
            E::of(at.weight_decay),
            E::of(self.eps),
            sign::<E>(self.maximize),
        );
        sweep::with_one(parameter, gradient, &mut state.sum, move |p, g, sum| {
            let g = sign * g + decay * *p;
            *sum += g * g;
            *p -= rate * g / (sum.sqrt() + eps);
        });
    }
    fn rests_at_zero(&self, at: &At) -> bool {
        at.weight_decay == 0.0 && self.eps > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_by_hand() {
        let rule = Adagrad::new().with_lr_decay(1.0).with_eps(0.0);
        let mut state = rule.init(&Tensor::<f64>::zeros([1]));
        let mut parameter = [1.0];
        for (step, gradient) in [(1, 3.0), (2, 4.0)] {
            let at = At {
                step,
                rate: 0.1,
                weight_decay: 0.0,
            };
            rule.step(&mut parameter, &[gradient], &mut state, &at);
        }
        // 0.1 * 3 / 3, then 0.05 * 4 / 5
        assert!((parameter[0] - 0.86_f64).abs() < 1e-15);
    }

    #[test]
    fn a_negative_start_is_refused() {
        let rule = Adagrad::new().with_initial_accumulator_value(-1.0);
        let error = Rule::<f64>::check(&rule).unwrap_err().to_string();
        assert!(error.contains("`initial_accumulator_value`"), "{error}");
    }
}
