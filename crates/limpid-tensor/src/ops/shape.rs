//! The same elements in another shape.

use smallvec::{SmallVec, smallvec};

use crate::layout::{Layout, Shape, count, owned, resolve_dim, same};
use crate::{Backward, Element, Error, InputGradients, Result, Tensor};

struct ReshapeBackward {
    shape: Shape,
}

impl<E: Element> Backward<E> for ReshapeBackward {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        inputs.add(0, gradient.reshape(&self.shape)?);
        Ok(())
    }
}

struct PermuteBackward {
    inverse: SmallVec<[isize; 4]>,
}

impl<E: Element> Backward<E> for PermuteBackward {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        inputs.add(0, gradient.permute(&self.inverse)?);
        Ok(())
    }
}

struct BroadcastBackward {
    shape: Shape,
}

impl<E: Element> Backward<E> for BroadcastBackward {
    fn name(&self) -> &'static str {
        "broadcast_to"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        inputs.add(0, gradient.sum_to(&self.shape)?);
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// The same elements in row-major order under another shape. Copies only what does not lie in
    /// that order; a tensor that lies so, and has the shape already, is the result itself.
    ///
    /// # Errors
    /// A shape error when the shapes hold different numbers of elements.
    pub fn reshape(&self, shape: impl AsRef<[usize]>) -> Result<Self> {
        let shape = shape.as_ref();
        if count(shape) != self.len() {
            let rule = "must hold the same number of elements";
            return Err(Error::shape("reshape", &[self.shape(), shape], rule));
        }
        if same(shape, self.shape()) && self.layout.is_contiguous() {
            return Ok(self.clone());
        }
        let mut layout = Layout::contiguous(owned(shape));
        let value = if self.layout.is_contiguous() {
            layout.offset = self.layout.offset;
            self.with_layout(layout)
        } else {
            self.contiguous().with_layout(layout)
        };
        Ok(value.recorded(&[self], || ReshapeBackward {
            shape: owned(self.shape()),
        }))
    }

    /// As [`Tensor::reshape`], with one length given as -1: the one that the others leave.
    ///
    /// # Errors
    /// An argument error when a length is below -1, when -1 stands twice, or beside a length of 0,
    /// which leaves it open; a shape error when the shapes hold different numbers of elements.
    ///
    /// # Example
    /// ```
    /// let x = limpid_tensor::Tensor::<f32>::zeros([2, 3, 4]);
    /// assert_eq!(x.reshape_inferred(&[4, -1])?.shape(), [4, 6]);
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    pub fn reshape_inferred(&self, shape: &[isize]) -> Result<Self> {
        let open = shape.iter().filter(|&&length| length == -1).count();
        let known: Option<Shape> = shape
            .iter()
            .filter(|&&length| length != -1)
            .map(|&length| usize::try_from(length).ok())
            .collect();
        let (Some(known), 0 | 1) = (known, open) else {
            let expected = "lengths from 0, and -1 once at most";
            return Err(Error::argument(
                "reshape",
                "shape",
                expected,
                format!("{shape:?}"),
            ));
        };
        let Some(left) = self.len().checked_div(count(&known)) else {
            if open == 0 {
                return self.reshape(known);
            }
            let expected = "without -1 beside a length of 0";
            return Err(Error::argument(
                "reshape",
                "shape",
                expected,
                format!("{shape:?}"),
            ));
        };
        let lengths = shape
            .iter()
            .map(|&length| usize::try_from(length).unwrap_or(left));
        self.reshape(lengths.collect::<Shape>())
    }

    /// Joins dimensions `start_dim` to `end_dim`, both included, into one.
    ///
    /// # Errors
    /// A dimension error when one does not exist; an argument error when they are out of order.
    pub fn flatten(&self, start_dim: isize, end_dim: isize) -> Result<Self> {
        let start = resolve_dim("flatten", start_dim, self.rank())?;
        let end = resolve_dim("flatten", end_dim, self.rank())?;
        if start > end {
            let expected = format!("at most end_dim ({end})");
            return Err(Error::argument("flatten", "start_dim", expected, start));
        }
        if self.rank() == 0 {
            return self.reshape([1]);
        }
        let mut shape = Shape::from_slice(&self.layout.shape[..start]);
        shape.push(count(&self.shape()[start..=end]));
        shape.extend_from_slice(&self.shape()[end + 1..]);
        self.reshape(shape)
    }

    /// The dimensions in another order: dimension `i` of the result is `dims[i]` of this tensor.
    /// Nothing is copied.
    ///
    /// # Errors
    /// A dimension error when one does not exist; an argument error unless each is named once.
    pub fn permute(&self, dims: &[isize]) -> Result<Self> {
        let rank = self.rank();
        let mut order = Shape::new();
        for &dim in dims {
            order.push(resolve_dim("permute", dim, rank)?);
        }
        let mut inverse: SmallVec<[isize; 4]> = smallvec![-1; rank];
        for (place, &dim) in order.iter().enumerate() {
            if let Some(slot) = inverse.get_mut(dim) {
                *slot = place as isize;
            }
        }
        if order.len() != rank || inverse.contains(&-1) {
            let expected = format!("each of the {rank} dimensions once");
            return Err(Error::argument(
                "permute",
                "dims",
                expected,
                format!("{dims:?}"),
            ));
        }
        let layout = Layout {
            shape: order.iter().map(|&dim| self.layout.shape[dim]).collect(),
            strides: order.iter().map(|&dim| self.layout.strides[dim]).collect(),
            offset: self.layout.offset,
        };
        Ok(self
            .with_layout(layout)
            .recorded(&[self], || PermuteBackward { inverse }))
    }

    /// Dimensions `first` and `second` exchanged. Nothing is copied.
    ///
    /// # Errors
    /// A dimension error when one does not exist.
    pub fn transpose(&self, first: isize, second: isize) -> Result<Self> {
        let first = resolve_dim("transpose", first, self.rank())?;
        let second = resolve_dim("transpose", second, self.rank())?;
        let mut dims: SmallVec<[isize; 4]> = (0..self.rank() as isize).collect();
        if !dims.is_empty() {
            dims.swap(first, second);
        }
        self.permute(&dims)
    }

    /// A new dimension of length 1 at `dim`.
    ///
    /// # Errors
    /// A dimension error when the result would have no such dimension.
    pub fn unsqueeze(&self, dim: isize) -> Result<Self> {
        let dim = resolve_dim("unsqueeze", dim, self.rank() + 1)?;
        let mut shape = self.layout.shape.clone();
        shape.insert(dim, 1);
        self.reshape(shape)
    }

    /// Without dimension `dim`, which must have length 1.
    ///
    /// # Errors
    /// A dimension error when there is none; a shape error when it is longer.
    pub fn squeeze(&self, dim: isize) -> Result<Self> {
        let dim = resolve_dim("squeeze", dim, self.rank())?;
        let mut shape = self.layout.shape.clone();
        if shape.get(dim).is_some_and(|&length| length != 1) {
            let rule = format!("dimension {dim} must have length 1");
            return Err(Error::shape("squeeze", &[self.shape()], rule));
        }
        if dim < shape.len() {
            shape.remove(dim);
        }
        self.reshape(shape)
    }

    /// This tensor repeated to `shape` by the rule of broadcasting. Nothing is copied.
    ///
    /// # Errors
    /// A shape error when it does not broadcast to `shape`.
    pub fn broadcast_to(&self, shape: impl AsRef<[usize]>) -> Result<Self> {
        let shape = shape.as_ref();
        let joined = crate::layout::broadcast_shapes("broadcast_to", self.shape(), shape)?;
        if joined.as_slice() != shape {
            let rule = "the first must broadcast to the second";
            return Err(Error::shape("broadcast_to", &[self.shape(), shape], rule));
        }
        let value = self.with_layout(self.layout.broadcast(shape));
        Ok(value.recorded(&[self], || BroadcastBackward {
            shape: self.layout.shape.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Stream, Tensor, gradient_check};

    fn cube() -> Tensor<f64> {
        Tensor::standard_normal([2, 3, 4], Stream::new(1))
    }

    #[test]
    fn permuting_moves_no_element_and_reshaping_brings_them_in_order() {
        let x = Tensor::<f64>::from_fn([2, 3], |place| place as f64);
        let y = x.permute(&[1, 0]).unwrap();
        assert_eq!(y.shape(), [3, 2]);
        assert!(y.as_slice().is_none());
        assert_eq!(
            y.reshape([6]).unwrap().to_vec(),
            [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
        );
        assert_eq!(y.transpose(0, -1).unwrap(), x);
    }

    #[test]
    fn every_gradient_agrees_with_differences() {
        let weights = cube();
        let function = |x: &[Tensor<f64>]| {
            let y = x[0].permute(&[2, 0, 1])?.reshape([4, 6])?.flatten(0, 1)?;
            let y = y.unsqueeze(-1)?.squeeze(1)?.mul(&weights.reshape([24])?)?;
            Ok(y.square().sum())
        };
        let worst = gradient_check::check(function, &[cube()], 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
        let function = |x: &[Tensor<f64>]| {
            x[0].broadcast_to([5, 2, 3])?
                .square()
                .sum()
                .add(&x[0].sum())
        };
        let row = Tensor::standard_normal([2, 1], Stream::new(2));
        let worst = gradient_check::check(function, &[row], 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn the_length_that_is_left_open_is_found() {
        let shape = |shape: &[isize]| cube().reshape_inferred(shape).unwrap().shape().to_vec();
        assert_eq!(shape(&[-1]), [24]);
        assert_eq!(shape(&[2, -1, 2]), [2, 6, 2]);
        assert_eq!(shape(&[6, 4]), [6, 4]);
        let empty = Tensor::<f64>::zeros([2, 0]);
        assert_eq!(empty.reshape_inferred(&[2, -1]).unwrap().shape(), [2, 0]);
        assert_eq!(empty.reshape_inferred(&[0, 7]).unwrap().shape(), [0, 7]);
        let one = Tensor::<f64>::scalar(1.0);
        assert_eq!(one.reshape_inferred(&[-1]).unwrap().shape(), [1]);
        assert_eq!(one.reshape_inferred(&[]).unwrap().rank(), 0);
    }

    #[test]
    fn wrong_shapes_and_dimensions_are_refused() {
        let x = cube();
        assert!(x.reshape([5, 5]).is_err());
        for shape in [&[5, -1][..], &[-1, -1], &[-2, 12], &[0, -1]] {
            assert!(x.reshape_inferred(shape).is_err(), "{shape:?}");
        }
        assert!(x.permute(&[0, 1]).is_err());
        assert!(x.permute(&[0, 1, 1]).is_err());
        assert!(x.permute(&[0, 1, 3]).is_err());
        assert!(x.squeeze(0).is_err());
        assert!(x.flatten(2, 1).is_err());
        assert!(x.broadcast_to([2, 3]).is_err());
        assert!(x.broadcast_to([2, 1, 4]).is_err());
        assert_eq!(
            Tensor::<f64>::scalar(1.0).flatten(0, -1).unwrap().shape(),
            [1]
        );
        assert_eq!(
            Tensor::<f64>::zeros([2, 0])
                .reshape([0, 7])
                .unwrap()
                .shape(),
            [0, 7]
        );
    }
}
