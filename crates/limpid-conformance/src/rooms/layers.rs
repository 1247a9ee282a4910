//! Layers of `limpid-nn-layers`, built around the case's own weights.

use limpid_nn_layers::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AvgPool1d,
    AvgPool2d, BatchNorm, Bilinear, Context, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d,
    Embedding, GroupNorm, InstanceNorm, LayerNorm, Linear, MaxPool1d, MaxPool2d, Maxout, Module,
    Padding, RmsNorm,
};
use limpid_tensor::{
    AverageDivisor, Buffer, ConvAlgorithm, Convolution, Element, Interpolation, OutputSize,
    PadMode, Pooling, Stream, Tensor,
};
use ndarray::{ArrayView, IxDyn};

use super::{Operation, Outcome, operations, single};
use crate::attributes::required;
use crate::error::KeyError;
use crate::inputs::Inputs;
use crate::outputs::Outputs;

/// The room's table.
pub(super) const OPERATIONS: &[Operation] = operations![
    "linear" => |it| {
        evaluated(it, &Linear { weight: it.parameter("weight")?, bias: it.optional_parameter("bias") })
    },
    "maxout" => |it| {
        evaluated(it, &Maxout { weight: it.parameter("weight")?, bias: it.parameter("bias")? })
    },
    "embedding" => |it| {
        let (shape, index) = it.indices("index")?;
        let index = ArrayView::from_shape(IxDyn(shape), &index)
            .map_err(|error| KeyError::new("inputs.index", error.to_string()))?;
        single(Embedding { weight: it.parameter("weight")? }.lookup(&index))
    },
    "batch_norm" => batch_norm,
    "layer_norm" => |it| {
        evaluated(it, &LayerNorm {
            weight: it.optional_parameter("weight"),
            bias: it.optional_parameter("bias"),
            normalized_shape: normalized_shape(it)?,
            eps: number(it, "eps", 1e-5)?,
        })
    },
    "rms_norm" => |it| {
        let shape = normalized_shape(it)?;
        let mut layer = RmsNorm::new(&shape)?;
        layer.weight = it.optional_parameter("weight");
        let eps = number(it, "eps", layer.eps)?;
        evaluated(it, &layer.with_eps(eps))
    },
    "group_norm" => |it| {
        evaluated(it, &GroupNorm {
            weight: it.optional_parameter("weight"),
            bias: it.optional_parameter("bias"),
            num_groups: required(it.attributes().count("num_groups")?, "num_groups")?,
            eps: number(it, "eps", 1e-5)?,
        })
    },
    "instance_norm" => |it| match it.tensor("input")?.rank() {
        4 => instance_norm::<_, 2>(it),
        _ => instance_norm::<_, 1>(it),
    },
    "conv1d" => |it| {
        let one = |key, default| Ok::<_, KeyError>(numbers::<_, 1>(it, key, [default])?[0]);
        evaluated(it, &Conv1d {
            weight: it.parameter("weight")?,
            bias: it.optional_parameter("bias"),
            stride: one("stride", 1)?,
            padding: padding(it)?,
            dilation: one("dilation", 1)?,
            groups: groups(it)?,
        })
    },
    "conv2d" => |it| {
        evaluated(it, &Conv2d {
            weight: it.parameter("weight")?,
            bias: it.optional_parameter("bias"),
            stride: numbers(it, "stride", [1; 2])?,
            padding: padding(it)?,
            dilation: numbers(it, "dilation", [1; 2])?,
            groups: groups(it)?,
            algorithm: ConvAlgorithm::Direct,
        })
    },
    "conv_transpose2d" => |it| {
        let settings = Convolution {
            stride: numbers(it, "stride", [1; 2])?,
            padding: numbers(it, "padding", [0; 2])?.map(|both| [both; 2]),
            dilation: numbers(it, "dilation", [1; 2])?,
            groups: groups(it)?,
            ..Convolution::default()
        };
        evaluated(it, &ConvTranspose2d {
            weight: it.parameter("weight")?,
            bias: it.optional_parameter("bias"),
            settings,
            output_padding: numbers(it, "output_padding", [0; 2])?,
        })
    },
    "conv_transpose1d" => |it| {
        let one = |key, default| Ok::<_, KeyError>(numbers::<_, 1>(it, key, [default])?[0]);
        let settings = Convolution {
            stride: [1, one("stride", 1)?],
            padding: [[0; 2], [one("padding", 0)?; 2]],
            dilation: [1, one("dilation", 1)?],
            groups: groups(it)?,
            ..Convolution::default()
        };
        evaluated(it, &ConvTranspose1d {
            weight: it.parameter("weight")?,
            bias: it.optional_parameter("bias"),
            settings,
            output_padding: one("output_padding", 0)?,
        })
    },
    "bilinear" => |it| {
        let layer = Bilinear { weight: it.parameter("weight")?, bias: it.optional_parameter("bias") };
        single(layer.apply(it.tensor("input1")?, it.tensor("input2")?))
    },
    "pad" => |it| {
        let ends = required(it.attributes().integers("pad")?, "pad")?;
        // The reference's pairs begin with the last dimension.
        let pairs: Vec<[isize; 2]> = ends.as_chunks().0.iter().rev().copied().collect();
        single(it.tensor("input")?.pad(&pairs, pad_mode(it)?))
    },
    "interpolate" => |it| match it.tensor("input")?.rank() {
        3 => interpolate::<_, 1>(it),
        _ => interpolate::<_, 2>(it),
    },
    "max_pool1d" => |it| evaluated(it, &MaxPool1d::from(pooling::<_, 1>(it)?)),
    "max_pool2d" => |it| evaluated(it, &MaxPool2d::from(pooling::<_, 2>(it)?)),
    "avg_pool1d" => |it| {
        evaluated(it, &AvgPool1d::from(pooling::<_, 1>(it)?).with_divisor(divisor(it)?))
    },
    "avg_pool2d" => |it| {
        evaluated(it, &AvgPool2d::from(pooling::<_, 2>(it)?).with_divisor(divisor(it)?))
    },
    "adaptive_avg_pool1d" => |it| {
        evaluated(it, &AdaptiveAvgPool1d::new(numbers(it, "output_size", [1])?[0]))
    },
    "adaptive_avg_pool2d" => |it| {
        evaluated(it, &AdaptiveAvgPool2d::new(adapted(it)?))
    },
    "adaptive_max_pool1d" => |it| {
        evaluated(it, &AdaptiveMaxPool1d::new(numbers(it, "output_size", [1])?[0]))
    },
    "adaptive_max_pool2d" => |it| {
        evaluated(it, &AdaptiveMaxPool2d::new(adapted(it)?))
    },
];

fn batch_norm<E: Element>(inputs: &Inputs<'_, E>) -> Outcome<E> {
    let layer = BatchNorm {
        weight: inputs.optional_parameter("weight"),
        bias: inputs.optional_parameter("bias"),
        running_mean: Buffer::new(inputs.tensor("running_mean")?.clone()),
        running_var: Buffer::new(inputs.tensor("running_var")?.clone()),
        num_batches_tracked: Buffer::optional(Tensor::scalar(0.0)),
        eps: number(inputs, "eps", 1e-5)?,
        // Without one the mean of all batches so far, of which this is the first.
        momentum: match inputs.attributes().is_null("momentum") {
            true => None,
            false => Some(number(inputs, "momentum", 0.1)?),
        },
    };
    let mut context = match inputs.attributes().flag("training")? {
        Some(true) => Context::train(Stream::new(0)),
        _ => Context::eval(),
    };
    let output = layer.forward(inputs.tensor("input")?, &mut context)?;
    let mut layer = layer;
    context.into_updates().apply(&mut layer)?;
    Ok(Outputs::single(output)
        .with("running_mean", layer.running_mean.value().clone())
        .with("running_var", layer.running_var.value().clone()))
}

fn instance_norm<E: Element, const D: usize>(inputs: &Inputs<'_, E>) -> Outcome<E> {
    let buffer = |name: &str| inputs.optional(name).cloned().map(Buffer::new);
    let mut layer = InstanceNorm::<E, D> {
        weight: inputs.optional_parameter("weight"),
        bias: inputs.optional_parameter("bias"),
        running_mean: buffer("running_mean"),
        running_var: buffer("running_var"),
        num_batches_tracked: None,
        num_features: inputs.tensor("input")?.shape().get(1).copied().unwrap_or(0),
        momentum: number(inputs, "momentum", 0.1)?,
        eps: number(inputs, "eps", 1e-5)?,
    };
    let mut context = match inputs.attributes().flag("use_input_stats")? {
        Some(false) => Context::eval(),
        _ => Context::train(Stream::new(0)),
    };
    let output = layer.forward(inputs.tensor("input")?, &mut context)?;
    context.into_updates().apply(&mut layer)?;
    let outputs = Outputs::single(output);
    Ok(match (layer.running_mean, layer.running_var) {
        (Some(mean), Some(variance)) => outputs
            .with("running_mean", mean.value().clone())
            .with("running_var", variance.value().clone()),
        _ => outputs,
    })
}

fn pad_mode<E: Element>(inputs: &Inputs<'_, E>) -> Result<PadMode, KeyError> {
    match inputs.attributes().word("mode")?.unwrap_or("constant") {
        "constant" => Ok(PadMode::Constant(number(inputs, "value", 0.0)?)),
        "reflect" => Ok(PadMode::Reflect),
        "replicate" => Ok(PadMode::Replicate),
        "circular" => Ok(PadMode::Circular),
        other => Err(KeyError::new("attrs.mode", format!("is unknown: {other}"))),
    }
}

fn interpolate<E: Element, const D: usize>(inputs: &Inputs<'_, E>) -> Outcome<E> {
    let attributes = inputs.attributes();
    let align_corners = attributes.flag("align_corners")?.unwrap_or(false);
    let interpolation = match attributes.word("mode")?.unwrap_or("nearest") {
        "nearest" => Interpolation::Nearest,
        "nearest-exact" => Interpolation::NearestExact,
        "area" => Interpolation::Area,
        "linear" | "bilinear" => Interpolation::Linear { align_corners },
        "bicubic" => Interpolation::Cubic { align_corners },
        other => return Err(KeyError::new("attrs.mode", format!("is unknown: {other}")).into()),
    };
    let to =
        match attributes.numbers("scale_factor")?.as_deref() {
            None => OutputSize::Size(numbers(inputs, "size", [1; D])?),
            Some(&[all]) => OutputSize::Scale([all; D]),
            Some(list) => OutputSize::Scale(list.try_into().map_err(|_| {
                KeyError::new("attrs.scale_factor", format!("must hold {D} numbers"))
            })?),
        };
    single(inputs.tensor("input")?.interpolate(to, interpolation))
}

/// The settings of pooling in `D` dimensions, 1 or 2.
fn pooling<E: Element, const D: usize>(inputs: &Inputs<'_, E>) -> Result<Pooling, KeyError> {
    // What lies before the last dimensions is passed over step by step.
    let pair = |list: [usize; D], before: usize| match list.as_slice() {
        &[down, across] => [down, across],
        list => [before, list.first().copied().unwrap_or(before)],
    };
    let kernel_size = numbers(inputs, "kernel_size", [1; D])?;
    Ok(Pooling {
        kernel_size: pair(kernel_size, 1),
        stride: pair(numbers(inputs, "stride", kernel_size)?, 1),
        padding: pair(numbers(inputs, "padding", [0; D])?, 0),
        dilation: pair(numbers(inputs, "dilation", [1; D])?, 1),
        ceil_mode: inputs.attributes().flag("ceil_mode")?.unwrap_or(false),
    })
}

fn divisor<E: Element>(inputs: &Inputs<'_, E>) -> Result<AverageDivisor, KeyError> {
    let counted = inputs
        .attributes()
        .flag("count_include_pad")?
        .unwrap_or(true);
    Ok(
        match (inputs.attributes().count("divisor_override")?, counted) {
            (Some(divisor), _) => AverageDivisor::Fixed(divisor),
            (None, true) => AverageDivisor::Window,
            (None, false) => AverageDivisor::Image,
        },
    )
}

/// The size to adapt to; where it is `null`, that of the image.
fn adapted<E: Element>(inputs: &Inputs<'_, E>) -> Result<[usize; 2], KeyError> {
    let sizes = inputs.attributes().counts_or_null("output_size")?;
    let sizes = sizes.unwrap_or_else(|| vec![Some(1)]);
    let both = match *sizes {
        [all] => [all; 2],
        [down, across] => [down, across],
        _ => return Err(KeyError::new("attrs.output_size", "must hold 2 numbers")),
    };
    let shape = inputs.tensor("input")?.shape();
    let own = shape
        .len()
        .checked_sub(2)
        .map_or(&[][..], |it| &shape[it..]);
    let size = |axis: usize| both[axis].or(own.get(axis).copied()).unwrap_or(1);
    Ok([size(0), size(1)])
}

/// A word, a number for each dimension, or two for each.
fn padding<E: Element, const D: usize>(inputs: &Inputs<'_, E>) -> Result<Padding<D>, KeyError> {
    match inputs.attributes().word("padding") {
        Ok(Some("same")) => Ok(Padding::Same),
        Ok(Some("valid")) => Ok(Padding::VALID),
        _ => match inputs.attributes().pairs("padding") {
            Some(sides) => Ok(Padding::Sides(sides)),
            None => Ok(Padding::Explicit(numbers(inputs, "padding", [0; D])?)),
        },
    }
}

fn groups<E: Element>(inputs: &Inputs<'_, E>) -> Result<usize, KeyError> {
    Ok(inputs.attributes().count("groups")?.unwrap_or(1))
}

fn normalized_shape<E: Element>(inputs: &Inputs<'_, E>) -> Result<Vec<usize>, KeyError> {
    required(
        inputs.attributes().counts("normalized_shape")?,
        "normalized_shape",
    )
}

fn number<E: Element>(inputs: &Inputs<'_, E>, key: &str, default: f64) -> Result<f64, KeyError> {
    Ok(inputs.attributes().number(key)?.unwrap_or(default))
}

/// A number for each of `D` dimensions; a single one holds for all.
fn numbers<E: Element, const D: usize>(
    inputs: &Inputs<'_, E>,
    key: &str,
    default: [usize; D],
) -> Result<[usize; D], KeyError> {
    match inputs.attributes().counts(key)?.as_deref() {
        None => Ok(default),
        Some(&[all]) => Ok([all; D]),
        Some(list) => list
            .try_into()
            .map_err(|_| KeyError::new(format!("attrs.{key}"), format!("must hold {D} numbers"))),
    }
}

fn evaluated<E: Element>(inputs: &Inputs<'_, E>, layer: &impl Module<E>) -> Outcome<E> {
    single(layer.forward(inputs.tensor("input")?, &mut Context::eval()))
}
