//! Operations of `limpid-init`, judged by what every sample has in common.

use limpid_init::{
    FanMode, Fill, HeNormal, HeUniform, Initializer, LecunNormal, Normal, Orthogonal, Sparse,
    Uniform, XavierNormal, XavierUniform,
};
use limpid_tensor::{Element, Stream, Tensor};

use super::{Operation, Outcome, operations};
use crate::attributes::required;
use crate::error::{KeyError, OperationError};
use crate::inputs::Inputs;
use crate::outputs::Outputs;
use crate::values::Values;

/// The room's table.
pub(super) const OPERATIONS: &[Operation] = operations![
    "init/normal" => |it| moments(it, &Normal::new(number(it, "std", 1.0)?)),
    "init/uniform" => |it| {
        moments(it, &Uniform::new(number(it, "low", 0.0)?, number(it, "high", 1.0)?))
    },
    "init/lecun_normal" => |it| moments(it, &LecunNormal),
    "init/scaled_normal" => |it| moments(it, &LecunNormal),
    "init/xavier_normal" => |it| moments(it, &XavierNormal::new(number(it, "gain", 1.0)?)),
    "init/xavier_uniform" => |it| moments(it, &XavierUniform::new(number(it, "gain", 1.0)?)),
    "init/he_normal" => |it| {
        let scheme = HeNormal::default().with_negative_slope(number(it, "negative_slope", 0.0)?);
        moments(it, &scheme.with_mode(mode(it)?))
    },
    "init/he_uniform" => |it| {
        let scheme = HeUniform::default().with_negative_slope(number(it, "negative_slope", 0.0)?);
        moments(it, &scheme.with_mode(mode(it)?))
    },
    "init/orthogonal" => |it| {
        let weight = sample(it, &Orthogonal::new(number(it, "gain", 1.0)?))?;
        let matrix = weight.flatten(1, -1)?;
        let turned = matrix.transpose(0, 1)?;
        let gram = match matrix.shape() {
            [out, inputs] if out > inputs => turned.matmul(&matrix)?,
            _ => matrix.matmul(&turned)?,
        };
        Ok(Outputs::named("gram", gram))
    },
    "init/sparse" => |it| {
        let nonzero = required(it.attributes().count("nonzero")?, "nonzero")?;
        let weight = sample(it, &Sparse::new(nonzero).with_std(number(it, "std", 0.01)?))?;
        let rows = weight.view();
        let counts = rows.outer_iter().map(|row| row.iter().filter(|it| **it != 0.0).count());
        let counts: Vec<usize> = counts.collect();
        Ok(Outputs::named("nonzero_per_row", Values::counts(&[counts.len()], counts)))
    },
];

fn sample<E: Element>(
    inputs: &Inputs<'_, E>,
    scheme: &impl Initializer,
) -> Result<Tensor<E>, OperationError> {
    let shape = required(inputs.attributes().counts("shape")?, "shape")?;
    Ok(scheme.tensor(&shape, Stream::new(0))?)
}

fn moments<E: Element>(inputs: &Inputs<'_, E>, scheme: &impl Initializer) -> Outcome<E> {
    let weight = sample(inputs, scheme)?.flatten(0, -1)?;
    let std = weight.var(&[0], 1.0, false)?.sqrt();
    Ok(Outputs::named("mean", weight.mean()).with("std", std))
}

fn number<E: Element>(inputs: &Inputs<'_, E>, key: &str, default: f64) -> Result<f64, KeyError> {
    Ok(inputs.attributes().number(key)?.unwrap_or(default))
}

fn mode<E: Element>(inputs: &Inputs<'_, E>) -> Result<FanMode, KeyError> {
    match inputs.attributes().word("mode")? {
        None | Some("fan_in") => Ok(FanMode::In),
        Some("fan_out") => Ok(FanMode::Out),
        Some("fan_avg") => Ok(FanMode::Average),
        Some(_) => Err(KeyError::new(
            "attrs.mode",
            "must be fan_in, fan_out or fan_avg",
        )),
    }
}
