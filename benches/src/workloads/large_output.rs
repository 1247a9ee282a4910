//! W5 and W5n: 50 000 classes, by a full softmax and by negative sampling.

use limpid_loss::{Loss, NegativeSampling, WithNoise};
use limpid_nn_layers::{Context, Linear, Module, Parameters, Relu, Sequential};
use limpid_optim::{Optimizer, Sgd};
use limpid_tensor::{Element, Result, Stream, Tensor, trainable_count};

use super::training::{classes, classifier, inputs};
use super::{Sizes, Steps};
use crate::fill::{NOISE, fill, indices};

const CLASSES: usize = 50_000;
/// The noise classes of each item.
const NOISE_PER_ITEM: usize = 64;
const RATE: f64 = 0.1;

/// 128-256-50000, batch 64, SGD with rate 0.1.
pub(super) fn softmax<E: Element>(sizes: Sizes) -> Result<Steps> {
    let sizes = sizes.no_depth("W5")?;
    let (batch, width) = (sizes.batch.unwrap_or(64), sizes.width.unwrap_or(256));
    let model = hidden::<E>(width)?.with(Linear::new(width, CLASSES, Stream::new(0))?);
    classifier(model, &[batch, 128], CLASSES, Sgd::default(), RATE)
}

/// The same, each item against its class and 64 noise classes of its own, drawn in advance.
pub(super) fn negative_sampling<E: Element>(sizes: Sizes) -> Result<Steps> {
    let sizes = sizes.no_depth("W5n")?;
    let (batch, width) = (sizes.batch.unwrap_or(64), sizes.width.unwrap_or(256));
    let mut model = Sampled {
        hidden: hidden::<E>(width)?,
        output: NegativeSampling::new(Tensor::zeros([CLASSES, width]), Tensor::zeros([CLASSES]))?,
    };
    fill(&mut model)?;
    let inputs = inputs(&[batch, 128]);
    let targets: Vec<WithNoise> = classes(batch, CLASSES)
        .into_iter()
        .zip(NOISE..)
        .map(|(classes, sequence)| WithNoise {
            classes,
            noise: indices(sequence, batch * NOISE_PER_ITEM, CLASSES),
        })
        .collect();
    let mut optimizer = Optimizer::new(Sgd::default(), RATE)?;
    Ok(Steps::new(trainable_count(&model), move |batch| {
        let mut context = Context::train(Stream::new(0));
        let hidden = model.hidden.forward(&inputs[batch], &mut context)?;
        let loss = model.output.forward(&hidden, &targets[batch])?;
        drop(hidden);
        let gradients = loss.backward()?;
        let value = loss.item()?.double();
        drop(loss);
        optimizer.step(&mut model, &gradients)?;
        Ok(value)
    }))
}

fn hidden<E: Element>(width: usize) -> Result<Sequential<E>> {
    let linear = Linear::new(128, width, Stream::new(0))?;
    Ok(Sequential::new().with(linear).with(Relu))
}

/// A hidden layer, and the loss that holds the output layer.
#[derive(Parameters)]
struct Sampled<E: Element> {
    hidden: Sequential<E>,
    output: NegativeSampling<E>,
}
