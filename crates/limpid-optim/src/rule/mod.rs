//! The mathematics of one parameter: what a new optimizer has to write.

use std::fmt::Debug;

use limpid_tensor::{Element, Result, Rows, Tensor};

pub mod adadelta;
pub mod adagrad;
pub mod adam;
pub mod adamax;
mod decay;
mod gathered;
pub mod lamb;
pub mod lion;
pub mod mixed;
pub mod muon;
pub mod nadam;
pub mod radam;
pub mod rms_prop;
pub mod rprop;
pub mod sgd;
#[cfg(test)]
pub(crate) mod trajectory;

pub use decay::Decay;

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At {
    /// Which update of this parameter it is, from 1.
    pub step: u64,
    /// The learning rate of this parameter, from 0.
    pub rate: f64,
    /// The weight decay of this parameter, from 0; its meaning is the rule's.
    pub weight_decay: f64,
}

/// How one parameter is changed by its gradient. The owner of the state, of groups, clipping and
/// rates is [`Optimizer`](crate::Optimizer).
pub trait Rule<E: Element>: Debug + Send + Sync {
    /// What the rule remembers of a parameter.
    type State: RuleState<E>;

    /// The rule's name, in messages and checkpoints.
    fn name(&self) -> &'static str;

    /// Checks the settings.
    ///
    /// # Errors
    /// An argument error that names the setting outside its range.
    fn check(&self) -> Result<()>;

    /// The weight decay where no group says otherwise.
    fn weight_decay(&self) -> f64 {
        0.0
    }

    /// The weight decay of the parameter at `path`, where no group says otherwise: that of all
    /// parameters by default.
    fn weight_decay_at(&self, path: &str, shape: &[usize]) -> f64 {
        let _ = (path, shape);
        self.weight_decay()
    }

    /// Whether the rule can change a parameter of this path and shape. By default it can change any.
    ///
    /// # Errors
    /// A shape error that says which parameters it can change.
    fn accepts(&self, path: &str, shape: &[usize]) -> Result<()> {
        let _ = (path, shape);
        Ok(())
    }

    /// The state before the first update.
    fn init(&self, parameter: &Tensor<E>) -> Self::State;

    /// The state of the parameter at `path` before the first update: that of any path by default.
    fn init_at(&self, path: &str, parameter: &Tensor<E>) -> Self::State {
        let _ = path;
        self.init(parameter)
    }

    /// Changes the parameter and the state in place, in one pass over memory. All slices of a
    /// parameter are as long as the parameter.
    fn step(&self, parameter: &mut [E], gradient: &[E], state: &mut Self::State, at: &At);

    /// The step as two factors, where it is no more than that and nothing is remembered: then the
    /// gradient need not be written out before it is added. `None` by default.
    fn linear(&self, at: &At) -> Option<LinearStep> {
        let _ = at;
        None
    }

    /// Whether a gradient of 0 leaves an element and what is remembered of it as they are, so that
    /// the rows of a table that a gradient does not touch can be passed over. By default it does
    /// where [`Rule::linear`] keeps all of the parameter.
    fn rests_at_zero(&self, at: &At) -> bool {
        self.linear(at).is_some_and(|step| step.keep == 1.0)
    }

    /// Changes the rows of a table that a gradient touches, and their part of the state, as if
    /// there were no others. By default they are put together, changed by [`Rule::step`], and put
    /// back.
    fn step_rows(&self, parameter: &mut [E], gradient: &Rows<E>, state: &mut Self::State, at: &At) {
        gathered::step_rows(self, parameter, gradient, state, at);
    }
}

/// A step without memory: p = keep * p + scale * gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearStep {
    /// What the parameter is multiplied by.
    pub keep: f64,
    /// What the gradient is multiplied by.
    pub scale: f64,
}

/// A named part of a rule's state, to be saved.
#[derive(Clone, Copy, Debug)]
pub enum Slot<'a, E> {
    /// A number for each element of the parameter.
    Elements(&'a [E]),
    /// One number.
    Number(f64),
}

/// A named part of a rule's state, to be restored.
#[derive(Debug)]
pub enum SlotMut<'a, E> {
    /// A number for each element of the parameter.
    Elements(&'a mut [E]),
    /// One number.
    Number(&'a mut f64),
}

/// What a rule remembers of a parameter, seen as named parts so that it can be saved.
///
/// Parts that the rule's settings do not need are not shown. Both walks show the same parts.
pub trait RuleState<E: Element>: Clone + Debug + Send + Sync {
    /// Shows every part under its name, which holds no colon.
    fn visit(&self, visitor: &mut dyn FnMut(&'static str, Slot<'_, E>));

    /// Hands out every part under its name.
    fn visit_mut(&mut self, visitor: &mut dyn FnMut(&'static str, SlotMut<'_, E>));
}

/// Rules without memory.
impl<E: Element> RuleState<E> for () {
    fn visit(&self, _: &mut dyn FnMut(&'static str, Slot<'_, E>)) {}
    fn visit_mut(&mut self, _: &mut dyn FnMut(&'static str, SlotMut<'_, E>)) {}
}

/// Writes [`RuleState`] for a struct of `Vec<E>` and `f64` fields; a vector that is empty is one
/// that the settings do not need.
macro_rules! rule_state {
    ($state:ident { $($elements:ident),* $(; $($number:ident),*)? }) => {
        impl<E: limpid_tensor::Element> $crate::RuleState<E> for $state<E> {
            fn visit(&self, visitor: &mut dyn FnMut(&'static str, $crate::Slot<'_, E>)) {
                $(if !self.$elements.is_empty() {
                    visitor(stringify!($elements), $crate::Slot::Elements(&self.$elements));
                })*
                $($(visitor(stringify!($number), $crate::Slot::Number(self.$number));)*)?
            }

            fn visit_mut(&mut self, visitor: &mut dyn FnMut(&'static str, $crate::SlotMut<'_, E>)) {
                $(if !self.$elements.is_empty() {
                    visitor(stringify!($elements), $crate::SlotMut::Elements(&mut self.$elements));
                })*
                $($(visitor(stringify!($number), $crate::SlotMut::Number(&mut self.$number));)*)?
            }
        }
    };
}
use rule_state;

/// Writes `with_*` for the settings of a rule.
macro_rules! settings {
    ($rule:ident { $($(#[$doc:meta])* $with:ident: $field:ident: $kind:ty,)* }) => {
        impl $rule {
            /// The rule with its defaults.
            pub fn new() -> Self {
                Self::default()
            }

            $($(#[$doc])*
            #[must_use]
            pub fn $with(mut self, $field: $kind) -> Self {
                self.$field = $field;
                self
            })*
        }
    };
}
pub(crate) use settings;

/// Zeros for each element of `parameter` where `wanted`, nothing otherwise.
fn zeros<E: Element>(parameter: &Tensor<E>, wanted: bool) -> Vec<E> {
    if wanted {
        vec![E::zero(); parameter.len()]
    } else {
        Vec::new()
    }
}

/// The sign of the gradient: descent, or ascent where the objective is to grow.
fn sign<E: Element>(maximize: bool) -> E {
    if maximize { -E::one() } else { E::one() }
}

/// `average + (new - average) * weight`, as the exponential averages of PyTorch are computed.
fn lerp<E: Element>(average: E, new: E, weight: E) -> E {
    average + (new - average) * weight
}

/// `base` to the power of a step.
fn power(base: f64, step: u64) -> f64 {
    base.powf(step as f64)
}
