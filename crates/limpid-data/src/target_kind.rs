//! What targets a loader hands out.

use std::fmt;
use std::ops::Deref;

use limpid_tensor::{Element, Tensor};
use ndarray::Array2;

use crate::{Blend, DataError, Target};

/// The kind of target that a loader hands out with each batch: [`Classes`], [`SoftClasses`] or
/// [`Values`].
pub trait TargetKind: fmt::Debug + Clone + Copy + Send + Sync + 'static {
    /// The targets of a batch, as losses take them.
    type Batch<E: Element>: Send;

    /// Whether targets of this kind can be mixed.
    const MIXES: bool;

    /// The target is of this kind.
    ///
    /// # Errors
    /// [`DataError::TargetKind`].
    fn check(file: &str, target: &Target) -> Result<(), DataError>;

    /// The targets of these rows, of a target that was checked. Where the batch was mixed, `blends`
    /// says for each row how; it is empty where nothing was.
    fn gather<E: Element>(target: &Target, rows: &[usize], blends: &[Blend]) -> Self::Batch<E>;
}

/// A class for each row, `Vec<usize>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classes;

/// The probabilities of each row's classes, [`SoftTargets`]: 1 for its class, unless rows are mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoftClasses;

/// Numbers for each row, a tensor `[batch, outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values;

/// The probabilities of a batch's classes, `[batch, classes]`; each row sums to 1. It is used like the
/// tensor that it holds.
///
/// # Example
/// ```
/// use limpid_data::{Loader, Split, classics};
/// use limpid_tensor::Stream;
///
/// let train = Split::train_only(classics::iris()?)?;
/// let loader = Loader::soft_classes(&train, 2)?;
/// let (_, targets) = loader.batch::<f32>(&[0, 149])?;
/// assert_eq!(targets.to_vec(), [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SoftTargets<E: Element>(Tensor<E>);

impl<E: Element> SoftTargets<E> {
    /// These probabilities.
    pub fn new(probabilities: Tensor<E>) -> Self {
        Self(probabilities)
    }
}

impl<E: Element> Deref for SoftTargets<E> {
    type Target = Tensor<E>;

    fn deref(&self) -> &Tensor<E> {
        &self.0
    }
}

/// `[rows, columns]` of the numbers that `number` gives for a row and a column of the target, mixed
/// where the batch was.
fn matrix<E: Element>(
    rows: &[usize],
    blends: &[Blend],
    columns: usize,
    number: impl Fn(usize, usize) -> f64,
) -> Tensor<E> {
    let batch = Array2::from_shape_fn((rows.len(), columns), |(row, column)| {
        let own = number(rows[row], column);
        E::of(blends.get(row).map_or(own, |blend| {
            blend.of(own, number(rows[blend.partner], column))
        }))
    });
    Tensor::from_array(batch)
}

impl TargetKind for Classes {
    type Batch<E: Element> = Vec<usize>;

    const MIXES: bool = false;

    fn check(file: &str, target: &Target) -> Result<(), DataError> {
        target.classes(file).map(|_| ())
    }

    fn gather<E: Element>(target: &Target, rows: &[usize], _: &[Blend]) -> Vec<usize> {
        match target {
            Target::Classes { labels, .. } => rows.iter().map(|&row| labels[row]).collect(),
            Target::Values(_) | Target::None => Vec::new(),
        }
    }
}

impl TargetKind for SoftClasses {
    type Batch<E: Element> = SoftTargets<E>;

    const MIXES: bool = true;

    fn check(file: &str, target: &Target) -> Result<(), DataError> {
        Classes::check(file, target)
    }

    fn gather<E: Element>(target: &Target, rows: &[usize], blends: &[Blend]) -> SoftTargets<E> {
        SoftTargets(match target {
            Target::Classes { labels, names } => matrix(rows, blends, names.len(), |row, class| {
                f64::from(u8::from(labels[row] == class))
            }),
            Target::Values(_) | Target::None => Tensor::zeros([0, 0]),
        })
    }
}

impl TargetKind for Values {
    type Batch<E: Element> = Tensor<E>;

    const MIXES: bool = true;

    fn check(file: &str, target: &Target) -> Result<(), DataError> {
        target.values(file).map(|_| ())
    }

    fn gather<E: Element>(target: &Target, rows: &[usize], blends: &[Blend]) -> Tensor<E> {
        match target {
            Target::Values(values) => matrix(rows, blends, values.ncols(), |row, column| {
                values[[row, column]]
            }),
            Target::Classes { .. } | Target::None => Tensor::zeros([0, 0]),
        }
    }
}
