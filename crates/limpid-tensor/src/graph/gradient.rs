//! The gradient of one value: dense, or a few rows of a table.

use crate::kernel::elementwise;
use crate::layout::count;
use crate::{Element, Error, Result, Tensor};

/// The gradient of one value.
#[derive(Clone, Debug, PartialEq)]
pub enum Gradient<E: Element> {
    /// A number for every element.
    Dense(Tensor<E>),
    /// Zero but for some rows, as lookups in a table leave it.
    Rows(Rows<E>),
}

/// The rows of a table that a gradient touches; all others are zero. A row may occur several times:
/// its gradients add up.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows<E: Element> {
    shape: Vec<usize>,
    rows: Vec<usize>,
    values: Tensor<E>,
}

impl<E: Element> Rows<E> {
    /// The gradient of a table of `shape` whose row `rows[i]` receives `values[i]`.
    ///
    /// # Errors
    /// A shape error unless `values` has the shape `[rows.len(), shape[1], ...]`; an index error
    /// when a row lies beyond the table.
    pub fn new(shape: &[usize], rows: Vec<usize>, values: Tensor<E>) -> Result<Self> {
        let fits = shape
            .split_first()
            .is_some_and(|(_, rest)| values.shape().split_first() == Some((&rows.len(), rest)));
        if !fits {
            let rule = format!(
                "must be those of {} rows of the table {shape:?}",
                rows.len()
            );
            return Err(Error::shape("row gradient", &[values.shape()], rule));
        }
        if let Some(&row) = rows.iter().find(|&&row| row >= shape[0]) {
            return Err(Error::index("row gradient", "row", row, shape[0]));
        }
        Ok(Self {
            shape: shape.to_vec(),
            rows,
            values: values.detach(),
        })
    }

    /// The shape of the whole table.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Which rows are touched, in the order in which they were used.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The rows' gradients, `[rows, ...]`.
    pub fn values(&self) -> &Tensor<E> {
        &self.values
    }

    /// The same gradient with every row named once, ascending.
    #[must_use]
    pub fn coalesced(&self) -> Self {
        let width = count(&self.shape[1..]);
        let values = self.values.elements();
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|&place| self.rows[place]);
        let mut rows: Vec<usize> = Vec::new();
        let mut data: Vec<E> = Vec::new();
        for place in order {
            let terms = &values[place * width..(place + 1) * width];
            if rows.last() == Some(&self.rows[place]) {
                let start = data.len() - width;
                for (total, &term) in data[start..].iter_mut().zip(terms) {
                    *total += term;
                }
            } else {
                rows.push(self.rows[place]);
                data.extend_from_slice(terms);
            }
        }
        let shape = std::iter::once(rows.len())
            .chain(self.shape[1..].iter().copied())
            .collect();
        Self {
            shape: self.shape.clone(),
            rows,
            values: Tensor::new(data, shape),
        }
    }

    /// The gradient of the whole table, zeros included.
    pub fn to_dense(&self) -> Tensor<E> {
        let width = count(&self.shape[1..]);
        let values = self.values.elements();
        let mut data = vec![E::zero(); count(&self.shape)];
        for (place, &row) in self.rows.iter().enumerate() {
            let terms = &values[place * width..(place + 1) * width];
            for (total, &term) in data[row * width..(row + 1) * width].iter_mut().zip(terms) {
                *total += term;
            }
        }
        Tensor::new(data, self.shape.iter().copied().collect())
    }
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
            (Self::Rows(mut left), Self::Rows(right)) => {
                let mut data = left.values.into_elements();
                data.extend_from_slice(&right.values.elements());
                left.rows.extend_from_slice(&right.rows);
                let lead = std::iter::once(left.rows.len());
                let shape = lead.chain(left.shape[1..].iter().copied()).collect();
                left.values = Tensor::new(data, shape);
                Self::Rows(left)
            }
            (left, right) => {
                let right = right.into_dense();
                let left = left.into_dense();
                let shape = left.layout.shape.clone();
                let mut data = left.into_elements();
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
    fn repeated_rows_add_up() {
        let gradient = rows(&[2, 0, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let dense = [3.0, 4.0, 0.0, 0.0, 6.0, 8.0, 0.0, 0.0];
        assert_eq!(gradient.to_dense().to_vec(), dense);
        let coalesced = gradient.coalesced();
        assert_eq!(coalesced.rows(), [0, 2]);
        assert_eq!(coalesced.to_dense().to_vec(), dense);
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

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        assert!(Rows::new(&[4, 2], vec![4], Tensor::<f32>::zeros([1, 2])).is_err());
        assert!(Rows::new(&[4, 2], vec![1], Tensor::<f32>::zeros([1, 3])).is_err());
        assert!(Rows::new(&[], vec![], Tensor::<f32>::zeros([0])).is_err());
    }
}
