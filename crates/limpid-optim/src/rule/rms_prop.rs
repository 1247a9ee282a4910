//! RMSprop.

use limpid_tensor::{Element, Result, Tensor};

use super::{At, Rule, lerp, rule_state, settings, sign, zeros};
use crate::{setting, sweep};

/// RMSprop: the gradient over the root of the average of its squares.
///
/// ```text
/// g = gradient + weight_decay * p                            (gradient negated first: maximize)
/// s = alpha * s + (1 - alpha) * g^2
/// m = alpha * m + (1 - alpha) * g                            (centered)
/// d = g / (sqrt(s) + eps), centered: g / (sqrt(s - m^2) + eps)
/// v = momentum * v + d                                       (with momentum)
/// p = p - rate * (v with momentum, d without)
/// ```
///
/// # Range
/// `alpha` in [0, 1), default 0.99; `eps` from 0, default 1e-8; `momentum` in [0, 1), default 0;
/// `weight_decay` from 0, default 0. PyTorch's rate is 0.01.
///
/// # Differs from
/// Where rounding leaves `s - m^2` below 0, it counts as 0; PyTorch's weights become NaN there.
///
/// # Source
/// Tieleman & Hinton (2012), Neural Networks for Machine Learning, lecture 6.5; Graves (2013),
/// "Generating sequences with recurrent neural networks" (centered); equals torch.optim.RMSprop
/// (2.15).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RmsProp {
    /// The share that the averages keep.
    pub alpha: f64,
    /// Added to the root, so that nothing is divided by 0.
    pub eps: f64,
    /// The share of the velocity that is kept.
    pub momentum: f64,
    /// The L2 penalty's strength, added to the gradient.
    pub weight_decay: f64,
    /// Whether the variance stands in the place of the mean of squares.
    pub centered: bool,
    /// Whether the objective is to grow.
    pub maximize: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self {
            alpha: 0.99,
            eps: 1e-8,
            momentum: 0.0,
            weight_decay: 0.0,
            centered: false,
            maximize: false,
        }
    }
}

settings!(RmsProp {
    /// Sets the share that the averages keep.
    with_alpha: alpha: f64,
    /// Sets what is added to the root.
    with_eps: eps: f64,
    /// Keeps this share of the velocity.
    with_momentum: momentum: f64,
    /// Sets the L2 penalty's strength.
    with_weight_decay: weight_decay: f64,
    /// Divides by the root of the variance, or of the mean of squares.
    with_centered: centered: bool,
    /// Climbs instead of descending, or does not.
    with_maximize: maximize: bool,
});

/// What [`RmsProp`] remembers.
#[derive(Clone, Debug)]
pub struct RmsPropState<E> {
    square: Vec<E>,
    mean: Vec<E>,
    velocity: Vec<E>,
}

rule_state!(RmsPropState {
    square,
    mean,
    velocity
});

impl<E: Element> Rule<E> for RmsProp {
    type State = RmsPropState<E>;

    fn name(&self) -> &'static str {
        "rmsprop"
    }

    fn check(&self) -> Result<()> {
        setting::share("rmsprop", "alpha", self.alpha)?;
        setting::not_negative("rmsprop", "eps", self.eps)?;
        setting::share("rmsprop", "momentum", self.momentum)?;
        setting::not_negative("rmsprop", "weight_decay", self.weight_decay)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn init(&self, parameter: &Tensor<E>) -> RmsPropState<E> {
        RmsPropState {
            square: zeros(parameter, true),
            mean: zeros(parameter, self.centered),
            velocity: zeros(parameter, self.momentum > 0.0),
        }
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut RmsPropState<E>, at: &At) {
        let (rate, decay, sign) = (
            E::of(at.rate),
            E::of(at.weight_decay),
            sign::<E>(self.maximize),
        );
        let (alpha, entering) = (E::of(self.alpha), E::of(1.0 - self.alpha));
        let (eps, momentum) = (E::of(self.eps), E::of(self.momentum));
        let direction = |p: E, g: E, s: &mut E, m: Option<&mut E>| {
            let g = sign * g + decay * p;
            *s = alpha * *s + entering * g * g;
            let variance = match m {
                Some(m) => {
                    *m = lerp(*m, g, entering);
                    (*s - *m * *m).max(E::zero())
                }
                None => *s,
            };
            g / (variance.sqrt() + eps)
        };
        let RmsPropState {
            square,
            mean,
            velocity,
        } = state;
        match (self.centered, self.momentum > 0.0) {
            (false, false) => sweep::with_one(parameter, gradient, square, move |p, g, s| {
                *p -= rate * direction(*p, g, s, None);
            }),
            (true, false) => {
                sweep::with_two(parameter, gradient, square, mean, move |p, g, s, m| {
                    *p -= rate * direction(*p, g, s, Some(m));
                })
            }
            (false, true) => {
                sweep::with_two(parameter, gradient, square, velocity, move |p, g, s, v| {
                    *v = momentum * *v + direction(*p, g, s, None);
                    *p -= rate * *v;
                });
            }
            (true, true) => {
                sweep::with_three(
                    parameter,
                    gradient,
                    square,
                    mean,
                    velocity,
                    move |p, g, s, m, v| {
                        *v = momentum * *v + direction(*p, g, s, Some(m));
                        *p -= rate * *v;
                    },
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_steps(rule: &RmsProp) -> f64 {
        let mut state = rule.init(&Tensor::<f64>::zeros([1]));
        let mut parameter = [1.0];
        for step in 1..=2 {
            let at = At {
                step,
                rate: 0.1,
                weight_decay: 0.0,
            };
            rule.step(&mut parameter, &[2.0], &mut state, &at);
        }
        parameter[0]
    }

    #[test]
    fn two_steps_by_hand() {
        let rule = RmsProp::new().with_alpha(0.5).with_eps(0.0);
        // s = 2, 3; m = 1, 1.5; s - m^2 = 1, 0.75
        let (first, second) = (2.0 / 2f64.sqrt(), 2.0 / 3f64.sqrt());
        let (centered_first, centered_second) = (2.0, 2.0 / 0.75f64.sqrt());
        let near = |rule: RmsProp, sum: f64| {
            assert!(
                (two_steps(&rule) - (1.0 - 0.1 * sum)).abs() < 1e-14,
                "{rule:?}"
            );
        };
        near(rule.clone(), first + second);
        near(
            rule.clone().with_momentum(0.5),
            first + 0.5 * first + second,
        );
        near(
            rule.clone().with_centered(true),
            centered_first + centered_second,
        );
        let both = rule.with_centered(true).with_momentum(0.5);
        near(both, 1.5 * centered_first + centered_second);
    }

    #[test]
    fn a_gradient_that_never_changes_gives_finite_weights_when_centered() {
        let rule = RmsProp::new().with_centered(true);
        let mut state = rule.init(&Tensor::<f32>::zeros([1]));
        let mut parameter = [0.0_f32];
        for step in 1..=5000 {
            let at = At {
                step,
                rate: 1e-9,
                weight_decay: 0.0,
            };
            rule.step(&mut parameter, &[0.1], &mut state, &at);
        }
        assert!(parameter[0].is_finite());
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        let refused = |rule: RmsProp| Rule::<f64>::check(&rule).unwrap_err().to_string();
        assert!(refused(RmsProp::new().with_alpha(1.0)).contains("`alpha`"));
        assert!(refused(RmsProp::new().with_momentum(-0.5)).contains("`momentum`"));
    }
}
