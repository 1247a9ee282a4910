//! An optimizer whose rule is not known at compile time.

use std::fmt;

use limpid_tensor::{Element, Gradients, Parameters, Result};

use super::Optimizer;
use crate::report::{Reporting, StepReport};
use crate::rule::Rule;
use crate::state::OptimizerState;

/// An optimizer of any rule, as a trainer holds it.
pub trait Optimize<E: Element>: fmt::Debug + Send {
    /// The rule's name.
    fn name(&self) -> &'static str;

    /// Every setting that its updates depend on, one to a line, and nothing of what it remembers: what
    /// a checkpoint is held against. The current rate counts as remembered.
    fn settings(&self) -> String;

    /// Updates `model` by `gradients`; see [`Optimizer::step`].
    ///
    /// # Errors
    /// A parameters error when a parameter has another shape than at the step before.
    fn step(
        &mut self,
        model: &mut dyn Parameters<E>,
        gradients: &Gradients<E>,
    ) -> Result<StepReport>;

    /// The current learning rate.
    fn rate(&self) -> f64;

    /// Sets the learning rate of the steps to come.
    ///
    /// # Errors
    /// An argument error when it is not a finite number from 0.
    fn set_rate(&mut self, rate: f64) -> Result<()>;

    /// Sets how much of the steps to come is measured.
    fn set_reporting(&mut self, reporting: Reporting);

    /// How many updates there have been.
    fn steps(&self) -> u64;

    /// How many steps were skipped, because a gradient was not finite.
    fn skipped(&self) -> u64;

    /// Everything that the optimizer remembers.
    ///
    /// # Errors
    /// A shape error when a rule's state is not as long as its parameter.
    fn state(&self) -> Result<OptimizerState<E>>;

    /// Goes on from `state`; see [`Optimizer::load`].
    ///
    /// # Errors
    /// As [`Optimizer::load`].
    fn load(&mut self, model: &dyn Parameters<E>, state: &OptimizerState<E>) -> Result<()>;
}

impl<E: Element, R: Rule<E>> Optimize<E> for Optimizer<E, R> {
    fn name(&self) -> &'static str {
        self.rule.name()
    }

    fn settings(&self) -> String {
        Self::settings(self)
    }

    fn step(
        &mut self,
        model: &mut dyn Parameters<E>,
        gradients: &Gradients<E>,
    ) -> Result<StepReport> {
        Self::step(self, model, gradients)
    }

    fn rate(&self) -> f64 {
        self.rate
    }

    fn set_rate(&mut self, rate: f64) -> Result<()> {
        Self::set_rate(self, rate)
    }

    fn set_reporting(&mut self, reporting: Reporting) {
        self.reporting = reporting;
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }

    fn state(&self) -> Result<OptimizerState<E>> {
        Self::state(self)
    }

    fn load(&mut self, model: &dyn Parameters<E>, state: &OptimizerState<E>) -> Result<()> {
        Self::load(self, model, state)
    }
}

impl<E: Element, O: Optimize<E> + ?Sized> Optimize<E> for Box<O> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn settings(&self) -> String {
        (**self).settings()
    }

    fn step(
        &mut self,
        model: &mut dyn Parameters<E>,
        gradients: &Gradients<E>,
    ) -> Result<StepReport> {
        (**self).step(model, gradients)
    }

    fn rate(&self) -> f64 {
        (**self).rate()
    }

    fn set_rate(&mut self, rate: f64) -> Result<()> {
        (**self).set_rate(rate)
    }

    fn set_reporting(&mut self, reporting: Reporting) {
        (**self).set_reporting(reporting);
    }

    fn steps(&self) -> u64 {
        (**self).steps()
    }

    fn skipped(&self) -> u64 {
        (**self).skipped()
    }

    fn state(&self) -> Result<OptimizerState<E>> {
        (**self).state()
    }

    fn load(&mut self, model: &dyn Parameters<E>, state: &OptimizerState<E>) -> Result<()> {
        (**self).load(model, state)
    }
}
