//! Adam, and AdamW with its decoupled weight decay.

use limpid_tensor::{Element, Result, Tensor};

use super::{At, Rule, lerp, power, rule_state, settings, sign, zeros};
use crate::{setting, sweep};

/// Adam: steps of the size of the rate, along averages of gradients over their root mean squares.
///
/// ```text
/// g = gradient + weight_decay * p                            (gradient negated first: maximize)
/// m = b1 * m + (1 - b1) * g
/// v = b2 * v + (1 - b2) * g^2
/// p = p - rate / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
/// ```
/// With `amsgrad`, the largest `v` so far stands in the place of `v` in the last line.
///
/// # Range
/// `betas` in [0, 1), default 0.9 and 0.999; `eps` from 0, default 1e-8; `weight_decay` from 0,
/// default 0.
///
/// # Source
/// Kingma & Ba (2015), "Adam: a method for stochastic optimization"; Reddi et al. (2018), "On the
/// convergence of Adam and beyond" (amsgrad); equals torch.optim.Adam (2.15).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Adam {
    /// The share that the averages of gradients and of their squares keep.
    pub betas: [f64; 2],
    /// Added to the root, so that nothing is divided by 0.
    pub eps: f64,
    /// The L2 penalty's strength, added to the gradient.
    pub weight_decay: f64,
    /// Whether to divide by the largest average of squares so far.
    pub amsgrad: bool,
    /// Whether the objective is to grow.
    pub maximize: bool,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
            amsgrad: false,
            maximize: false,
        }
    }
}

settings!(Adam {
    /// Sets the share that the averages of gradients and of their squares keep.
    with_betas: betas: [f64; 2],
    /// Sets what is added to the root.
    with_eps: eps: f64,
    /// Sets the L2 penalty's strength.
    with_weight_decay: weight_decay: f64,
    /// Divides by the largest average of squares so far, or does not.
    with_amsgrad: amsgrad: bool,
    /// Climbs instead of descending, or does not.
    with_maximize: maximize: bool,
});

/// AdamW: [`Adam`] whose weight decay shrinks the weights directly, untouched by the division by
/// the root mean square.
///
/// ```text
/// p = p * (1 - rate * weight_decay), then Adam's step without weight decay
/// ```
///
/// # Range
/// As [`Adam`]'s; `weight_decay` has the default 0.01.
///
/// # Source
/// Loshchilov & Hutter (2019), "Decoupled weight decay regularization"; equals torch.optim.AdamW
/// (2.15).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AdamW {
    /// The share that the averages of gradients and of their squares keep.
    pub betas: [f64; 2],
    /// Added to the root, so that nothing is divided by 0.
    pub eps: f64,
    /// The share of the weights that a step of rate 1 takes away.
    pub weight_decay: f64,
    /// Whether to divide by the largest average of squares so far.
    pub amsgrad: bool,
    /// Whether the objective is to grow.
    pub maximize: bool,
}

impl Default for AdamW {
    fn default() -> Self {
        let Adam {
            betas,
            eps,
            amsgrad,
            maximize,
            ..
        } = Adam::default();
        Self {
            betas,
            eps,
            weight_decay: 0.01,
            amsgrad,
            maximize,
        }
    }
}

settings!(AdamW {
    /// Sets the share that the averages of gradients and of their squares keep.
    with_betas: betas: [f64; 2],
    /// Sets what is added to the root.
    with_eps: eps: f64,
    /// Sets the share of the weights that a step of rate 1 takes away.
    with_weight_decay: weight_decay: f64,
    /// Divides by the largest average of squares so far, or does not.
    with_amsgrad: amsgrad: bool,
    /// Climbs instead of descending, or does not.
    with_maximize: maximize: bool,
});

/// What [`Adam`] and [`AdamW`] remember.
#[derive(Clone, Debug)]
pub struct AdamState<E> {
    mean: Vec<E>,
    square: Vec<E>,
    largest_square: Vec<E>,
}

rule_state!(AdamState {
    mean,
    square,
    largest_square
});

impl<E: Element> AdamState<E> {
    fn new(parameter: &Tensor<E>, amsgrad: bool) -> Self {
        Self {
            mean: zeros(parameter, true),
            square: zeros(parameter, true),
            largest_square: zeros(parameter, amsgrad),
        }
    }
}

/// One step of both rules: the weights are multiplied by `shrink`, and `penalty` times the weights
/// is added to the gradient.
struct Moment<E> {
    shrink: E,
    penalty: E,
    sign: E,
    entering: E,
    beta: E,
    entering_square: E,
    size: E,
    /// What the root of the average of squares is multiplied by.
    scale: E,
    eps: E,
}

impl<E: Element> Moment<E> {
    fn new(betas: [f64; 2], eps: f64, maximize: bool, at: &At) -> Self {
        Self {
            shrink: E::one(),
            penalty: E::zero(),
            sign: sign(maximize),
            entering: E::of(1.0 - betas[0]),
            beta: E::of(betas[1]),
            entering_square: E::of(1.0 - betas[1]),
            size: E::of(at.rate / (1.0 - power(betas[0], at.step))),
            scale: E::of((1.0 - power(betas[1], at.step)).sqrt().recip()),
            eps: E::of(eps),
        }
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut AdamState<E>) {
        let Self {
            shrink,
            penalty,
            sign,
            entering,
            beta,
            entering_square,
            size,
            scale,
            eps,
        } = *self;
        let average = |p: E, g: E, m: &mut E, v: &mut E| {
            let g = sign * g + penalty * p;
            *m = lerp(*m, g, entering);
            *v = beta * *v + entering_square * g * g;
        };
        let AdamState {
            mean,
            square,
            largest_square,
        } = state;
        if largest_square.is_empty() {
            sweep::with_two(parameter, gradient, mean, square, move |p, g, m, v| {
                *p *= shrink;
                average(*p, g, m, v);
                *p -= size * *m / (v.sqrt() * scale + eps);
            });
        } else {
            sweep::with_three(
                parameter,
                gradient,
                mean,
                square,
                largest_square,
                move |p, g, m, v, largest| {
                    *p *= shrink;
                    average(*p, g, m, v);
                    *largest = largest.max(*v);
                    *p -= size * *m / (largest.sqrt() * scale + eps);
                },
            );
        }
    }
}

fn check(of: &'static str, betas: [f64; 2], eps: f64, weight_decay: f64) -> Result<()> {
    setting::betas(of, betas)?;
    setting::not_negative(of, "eps", eps)?;
    setting::not_negative(of, "weight_decay", weight_decay)
}

impl<E: Element> Rule<E> for Adam {
    type State = AdamState<E>;

    fn name(&self) -> &'static str {
        "adam"
    }

    fn check(&self) -> Result<()> {
        check("adam", self.betas, self.eps, self.weight_decay)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn init(&self, parameter: &Tensor<E>) -> AdamState<E> {
        AdamState::new(parameter, self.amsgrad)
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut AdamState<E>, at: &At) {
        let mut moment = Moment::new(self.betas, self.eps, self.maximize, at);
        moment.penalty = E::of(at.weight_decay);
        moment.step(parameter, gradient, state);
    }
}

impl<E: Element> Rule<E> for AdamW {
    type State = AdamState<E>;

    fn name(&self) -> &'static str {
        "adamw"
    }

    fn check(&self) -> Result<()> {
        check("adamw", self.betas, self.eps, self.weight_decay)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn init(&self, parameter: &Tensor<E>) -> AdamState<E> {
        AdamState::new(parameter, self.amsgrad)
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut AdamState<E>, at: &At) {
        let mut moment = Moment::new(self.betas, self.eps, self.maximize, at);
        moment.shrink = E::of(1.0 - at.rate * at.weight_decay);
        moment.step(parameter, gradient, state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_step<R: Rule<f64>>(rule: &R, gradient: f64) -> f64 {
        let mut state = rule.init(&Tensor::zeros([1]));
        let mut parameter = [1.0];
        let at = At {
            step: 1,
            rate: 0.1,
            weight_decay: rule.weight_decay(),
        };
        rule.step(&mut parameter, &[gradient], &mut state, &at);
        parameter[0]
    }

    #[test]
    fn the_first_step_is_as_long_as_the_rate_whatever_the_gradient() {
        for gradient in [1e-3, 1.0, 1e3] {
            assert!((first_step(&Adam::new(), gradient) - 0.9).abs() < 1e-5);
            assert!((first_step(&Adam::new().with_maximize(true), gradient) - 1.1).abs() < 1e-5);
        }
    }

    #[test]
    fn decoupled_decay_shrinks_before_the_step() {
        let rule = AdamW::new().with_weight_decay(0.5);
        assert!((first_step(&rule, 1.0) - 0.85).abs() < 1e-8);
        assert!((first_step(&rule, 0.0) - 0.95).abs() < 1e-15);
    }

    #[test]
    fn coupled_decay_vanishes_in_the_division() {
        let rule = Adam::new().with_weight_decay(0.5);
        assert!((first_step(&rule, 1.0) - 0.9).abs() < 1e-8);
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        let refused = |rule: Adam| Rule::<f32>::check(&rule).unwrap_err().to_string();
        assert!(refused(Adam::new().with_betas([1.0, 0.9])).contains("`betas[0]`"));
        assert!(refused(Adam::new().with_betas([0.9, -0.1])).contains("`betas[1]`"));
        assert!(refused(Adam::new().with_eps(-1.0)).contains("`eps`"));
        let negative = AdamW::new().with_weight_decay(-1.0);
        assert!(Rule::<f32>::check(&negative).is_err());
    }
}
