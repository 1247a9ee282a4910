//! LAMB.

use limpid_tensor::simd::{self, Arithmetic, Loop};
use limpid_tensor::{Element, Result, Tensor, threads};

use super::{At, Rule, lerp, power, rule_state, settings, sign, zeros};
use crate::setting;
use crate::sweep::{self, SumOfSquares};

/// LAMB: Adam's step for each parameter, scaled to be as long as the parameter itself times the
/// rate, so that large batches can be trained with large rates.
///
/// ```text
/// m = b1 * m + (1 - b1) * g                                  (gradient negated first: maximize)
/// v = b2 * v + (1 - b2) * g^2
/// u = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + weight_decay * p
/// p = p - rate * trust * u,    trust = bounded(||p||) / ||u||, 1 where either is 0
/// ```
/// The norms are over all elements of one parameter; under
/// [`RowUpdates::Lazy`](crate::RowUpdates::Lazy), over the touched rows.
///
/// # Range
/// `betas` in [0, 1), default 0.9 and 0.999; `eps` from 0, default 1e-6; `weight_decay` from 0,
/// default 0.01; `norm_bounds` from the least to the greatest norm that a parameter is taken for,
/// default 0 and infinity: no bounds. Biases start at 0 and are given a trust of 1 at their first
/// step.
///
/// # Source
/// You et al. (2020), "Large batch optimization for deep learning: training BERT in 76 minutes",
/// algorithm 2, with the bias correction of its text.
///
/// # Example
/// ```
/// use limpid_optim::{Lamb, Optimizer};
/// use limpid_tensor::{Parameter, Tensor};
///
/// let mut weight = Parameter::new(Tensor::<f64>::full([2], 3.0));
/// let mut optimizer = Optimizer::new(Lamb::new(), 0.1)?;
/// let gradients = weight.square().sum().backward()?;
/// optimizer.step(&mut weight, &gradients)?;
/// // A tenth of the weight, whatever the gradient's size.
/// assert!(weight.to_vec().iter().all(|element| (element - 2.7).abs() < 1e-12));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Lamb {
    /// The share that the averages of gradients and of their squares keep.
    pub betas: [f64; 2],
    /// Added to the root, so that nothing is divided by 0.
    pub eps: f64,
    /// How much of the weights is added to the update.
    pub weight_decay: f64,
    /// The least and the greatest norm that a parameter is taken for.
    pub norm_bounds: [f64; 2],
    /// Whether the objective is to grow.
    pub maximize: bool,
}

impl Default for Lamb {
    fn default() -> Self {
        Self {
            betas: [0.9, 0.999],
            eps: 1e-6,
            weight_decay: 0.01,
            norm_bounds: [0.0, f64::INFINITY],
            maximize: false,
        }
    }
}

settings!(Lamb {
    /// Sets the share that the averages of gradients and of their squares keep.
    with_betas: betas: [f64; 2],
    /// Sets what is added to the root.
    with_eps: eps: f64,
    /// Sets how much of the weights is added to the update.
    with_weight_decay: weight_decay: f64,
    /// Sets the least and the greatest norm that a parameter is taken for.
    with_norm_bounds: norm_bounds: [f64; 2],
    /// Climbs instead of descending, or does not.
    with_maximize: maximize: bool,
});

/// What [`Lamb`] remembers.
#[derive(Clone, Debug)]
pub struct LambState<E> {
    mean: Vec<E>,
    square: Vec<E>,
}

rule_state!(LambState { mean, square });

impl<E: Element> Rule<E> for Lamb {
    type State = LambState<E>;

    fn name(&self) -> &'static str {
        "lamb"
    }

    fn check(&self) -> Result<()> {
        setting::betas("lamb", self.betas)?;
        setting::not_negative("lamb", "eps", self.eps)?;
        setting::not_negative("lamb", "weight_decay", self.weight_decay)?;
        let [least, greatest] = self.norm_bounds;
        setting::not_negative("lamb", "norm_bounds[0]", least)?;
        let expected = "above 0 and at least norm_bounds[0]";
        let fits = greatest > 0.0 && greatest >= least;
        setting::require(fits, "lamb", "norm_bounds[1]", expected, greatest)
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn init(&self, parameter: &Tensor<E>) -> LambState<E> {
        LambState {
            mean: zeros(parameter, true),
            square: zeros(parameter, true),
        }
    }

    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut LambState<E>, at: &At) {
        let update = Update::new(self, at);
        let LambState { mean, square } = state;
        let [weight, length] = update.averaged(parameter, gradient, mean, square);
        let [least, greatest] = self.norm_bounds;
        let weight = weight.clamp(least, greatest);
        let trust = if weight > 0.0 && length > 0.0 {
            weight / length
        } else {
            1.0
        };
        let size = E::of(at.rate * trust);
        sweep::with_two(parameter, gradient, mean, square, move |p, _, m, v| {
            *p -= size * update.of(*p, *m, *v);
        });
    }
}

/// The update before it is scaled.
#[derive(Clone, Copy)]
struct Update<E> {
    sign: E,
    entering: E,
    beta: E,
    entering_square: E,
    /// What the average of gradients is multiplied by.
    correction: E,
    /// What the root of the average of squares is multiplied by.
    scale: E,
    eps: E,
    decay: E,
}

impl<E: Element> Update<E> {
    fn new(rule: &Lamb, at: &At) -> Self {
        let [first, second] = rule.betas;
        Self {
            sign: sign(rule.maximize),
            entering: E::of(1.0 - first),
            beta: E::of(second),
            entering_square: E::of(1.0 - second),
            correction: E::of((1.0 - power(first, at.step)).recip()),
            scale: E::of((1.0 - power(second, at.step)).sqrt().recip()),
            eps: E::of(rule.eps),
            decay: E::of(at.weight_decay),
        }
    }

    #[inline(always)]
    fn of(&self, p: E, m: E, v: E) -> E {
        self.correction * m / (v.sqrt() * self.scale + self.eps) + self.decay * p
    }

    /// Takes the gradient into the averages; gives the norms of the parameter and of the update.
    fn averaged(
        &self,
        parameter: &[E],
        gradient: &[E],
        mean: &mut [E],
        square: &mut [E],
    ) -> [f64; 2] {
        let part = sweep::part(parameter.len()).max(1);
        let halves = parameter.chunks(part).zip(gradient.chunks(part));
        let memories = mean.chunks_mut(part).zip(square.chunks_mut(part));
        let mut parts: Vec<Part<'_, E>> = halves
            .zip(memories)
            .map(|((parameter, gradient), (mean, square))| Part {
                update: *self,
                parameter,
                gradient,
                mean,
                square,
                sums: [0.0; 2],
            })
            .collect();
        let level = simd::level();
        threads::chunks(parts.as_mut_slice(), 1, |_, parts| {
            for part in parts {
                level.run(Averaged(part));
            }
        });
        let mut sums = [0.0; 2];
        for part in &parts {
            sums[0] += part.sums[0];
            sums[1] += part.sums[1];
        }
        sums.map(f64::sqrt)
    }
}

/// What a thread is handed at a time.
struct Part<'a, E> {
    update: Update<E>,
    parameter: &'a [E],
    gradient: &'a [E],
    mean: &'a mut [E],
    square: &'a mut [E],
    /// The sums of squares of the parameter and of the update.
    sums: [f64; 2],
}

struct Averaged<'a, 'b, E>(&'a mut Part<'b, E>);

/// How many updates are written down to be squared.
const BLOCK: usize = 256;

impl<E: Element> Loop for Averaged<'_, '_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let part = self.0;
        let update = part.update;
        let mut block = [E::zero(); BLOCK];
        let given = part
            .parameter
            .chunks(BLOCK)
            .zip(part.gradient.chunks(BLOCK));
        let memories = part
            .mean
            .chunks_mut(BLOCK)
            .zip(part.square.chunks_mut(BLOCK));
        let mut squares = 0.0;
        for ((p, g), (m, v)) in given.zip(memories) {
            let length = p.len();
            let (g, m, v) = (&g[..length], &mut m[..length], &mut v[..length]);
            let block = &mut block[..length];
            for place in 0..length {
                let g = update.sign * g[place];
                m[place] = lerp(m[place], g, update.entering);
                v[place] = update.beta * v[place] + update.entering_square * g * g;
                block[place] = update.of(p[place], m[place], v[place]);
            }
            squares += SumOfSquares(&*block).run::<A>();
        }
        part.sums = [SumOfSquares(part.parameter).run::<A>(), squares];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::trajectory::{near, three_steps};

    #[test]
    fn three_steps_are_those_of_the_paper() {
        let want = [
            0.948617622720532,
            0.6087296450259292,
            0.2204014573245166,
            -0.1419680230090731,
            -0.6035041004278449,
            -1.0171655330732763,
        ];
        near(&three_steps(&Lamb::new(), [3, 2], 0.05), &want);
        let other = Lamb::new()
            .with_betas([0.5, 0.9])
            .with_eps(1e-3)
            .with_weight_decay(0.0)
            .with_norm_bounds([0.0, 1.0]);
        let want = [
            0.9868550117814453,
            0.6067379004634424,
            0.19741212513833337,
            -0.18134606977865897,
            -0.6064321075901713,
            -0.9988432731730214,
        ];
        near(&three_steps(&other, [3, 2], 0.05), &want);
    }

    #[test]
    fn long_parameters_are_those_of_short_steps_whatever_the_threads() {
        let length = (1 << 17) + 77;
        let run = |count: usize| {
            threads::with(count, || {
                let rule = Lamb::new();
                let mut parameter: Vec<f64> = (0..length).map(|it| (it as f64).cos()).collect();
                let gradient: Vec<f64> = (0..length).map(|it| (it as f64).sin()).collect();
                let mut state = rule.init(&Tensor::zeros([length]));
                let at = At {
                    step: 1,
                    rate: 0.1,
                    weight_decay: 0.0,
                };
                rule.step(&mut parameter, &gradient, &mut state, &at);
                parameter
            })
        };
        let one = run(1);
        // At the first step the update is g / (|g| + eps).
        let update = |it: usize| (it as f64).sin() / ((it as f64).sin().abs() + 1e-6);
        let norm = |value: &dyn Fn(usize) -> f64| {
            (0..length).map(|it| value(it).powi(2)).sum::<f64>().sqrt()
        };
        let trust = norm(&|it| (it as f64).cos()) / norm(&update);
        for place in [0, 1, 255, 256, 70_000, length - 1] {
            let want = (place as f64).cos() - 0.1 * trust * update(place);
            assert!(
                (one[place] - want).abs() < 1e-10,
                "{place}: {} {want}",
                one[place]
            );
        }
        assert!([2, 3, 8].into_iter().all(|count| run(count) == one));
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        let refused = |rule: Lamb| Rule::<f32>::check(&rule).unwrap_err().to_string();
        assert!(refused(Lamb::new().with_betas([1.0, 0.9])).contains("`betas[0]`"));
        assert!(refused(Lamb::new().with_eps(f64::NAN)).contains("`eps`"));
        let bounds = |bounds| refused(Lamb::new().with_norm_bounds(bounds));
        assert!(bounds([2.0, 1.0]).contains("`norm_bounds[1]`"));
        assert!(bounds([0.0, f64::NAN]).contains("`norm_bounds[1]`"));
    }
}
