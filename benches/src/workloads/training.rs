//! One step of a classifier that ends in a cross-entropy: what most workloads share.

use limpid_loss::{CrossEntropy, Loss};
use limpid_nn_layers::{Context, Module, Sequential};
use limpid_optim::{Optimizer, Rule};
use limpid_tensor::{Element, Result, Stream, Tensor, trainable_count};

use super::{BATCHES, Steps};
use crate::fill::{INPUTS, TARGETS, fill, indices, uniform};

/// The bound of uniform numbers of variance 1.
pub(super) const UNIT_VARIANCE: f64 = 1.732_050_807_568_877_2;

/// Every batch's inputs, of `shape`.
pub(super) fn inputs<E: Element>(shape: &[usize]) -> Vec<Tensor<E>> {
    (0..BATCHES as u64)
        .map(|batch| uniform(INPUTS + batch, shape, UNIT_VARIANCE))
        .collect()
}

/// Every batch's classes, one for each item.
pub(super) fn classes(items: usize, classes: usize) -> Vec<Vec<usize>> {
    (0..BATCHES as u64)
        .map(|batch| indices(TARGETS + batch, items, classes))
        .collect()
}

/// Trains `model` on inputs of `shape` to tell `outputs` classes apart.
pub(super) fn classifier<E: Element, R: Rule<E> + 'static>(
    mut model: Sequential<E>,
    shape: &[usize],
    outputs: usize,
    rule: R,
    rate: f64,
) -> Result<Steps> {
    fill(&mut model)?;
    let inputs = inputs(shape);
    let classes = classes(shape[0], outputs);
    let mut optimizer = Optimizer::new(rule, rate)?;
    Ok(Steps::new(trainable_count(&model), move |batch| {
        let mut context = Context::train(Stream::new(0));
        let logits = model.forward(&inputs[batch], &mut context)?;
        let loss = CrossEntropy::new().forward(&logits, &classes[batch])?;
        // The logits hold the weights, too: alive, they would make the update copy.
        drop(logits);
        let gradients = loss.backward()?;
        let value = loss.item()?.double();
        drop(loss);
        optimizer.step(&mut model, &gradients)?;
        context.into_updates().apply(&mut model)?;
        Ok(value)
    }))
}
