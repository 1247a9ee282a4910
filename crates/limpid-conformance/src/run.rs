//! Runs a case and judges what comes out.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use limpid_tensor::{Element, ErrorKind, Gradients, Tensor};

use crate::case::{Case, Precision};
use crate::compare::{Difference, difference};
use crate::error::OperationError;
use crate::inputs::{Inputs, tensor};
use crate::outputs::{Output, Outputs, plain};
use crate::rooms;
use crate::values::Values;

/// What became of a case.
#[derive(Debug)]
pub enum Verdict {
    /// Everything came out as in the reference.
    Passed,
    /// These tensors, by name, came out otherwise.
    Different(Vec<(String, Difference)>),
    /// Nothing came out.
    Stopped(OperationError),
    /// No room has the operation.
    Unknown,
}

/// Runs `case` through the operation that is registered under its name.
pub fn run(case: &Case) -> Verdict {
    let Some(operation) = rooms::find(&case.op) else {
        return Verdict::Unknown;
    };
    // An operation that panics has failed; the other cases are still to be run.
    let outcome = catch_unwind(AssertUnwindSafe(|| match case.precision {
        Precision::Single => judge(case, operation.single),
        Precision::Double => judge(case, operation.double),
    }));
    match outcome {
        Ok(Ok(differences)) if differences.is_empty() => Verdict::Passed,
        Ok(Ok(differences)) => Verdict::Different(differences),
        Ok(Err(error)) => Verdict::Stopped(error),
        Err(payload) => Verdict::Stopped(OperationError::Panicked(message(payload.as_ref()))),
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|&it| it.to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

fn judge<E: Element>(
    case: &Case,
    operation: rooms::Run<E>,
) -> Result<Vec<(String, Difference)>, OperationError> {
    let inputs = Inputs::of(case)?;
    let outputs = operation(&inputs)?;
    inputs.all_asked()?;
    let mut found = Vec::new();
    for (name, want) in &case.outputs {
        let different = match outputs.get(name) {
            Some(got) => difference(&got.values(), want, case),
            None => Some(Difference::Absent),
        };
        found.extend(different.map(|it| (name.clone(), it)));
    }
    if case.grads.is_empty() {
        return Ok(found);
    }
    let gradients = gradients(case, &outputs)?;
    for (name, want) in &case.grads {
        let got = match gradients.tensor(inputs.tensor(name)?) {
            Some(gradient) => plain(&gradient),
            // No gradient means that the outputs don't depend on the input.
            None => Values::float(&want.shape, vec![0.0; want.numbers().len()]),
        };
        let different = difference(&got, want, case);
        found.extend(different.map(|it| (format!("gradient of {name}"), it)));
    }
    Ok(found)
}

/// The gradients of the sum over the outputs of <output, cotangent>.
fn gradients<E: Element>(
    case: &Case,
    outputs: &Outputs<E>,
) -> Result<Gradients<E>, OperationError> {
    let mut sum = Tensor::scalar(0.0);
    for (name, cotangent) in &case.cotangents {
        // An output that did not come out is reported already.
        if let Some(Output::Tensor(output)) = outputs.get(name) {
            sum = sum.add(&output.mul(&tensor(cotangent)?)?.sum())?;
        }
    }
    match sum.backward() {
        Err(error) if matches!(error.kind(), ErrorKind::NoGradient { .. }) => {
            Ok(Gradients::default())
        }
        outcome => Ok(outcome?),
    }
}
