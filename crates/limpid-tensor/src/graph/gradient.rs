//! The gradient of one value: dense, or a few rows of a table.

use super::Rows;
use crate::kernel::elementwise;
use crate::{Element, Tensor};

/// The gradient of one value.
#[derive(Clone, Debug, PartialEq)]
pub enum Gradient<E: Element> {
    /// A number for every element.
    Dense(Tensor<E>),
    /// Zero but for some rows, as lookups in a table leave it.
    Rows(Rows<E>),
}

impl<E: Element> Gradient<E> {
    /// The shape of the value that this is the gradient of.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Dense(tensor) => tensor.shape(),
            Self::Rows(rows) => rows.shape(),
        }
    }

    /// The gradient as one tensor; rows are spread into a table of zeros.
    pub fn to_dense(&self) -> Tensor<E> {
        match self {
            Self::Dense(tensor) => tensor.clone(),
            Self::Rows(rows) => rows.to_dense(),
        }
    }

    /// Whether every element is finite.
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Dense(tensor) => tensor.is_finite(),
            Self::Rows(rows) => rows.is_finite(),
        }
    }

    /// As [`Gradient::to_dense`], without a copy where that can be avoided.
    pub(crate) fn into_dense(self) -> Tensor<E> {
        match self {
            Self::Dense(tensor) => tensor,
            Self::Rows(rows) => rows.to_dense(),
        }
    }

    /// The sum of two gradients of the same value. The caller has checked that the shapes agree.
    pub(crate) fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Rows(left), Self::Rows(right)) => Self::Rows(left.plus(&right)),
            (left, right) => {
                let right = right.into_dense();
                let left = left.into_dense();
                let shape = left.layout.shape.clone();
                let mut data = left.into_storage();
                elementwise::zip_in_place(&mut data, &right.elements(), |a, b| a + b);
                Self::Dense(Tensor::new(data, shape))
            }
        }
    }
}

impl<E: Element> From<Tensor<E>> for Gradient<E> {
    fn from(tensor: Tensor<E>) -> Self {
        Self::Dense(tensor.detach())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[usize], values: &[f64]) -> Rows<f64> {
        let values = Tensor::from_vec(values.to_vec(), [rows.len(), 2]).unwrap();
        Rows::new(&[4, 2], rows.to_vec(), values).unwrap()
    }

    #[test]
    fn rows_and_dense_gradients_add_up() {
        let sum = Gradient::Rows(rows(&[1], &[1.0, 1.0])).plus(Tensor::ones([4, 2]).into());
        assert_eq!(
            sum.to_dense().to_vec(),
            [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0]
        );
        let both =
            Gradient::Rows(rows(&[1], &[1.0, 1.0])).plus(Gradient::Rows(rows(&[1], &[2.0, 3.0])));
        assert_eq!(
            both.to_dense().to_vec(),
            [0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0]
        );
    }
}
