//! The contract of a layer, to be held against your own: [`check_module`] in double precision,
//! [`check_precisions`] in single.

mod precision;

use std::collections::BTreeSet;

use limpid_tensor::gradient_check::relative_error;
use limpid_tensor::{
    Error, Result, State, Stream, Tensor, for_each_parameter_mut, named_parameters,
};

pub use precision::check_precisions;

use crate::{Context, Module, Observation};

/// The worst relative error that a gradient may have.
const TOLERANCE: f64 = 1e-7;
/// The step of the difference quotients; extrapolated from it and its half, they err by its fourth
/// power.
const STEP: f64 = 1e-3;
/// So many streams are tried for one whose noise is seen.
const STREAMS: u64 = 8;
/// How many roundings of the function's terms a difference quotient is allowed to carry.
const ROUNDINGS: f64 = 32.0;

/// How a module breaks the contract.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Building the module or running it failed.
    #[error("the module failed: {0}")]
    Failed(#[from] Error),
    /// The output has another shape than it should.
    #[error("the output has shape {found:?}, not {expected:?}")]
    Shape {
        /// What it should have.
        expected: Vec<usize>,
        /// What it has.
        found: Vec<usize>,
    },
    /// A gradient disagrees with difference quotients.
    #[error("element {place} of {of}: the gradient is {analytic}, differences say {numeric}")]
    Gradient {
        /// The parameter's path, or `input`.
        of: String,
        /// Which element, in row-major order.
        place: usize,
        /// What the backward half says.
        analytic: f64,
        /// What the difference quotient says.
        numeric: f64,
    },
    /// A parameter is in the walk, but the output does not depend on it.
    #[error("parameter {0} has no gradient")]
    Unused(String),
    /// Two evaluations of one input differ.
    #[error("two evaluations of the same input differ")]
    Evaluation,
    /// Training gives another output than evaluation and
    /// [`Module::differs_in_training`] says that it does not, or the other way round.
    #[error("`differs_in_training` says {says}, but the outputs say otherwise")]
    Modes {
        /// What the module says.
        says: bool,
    },
    /// [`Module::forward_relu`] is not the rectified output.
    #[error("`forward_relu` is not the rectifier after `forward`")]
    Rectified,
    /// Two training passes with the same stream differ.
    #[error("two training passes with the same stream differ")]
    Training,
    /// A module that was given another's state has not that state, or gives other outputs.
    #[error("a module that was given another's state is not the same")]
    State,
    /// Two parameters or buffers bear one path.
    #[error("two parameters or buffers are called {0}")]
    Twice(String),
    /// Parameters of a child lie at a path at which no observer saw a layer.
    #[error("the walk has a layer at {0}, but the forward pass calls none by that name")]
    Path(String),
    /// Single precision gives something else than double.
    #[error("{of}, element {place}: f32 gives {single}, f64 {double}")]
    Precision {
        /// Which output, or which gradient.
        of: String,
        /// Which element, in row-major order.
        place: usize,
        /// What single precision gives.
        single: f64,
        /// What double precision gives.
        double: f64,
    },
}

/// Holds a module against the contract of all modules:
///
/// - the output has the shape `output`;
/// - gradients by input and by every parameter agree with difference quotients to 1e-7;
/// - evaluation gives the same twice, and so does training with the same stream;
/// - training gives something else than evaluation exactly if
///   [`Module::differs_in_training`] says so;
/// - [`Module::forward_relu`] gives the rectified output;
/// - updates of buffers fit the module, and its state, put into another one, makes that the same;
/// - every layer in the walk is called by its name, so that observers and errors name it rightly.
///
/// `input` should lie away from kinks. `build` is given a stream to fill the module from.
///
/// # Errors
/// The first rule that is broken.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Linear, testing::check_module};
/// use limpid_tensor::{Stream, Tensor};
///
/// let input = Tensor::standard_normal([4, 3], Stream::new(1));
/// check_module(|stream| Linear::new(3, 2, stream), &input, &[4, 2])?;
/// # Ok::<(), limpid_nn_layers::testing::Violation>(())
/// ```
pub fn check_module<M: Module<f64>>(
    build: impl Fn(Stream) -> Result<M>,
    input: &Tensor<f64>,
    output: &[usize],
) -> std::result::Result<(), Violation> {
    let module = build(Stream::new(1))?;
    let value = module.predict(input)?;
    if value.shape() != output {
        let (expected, found) = (output.to_vec(), value.shape().to_vec());
        return Err(Violation::Shape { expected, found });
    }
    if !same(&module.predict(input)?, &value) {
        return Err(Violation::Evaluation);
    }
    if !same(&trained(&module, input)?, &trained(&module, input)?) {
        return Err(Violation::Training);
    }
    check_modes(&module, input, &value)?;
    check_paths(&module, input)?;
    check_state(module, build(Stream::new(2))?, input)?;
    check_gradients(build(Stream::new(1))?, input)
}

/// The output in training, always with the same stream.
fn trained<M: Module<f64>>(module: &M, input: &Tensor<f64>) -> Result<Tensor<f64>> {
    module.forward(input, &mut Context::train(Stream::new(3)))
}

/// Whether training differs from `evaluated`, for any of some streams: noise may spare an input.
fn check_modes<M: Module<f64>>(
    module: &M,
    input: &Tensor<f64>,
    evaluated: &Tensor<f64>,
) -> std::result::Result<(), Violation> {
    let says = module.differs_in_training();
    let mut differs = false;
    for seed in 0..STREAMS {
        let trained = module.forward(input, &mut Context::train(Stream::new(seed)))?;
        differs |= !same(&trained, evaluated);
    }
    // Where there is nothing, nothing can differ.
    if says != differs && !evaluated.is_empty() {
        return Err(Violation::Modes { says });
    }
    for context in [Context::eval, || Context::train(Stream::new(3))] {
        let output = module.forward(input, &mut context())?.relu();
        if !same(&module.forward_relu(input, &mut context())?, &output) {
            return Err(Violation::Rectified);
        }
    }
    Ok(())
}

/// Equal element by element; NaN equals NaN.
fn same(left: &Tensor<f64>, right: &Tensor<f64>) -> bool {
    let mut pairs = left.to_vec().into_iter().zip(right.to_vec());
    left.shape() == right.shape() && pairs.all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

fn check_paths<M: Module<f64>>(
    module: &M,
    input: &Tensor<f64>,
) -> std::result::Result<(), Violation> {
    let mut paths = BTreeSet::new();
    for (path, _) in State::of(module).entries() {
        if !paths.insert(path.clone()) {
            return Err(Violation::Twice(path.clone()));
        }
    }
    let mut seen = BTreeSet::new();
    let mut tap = |observation: &Observation<'_, f64>| {
        seen.insert(observation.path.to_owned());
    };
    module.forward(input, &mut Context::eval().with_tap(&mut tap))?;
    let layers = paths
        .iter()
        .filter_map(|path| path.rsplit_once('.').map(|(layer, _)| layer));
    match layers.into_iter().find(|layer| !seen.contains(*layer)) {
        Some(layer) => Err(Violation::Path(layer.to_owned())),
        None => Ok(()),
    }
}

fn check_state<M: Module<f64>>(
    mut module: M,
    mut other: M,
    input: &Tensor<f64>,
) -> std::result::Result<(), Violation> {
    let mut context = Context::train(Stream::new(3));
    module.forward(input, &mut context)?;
    context.into_updates().apply(&mut module)?;
    let state = State::of(&module);
    state.apply(&mut other)?;
    let kept = State::of(&other) == state;
    if kept && same(&module.predict(input)?, &other.predict(input)?) {
        Ok(())
    } else {
        Err(Violation::State)
    }
}

/// The scalar whose gradients are checked: the sum of the outputs in training, unevenly weighted,
/// and the sum of its terms' magnitudes.
fn scalar<M: Module<f64>>(module: &M, input: &Tensor<f64>) -> Result<(Tensor<f64>, f64)> {
    let output = trained(module, input)?;
    let weights = Tensor::standard_normal(output.shape(), Stream::new(4));
    let terms = output.mul(&weights)?;
    let magnitude = terms.detach().abs().sum().item()?;
    Ok((terms.sum(), magnitude))
}

/// (4 D(h/2) - D(h)) / 3 for the centred difference quotient D (Richardson 1911).
fn extrapolated(value: &mut impl FnMut(f64) -> Result<f64>) -> Result<f64> {
    let mut quotient =
        |step: f64| -> Result<f64> { Ok((value(step)? - value(-step)?) / (2.0 * step)) };
    Ok((4.0 * quotient(0.5 * STEP)? - quotient(STEP)?) / 3.0)
}

/// Compares the gradient `analytic` of `of` with the differences of `value`, which is given an
/// element and how far to move it.
fn compare(
    of: &str,
    analytic: &Tensor<f64>,
    magnitude: f64,
    mut value: impl FnMut(usize, f64) -> Result<f64>,
) -> std::result::Result<(), Violation> {
    let resolution = ROUNDINGS * f64::EPSILON * magnitude / STEP;
    for (place, analytic) in analytic.to_vec().into_iter().enumerate() {
        let numeric = extrapolated(&mut |step| value(place, step))?;
        let disagree = relative_error(analytic, numeric) > TOLERANCE
            && (analytic - numeric).abs() > resolution;
        // A comparison that NaN fails must count as a disagreement.
        if disagree || analytic.is_nan() || numeric.is_nan() {
            return Err(Violation::Gradient {
                of: of.to_owned(),
                place,
                analytic,
                numeric,
            });
        }
    }
    Ok(())
}

fn check_gradients<M: Module<f64>>(
    mut module: M,
    input: &Tensor<f64>,
) -> std::result::Result<(), Violation> {
    let leaf = input.requires_grad();
    let (loss, magnitude) = scalar(&module, &leaf)?;
    let gradients = loss.backward()?;
    let analytic = gradients
        .tensor(&leaf)
        .unwrap_or_else(|| Tensor::zeros(input.shape()));
    compare("input", &analytic, magnitude, |place, step| {
        let mut data = input.to_vec();
        data[place] += step;
        let moved = Tensor::from_vec(data, input.shape())?;
        scalar(&module, &moved)?.0.item()
    })?;
    let mut of_parameters = Vec::new();
    for (path, parameter) in named_parameters(&module) {
        match gradients.tensor(parameter) {
            Some(gradient) => of_parameters.push((path, gradient)),
            None if parameter.is_trainable() => return Err(Violation::Unused(path)),
            None => {}
        }
    }
    for (path, analytic) in of_parameters {
        compare(&path, &analytic, magnitude, |place, step| {
            let before = State::of(&module);
            for_each_parameter_mut(&mut module, |own, parameter| {
                if own == path {
                    parameter.update(|elements| elements[place] += step);
                }
            });
            let value = scalar(&module, input)?.0.item();
            before.apply(&mut module)?;
            value
        })?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod pattern;
#[cfg(test)]
mod tests;
