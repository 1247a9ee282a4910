//! Who watches a run.

use std::ops::ControlFlow;

use limpid_nn_layers::Module;
use limpid_optim::{PenaltyShare, StepReport};
use limpid_tensor::{Element, Gradients, Tensor};

use crate::{EpochRecord, StepRecord};

/// How closely an observer looks at a step. Each level shows what the levels before it show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Loss, penalty, rate and what the optimizer reports anyway: free.
    #[default]
    Plain,
    /// The norms of each parameter, its gradient and its update as well.
    Norms,
    /// Each parameter's gradient by path as well: no copies.
    Gradients,
    /// Each layer's output and its gradient as well: they live until the observers have seen them.
    Activations,
}

/// Which steps an observer sees, and how closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Every how many steps; 0 for none.
    pub every: u64,
    /// How closely.
    pub detail: Detail,
}

impl Watch {
    /// No steps: epochs only.
    pub const EPOCHS: Self = Self {
        every: 0,
        detail: Detail::Plain,
    };

    /// Every `every`-th step, beginning with the first.
    pub fn every(every: u64, detail: Detail) -> Self {
        Self { every, detail }
    }

    /// Whether `step` is among them.
    pub fn is_due(&self, step: u64) -> bool {
        self.every > 0 && step.is_multiple_of(self.every)
    }
}

/// What is known before the first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartView {
    /// How many epochs there will be at most.
    pub epochs: usize,
    /// How many steps an epoch has.
    pub steps_per_epoch: usize,
    /// The step that comes next: 0, or more for a run that goes on.
    pub step: u64,
}

/// One layer's output in a step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Activation<E: Element> {
    /// The layer's path: `blocks.2.act`.
    pub path: String,
    /// The layer's kind: `Relu`.
    pub kind: &'static str,
    /// What came out.
    pub output: Tensor<E>,
    /// The gradient of the loss with respect to it, where the loss depends on it.
    pub gradient: Option<Tensor<E>>,
}

/// A step, as an observer sees it, after the update.
#[non_exhaustive]
pub struct StepView<'a, E: Element> {
    /// Step, epoch, loss, penalty, rate.
    pub record: StepRecord,
    /// The penalty and its gradient's norm, apart from the data's.
    pub penalty: PenaltyShare,
    /// What the optimizer did.
    pub report: &'a StepReport,
    /// The gradients of the step. They belong to the values before the update, so that
    /// [`Gradients::get`] finds none for a parameter of `model`: see
    /// [`StepView::parameter_gradients`].
    pub gradients: &'a Gradients<E>,
    /// Each parameter's gradient before clipping, penalty included, by path, from [`Detail::Gradients`]; else empty.
    pub parameter_gradients: &'a [(String, Tensor<E>)],
    /// The layers' outputs in the order that they ran in, at [`Detail::Activations`]; else empty.
    pub activations: &'a [Activation<E>],
    /// The model after the update.
    pub model: &'a dyn Module<E>,
}

/// An epoch, as an observer sees it.
#[non_exhaustive]
pub struct EpochView<'a, E: Element> {
    /// Losses, accuracies, rate.
    pub record: EpochRecord,
    /// Whether it is the best so far.
    pub is_best: bool,
    /// The model after the epoch.
    pub model: &'a dyn Module<E>,
}

impl<E: Element> std::fmt::Debug for StepView<'_, E> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StepView")
            .field("record", &self.record)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl<E: Element> std::fmt::Debug for EpochView<'_, E> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EpochView")
            .field("record", &self.record)
            .field("is_best", &self.is_best)
            .finish_non_exhaustive()
    }
}

/// Watches a run, and may end it by breaking with a reason. It sees values and changes nothing: a run
/// has the same bits with it and without it.
pub trait Observer<E: Element> {
    /// The steps that it wants to see: none, unless it says otherwise.
    fn watch(&self) -> Watch {
        Watch::EPOCHS
    }

    /// Called before the first step.
    fn on_start(&mut self, view: &StartView) {
        let _ = view;
    }

    /// Called after each step that it watches.
    fn on_step(&mut self, view: &StepView<'_, E>) -> ControlFlow<String> {
        let _ = view;
        ControlFlow::Continue(())
    }

    /// Called after each epoch.
    fn on_epoch(&mut self, view: &EpochView<'_, E>) -> ControlFlow<String> {
        let _ = view;
        ControlFlow::Continue(())
    }
}

impl<E: Element, O: Observer<E> + ?Sized> Observer<E> for &mut O {
    fn watch(&self) -> Watch {
        (**self).watch()
    }

    fn on_start(&mut self, view: &StartView) {
        (**self).on_start(view);
    }

    fn on_step(&mut self, view: &StepView<'_, E>) -> ControlFlow<String> {
        (**self).on_step(view)
    }

    fn on_epoch(&mut self, view: &EpochView<'_, E>) -> ControlFlow<String> {
        (**self).on_epoch(view)
    }
}
