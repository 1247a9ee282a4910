//! What targets a loader hands out.

use std::fmt;

use limpid_tensor::{Element, Tensor};
use ndarray::Array2;

use crate::{DataError, Target};

/// The kind of target that a loader hands out with each batch: [`Classes`] or [`Values`].
pub trait TargetKind: fmt::Debug + Clone + Copy + Send + Sync + 'static {
    /// The targets of a batch, as losses take them.
    type Batch<E: Element>;

    /// The target is of this kind.
    ///
    /// # Errors
    /// [`DataError::TargetKind`].
    fn check(file: &str, target: &Target) -> Result<(), DataError>;

    /// The targets of these rows, of a target that was checked.
    fn gather<E: Element>(target: &Target, rows: &[usize]) -> Self::Batch<E>;
}

/// A class for each row, `Vec<usize>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classes;

/// Numbers for each row, a tensor `[batch, outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values;

impl TargetKind for Classes {
    type Batch<E: Element> = Vec<usize>;

    fn check(file: &str, target: &Target) -> Result<(), DataError> {
        target.classes(file).map(|_| ())
    }

    fn gather<E: Element>(target: &Target, rows: &[usize]) -> Vec<usize> {
        match target {
            Target::Classes { labels, .. } => rows.iter().map(|&row| labels[row]).collect(),
            Target::Values(_) | Target::None => Vec::new(),
        }
    }
}

impl TargetKind for Values {
    type Batch<E: Element> = Tensor<E>;

    fn check(file: &str, target: &Target) -> Result<(), DataError> {
        target.values(file).map(|_| ())
    }

    fn gather<E: Element>(target: &Target, rows: &[usize]) -> Tensor<E> {
        match target {
            Target::Values(values) => {
                let batch = Array2::from_shape_fn((rows.len(), values.ncols()), |(row, column)| {
                    E::of(values[[rows[row], column]])
                });
                Tensor::from_array(batch)
            }
            Target::Classes { .. } | Target::None => Tensor::zeros([0, 0]),
        }
    }
}
