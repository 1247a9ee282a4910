//! The owner of what a rule remembers, and of everything around the rule.

use std::fmt;

use limpid_tensor::{Element, Result, Shape};

use crate::clip::Clip;
use crate::group::{Group, Members};
use crate::noise::GradientNoise;
use crate::report::Reporting;
use crate::rule::{At, Rule};
use crate::setting;

mod checkpoint;
#[cfg(test)]
mod factored_tests;
mod optimize;
mod step;
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

/// What happens to the rows of a table that a gradient of a few rows does not touch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowUpdates {
    /// What a gradient of 0 does: momentum, averages and decay go on in every row. Rules of which
    /// nothing goes on pass over those rows: [`Sgd`](crate::Sgd) without momentum and weight decay,
    /// and [`Adagrad`](crate::Adagrad) without weight decay. All others cost the whole table at each
    /// step.
    #[default]
    Exact,
    /// Nothing: what is remembered of a row stands still until the row is touched again, and weight
    /// decay acts on touched rows alone. A step costs the touched rows. Corrections of bias count
    /// the parameter's steps, not the row's, as in PyTorch's SparseAdam. Rules that look at a
    /// parameter as a whole, [`Lamb`](crate::Lamb) and [`Muon`](crate::Muon), take the touched rows
    /// for it.
    Lazy,
}

/// What is known of one parameter.
#[derive(Clone, Debug)]
struct Memory<S> {
    path: String,
    shape: Shape,
    steps: u64,
    state: S,
    treatment: Treatment,
}

/// What the groups that a parameter belongs to say.
#[derive(Clone, Copy, Debug)]
struct Treatment {
    rate_scale: Option<f64>,
    weight_decay: f64,
}

/// What updates depend on. It is only read by its `Debug`.
#[derive(Debug)]
#[expect(dead_code, reason = "the fields are there to be shown")]
struct Settings<'a, R> {
    rule: &'a R,
    groups: &'a [Group],
    clip: &'a Clip,
    noise: &'a Option<GradientNoise>,
    non_finite: &'a NonFinite,
    row_updates: &'a RowUpdates,
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
    noise: Option<GradientNoise>,
    non_finite: NonFinite,
    reporting: Reporting,
    steps: u64,
    skipped: u64,
    row_updates: RowUpdates,
    /// In the order in which the model shows its parameters, as far as they have been updated.
    memories: Vec<Memory<R::State>>,
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
            noise: None,
            non_finite: NonFinite::Skip,
            reporting: Reporting::Plain,
            steps: 0,
            skipped: 0,
            row_updates: RowUpdates::Exact,
            memories: Vec::new(),
        })
    }

    /// Adds a group.
    ///
    /// # Errors
    /// An argument error when its scale or decay is not a finite number from 0.
    pub fn with_group(mut self, group: Group) -> Result<Self> {
        group.check()?;
        self.groups.push(group);
        self.regroup();
        Ok(self)
    }

    /// Lets no weight decay act on parameters of rank 0 and 1: biases, and the scales and shifts of
    /// normalisation layers.
    #[must_use]
    pub fn without_decay_on_biases_and_norms(mut self) -> Self {
        let group = Group::new(Members::RankAtMost(1)).with_weight_decay(0.0);
        self.groups.push(group);
        self.regroup();
        self
    }

    /// Clips the gradients before the rule sees them.
    ///
    /// # Errors
    /// An argument error when a bound is not a finite number above 0.
    pub fn with_clip(mut self, clip: Clip) -> Result<Self> {
        clip.check()?;
        self.clip = clip;
        Ok(self)
    }

    /// Adds noise to the gradients, after clipping.
    #[must_use]
    pub fn with_noise(mut self, noise: GradientNoise) -> Self {
        self.noise = Some(noise);
        self
    }

    /// Sets what to do when a gradient is not finite.
    #[must_use]
    pub fn with_non_finite(mut self, non_finite: NonFinite) -> Self {
        self.non_finite = non_finite;
        self
    }

    /// Sets what happens to the rows of a table that a gradient does not touch.
    #[must_use]
    pub fn with_row_updates(mut self, row_updates: RowUpdates) -> Self {
        self.row_updates = row_updates;
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

    /// Every setting that its updates depend on, one to a line, as `Debug` shows them; not the rate,
    /// which schedules change. Of a group by [`Members::Where`] nothing shows but that it is one.
    pub fn settings(&self) -> String {
        let Self {
            rule,
            groups,
            clip,
            noise,
            non_finite,
            row_updates,
            rate: _,
            reporting: _,
            steps: _,
            skipped: _,
            memories: _,
        } = self;
        format!(
            "{:#?}",
            Settings {
                rule,
                groups,
                clip,
                noise,
                non_finite,
                row_updates
            }
        )
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

    /// What the groups say of the parameter at `path`.
    fn treatment(&self, path: &str, shape: &[usize]) -> Treatment {
        let mut treatment = Treatment {
            rate_scale: None,
            weight_decay: self.rule.weight_decay_at(path, shape),
        };
        for group in &self.groups {
            if group.members.contain(path, shape) {
                treatment.rate_scale = group.rate_scale.or(treatment.rate_scale);
                treatment.weight_decay = group.weight_decay.unwrap_or(treatment.weight_decay);
            }
        }
        treatment
    }

    /// Asks the groups again.
    fn regroup(&mut self) {
        for place in 0..self.memories.len() {
            let Memory { path, shape, .. } = &self.memories[place];
            self.memories[place].treatment = self.treatment(path, shape);
        }
    }

    /// Where the memory of the parameter at `path` is; most often at `hint`.
    fn find(&self, hint: usize, path: &str) -> Option<usize> {
        let at = |place: &usize| self.memories[*place].path == path;
        let length = self.memories.len();
        let hint = hint.min(length);
        (hint..length).chain(0..hint).find(at)
    }

    /// Where the next step of a memory stands.
    fn at(&self, memory: &Memory<R::State>) -> At {
        let Treatment {
            rate_scale,
            weight_decay,
        } = memory.treatment;
        At {
            step: memory.steps + 1,
            rate: rate_scale.map_or(self.rate, |scale| self.rate * scale),
            weight_decay,
        }
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
            .field("noise", &self.noise)
            .field("steps", &self.steps)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}
