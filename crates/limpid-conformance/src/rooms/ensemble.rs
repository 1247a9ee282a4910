//! Operations of `limpid-ensemble`, and averages of weights over a run: what they are after each
//! step.

use limpid_ensemble::{Ema, Swa, majority, mean};
use limpid_tensor::{Element, Parameter, Result, State, Tensor};

use super::{Operation, Outcome, operations};
use crate::attributes::required;
use crate::inputs::Inputs;
use crate::outputs::Outputs;
use crate::values::{Data, Values};

/// The room's table.
pub(super) const OPERATIONS: &[Operation] = operations![
    "ensemble/mean" => |it| {
        Ok(Outputs::named("probabilities", mean(it.tensor("probabilities")?)?))
    },
    "ensemble/majority" => |it| {
        let classes = majority(it.tensor("probabilities")?)?;
        Ok(Outputs::named("class", Values {
            shape: vec![classes.len()],
            data: Data::Int(classes.into_iter().map(|it| it as i64).collect()),
        }))
    },
    "ensemble/ema" => |it| {
        let mut ema = Ema::new(required(it.attributes().number("decay")?, "decay")?)?;
        averages(it, |weight| {
            ema.update(weight)?;
            ema.state()
        })
    },
    "ensemble/swa" => |it| {
        let mut swa = Swa::new();
        averages(it, |weight| {
            swa.update(weight)?;
            swa.state()
        })
    },
];

fn averages<E: Element>(
    inputs: &Inputs<'_, E>,
    mut average: impl FnMut(&Parameter<E>) -> Result<State<E>>,
) -> Outcome<E> {
    let weights = inputs.tensor("weights")?;
    let mut after = Vec::new();
    for step in 0..weights.size(0)? {
        let weight = weights.narrow(0, step, 1)?.squeeze(0)?;
        let state = average(&Parameter::new(weight))?;
        after.extend(state.entries().first().map(|(_, value)| value.clone()));
    }
    let after: Vec<&Tensor<E>> = after.iter().collect();
    Ok(Outputs::named("average", Tensor::stack(&after, 0)?))
}
