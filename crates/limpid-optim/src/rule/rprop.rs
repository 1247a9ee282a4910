//! Rprop.

use limpid_tensor::{Element, Result, Tensor};

use super::{At, Rule, rule_state, settings, sign, zeros};
use crate::{setting, sweep};

/// Rprop: a step length for each element that grows while the gradient keeps its sign and shrinks
/// when it changes; the gradient's size does not matter. For full batches only.
///
/// ```text
/// s = s * (etas[1] if g * previous > 0, etas[0] if g * previous < 0, 1 otherwise), within step_sizes
/// g = 0 where g * previous < 0
/// p = p - sign(g) * s,  previous = g
/// ```
///
/// # Range
/// `0 < etas[0] < 1 < etas[1]`, default 0.5 and 1.2; `step_sizes` from the smallest to the largest,
/// default 1e-6 and 50. The rate is the length of the first step only: schedules have no effect.
/// PyTorch's is 0.01.
///
/// # Source
/// Riedmiller & Braun (1993), "A direct adaptive method for faster backpropagation learning"; equals
/// torch.optim.Rprop (2.15).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rprop {
    /// What the step length is multiplied by when the sign changes, and when it stays.
    pub etas: [f64; 2],
    /// The smallest and the largest step length.
    pub step_sizes: [f64; 2],
    /// Whether the objective is to grow.
    pub maximize: bool,
}

impl Default for Rprop {
    fn default() -> Self {
        Self {
            etas: [0.5, 1.2],
            step_sizes: [1e-6, 50.0],
            maximize: false,
        }
    }
}

settings!(Rprop {
    /// Sets what the step length is multiplied by when the sign changes, and when it stays.
    with_etas: etas: [f64; 2],
    /// Sets the smallest and the largest step length.
    with_step_sizes: step_sizes: [f64; 2],
    /// Climbs instead of descending, or does not.
    with_maximize: maximize: bool,
});

/// What [`Rprop`] remembers.
#[derive(Clone, Debug)]
pub struct RpropState<E> {
    previous: Vec<E>,
    step_size: Vec<E>,
}

rule_state!(RpropState {
    previous,
    step_size
});

impl<E: Element> Rule<E> for Rprop {
    type State = RpropState<E>;

    fn name(&self) -> &'static str {
        "rprop"
    }

    fn check(&self) -> Result<()> {
        let [less, more] = self.etas;
        setting::require(
            less > 0.0 && less < 1.0,
            "rprop",
            "etas[0]",
            "in (0, 1)",
            less,
        )?;
        setting::require(
            more.is_finite() && more > 1.0,
            "rprop",
            "etas[1]",
            "above 1",
            more,
        )?;
        let [smallest, largest] = self.step_sizes;
        setting::not_negative("rprop", "step_sizes[0]", smallest)?;
        let fits = largest.is_finite() && largest >= smallest;
        setting::require(
            fits,
            "rprop",
            "step_sizes[1]",
            "at least step_sizes[0]",
            largest,
        )
    }

    fn init(&self, parameter: &Tensor<E>) -> RpropState<E> {
        RpropState {
            previous: zeros(parameter, true),
            step_size: zeros(parameter, true),
        }
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut RpropState<E>, at: &At) {
        let (less, more) = (E::of(self.etas[0]), E::of(self.etas[1]));
        let (smallest, largest) = (E::of(self.step_sizes[0]), E::of(self.step_sizes[1]));
        let sign = sign::<E>(self.maximize);
        if at.step == 1 {
            state.step_size.fill(E::of(at.rate));
        }
        let RpropState {
            previous,
            step_size,
        } = state;
        sweep::with_two(
            parameter,
            gradient,
            previous,
            step_size,
            move |p, g, previous, size| {
                // Without branches, which signs that change at random would mislead.
                let (zero, one) = (E::zero(), E::one());
                let g = sign * g;
                let agreement = g * *previous;
                let growth = if agreement > zero { more } else { one };
                let shrinkage = if agreement < zero { less } else { one };
                let g = if agreement < zero { zero } else { g };
                let length = (*size * growth * shrinkage).max(smallest).min(largest);
                *size = length;
                *previous = g;
                let up = if g > zero { length } else { zero };
                let down = if g < zero { length } else { zero };
                *p = *p - up + down;
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_steps_by_hand() {
        let rule = Rprop::new();
        let mut state = rule.init(&Tensor::<f64>::zeros([1]));
        let mut parameter = [1.0_f64];
        let gradients = [(5.0, 0.9), (0.1, 0.78), (-3.0, 0.78), (-1.0, 0.84)];
        for (step, (gradient, want)) in (1..).zip(gradients) {
            let at = At {
                step,
                rate: 0.1,
                weight_decay: 0.0,
            };
            rule.step(&mut parameter, &[gradient], &mut state, &at);
            assert!(
                (parameter[0] - want).abs() < 1e-12,
                "step {step}: {}",
                parameter[0]
            );
        }
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        let refused = |rule: Rprop| Rule::<f64>::check(&rule).unwrap_err().to_string();
        assert!(refused(Rprop::new().with_etas([1.0, 1.2])).contains("`etas[0]`"));
        assert!(refused(Rprop::new().with_etas([0.5, 1.0])).contains("`etas[1]`"));
        assert!(refused(Rprop::new().with_step_sizes([1.0, 0.5])).contains("`step_sizes[1]`"));
    }
}
