//! Batch normalisation made part of the layer before it.

use limpid_tensor::{
    Convolution, Element, Error, Parameter, Result, Tensor, count, without_gradient,
};

use super::BatchNorm;
use crate::{Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Linear};

/// The weight and the bias that give in evaluation what the layer's own give with `norm` after them.
/// With s = `norm.weight` / sqrt(`running_var` + eps), one number for each output channel: W s and
/// (b - `running_mean`) s + `norm.bias`. Output channels lie along the first dimension of the weight, or,
/// of a transposed convolution, in the second for each of its groups in the first.
fn folded<E: Element>(
    operation: &'static str,
    weight: &Tensor<E>,
    bias: Option<&Tensor<E>>,
    transposed: Option<&Convolution>,
    norm: &BatchNorm<E>,
) -> Result<(Parameter<E>, Parameter<E>)> {
    let channels = norm.running_mean.len();
    // The weight seen so that the scale broadcasts: `[out, ...]` or `[groups, in, out, ...]`.
    let mut seen = weight.shape().to_vec();
    let mut by_output = vec![1; seen.len()];
    if let Some(settings) = transposed {
        let inside = seen.first().copied().unwrap_or(0) / settings.groups.max(1);
        seen.splice(..1, [settings.groups, inside]);
        by_output.resize(seen.len(), 1);
        by_output[0] = settings.groups;
        by_output[2] = seen[2];
    } else {
        by_output[0] = seen[0];
    }
    if count(&by_output) != channels {
        let rule = "the norm must have a channel for each of the layer's outputs";
        let shapes = [weight.shape(), norm.running_mean.shape()];
        return Err(Error::shape(operation, &shapes, rule));
    }
    without_gradient(|| {
        let mut scale = norm.running_var.add_scalar(norm.eps).sqrt().reciprocal();
        if let Some(gain) = &norm.weight {
            scale = scale.mul(gain)?;
        }
        let mut shift = norm.running_mean.neg();
        if let Some(bias) = bias {
            shift = shift.add(bias)?;
        }
        shift = shift.mul(&scale)?;
        if let Some(bias) = &norm.bias {
            shift = shift.add(bias)?;
        }
        let scaled = weight.reshape(seen)?.mul(&scale.reshape(by_output)?)?;
        let weight = scaled.reshape(weight.shape())?;
        Ok((Parameter::new(weight), Parameter::new(shift)))
    })
}

macro_rules! foldable {
    ($($layer:ident, $operation:literal, $input:literal, $transposed:expr;)*) => {$(
        impl<E: Element> $layer<E> {
            /// The layer that gives in evaluation what this one gives with `norm` after it, but for
            /// rounding: for inference, where it saves a pass over memory. It has a bias, and
            /// nothing of it is frozen.
            ///
            #[doc = concat!(" Holds for inputs of shape `", $input, "`.")]
            ///
            /// # Errors
            /// A shape error when the norm has not one channel for each output.
            ///
            /// # Source
            /// Jacob et al. 2018, "Quantization and training of neural networks", 3.2; equals
            /// `torch.nn.utils.fusion`.
            pub fn fold_batch_norm(&self, norm: &BatchNorm<E>) -> Result<Self> {
                let own = self.bias.as_deref();
                let transposed: fn(&Self) -> Option<&Convolution> = $transposed;
                let (weight, bias) =
                    folded($operation, &self.weight, own, transposed(self), norm)?;
                let mut layer = self.clone();
                layer.weight = weight;
                layer.bias = Some(bias);
                Ok(layer)
            }
        }
    )*};
}
foldable! {
    Linear, "fold linear", "[N, in]", |_| None;
    Conv1d, "fold conv1d", "[N, C, L]", |_| None;
    Conv2d, "fold conv2d", "[N, C, H, W]", |_| None;
    ConvTranspose1d, "fold conv_transpose1d", "[N, C, L]", |it| Some(&it.settings);
    ConvTranspose2d, "fold conv_transpose2d", "[N, C, H, W]", |it| Some(&it.settings);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BatchNormConfig, Conv2dConfig, ConvTranspose1dConfig, ConvTranspose2dConfig, LinearConfig,
        Module, Padding, Residual, Sequential,
    };
    use crate::{Relu, Summary};
    use limpid_tensor::{Buffer, Stream, named_parameters};

    /// A norm that has seen something.
    fn norm(channels: usize, affine: bool) -> BatchNorm<f64> {
        let draw = |label: &str, low, high| {
            Tensor::uniform([channels], low, high, Stream::new(1).fork(label))
        };
        let config = BatchNormConfig::new(channels).with_affine(affine);
        let mut norm = config.build().unwrap();
        norm.running_mean = Buffer::new(draw("mean", -1.0, 1.0));
        norm.running_var = Buffer::new(draw("variance", 0.2, 3.0));
        if affine {
            norm.weight = Some(Parameter::new(draw("weight", -2.0, 2.0)));
            norm.bias = Some(Parameter::new(draw("bias", -1.0, 1.0)));
        }
        norm
    }

    fn assert_near(left: &Tensor<f64>, right: &Tensor<f64>) {
        assert_eq!(left.shape(), right.shape());
        let gaps = left.sub(right).unwrap().abs().to_vec();
        let worst = gaps.into_iter().fold(0.0, f64::max);
        assert!(worst < 1e-13, "{worst}");
    }

    #[test]
    fn the_folded_layer_gives_what_both_give() {
        for (bias, affine) in [(true, true), (false, true), (true, false), (false, false)] {
            let norm = norm(6, affine);
            let config = LinearConfig::new(4, 6).with_bias(bias);
            let linear = config.build::<f64>(Stream::new(1)).unwrap();
            let input = Tensor::standard_normal([5, 4], Stream::new(2));
            let want = norm.predict(&linear.predict(&input).unwrap()).unwrap();
            let folded = linear.fold_batch_norm(&norm).unwrap();
            assert_near(&folded.predict(&input).unwrap(), &want);
            let config = Conv2dConfig::new(4, 6, [2, 3]).with_bias(bias);
            let config = config.with_groups(2).with_padding(Padding::Same);
            let conv = config.build::<f64>(Stream::new(1)).unwrap();
            let input = Tensor::standard_normal([2, 4, 5, 4], Stream::new(2));
            let want = norm.predict(&conv.predict(&input).unwrap()).unwrap();
            let folded = conv.fold_batch_norm(&norm).unwrap();
            assert_near(&folded.predict(&input).unwrap(), &want);
            for groups in [1, 2] {
                let config = ConvTranspose1dConfig::new(4, 6, 3).with_groups(groups);
                let conv = config.with_bias(bias).build::<f64>(Stream::new(1)).unwrap();
                let input = Tensor::standard_normal([2, 4, 5], Stream::new(2));
                let want = norm.predict(&conv.predict(&input).unwrap()).unwrap();
                let folded = conv.fold_batch_norm(&norm).unwrap();
                assert_near(&folded.predict(&input).unwrap(), &want);
                let settings = Convolution {
                    groups,
                    stride: [2, 1],
                    ..Convolution::default()
                };
                let config = ConvTranspose2dConfig::new(4, 6, [2, 3]).with_settings(settings);
                let conv = config.with_bias(bias).build::<f64>(Stream::new(1)).unwrap();
                let input = Tensor::standard_normal([2, 4, 3, 2], Stream::new(2));
                let want = norm.predict(&conv.predict(&input).unwrap()).unwrap();
                let mut net = Sequential::new().with(conv).with(norm.clone());
                net.fold_batch_norms().unwrap();
                assert_eq!(net.len(), 1);
                assert_near(&net.predict(&input).unwrap(), &want);
            }
        }
    }

    #[test]
    fn a_chain_is_folded_down_to_its_blocks_and_keeps_its_names() {
        let stream = Stream::new(1);
        let conv = |label| Conv1d::<f64>::new(3, 3, 1, stream.fork(label)).unwrap();
        let block = Sequential::new().with(conv("a")).with(norm(3, true));
        let mut net = Sequential::new()
            .with(norm(3, false))
            .with(conv("b"))
            .with(norm(3, true))
            .with(Relu)
            .with(norm(3, true))
            .with(Residual::new(block))
            .with(conv("c"));
        let input = Tensor::standard_normal([2, 3, 4], Stream::new(2));
        let want = net.predict(&input).unwrap();
        net.fold_batch_norms().unwrap();
        assert_near(&net.predict(&input).unwrap(), &want);
        let summary = Summary::of(&net, &[2, 3, 4]).unwrap();
        let kinds: Vec<_> = summary
            .rows
            .iter()
            .map(|row| (row.path.as_str(), row.kind))
            .collect();
        let want = [
            ("0", "BatchNorm"),
            ("1", "Conv1d"),
            ("3", "Relu"),
            ("4", "BatchNorm"),
            ("5.body.0", "Conv1d"),
            ("5.body", "Sequential"),
            ("5", "Residual"),
            ("6", "Conv1d"),
        ];
        assert_eq!(kinds, want);
        let net = net.with(Relu).with(conv("d"));
        let last = named_parameters(&net).pop().unwrap().0;
        assert_eq!(last, "8.bias");
    }

    #[test]
    fn a_norm_of_other_channels_is_named() {
        let linear = Linear::<f64>::new(4, 6, Stream::new(1)).unwrap();
        let error = linear.fold_batch_norm(&norm(5, true)).unwrap_err();
        let want = "fold linear: shapes [6, 4] and [5]: \
                    the norm must have a channel for each of the layer's outputs";
        assert_eq!(error.to_string(), want);
    }
}
