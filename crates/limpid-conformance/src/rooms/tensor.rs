//! Operations of `limpid-tensor`.

use limpid_tensor::{Element, Tensor, gradient_check, resolve_dim, resolve_index};
use ndarray::{ArrayD, IxDyn};

use super::{Operation, Outcome, operations, single};
use crate::attributes::required;
use crate::error::{KeyError, OperationError};
use crate::inputs::Inputs;
use crate::outputs::Outputs;
use crate::values::Values;

/// The room's table.
pub(super) const OPERATIONS: &[Operation] = operations![
    "sigmoid" => |it| unary(it, Tensor::sigmoid),
    "tanh" => |it| unary(it, Tensor::tanh),
    "relu" => |it| unary(it, Tensor::relu),
    "relu6" => |it| unary(it, Tensor::relu6),
    "silu" => |it| unary(it, Tensor::silu),
    "mish" => |it| unary(it, Tensor::mish),
    "softsign" => |it| unary(it, Tensor::softsign),
    "hardsigmoid" => |it| unary(it, Tensor::hardsigmoid),
    "hardswish" => |it| unary(it, Tensor::hardswish),
    "log_sigmoid" => |it| unary(it, Tensor::log_sigmoid),
    "selu" => |it| unary(it, Tensor::selu),
    "exp" => |it| unary(it, Tensor::exp),
    "abs" => |it| unary(it, Tensor::abs),
    "neg" => |it| unary(it, Tensor::neg),
    "square" => |it| unary(it, Tensor::square),
    "sin" => |it| unary(it, Tensor::sin),
    "cos" => |it| unary(it, Tensor::cos),
    "erf" => |it| unary(it, Tensor::erf),
    "log" => |it| unary(it, Tensor::log),
    "sqrt" => |it| unary(it, Tensor::sqrt),
    "reciprocal" => |it| unary(it, Tensor::reciprocal),
    "log1p" => |it| unary(it, Tensor::log1p),
    "leaky_relu" => |it| {
        let negative_slope = it.attributes().number("negative_slope")?.unwrap_or(0.01);
        unary(it, |x| x.leaky_relu(negative_slope))
    },
    "elu" => |it| {
        let alpha = it.attributes().number("alpha")?.unwrap_or(1.0);
        unary(it, |x| x.elu(alpha))
    },
    "gelu" => |it| match it.attributes().word("approximate")? {
        None | Some("none") => unary(it, Tensor::gelu),
        Some("tanh") => unary(it, Tensor::gelu_tanh),
        Some(_) => Err(KeyError::new("attrs.approximate", "must be none or tanh").into()),
    },
    "softplus" => |it| {
        let beta = it.attributes().number("beta")?.unwrap_or(1.0);
        unary(it, |x| x.softplus(beta))
    },
    "hardtanh" => |it| {
        let min_val = it.attributes().number("min_val")?.unwrap_or(-1.0);
        let max_val = it.attributes().number("max_val")?.unwrap_or(1.0);
        unary(it, |x| x.hardtanh(min_val, max_val))
    },
    "clamp" => |it| {
        let min = it.attributes().number("min")?.unwrap_or(f64::NEG_INFINITY);
        let max = it.attributes().number("max")?.unwrap_or(f64::INFINITY);
        unary(it, |x| x.clamp(min, max))
    },
    "pow" => |it| {
        let exponent = required(it.attributes().number("exponent")?, "exponent")?;
        unary(it, |x| x.pow(exponent))
    },
    "prelu" => |it| single(it.tensor("input")?.prelu(it.tensor("weight")?)),
    "softmax" => |it| single(it.tensor("input")?.softmax(dim(it)?)),
    "log_softmax" => |it| single(it.tensor("input")?.log_softmax(dim(it)?)),
    "add" => |it| single(it.tensor("a")?.add(it.tensor("b")?)),
    "sub" => |it| single(it.tensor("a")?.sub(it.tensor("b")?)),
    "mul" => |it| single(it.tensor("a")?.mul(it.tensor("b")?)),
    "div" => |it| single(it.tensor("a")?.div(it.tensor("b")?)),
    "maximum" => |it| single(it.tensor("a")?.maximum(it.tensor("b")?)),
    "minimum" => |it| single(it.tensor("a")?.minimum(it.tensor("b")?)),
    "matmul" => |it| single(it.tensor("a")?.matmul(it.tensor("b")?)),
    "where" => |it| {
        let (shape, condition) = it.conditions("condition")?;
        let condition = array("condition", shape, condition.to_vec())?;
        single(Tensor::where_(&condition, it.tensor("a")?, it.tensor("b")?))
    },
    "sum" => |it| single(it.tensor("input")?.sum_dim(&dims(it)?, keepdim(it)?)),
    "mean" => |it| single(it.tensor("input")?.mean_dim(&dims(it)?, keepdim(it)?)),
    "amax" => |it| single(it.tensor("input")?.amax(&dims(it)?, keepdim(it)?)),
    "amin" => |it| single(it.tensor("input")?.amin(&dims(it)?, keepdim(it)?)),
    "logsumexp" => |it| single(it.tensor("input")?.logsumexp(&dims(it)?, keepdim(it)?)),
    "var" => |it| {
        let correction = it.attributes().number("correction")?.unwrap_or(1.0);
        single(it.tensor("input")?.var(&dims(it)?, correction, keepdim(it)?))
    },
    "permute" => |it| single(permuted(it)),
    "reshape" => |it| single(it.tensor("input")?.reshape_inferred(&shape(it)?)),
    "concat" => |it| single(Tensor::concat(&it.numbered("input"), dim(it)?)),
    "stack" => |it| single(Tensor::stack(&it.numbered("input"), dim(it)?)),
    "narrow" => |it| {
        let start = required(it.attributes().integer("start")?, "start")?;
        let length = required(it.attributes().count("length")?, "length")?;
        let input = it.tensor("input")?;
        // One below 0 counts from the end.
        let start = match usize::try_from(start) {
            Ok(start) => start,
            Err(_) => resolve_index("narrow", start, input.size(dim(it)?)?)?,
        };
        single(input.narrow(dim(it)?, start, length))
    },
    "index_select" => |it| {
        let (shape, index) = places(it)?;
        let input = it.tensor("input")?;
        let selected = input.index_select(dim(it)?, &index);
        // Indices of another rank than 1, which ONNX knows, put their dimensions in its place.
        single(if shape.len() == 1 || input.rank() == 0 {
            selected
        } else {
            let dim = resolve_dim("index_select", dim(it)?, input.rank())?;
            let (before, after) = (&input.shape()[..dim], &input.shape()[dim + 1..]);
            selected.and_then(|it| it.reshape([before, shape, after].concat()))
        })
    },
    "gather" => |it| {
        let (shape, index) = places(it)?;
        single(it.tensor("input")?.gather(dim(it)?, &array("index", shape, index)?))
    },
    "permute_matmul" => |it| single(permuted(it)?.matmul(it.tensor("weight")?)),
    "permute_reshape" => |it| single(permuted(it)?.reshape_inferred(&shape(it)?)),
    "reuse" => |it| {
        let x = it.tensor("input")?;
        single(x.mul(&x.mul(x)?.sum_dim(&[1], true)?)?.add(x))
    },
    "gradcheck/relative_error" => relative_error,
];

fn unary<E: Element>(
    inputs: &Inputs<'_, E>,
    operation: impl Fn(&Tensor<E>) -> Tensor<E>,
) -> Outcome<E> {
    Ok(Outputs::single(operation(inputs.tensor("input")?)))
}

fn permuted<E: Element>(inputs: &Inputs<'_, E>) -> Result<Tensor<E>, OperationError> {
    let dims = required(inputs.attributes().integers("dims")?, "dims")?;
    Ok(inputs.tensor("input")?.permute(&dims)?)
}

fn dim<E: Element>(inputs: &Inputs<'_, E>) -> Result<isize, KeyError> {
    required(inputs.attributes().integer("dim")?, "dim")
}

/// The places that `index` names along dimension `dim`, with its shape; negative ones count from the
/// end.
fn places<'a, E: Element>(
    inputs: &Inputs<'a, E>,
) -> Result<(&'a [usize], Vec<usize>), OperationError> {
    let (shape, index) = inputs.integers("index")?;
    // A scalar is one slice.
    let input = inputs.tensor("input")?;
    let length = if input.rank() == 0 {
        1
    } else {
        input.size(dim(inputs)?)?
    };
    let place = |&index: &i64| {
        let index = isize::try_from(index).unwrap_or(isize::MAX);
        resolve_index("index", index, length)
    };
    Ok((shape, index.iter().map(place).collect::<Result<_, _>>()?))
}

/// The dimensions to reduce; all of them where none is given, as in PyTorch.
fn dims<E: Element>(inputs: &Inputs<'_, E>) -> Result<Vec<isize>, KeyError> {
    let dims = inputs.attributes().integers("dim")?.unwrap_or_default();
    if dims.is_empty() {
        let rank = inputs.tensor("input")?.rank();
        return Ok((0..).take(rank).collect());
    }
    Ok(dims)
}

fn keepdim<E: Element>(inputs: &Inputs<'_, E>) -> Result<bool, KeyError> {
    Ok(inputs.attributes().flag("keepdim")?.unwrap_or(false))
}

fn shape<E: Element>(inputs: &Inputs<'_, E>) -> Result<Vec<isize>, KeyError> {
    required(inputs.attributes().integers("shape")?, "shape")
}

fn array<T>(name: &str, shape: &[usize], data: Vec<T>) -> Result<ArrayD<T>, KeyError> {
    ArrayD::from_shape_vec(IxDyn(shape), data)
        .map_err(|error| KeyError::new(format!("inputs.{name}"), error.to_string()))
}

fn relative_error<E: Element>(inputs: &Inputs<'_, E>) -> Outcome<E> {
    let (analytic, numeric) = (inputs.tensor("analytic")?, inputs.tensor("numeric")?);
    let pairs = analytic.to_vec().into_iter().zip(numeric.to_vec());
    let errors = pairs.map(|(a, n)| gradient_check::relative_error(a.double(), n.double()));
    Ok(Outputs::named(
        "relative_error",
        Values::float(analytic.shape(), errors.collect()),
    ))
}
