//! Lion.

use limpid_tensor::{Element, Result, Tensor};

use super::{At, Rule, lerp, rule_state, settings, sign, zeros};
use crate::{setting, sweep};

/// Lion: every element moves by the rate, in the direction of the sign of an average of gradients.
///
/// ```text
/// p = p * (1 - rate * weight_decay)                          (gradient negated first: maximize)
/// p = p - rate * sign(b1 * m + (1 - b1) * g)                 (sign(0) = 0)
/// m = b2 * m + (1 - b2) * g
/// ```
/// It remembers one number for each element, where Adam remembers two. Since all elements move
/// alike, the rate is a third to a tenth of that of [`AdamW`](crate::AdamW), and the weight decay
/// three to ten times as large. Where a gradient is 0 the average goes on, and with it the element by
/// a whole rate: rows of a table that a batch does not touch move as far as others, unless
/// [`RowUpdates::Lazy`](crate::RowUpdates::Lazy) lets them stand.
///
/// # Range
/// `betas` in [0, 1), default 0.9 and 0.99; `weight_decay` from 0, default 0.
///
/// # Source
/// Chen et al. (2023), "Symbolic discovery of optimization algorithms", algorithm 2.
///
/// # Example
/// ```
/// use limpid_optim::{Lion, Optimizer};
/// use limpid_tensor::{Parameter, Tensor};
///
/// let mut weight = Parameter::new(Tensor::<f64>::full([2], 1.0));
/// let mut optimizer = Optimizer::new(Lion::new(), 0.25)?;
/// let gradients = weight.square().sum().backward()?;
/// optimizer.step(&mut weight, &gradients)?;
/// assert_eq!(weight.to_vec(), [0.75, 0.75]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Lion {
    /// The share that the average keeps for the direction, and for the next step.
    pub betas: [f64; 2],
    /// The share of the weights that a step of rate 1 takes away.
    pub weight_decay: f64,
    /// Whether the objective is to grow.
    pub maximize: bool,
}

impl Default for Lion {
    fn default() -> Self {
        Self {
            betas: [0.9, 0.99],
            weight_decay: 0.0,
            maximize: false,
        }
    }
}

settings!(Lion {
    /// Sets the share that the average keeps for the direction, and for the next step.
    with_betas: betas: [f64; 2],
    /// Sets the share of the weights that a step of rate 1 takes away.
    with_weight_decay: weight_decay: f64,
    /// Climbs instead of descending, or does not.
    with_maximize: maximize: bool,
});

/// What [`Lion`] remembers.
#[derive(Clone, Debug)]
pub struct LionState<E> {
    mean: Vec<E>,
}

rule_state!(LionState { mean });

impl<E: Element> Rule<E> for Lion {
    type State = LionState<E>;

    fn name(&self) -> &'static str {
        "lion"
    }

    fn check(&self) -> Result<()> {
        setting::betas("lion", self.betas)?;
        setting::not_negative("lion", "weight_decay", self.weight_decay)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn init(&self, parameter: &Tensor<E>) -> LionState<E> {
        LionState {
            mean: zeros(parameter, true),
        }
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut LionState<E>, at: &At) {
        let shrink = E::of(1.0 - at.rate * at.weight_decay);
        let (rate, sign) = (E::of(at.rate), sign::<E>(self.maximize));
        let entering = self.betas.map(|beta| E::of(1.0 - beta));
        let zero = E::zero();
        sweep::with_one(parameter, gradient, &mut state.mean, move |p, g, m| {
            let (g, mean) = (sign * g, *m);
            let direction = lerp(mean, g, entering[0]);
            *m = lerp(mean, g, entering[1]);
            // Without a branch, which a sign that changes at random would mislead.
            let up = if direction > zero { rate } else { zero };
            let down = if direction < zero { rate } else { zero };
            *p = *p * shrink - up + down;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::trajectory::{near, three_steps};

    #[test]
    fn three_steps_are_those_of_the_paper() {
        let rule = Lion::new().with_weight_decay(0.1);
        let want = [
            0.9358236249999999,
            0.6412936749999999,
            0.14726372499999996,
            -0.14776372500000018,
            -0.641293675,
            -0.9353236249999999,
        ];
        near(&three_steps(&rule, [3, 2], 0.05), &want);
        let want = [0.95, 0.65, 0.15, -0.15, -0.65, -0.95];
        let short = Lion::new().with_betas([0.3, 0.6]);
        near(&three_steps(&short, [3, 2], 0.05), &want);
    }

    #[test]
    fn no_gradient_no_step_and_the_other_sign_the_other_way() {
        let first = |rule: Lion, gradient: f64| {
            let mut state = rule.init(&Tensor::<f64>::zeros([1]));
            let at = At {
                step: 1,
                rate: 0.5,
                weight_decay: 0.0,
            };
            let mut parameter = [1.0];
            rule.step(&mut parameter, &[gradient], &mut state, &at);
            parameter[0]
        };
        assert_eq!(first(Lion::new(), 0.0), 1.0);
        assert_eq!(first(Lion::new(), -1e-9), 1.5);
        assert_eq!(first(Lion::new().with_maximize(true), 3.0), 1.5);
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        let refused = |rule: Lion| Rule::<f32>::check(&rule).unwrap_err().to_string();
        assert!(refused(Lion::new().with_betas([0.9, 1.0])).contains("`betas[1]`"));
        assert!(refused(Lion::new().with_weight_decay(-1.0)).contains("`weight_decay`"));
    }
}
