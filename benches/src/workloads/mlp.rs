//! W1 and W2: multilayer perceptrons.

use limpid_nn_layers::{Linear, Relu, Sequential};
use limpid_optim::{Adam, Sgd};
use limpid_tensor::{Element, Result, Stream};

use super::training::classifier;
use super::{Sizes, Steps};

/// 784-512-512-10, batch 128, Adam with rate 1e-4.
pub(super) fn wide<E: Element>(sizes: Sizes) -> Result<Steps> {
    let mut widths = vec![784];
    widths.resize(1 + sizes.depth.unwrap_or(2), sizes.width.unwrap_or(512));
    widths.push(10);
    let shape = [sizes.batch.unwrap_or(128), 784];
    classifier(model::<E>(&widths)?, &shape, 10, Adam::default(), 1e-4)
}

/// 64-128-64-10, batch 32, SGD with Nesterov momentum 0.9 and rate 0.01.
pub(super) fn small<E: Element>(sizes: Sizes) -> Result<Steps> {
    let sizes = sizes.only_batch("W2")?;
    let shape = [sizes.batch.unwrap_or(32), 64];
    let rule = Sgd::default().with_momentum(0.9).with_nesterov(true);
    classifier(model::<E>(&[64, 128, 64, 10])?, &shape, 10, rule, 0.01)
}

fn model<E: Element>(widths: &[usize]) -> Result<Sequential<E>> {
    let mut model = Sequential::new();
    for (layer, pair) in widths.windows(2).enumerate() {
        if layer > 0 {
            model = model.with(Relu);
        }
        model = model.with(Linear::new(pair[0], pair[1], Stream::new(0))?);
    }
    Ok(model)
}
