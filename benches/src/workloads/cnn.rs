//! W3: a small convolutional network.

use limpid_nn_layers::{Conv2dConfig, Flatten, Linear, MaxPool2d, Relu, Sequential};
use limpid_optim::Adam;
use limpid_tensor::{Element, Result, Stream};

use super::training::classifier;
use super::{Sizes, Steps};

/// On 1x28x28: conv3x3 32, ReLU, conv3x3 64, ReLU, maxpool 2, linear 128, ReLU, linear 10, without
/// padding; batch 64, Adam with rate 1e-4.
pub(super) fn steps<E: Element>(sizes: Sizes) -> Result<Steps> {
    let sizes = sizes.only_batch("W3")?;
    let stream = Stream::new(0);
    let model = Sequential::<E>::new()
        .with(
            Conv2dConfig::new(1, 32, [3, 3])
                .with_algorithm(sizes.convolution)
                .build(stream)?,
        )
        .with(Relu)
        .with(
            Conv2dConfig::new(32, 64, [3, 3])
                .with_algorithm(sizes.convolution)
                .build(stream)?,
        )
        .with(Relu)
        .with(MaxPool2d::new([2, 2]))
        .with(Flatten::default())
        .with(Linear::new(64 * 12 * 12, 128, stream)?)
        .with(Relu)
        .with(Linear::new(128, 10, stream)?);
    let shape = [sizes.batch.unwrap_or(64), 1, 28, 28];
    classifier(model, &shape, 10, Adam::default(), 1e-4)
}
