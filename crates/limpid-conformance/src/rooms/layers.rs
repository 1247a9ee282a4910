//! Layers of `limpid-nn-layers`, built around the case's own weights.

use limpid_nn_layers::{Context, Embedding, Linear, Maxout, Module};
use limpid_tensor::Element;
use ndarray::{ArrayView, IxDyn};

use super::{Operation, Outcome, operations, single};
use crate::error::KeyError;
use crate::inputs::Inputs;

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
];

fn evaluated<E: Element>(inputs: &Inputs<'_, E>, layer: &impl Module<E>) -> Outcome<E> {
    single(layer.forward(inputs.tensor("input")?, &mut Context::eval()))
}
