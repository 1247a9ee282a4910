//! Slow weights that follow the fast ones of another optimizer.

use limpid_tensor::{
    Element, Error, Gradients, Parameter, Parameters, Result, Tensor, for_each_parameter_mut,
    named_parameters,
};

use crate::report::{ParameterReport, Reporting, StepReport};
use crate::state::OptimizerState;
use crate::sweep::{self, sum_of_squares};
use crate::{Optimize, setting};

/// Lookahead: another optimizer takes `period` steps; then the slow weights move a share of the way
/// to where these led, and the model goes on from there.
///
/// ```text
/// slow = slow + alpha * (p - slow),  p = slow                 (after each `period` updates)
/// ```
/// The slow weights start as the model's at the first step. What the inner optimizer remembers stays
/// as it is. It wraps any [`Optimize`], also a boxed one.
///
/// # Range
/// `alpha` in (0, 1], `period` from 1; the paper uses 0.5 and 5.
///
/// # Source
/// Zhang et al. (2019), "Lookahead optimizer: k steps forward, 1 step back", algorithm 1.
///
/// # Example
/// ```
/// use limpid_optim::{Lookahead, Optimize, Optimizer, Sgd};
/// use limpid_tensor::{Parameter, Tensor};
///
/// let mut weight = Parameter::new(Tensor::<f64>::ones([1]));
/// let mut optimizer = Lookahead::new(Optimizer::new(Sgd::new(), 0.25)?)?
///     .with_period(2)?;
/// for _ in 0..2 {
///     let gradients = weight.square().sum().backward()?;
///     optimizer.step(&mut weight, &gradients)?;
/// }
/// // From 1 to 0.25, and half the way back.
/// assert_eq!(weight.to_vec(), [0.625]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lookahead<E: Element, O> {
    inner: O,
    alpha: f64,
    period: u64,
    norms: bool,
    slow: Vec<Slow<E>>,
}

/// The slow weights of one parameter.
#[derive(Clone, Debug)]
struct Slow<E> {
    path: String,
    elements: Vec<E>,
}

/// What slow weights are called in a state, after the path.
const SLOW: &str = ":slow";

impl<E: Element, O: Optimize<E>> Lookahead<E, O> {
    /// Slow weights over `inner`, with the paper's `alpha` of 0.5 and `period` of 5. What is reported
    /// is set here from now on, and at first [`Reporting::Plain`].
    ///
    /// # Errors
    /// An argument error when `inner` has taken steps before.
    pub fn new(mut inner: O) -> Result<Self> {
        inner.set_reporting(Reporting::Plain);
        let steps = inner.steps();
        setting::require(steps == 0, "lookahead", "inner", "without steps", steps)?;
        Ok(Self {
            inner,
            alpha: 0.5,
            period: 5,
            norms: false,
            slow: Vec::new(),
        })
    }

    /// Sets the share of the way that the slow weights move.
    ///
    /// # Errors
    /// An argument error unless `alpha` lies in (0, 1].
    pub fn with_alpha(self, alpha: f64) -> Result<Self> {
        let fits = alpha > 0.0 && alpha <= 1.0;
        setting::require(fits, "lookahead", "alpha", "in (0, 1]", alpha)?;
        Ok(Self { alpha, ..self })
    }

    /// Sets how many updates lie between two moves of the slow weights.
    ///
    /// # Errors
    /// An argument error when `period` is 0.
    pub fn with_period(self, period: u64) -> Result<Self> {
        setting::at_least_one("lookahead", "period", period)?;
        Ok(Self { period, ..self })
    }

    /// The optimizer of the fast weights.
    pub fn inner(&self) -> &O {
        &self.inner
    }

    /// Where the slow weights of `path` are, most often at `hint`.
    fn find(&self, hint: usize, path: &str) -> Option<usize> {
        let at = |place: &usize| self.slow[*place].path == path;
        let hint = hint.min(self.slow.len());
        (hint..self.slow.len()).chain(0..hint).find(at)
    }

    /// Takes down the slow weights of parameters that have none yet.
    fn begin<M: Parameters<E> + ?Sized>(&mut self, model: &mut M) {
        let mut hint = 0;
        for_each_parameter_mut(model, |path, parameter| {
            if !parameter.is_trainable() {
                return;
            }
            let place = self.find(hint, path).unwrap_or_else(|| {
                self.slow.push(Slow {
                    path: path.to_owned(),
                    elements: parameter.to_vec(),
                });
                self.slow.len() - 1
            });
            hint = place + 1;
        });
    }

    /// Moves the slow weights, and the model to them.
    fn synchronize<M: Parameters<E> + ?Sized>(&mut self, model: &mut M) {
        let alpha = E::of(self.alpha);
        let mut hint = 0;
        for_each_parameter_mut(model, |path, parameter| {
            if !parameter.is_trainable() {
                return;
            }
            if let Some(place) = self.find(hint, path) {
                hint = place + 1;
                let slow = &mut self.slow[place].elements;
                parameter.update(|fast| {
                    sweep::plain(slow, fast, move |slow, fast| {
                        *slow += alpha * (fast - *slow)
                    });
                    fast.copy_from_slice(slow);
                });
            }
        });
    }
}

impl<E: Element, O: Optimize<E>> Optimize<E> for Lookahead<E, O> {
    fn name(&self) -> &'static str {
        "lookahead"
    }

    fn settings(&self) -> String {
        let (alpha, period) = (self.alpha, self.period);
        format!(
            "lookahead: alpha {alpha:?}, period {period}\n{}",
            self.inner.settings()
        )
    }

    /// Updates by the inner optimizer, and moves the slow weights when it is time. The report is of
    /// the whole update.
    fn step(
        &mut self,
        model: &mut dyn Parameters<E>,
        gradients: &Gradients<E>,
    ) -> Result<StepReport> {
        self.begin(model);
        let due = (self.inner.steps() + 1).is_multiple_of(self.period);
        let before = (due && self.norms).then(|| weights(model));
        let mut report = self.inner.step(model, gradients)?;
        if due && !report.skipped {
            self.synchronize(model);
            if let Some(before) = before {
                let parameters = named_parameters(&*model);
                for own in &mut report.parameters {
                    remeasure(own, &before, &parameters);
                }
            }
        }
        Ok(report)
    }

    fn rate(&self) -> f64 {
        self.inner.rate()
    }

    fn set_rate(&mut self, rate: f64) -> Result<()> {
        self.inner.set_rate(rate)
    }

    fn set_reporting(&mut self, reporting: Reporting) {
        self.norms = reporting == Reporting::Norms;
        self.inner.set_reporting(reporting);
    }

    fn steps(&self) -> u64 {
        self.inner.steps()
    }

    fn skipped(&self) -> u64 {
        self.inner.skipped()
    }

    /// That of the inner optimizer, with the slow weights as `{path}:slow`.
    fn state(&self) -> Result<OptimizerState<E>> {
        let mut state = self.inner.state()?;
        state.rule = format!("{}({})", self.name(), state.rule);
        for slow in &self.slow {
            let length = slow.elements.len();
            let tensor = Tensor::from_vec(slow.elements.clone(), [length])?;
            state.tensors.insert(format!("{}{SLOW}", slow.path), tensor);
        }
        Ok(state)
    }

    fn load(&mut self, model: &dyn Parameters<E>, state: &OptimizerState<E>) -> Result<()> {
        let mut inner = state.clone();
        let wrapped = state.rule.strip_prefix(self.name());
        let wrapped = wrapped.and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'));
        let Some(rule) = wrapped else {
            let expected = "the state of `lookahead`";
            let found = format!("that of `{}`", state.rule);
            return Err(Error::parameters("load optimizer", expected, found));
        };
        rule.clone_into(&mut inner.rule);
        let mut slow = Vec::new();
        for (path, parameter) in named_parameters(model) {
            if let Some(tensor) = inner.tensors.remove(&format!("{path}{SLOW}")) {
                if tensor.len() != parameter.len() {
                    let shapes = [tensor.shape(), parameter.shape()];
                    let rule = "slow weights must be as many as those of the parameter";
                    return Err(Error::shape("load optimizer", &shapes, rule).at(path));
                }
                let elements = tensor.to_vec();
                slow.push(Slow { path, elements });
            } else if inner.paths().any(|own| own == path) {
                let expected = format!("a value for `{path}{SLOW}`");
                return Err(Error::parameters("load optimizer", expected, "none"));
            }
        }
        self.inner.load(model, &inner)?;
        self.slow = slow;
        Ok(())
    }
}

fn weights<E: Element>(model: &dyn Parameters<E>) -> Vec<(String, Vec<E>)> {
    let parameters = named_parameters(model);
    let copied = parameters.into_iter().map(|(path, it)| (path, it.to_vec()));
    copied.collect()
}

/// Sets the update's norm to what lies between `before` and now.
fn remeasure<E: Element>(
    report: &mut ParameterReport,
    before: &[(String, Vec<E>)],
    after: &[(String, &Parameter<E>)],
) {
    let own = before
        .iter()
        .zip(after)
        .find(|((path, _), _)| *path == report.path);
    if let Some(((_, before), (_, after))) = own {
        let after = after.elements();
        let moved = after.iter().zip(before).map(|(&new, &old)| new - old);
        report.update_norm = sum_of_squares(&moved.collect::<Vec<E>>()).sqrt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, Optimizer, Sgd};
    use limpid_tensor::State;

    type Adamant = Lookahead<f64, Optimizer<f64, Adam>>;

    fn model() -> Vec<Parameter<f64>> {
        vec![
            Parameter::new(Tensor::from_fn([2, 2], |place| 1.0 + place as f64)),
            Parameter::new(Tensor::ones([3])),
        ]
    }

    fn optimizer() -> Adamant {
        let inner = Optimizer::new(Adam::new(), 0.1).unwrap();
        Lookahead::new(inner).unwrap().with_period(3).unwrap()
    }

    fn train(optimizer: &mut dyn Optimize<f64>, model: &mut Vec<Parameter<f64>>, steps: usize) {
        for _ in 0..steps {
            let sum = model[0].square().sum().add(&model[1].exp().sum()).unwrap();
            let gradients = sum.backward().unwrap();
            optimizer.step(model, &gradients).unwrap();
        }
    }

    #[test]
    fn slow_weights_are_those_of_the_paper() {
        // Half of p^2: each fast step takes a tenth away.
        let mut weight = Parameter::new(Tensor::<f64>::ones([1]));
        let inner = Optimizer::new(Sgd::new(), 0.1).unwrap();
        let lookahead = Lookahead::new(inner).unwrap();
        let mut lookahead = lookahead.with_alpha(0.8).unwrap().with_period(2).unwrap();
        let (mut fast, mut slow) = (1.0_f64, 1.0);
        for step in 1..=5 {
            let gradients = weight.square().sum().mul_scalar(0.5).backward().unwrap();
            lookahead.step(&mut weight, &gradients).unwrap();
            fast *= 0.9;
            if step % 2 == 0 {
                slow += 0.8 * (fast - slow);
                fast = slow;
            }
            assert!((weight.to_vec()[0] - fast).abs() < 1e-15, "{step}");
        }
    }

    #[test]
    fn a_broken_off_run_goes_on_to_the_same_bits() {
        for broken in [0, 2, 3, 4] {
            let (mut whole, mut first) = (model(), optimizer());
            train(&mut first, &mut whole, broken);
            let mut resumed = model();
            State::of(&whole).apply(&mut resumed).unwrap();
            let mut second = optimizer();
            second.load(&resumed, &first.state().unwrap()).unwrap();
            train(&mut first, &mut whole, 5);
            train(&mut second, &mut resumed, 5);
            assert_eq!(State::of(&whole), State::of(&resumed), "{broken}");
            assert_eq!(first.state().unwrap(), second.state().unwrap());
        }
    }

    #[test]
    fn reports_are_of_the_whole_update() {
        let (mut model, mut optimizer) = (model(), optimizer());
        optimizer.set_reporting(Reporting::Norms);
        for _ in 0..3 {
            let before = model[1].to_vec();
            let sum = model[1].exp().sum();
            let gradients = sum.backward().unwrap();
            let report = optimizer.step(&mut model, &gradients).unwrap();
            let after = model[1].to_vec();
            let moved = after.iter().zip(&before).map(|(a, b)| (a - b).powi(2));
            let want = moved.sum::<f64>().sqrt();
            let found = report.parameter("1").unwrap().update_norm;
            assert!((found - want).abs() < 1e-15, "{found}, not {want}");
        }
    }

    #[test]
    fn a_skipped_step_moves_nothing() {
        let (mut model, mut optimizer) = (model(), optimizer());
        train(&mut optimizer, &mut model, 2);
        let before = State::of(&model);
        let gradients = model[1].mul_scalar(f64::NAN).sum().backward().unwrap();
        assert!(optimizer.step(&mut model, &gradients).unwrap().skipped);
        assert_eq!((optimizer.steps(), optimizer.skipped()), (2, 1));
        assert_eq!(State::of(&model), before);
    }

    #[test]
    fn foreign_states_and_bad_settings_are_refused() {
        let (mut model, mut own) = (model(), optimizer());
        train(&mut own, &mut model, 1);
        let state = own.state().unwrap();
        assert_eq!(state.rule, "lookahead(adam)");
        assert!(own.inner().clone().load(&model, &state).is_err());
        assert!(own.load(&model, &own.inner().state().unwrap()).is_err());
        let mut less = state.clone();
        less.tensors.remove("1:slow");
        let error = own.load(&model, &less).unwrap_err();
        assert!(error.to_string().contains("`1:slow`"), "{error}");
        let mut other = state;
        other.tensors.insert("1:slow".to_owned(), Tensor::ones([4]));
        assert!(own.load(&model, &other).is_err());
        assert!(own.clone().with_alpha(0.0).is_err());
        assert!(own.clone().with_period(0).is_err());
        assert!(Lookahead::new(own.inner().clone()).is_err());
    }

    #[test]
    fn settings_are_its_own_and_those_of_the_inner_optimizer() {
        let settings = optimizer().settings();
        assert!(settings.starts_with("lookahead: alpha 0.5, period 3\n"));
        assert!(settings.ends_with(&optimizer().inner().settings()));
    }

    #[test]
    fn any_boxed_optimizer_can_be_wrapped() {
        let boxed: Box<dyn Optimize<f64>> = Box::new(Optimizer::new(Adam::new(), 0.1).unwrap());
        let mut wrapped = Lookahead::new(boxed).unwrap().with_period(3).unwrap();
        let (mut left, mut right) = (model(), model());
        train(&mut wrapped, &mut left, 4);
        train(&mut optimizer(), &mut right, 4);
        assert_eq!(State::of(&left), State::of(&right));
    }
}
