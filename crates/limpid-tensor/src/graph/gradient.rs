//! The gradient of one value: dense, a few rows of a table, or a product to be multiplied.

use super::{Product, Rows};
use crate::buffers::Storage;
use crate::kernel::{elementwise, reduce};
use crate::layout::Shape;
use crate::{Element, Result, Tensor};

/// The gradient of one value.
#[derive(Clone, Debug, PartialEq)]
pub enum Gradient<E: Element> {
    /// A number for every element.
    Dense(Tensor<E>),
    /// Zero but for some rows, as lookups in a table leave it.
    Rows(Rows<E>),
    /// A number for every element, as two factors that are still to be multiplied: large weights
    /// that take part in one matrix product have it.
    Product(Product<E>),
}

impl<E: Element> Gradient<E> {
    /// The gradient `left`^T `right` of a weight: put off where the weight is large, multiplied
    /// otherwise.
    ///
    /// # Errors
    /// As [`Product::new`].
    pub fn product(left: Tensor<E>, right: Tensor<E>) -> Result<Self> {
        let product = Product::new(left, right)?;
        Ok(if product.is_worth_it() {
            Self::Product(product)
        } else {
            Self::Dense(product.to_dense())
        })
    }

    /// The shape of the value that this is the gradient of.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Dense(tensor) => tensor.shape(),
            Self::Rows(rows) => rows.shape(),
            Self::Product(product) => product.shape(),
        }
    }

    /// The gradient as one tensor; rows are spread into a table of zeros.
    pub fn to_dense(&self) -> Tensor<E> {
        match self {
            Self::Dense(tensor) => tensor.clone(),
            Self::Rows(rows) => rows.to_dense(),
            Self::Product(product) => product.to_dense(),
        }
    }

    /// Whether every element is finite.
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Dense(tensor) => tensor.is_finite(),
            Self::Rows(rows) => rows.is_finite(),
            Self::Product(product) => product.is_finite(),
        }
    }

    /// The gradient times `factor`.
    #[must_use]
    pub fn times(&self, factor: E) -> Self {
        match self {
            Self::Dense(tensor) => Self::Dense(tensor.detach().mul_scalar(factor.double())),
            Self::Rows(rows) => Self::Rows(rows.times(factor)),
            Self::Product(product) => Self::Product(product.times(factor)),
        }
    }

    /// The gradient with every element changed by `change`, which must leave 0 as it is.
    #[must_use]
    pub fn map(&self, change: impl Fn(E) -> E) -> Self {
        let mapped = |tensor: &Tensor<E>| {
            let elements = tensor.elements();
            let data = elements.iter().map(|&element| change(element));
            Tensor::new(data.collect::<Storage<E>>(), tensor.layout.shape.clone())
        };
        match self {
            Self::Dense(tensor) => Self::Dense(mapped(tensor)),
            Self::Rows(rows) => Self::Rows(rows.coalesced().with_values(mapped)),
            Self::Product(product) => Self::Dense(mapped(&product.to_dense())),
        }
    }

    /// The gradient with each row of the first dimension changed by `change`, which is given the row's
    /// number and must leave zeros as they are. Of rows of a table, those alone are changed.
    #[must_use]
    pub fn map_rows(&self, mut change: impl FnMut(usize, &mut [E])) -> Self {
        let mut changed = |tensor: &Tensor<E>, rows: &mut dyn Iterator<Item = usize>| {
            let shape = tensor.layout.shape.clone();
            let mut data = tensor.elements().into_storage();
            let width = data.len() / shape.first().copied().unwrap_or(1).max(1);
            if width > 0 {
                let parts = data.chunks_mut(width).zip(rows);
                parts.for_each(|(part, row)| change(row, part));
            }
            Tensor::new(data, shape)
        };
        match self {
            Self::Rows(rows) => {
                let touched = rows.touched();
                let coalesced = rows.coalesced();
                Self::Rows(coalesced.with_values(|it| changed(it, &mut touched.iter().copied())))
            }
            other => Self::Dense(changed(&other.to_dense(), &mut (0..))),
        }
    }

    /// As [`Gradient::to_dense`], without a copy where that can be avoided.
    pub(crate) fn into_dense(self) -> Tensor<E> {
        match self {
            Self::Dense(tensor) => tensor,
            Self::Rows(rows) => rows.to_dense(),
            Self::Product(product) => product.to_dense(),
        }
    }

    /// The sum of two gradients of the same value. The caller has checked that the shapes agree.
    pub(crate) fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Rows(left), Self::Rows(right)) => Self::Rows(left.plus(&right)),
            (Self::Product(left), Self::Product(right)) if left.is_small_beside(&right) => {
                Self::Product(left.plus(&right))
            }
            (left, right) => {
                let (mut own, mut other) = (left.into_dense(), right.into_dense());
                if own.own_elements_mut().is_none() {
                    std::mem::swap(&mut own, &mut other);
                }
                let other = other.elements();
                if let Some(elements) = own.own_elements_mut() {
                    elementwise::zip_in_place(elements, &other, |a, b| a + b);
                    return Self::Dense(own);
                }
                let sum = elementwise::zip(&own.elements(), &other, |a, b| a + b);
                Self::Dense(Tensor::new(sum, Shape::from_slice(own.shape())))
            }
        }
    }
}

impl<E: Element> Tensor<E> {
    /// The largest absolute value, infinite where an element is not finite.
    pub(super) fn largest(&self) -> f64 {
        let largest = reduce::greatest_size(&self.elements()).double();
        if largest.is_nan() {
            f64::INFINITY
        } else {
            largest
        }
    }
}

impl<E: Element> From<Tensor<E>> for Gradient<E> {
    fn from(tensor: Tensor<E>) -> Self {
        Self::Dense(Tensor {
            node: None,
            ..tensor
        })
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
    fn rows_are_changed_by_their_numbers() {
        let rows = Gradient::Rows(rows(&[3, 1, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        let scale = |row: usize, part: &mut [f64]| part[0] *= row as f64;
        let sparse = rows.map_rows(scale);
        assert!(matches!(&sparse, Gradient::Rows(rows) if rows.touched() == [1, 3]));
        let want = [0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 18.0, 8.0];
        assert_eq!(sparse.to_dense().to_vec(), want);
        let dense = Gradient::Dense(rows.to_dense()).map_rows(scale);
        assert_eq!(dense.to_dense().to_vec(), want);
        let empty = Gradient::from(Tensor::<f64>::zeros([3, 0]));
        assert_eq!(empty.map_rows(|_, _| unreachable!()).shape(), [3, 0]);
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
