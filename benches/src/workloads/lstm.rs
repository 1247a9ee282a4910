//! W6: a recurrent network.

use limpid_loss::{Loss, Mse};
use limpid_nn_layers::{Context, Lstm, Module, Sequential};
use limpid_optim::{Adam, Optimizer};
use limpid_tensor::{Element, Result, Stream, Tensor, trainable_count};

use super::training::{UNIT_VARIANCE, inputs};
use super::{BATCHES, Sizes, Steps};
use crate::fill::{TARGETS, fill, uniform};

const TIME: usize = 64;
const FEATURES: usize = 32;

/// Two LSTM layers of 128 on 64 steps of 32 features, batch 32; the mean squared error of the
/// outputs of all times; Adam with rate 1e-3.
pub(super) fn steps<E: Element>(sizes: Sizes) -> Result<Steps> {
    let (batch, width) = (sizes.batch.unwrap_or(32), sizes.width.unwrap_or(128));
    let mut model = Sequential::<E>::new();
    let mut features = FEATURES;
    for _ in 0..sizes.depth.unwrap_or(2) {
        model = model.with(Lstm::new(features, width, Stream::new(0))?);
        features = width;
    }
    fill(&mut model)?;
    let inputs = inputs(&[TIME, batch, FEATURES]);
    let shape = [TIME, batch, features];
    let targets: Vec<Tensor<E>> = (0..BATCHES as u64)
        .map(|batch| uniform(TARGETS + batch, &shape, UNIT_VARIANCE))
        .collect();
    let mut optimizer = Optimizer::new(Adam::default(), 1e-3)?;
    Ok(Steps::new(trainable_count(&model), move |batch| {
        let mut context = Context::train(Stream::new(0));
        let output = model.forward(&inputs[batch], &mut context)?;
        let loss = Mse::new().forward(&output, &targets[batch])?;
        drop(output);
        let gradients = loss.backward()?;
        let value = loss.item()?.double();
        drop(loss);
        optimizer.step(&mut model, &gradients)?;
        Ok(value)
    }))
}
