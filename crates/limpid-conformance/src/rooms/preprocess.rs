//! Operations of `limpid-preprocess`: fitted on `train`, applied to `test`.

use limpid_data::{Split, Train};
use limpid_preprocess::{
    Center, Components, DiscretizeQuantile, DiscretizeUniform, Fit, FittedDiscretize, MaxAbs,
    MinMax, Pca, Robust, Standardize, Transform, Zca,
};
use limpid_tensor::{Element, Tensor};
use ndarray::Array2;

use super::{Operation, Outcome, operations};
use crate::attributes::required;
use crate::error::{KeyError, OperationError};
use crate::inputs::Inputs;
use crate::outputs::Outputs;
use crate::values::{Data, Values};

/// The room's table.
pub(super) const OPERATIONS: &[Operation] = operations![
    "preprocess/standardize" => |it| fit_transform(it, &Standardize::default()),
    "preprocess/center" => |it| fit_transform(it, &Center::default()),
    "preprocess/min_max" => |it| match it.attributes().numbers("range")?.as_deref() {
        None => fit_transform(it, &MinMax::new(0.0, 1.0)),
        Some(&[low, high]) => fit_transform(it, &MinMax::new(low, high)),
        Some(_) => Err(KeyError::new("attrs.range", "must be two numbers").into()),
    },
    "preprocess/max_abs" => |it| fit_transform(it, &MaxAbs::default()),
    "preprocess/robust" => |it| fit_transform(it, &Robust::default()),
    "preprocess/pca" => |it| {
        let count = it.attributes().count("n_components")?;
        let components = count.map_or(Components::All, Components::Count);
        let whiten = it.attributes().flag("whiten")?.unwrap_or(false);
        fit_transform(it, &Pca::new(components).with_whiten(whiten))
    },
    "preprocess/zca" => |it| {
        let epsilon = required(it.attributes().number("epsilon")?, "epsilon")?;
        fit_transform(it, &Zca::new(epsilon))
    },
    "preprocess/discretize_uniform" => |it| discretize(it, &DiscretizeUniform::new(n_bins(it)?)),
    "preprocess/discretize_quantile" => |it| discretize(it, &DiscretizeQuantile::new(n_bins(it)?)),
];

fn n_bins<E: Element>(inputs: &Inputs<'_, E>) -> Result<usize, KeyError> {
    required(inputs.attributes().count("n_bins")?, "n_bins")
}

fn fit_transform<E: Element>(inputs: &Inputs<'_, E>, recipe: &impl Fit) -> Outcome<E> {
    let fitted = recipe.fit(&train(inputs)?).map_err(refused)?;
    let test = fitted
        .transform(matrix(inputs.tensor("test")?)?.view())
        .map_err(refused)?;
    let data = test.iter().copied().collect();
    Ok(Outputs::named(
        "test",
        Values::float(&shape_as_given(inputs, test.ncols())?, data),
    ))
}

fn discretize<E: Element>(
    inputs: &Inputs<'_, E>,
    recipe: &impl Fit<Fitted = FittedDiscretize>,
) -> Outcome<E> {
    let fitted = recipe.fit(&train(inputs)?).map_err(refused)?;
    let test = fitted
        .transform(matrix(inputs.tensor("test")?)?.view())
        .map_err(refused)?;
    // Bins are whole numbers, which a rounding would only hide if they were not.
    let bins = test.iter().map(|&it| it as i64).collect();
    let shape = shape_as_given(inputs, test.ncols())?;
    let edges = fitted.edges();
    let count = edges.first().map_or(0, Vec::len);
    let edges_shape = if shape.len() < 2 {
        vec![count]
    } else {
        vec![edges.len(), count]
    };
    let edges = edges.concat();
    Ok(Outputs::named(
        "test",
        Values {
            shape,
            data: Data::Int(bins),
        },
    )
    .with("edges", Values::float(&edges_shape, edges)))
}

fn train<E: Element>(inputs: &Inputs<'_, E>) -> Result<Train<Array2<f64>>, OperationError> {
    Split::train_only(matrix(inputs.tensor("train")?)?).map_err(refused)
}

/// A matrix of the numbers; a vector is one column.
fn matrix<E: Element>(tensor: &Tensor<E>) -> Result<Array2<f64>, OperationError> {
    let rows = tensor.shape().first().copied().unwrap_or(1);
    let data: Vec<f64> = tensor.to_vec().into_iter().map(Element::double).collect();
    let columns = tensor.shape().get(1).copied().unwrap_or(1);
    Array2::from_shape_vec((rows, columns), data).map_err(refused)
}

/// The shape of the transformed test rows: a vector where a vector was given.
fn shape_as_given<E: Element>(
    inputs: &Inputs<'_, E>,
    columns: usize,
) -> Result<Vec<usize>, KeyError> {
    Ok(match inputs.tensor("test")?.shape() {
        &[rows] => vec![rows],
        &[rows, ..] => vec![rows, columns],
        [] => Vec::new(),
    })
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> OperationError {
    OperationError::Refused(Box::new(error))
}
