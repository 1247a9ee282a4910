//! Comparisons: plain arrays of truth, without gradients.

use ndarray::{ArrayD, Zip};

use crate::{Element, Error, Result, Tensor};

impl<E: Element> Tensor<E> {
    /// Whether self > other, broadcast.
    ///
    /// # Errors
    /// A shape error when the shapes do not broadcast.
    pub fn gt(&self, other: &Self) -> Result<ArrayD<bool>> {
        self.compare(other, "gt", |a, b| a > b)
    }

    /// Whether self >= other, broadcast.
    ///
    /// # Errors
    /// A shape error when the shapes do not broadcast.
    pub fn ge(&self, other: &Self) -> Result<ArrayD<bool>> {
        self.compare(other, "ge", |a, b| a >= b)
    }

    /// Whether self == other, broadcast.
    ///
    /// # Errors
    /// A shape error when the shapes do not broadcast.
    pub fn eq_elements(&self, other: &Self) -> Result<ArrayD<bool>> {
        self.compare(other, "eq_elements", |a, b| a == b)
    }

    fn compare(
        &self,
        other: &Self,
        operation: &'static str,
        holds: impl Fn(E, E) -> bool,
    ) -> Result<ArrayD<bool>> {
        let shape = crate::broadcast_shapes(operation, self.shape(), other.shape())?;
        let (left, right) = (self.view(), other.view());
        match (left.broadcast(&*shape), right.broadcast(&*shape)) {
            (Some(left), Some(right)) => {
                Ok(Zip::from(left).and(right).map_collect(|&a, &b| holds(a, b)))
            }
            _ => Err(Error::shape(
                operation,
                &[self.shape(), other.shape()],
                "must broadcast",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use ndarray::array;

    #[test]
    fn comparisons_broadcast() {
        let x = Tensor::<f32>::from_vec(vec![1.0, 2.0, 3.0], [3]).unwrap();
        let two = Tensor::scalar(2.0);
        assert_eq!(x.gt(&two).unwrap(), array![false, false, true].into_dyn());
        assert_eq!(x.ge(&two).unwrap(), array![false, true, true].into_dyn());
        assert_eq!(
            x.eq_elements(&two).unwrap(),
            array![false, true, false].into_dyn()
        );
        assert!(x.gt(&Tensor::ones([2])).is_err());
    }
}
