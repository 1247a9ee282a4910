//! Operations of `limpid-ensemble`, and averages of weights over a run: what they are after each
//! step.

use limpid_ensemble::{Ema, Swa, majority, mean};
use limpid_tensor::{Element, Result, State, Tensor};

use super::{Operation, Outcome, operations};
use crate::attributes::required;
use crate::inputs::Inputs;
use crate::outputs::Outputs;
use crate::values::{Data, Values};

const NAME: &str = "weight";

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
        averages(it, |state| {
            ema.update(state)?;
            ema.state()
        })
    },
    "ensemble/swa" => |it| {
        let mut swa = Swa::new();
        averages(it, |state| {
            swa.update(state)?;
            swa.state()
        })
    },
];

fn averages<E: Element>(
    inputs: &Inputs<'_, E>,
    mut average: impl FnMut(&State<E>) -> Result<State<E>>,
) -> Outcome<E> {
    let weights = inputs.tensor("weights")?;
    let mut after = Vec::new();
    for step in 0..weights.size(0)? {
        let weight = weights.narrow(0, step, 1)?.squeeze(0)?;
        let state = average(&State::from_entries(vec![(NAME.to_owned(), weight)]))?;
        after.extend(state.get(NAME).cloned());
    }
    let after: Vec<&Tensor<E>> = after.iter().collect();
    Ok(Outputs::named("average", Tensor::stack(&after, 0)?))
}
