//! The owner of what a rule remembers, and of everything around the rule.

use std::collections::BTreeMap;
use std::fmt;

use limpid_tensor::{
    Element, Error, Gradients, Parameter, Parameters, Result, for_each_parameter_mut,
    named_parameters,
};

use crate::clip::{self, Clip};
use crate::group::{Group, Members};
use crate::report::{ParameterReport, Reporting, StepReport};
use crate::rule::{At, Rule};
use crate::setting;
use crate::sweep::sum_of_squares;

mod checkpoint;
mod optimize;
#[cfg(test)]
mod tests;

pub use optimize::Optimize;

/// What to do when a gradient is not finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonFinite {
    /// Changes nothing, and counts and reports the step as skipped. Costs a pass over the
    /// gradients.
    #[default]
    Skip,
    /// Does not look: the rule is applied.
    Apply,
}

/// What is known of one parameter.
#[derive(Clone, Debug)]
struct Memory<S> {
    shape: Vec<usize>,
    steps: u64,
    state: S,
}

/// A rule for every parameter of a model, with the state, groups, clipping and the current rate.
///
/// The state belongs to the parameter's path. Nothing of the model is held: each step is handed
/// model and gradients.
///
/// # Example
/// ```
/// use limpid_optim::{Optimizer, Sgd};
/// use limpid_tensor::{Parameter, Tensor};
///
/// let mut weight = Parameter::new(Tensor::<f64>::full([2], 1.0));
/// let mut optimizer = Optimizer::new(Sgd::new(), 0.1)?;
/// let gradients = weight.square().sum().backward()?;
/// let report = optimizer.step(&mut weight, &gradients)?;
/// assert_eq!(weight.to_vec(), [0.8, 0.8]);
/// assert_eq!(report.gradient_norm, Some(8f64.sqrt()));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Optimizer<E: Element, R: Rule<E>> {
    rule: R,
    rate: f64,
    groups: Vec<Group>,
    clip: Clip,
    non_finite: NonFinite,
    reporting: Reporting,
    steps: u64,
    skipped: u64,
    memories: BTreeMap<String, Memory<R::State>>,
    /// Reused from step to step.
    scratch: Vec<E>,
}

impl<E: Element, R: Rule<E>> Optimizer<E, R> {
    /// An optimizer without groups and clipping, that skips steps whose gradients are not finite.
    ///
    /// # Errors
    /// An argument error that names the setting of the rule, or the rate, that is out of range.
    pub fn new(rule: R, rate: f64) -> Result<Self> {
        rule.check()?;
        setting::not_negative(rule.name(), "rate", rate)?;
        Ok(Self {
            rule,
            rate,
            groups: Vec::new(),
            clip: Clip::Off,
            non_finite: NonFinite::Skip,
            reporting: Reporting::Plain,
            steps: 0,
            skipped: 0,
            memories: BTreeMap::new(),
            scratch: Vec::new(),
        })
    }

    /// Adds a group.
    ///
    /// # Errors
    /// An argument error when its scale or decay is not a finite number from 0.
    pub fn with_group(mut self, group: Group) -> Result<Self> {
        group.check()?;
        self.groups.push(group);
        Ok(self)
    }

    /// Lets no weight decay act on parameters of rank 0 and 1: biases, and the scales and shifts of
    /// normalisation layers.
    #[must_use]
    pub fn without_decay_on_biases_and_norms(mut self) -> Self {
        let group = Group::new(Members::RankAtMost(1)).with_weight_decay(0.0);
        self.groups.push(group);
        self
    }

    /// Clips the gradients before the rule sees them.
    ///
    /// # Errors
    /// An argument error when the bound is not a finite number above 0.
    pub fn with_clip(mut self, clip: Clip) -> Result<Self> {
        clip.check()?;
        self.clip = clip;
        Ok(self)
    }

    /// Sets what to do when a gradient is not finite.
    #[must_use]
    pub fn with_non_finite(mut self, non_finite: NonFinite) -> Self {
        self.non_finite = non_finite;
        self
    }

    /// Sets how much is measured.
    #[must_use]
    pub fn with_reporting(mut self, reporting: Reporting) -> Self {
        self.reporting = reporting;
        self
    }

    /// The rule.
    pub fn rule(&self) -> &R {
        &self.rule
    }

    /// The current learning rate.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Sets the learning rate of the steps to come.
    ///
    /// # Errors
    /// An argument error when it is not a finite number from 0.
    pub fn set_rate(&mut self, rate: f64) -> Result<()> {
        setting::not_negative(self.rule.name(), "rate", rate)?;
        self.rate = rate;
        Ok(())
    }

    /// Sets how much of the steps to come is measured.
    pub fn set_reporting(&mut self, reporting: Reporting) {
        self.reporting = reporting;
    }

    /// How many updates there have been.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// How many steps were skipped, because a gradient was not finite.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Updates every trainable parameter of `model` that has a gradient, in place.
    ///
    /// Drop the loss first: as long as it lives it holds the old weights, so that they are copied
    /// instead of being changed where they lie. The result is the same.
    ///
    /// Gradients of a few rows, as lookups in a table leave them, act as what they stand for: zeros
    /// in all other rows, where momentum and decay go on.
    ///
    /// # Errors
    /// A parameters error when a parameter has another shape than at the step before; the model
    /// is then left as it is.
    pub fn step<M: Parameters<E> + ?Sized>(
        &mut self,
        model: &mut M,
        gradients: &Gradients<E>,
    ) -> Result<StepReport> {
        let mut report = self.survey(model, gradients)?;
        if report.skipped {
            self.skipped += 1;
            return Ok(report);
        }
        self.steps += 1;
        report.step = self.steps;
        let change = match (self.clip, report.gradient_norm) {
            (Clip::Norm(most), Some(norm)) => match clip::factor(most, norm) {
                factor if factor < 1.0 => {
                    report.clipped_gradient_norm = Some(norm * factor);
                    Change::Scale(E::of(factor))
                }
                _ => Change::Nothing,
            },
            (Clip::Value(most), _) => Change::Bound(E::of(most)),
            _ => Change::Nothing,
        };
        let mut square = 0.0;
        for_each_parameter_mut(model, |path, parameter| {
            if parameter.is_trainable() {
                square += self.update(path, parameter, gradients, change, &mut report);
            }
        });
        if let (Change::Bound(_), Some(_)) = (change, report.gradient_norm) {
            report.clipped_gradient_norm = Some(square.sqrt());
        }
        Ok(report)
    }

    /// Looks at all gradients, and changes nothing.
    fn survey<M: Parameters<E> + ?Sized>(
        &self,
        model: &M,
        gradients: &Gradients<E>,
    ) -> Result<StepReport> {
        let mut report = StepReport {
            step: self.steps,
            rate: self.rate,
            ..StepReport::default()
        };
        let measured = self.non_finite == NonFinite::Skip
            || self.reporting == Reporting::Norms
            || matches!(self.clip, Clip::Norm(_));
        let mut square = 0.0;
        for (path, parameter) in named_parameters(model) {
            if !parameter.is_trainable() {
                continue;
            }
            let Some(gradient) = gradients.get(parameter) else {
                report.without_gradient.push(path);
                continue;
            };
            if let Some(memory) = self.memories.get(&path)
                && memory.shape != parameter.shape()
            {
                let expected = format!("a parameter of shape {:?}", memory.shape);
                let found = format!("shape {:?}", parameter.shape());
                return Err(Error::parameters("step", expected, found).at(path));
            }
            if measured {
                let own = clip::square(gradient);
                square += own;
                // A sum of finite squares can still overflow, so the elements decide.
                if !own.is_finite() && self.non_finite == NonFinite::Skip {
                    report.skipped |= !gradient.to_dense().is_finite();
                }
            }
        }
        report.gradient_norm = measured.then(|| square.sqrt());
        report.clipped_gradient_norm = report.gradient_norm;
        Ok(report)
    }

    /// Updates one parameter; gives the sum of squares of a gradient that was bounded.
    fn update(
        &mut self,
        path: &str,
        parameter: &mut Parameter<E>,
        gradients: &Gradients<E>,
        change: Change<E>,
        report: &mut StepReport,
    ) -> f64 {
        let Some(gradient) = gradients.tensor(parameter) else {
            return 0.0;
        };
        let mut at = self.at(path, parameter.shape());
        if !self.memories.contains_key(path) {
            let shape = parameter.shape().to_vec();
            let state = self.rule.init(parameter);
            self.memories.insert(
                path.to_owned(),
                Memory {
                    shape,
                    steps: 0,
                    state,
                },
            );
        }
        let Some(memory) = self.memories.get_mut(path) else {
            return 0.0;
        };
        memory.steps += 1;
        at.step = memory.steps;

        let handed = gradient.elements();
        let scratch = &mut self.scratch;
        let (given, square) = match change {
            Change::Nothing => (&*handed, 0.0),
            Change::Scale(factor) => {
                scratch.clear();
                scratch.extend(handed.iter().map(|&element| element * factor));
                (scratch.as_slice(), 0.0)
            }
            Change::Bound(most) => {
                scratch.clear();
                scratch.extend(handed.iter().map(|&element| clip::bound(element, most)));
                let square = if report.gradient_norm.is_some() {
                    sum_of_squares(scratch)
                } else {
                    0.0
                };
                (scratch.as_slice(), square)
            }
        };
        let rule = &self.rule;
        let before = (self.reporting == Reporting::Norms).then(|| parameter.to_vec());
        parameter.update(|elements| rule.step(elements, given, &mut memory.state, &at));
        if let Some(before) = before {
            let after = parameter.elements();
            let update: Vec<E> = after
                .iter()
                .zip(&before)
                .map(|(&new, &old)| new - old)
                .collect();
            report.parameters.push(ParameterReport {
                path: path.to_owned(),
                gradient_norm: sum_of_squares(given).sqrt(),
                weight_norm: sum_of_squares(&before).sqrt(),
                update_norm: sum_of_squares(&update).sqrt(),
            });
        }
        square
    }

    /// Rate and decay of the parameter at `path`.
    fn at(&self, path: &str, shape: &[usize]) -> At {
        let mut at = At {
            step: 0,
            rate: self.rate,
            weight_decay: self.rule.weight_decay(),
        };
        for group in self
            .groups
            .iter()
            .filter(|group| group.members.contain(path, shape))
        {
            at.rate = group.rate_scale.map_or(at.rate, |scale| self.rate * scale);
            at.weight_decay = group.weight_decay.unwrap_or(at.weight_decay);
        }
        at
    }
}

/// Says where it stands; what the rule remembers would be as long as the model.
impl<E: Element, R: Rule<E>> fmt::Debug for Optimizer<E, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Optimizer")
            .field("rule", &self.rule)
            .field("rate", &self.rate)
            .field("groups", &self.groups)
            .field("clip", &self.clip)
            .field("steps", &self.steps)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

/// What clipping does to the gradients of a step.
#[derive(Clone, Copy)]
enum Change<E> {
    Nothing,
    Scale(E),
    Bound(E),
}
