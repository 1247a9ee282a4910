//! W4: a small residual network.

use limpid_nn_layers::{
    AdaptiveAvgPool2d, BatchNorm, Conv2dConfig, Flatten, Linear, Padding, Relu, Residual,
    Sequential,
};
use limpid_optim::Sgd;
use limpid_tensor::{ConvAlgorithm, Element, Result, Stream};

use super::training::classifier;
use super::{Sizes, Steps};

/// On 3x32x32: conv3x3 16, BN, ReLU, three stages of two basic blocks of 16, 32 and 64 channels,
/// global average, linear 10; the first block of the later stages has stride 2 and a shortcut of
/// conv1x1 and BN. Convolutions have no bias; batch 64, SGD with Nesterov momentum 0.9, rate 1e-3.
pub(super) fn steps<E: Element>(sizes: Sizes) -> Result<Steps> {
    let sizes = sizes.only_batch("W4")?;
    let way = sizes.convolution;
    let mut model = convolved(Sequential::<E>::new(), [3, 16], 3, 1, way)?.with(Relu);
    let mut inputs = 16;
    for (channels, first_stride) in [(16, 1), (32, 2), (64, 2)] {
        for stride in [first_stride, 1] {
            model = model
                .with(block([inputs, channels], stride, way)?)
                .with(Relu);
            inputs = channels;
        }
    }
    let model = model
        .with(AdaptiveAvgPool2d::new([1, 1]))
        .with(Flatten::default())
        .with(Linear::new(64, 10, Stream::new(0))?);
    let shape = [sizes.batch.unwrap_or(64), 3, 32, 32];
    let rule = Sgd::default().with_momentum(0.9).with_nesterov(true);
    classifier(model, &shape, 10, rule, 1e-3)
}

/// A basic block, without the ReLU after its sum.
fn block<E: Element>(
    [inputs, channels]: [usize; 2],
    stride: usize,
    way: ConvAlgorithm,
) -> Result<Residual<E>> {
    let body = convolved(Sequential::new(), [inputs, channels], 3, stride, way)?.with(Relu);
    let block = Residual::new(convolved(body, [channels; 2], 3, 1, way)?);
    if stride == 1 && inputs == channels {
        return Ok(block);
    }
    let shortcut = convolved(Sequential::new(), [inputs, channels], 1, stride, way)?;
    Ok(block.with_shortcut(shortcut))
}

/// `before`, a convolution that keeps the size but for its stride, and a batch norm.
fn convolved<E: Element>(
    before: Sequential<E>,
    [inputs, channels]: [usize; 2],
    kernel: usize,
    stride: usize,
    way: ConvAlgorithm,
) -> Result<Sequential<E>> {
    let convolution = Conv2dConfig::new(inputs, channels, [kernel; 2])
        .with_stride([stride; 2])
        .with_padding(Padding::Explicit([kernel / 2; 2]))
        .with_algorithm(way)
        .with_bias(false);
    Ok(before
        .with(convolution.build(Stream::new(0))?)
        .with(BatchNorm::new(channels)?))
}
