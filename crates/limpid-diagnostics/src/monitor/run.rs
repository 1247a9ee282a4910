//! The monitor of a whole run: an observer of the trainer that fills a record.

use std::borrow::Borrow;
use std::ops::ControlFlow;

use limpid_loss::Loss;
use limpid_tensor::{Element, Tensor};
use limpid_train::{Detail, EpochView, Observer, StepView, Watch};

use super::LayerMonitor;
use crate::Finding;
use crate::record::{LayerHistory, Series};

/// Watches a run for its record: the true update over the weight of every weight tensor every so
/// many steps, and every layer on a probe of the training data at the end of every so many epochs.
///
/// # Source
/// The article's section 监控训练过程.
#[derive(Debug)]
pub struct RunMonitor<'a, E: Element, L: Loss<E>, T> {
    layers: LayerMonitor<E>,
    loss: &'a L,
    target: T,
    /// Steps between two readings of the update ratios.
    every_steps: u64,
    /// Epochs between two looks at the layers.
    every_epochs: u64,
    update_ratios: Vec<Series>,
}

impl<'a, E: Element, L: Loss<E>, T: Borrow<L::Target>> RunMonitor<'a, E, L, T> {
    /// A monitor that looks at `probe`, rows of the training part with their `target`, after every
    /// epoch, and at the update ratios every ten steps.
    pub fn new(probe: Tensor<E>, target: T, loss: &'a L) -> Self {
        Self {
            layers: LayerMonitor::new(probe),
            loss,
            target,
            every_steps: 10,
            every_epochs: 1,
            update_ratios: Vec::new(),
        }
    }

    /// Sets how many steps lie between two readings of the update ratios; 0 means none are made.
    #[must_use]
    pub fn every_steps(mut self, steps: u64) -> Self {
        self.every_steps = steps;
        self
    }

    /// Sets how many epochs lie between two looks at the layers; 0 counts as 1.
    #[must_use]
    pub fn every_epochs(mut self, epochs: u64) -> Self {
        self.every_epochs = epochs.max(1);
        self
    }

    /// Per weight tensor: the norm of the true update over the norm of the weights. Biases and
    /// norms' scales, which start at zero or stay near one, are left out.
    pub fn update_ratios(&self) -> &[Series] {
        &self.update_ratios
    }

    /// What was seen of each layer.
    pub fn layers(&self) -> &[LayerHistory] {
        self.layers.layers()
    }

    /// What somebody should know.
    pub fn findings(&self) -> &[Finding] {
        self.layers.findings()
    }
}

impl<E: Element, L: Loss<E>, T: Borrow<L::Target>> Observer<E> for RunMonitor<'_, E, L, T> {
    fn watch(&self) -> Watch {
        Watch::every(self.every_steps, Detail::Norms)
    }

    fn on_step(&mut self, view: &StepView<'_, E>) -> ControlFlow<String> {
        let weights = limpid_tensor::named_parameters(view.model);
        let weights = weights
            .into_iter()
            .filter(|(_, parameter)| parameter.rank() >= 2);
        for (path, _) in weights {
            let Some(report) = view.report.parameter(&path) else {
                continue;
            };
            let point = (view.record.step, report.ratio());
            match self
                .update_ratios
                .iter_mut()
                .find(|series| series.name == path)
            {
                Some(series) => series.points.push(point),
                None => self.update_ratios.push(Series::new(path, [point])),
            }
        }
        ControlFlow::Continue(())
    }

    fn on_epoch(&mut self, view: &EpochView<'_, E>) -> ControlFlow<String> {
        let epoch = view.record.epoch as u64;
        if epoch.is_multiple_of(self.every_epochs) {
            let target = self.target.borrow();
            if let Err(error) = self.layers.observe(view.model, self.loss, target, epoch) {
                return ControlFlow::Break(format!("the monitor failed: {error}"));
            }
        }
        ControlFlow::Continue(())
    }
}
