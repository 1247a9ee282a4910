//! A tiny part of the data must be learned by heart, or training should not start.

use limpid_loss::Loss;
use limpid_nn_layers::{Context, Module};
use limpid_optim::{Adam, Optimizer};
use limpid_tensor::{Element, Parameters, Result, State, Stream, Tensor};

use super::verdict;
use crate::record::CheckRow;

/// Trains on a handful of examples, without penalty and without noise, until the loss is at its
/// floor: 0, or what the loss itself says (label smoothing of 0.1 over ten classes: 0.500).
///
/// # Source
/// CS231n, "Overfit a tiny subset of data"; the article's section 训练前的检查.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TinySubset {
    /// Updates at the most; 500 by default.
    pub steps: u64,
    /// The rate of Adam; 0.01 by default.
    pub rate: f64,
    /// The share of the way from the first loss to the floor that may be left; 0.01 by default.
    pub left: f64,
}

impl Default for TinySubset {
    fn default() -> Self {
        Self {
            steps: 500,
            rate: 0.01,
            left: 0.01,
        }
    }
}

impl TinySubset {
    /// Runs the check on the examples given, about twenty; `model` is left as it was.
    ///
    /// # Errors
    /// What the forward and the backward pass and the optimizer report.
    pub fn check<E: Element, M: Module<E> + Parameters<E>, L: Loss<E>>(
        &self,
        model: &mut M,
        loss: &L,
        input: &Tensor<E>,
        target: &L::Target,
    ) -> Result<CheckRow> {
        let before = State::of(model);
        let outcome = self.train(model, loss, input, target);
        before.apply(model)?;
        outcome
    }

    fn train<E: Element, M: Module<E>, L: Loss<E>>(
        &self,
        model: &mut M,
        loss: &L,
        input: &Tensor<E>,
        target: &L::Target,
    ) -> Result<CheckRow> {
        let mut optimizer = Optimizer::new(Adam::default(), self.rate)?;
        let stream = Stream::new(0).fork("tiny subset");
        let (mut first, mut floor, mut found) = (None, 0.0, f64::NAN);
        let mut taken = 0;
        for step in 0..=self.steps {
            let mut context = Context::train(stream.fork(step)).without_noise();
            let prediction = model.forward(input, &mut context)?;
            let value = loss.forward(&prediction, target)?.mean();
            found = value.item()?.double();
            if first.is_none() {
                let outputs = prediction.shape().get(1).copied().unwrap_or(1);
                floor = loss.floor(outputs, target).unwrap_or(0.0);
            }
            let start = *first.get_or_insert(found);
            taken = step;
            if !found.is_finite() || found - floor <= self.left * (start - floor) {
                break;
            }
            if step < self.steps {
                let gradients = value.backward()?;
                drop((value, prediction));
                optimizer.step(model, &gradients)?;
                context.into_updates().apply(model)?;
            }
        }
        let start = first.unwrap_or(f64::NAN);
        let allowed = floor + self.left * (start - floor);
        let passed = found <= allowed;
        let examples = input.shape().first().copied().unwrap_or(0);
        let detail = if passed {
            format!("{examples} examples learned by heart in {taken} steps")
        } else {
            format!(
                "{examples} examples are not learned in {taken} steps: the model, the loss or the \
                 pairing of inputs and targets is broken"
            )
        };
        Ok(CheckRow::new("tiny subset", verdict(passed))
            .with_figures(format!("<= {allowed:.3}"), format!("{found:.3}"))
            .with_detail(detail))
    }
}
