//! Several tensors joined into one.

use crate::buffers;
use crate::layout::{Shape, count, resolve_dim};
use crate::{Backward, Element, Error, InputGradients, Result, Tensor};

struct ConcatBackward {
    dim: usize,
    lengths: Vec<usize>,
}

impl<E: Element> Backward<E> for ConcatBackward {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let mut start = 0;
        for (input, &length) in self.lengths.iter().enumerate() {
            if inputs.wants(input) {
                inputs.add(input, gradient.narrow(self.dim as isize, start, length)?);
            }
            start += length;
        }
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// `tensors` one after another along dimension `dim`.
    ///
    /// # Shapes
    /// Equal but for dimension `dim`. Vectors without elements fit beside every shape, and add
    /// nothing.
    ///
    /// # Errors
    /// An argument error when there are no tensors; a dimension error when there is no such
    /// dimension; a shape error when the others differ.
    pub fn concat(tensors: &[&Self], dim: isize) -> Result<Self> {
        let Some(first) = tensors.first() else {
            return Err(Error::argument("concat", "tensors", "at least one", "none"));
        };
        let nothing = |tensor: &&Self| tensor.shape() == [0];
        if tensors.iter().any(nothing) && !tensors.iter().all(nothing) {
            let rest = tensors.iter().copied().filter(|tensor| !nothing(tensor));
            return Self::concat(&rest.collect::<Vec<_>>(), dim);
        }
        let dim = resolve_dim("concat", dim, first.rank())?;
        if first.rank() == 0 {
            let rule = "must have at least one dimension; use stack for scalars";
            return Err(Error::shape("concat", &[first.shape()], rule));
        }
        for tensor in tensors {
            let fits = tensor.rank() == first.rank()
                && (0..first.rank()).all(|d| d == dim || tensor.shape()[d] == first.shape()[d]);
            if !fits {
                let rule = format!("must be equal but for dimension {dim}");
                return Err(Error::shape(
                    "concat",
                    &[first.shape(), tensor.shape()],
                    rule,
                ));
            }
        }
        let lengths: Vec<usize> = tensors.iter().map(|tensor| tensor.shape()[dim]).collect();
        let mut shape: Shape = first.layout.shape.clone();
        shape[dim] = lengths.iter().sum();
        let (outer, inner) = (count(&shape[..dim]), count(&shape[dim + 1..]));
        let parts: Vec<_> = tensors.iter().map(|tensor| tensor.elements()).collect();
        let mut data = buffers::take::<E>(count(&shape));
        let mut rest = &mut *data;
        for outer in 0..outer {
            for (part, length) in parts.iter().zip(&lengths) {
                let (to, behind) = rest.split_at_mut(length * inner);
                to.copy_from_slice(&part[outer * length * inner..][..length * inner]);
                rest = behind;
            }
        }
        Ok(Self::new(data, shape).recorded(tensors, || ConcatBackward { dim, lengths }))
    }

    /// `tensors` of one shape as the slices of a new dimension `dim`.
    ///
    /// # Errors
    /// As [`Tensor::concat`].
    pub fn stack(tensors: &[&Self], dim: isize) -> Result<Self> {
        if let Some(other) = tensors
            .iter()
            .find(|tensor| tensor.shape() != tensors[0].shape())
        {
            let shapes = [tensors[0].shape(), other.shape()];
            return Err(Error::shape("stack", &shapes, "must be equal"));
        }
        let slices = tensors
            .iter()
            .map(|tensor| tensor.unsqueeze(dim))
            .collect::<Result<Vec<_>>>()?;
        Self::concat(&slices.iter().collect::<Vec<_>>(), dim)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Stream, Tensor, gradient_check};

    #[test]
    fn gradients_agree_with_differences() {
        let inputs = [
            Tensor::standard_normal([2, 3], Stream::new(1)),
            Tensor::standard_normal([2, 1], Stream::new(2)),
        ];
        let weights = Tensor::standard_normal([2, 4], Stream::new(3));
        let function = |x: &[Tensor<f64>]| {
            let joined = Tensor::concat(&[&x[0], &x[1]], -1)?
                .mul(&weights)?
                .square()
                .sum();
            joined.add(&Tensor::stack(&[&x[1], &x[1]], 1)?.exp().sum())
        };
        let worst = gradient_check::check(function, &inputs, 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn tensors_that_do_not_fit_are_refused() {
        let (a, b) = (Tensor::<f32>::ones([2, 3]), Tensor::ones([3, 3]));
        assert_eq!(Tensor::concat(&[&a, &b], 0).unwrap().shape(), [5, 3]);
        assert!(Tensor::concat(&[&a, &b], 1).is_err());
        let nothing = Tensor::zeros([0]);
        assert_eq!(Tensor::concat(&[&nothing, &a], 1).unwrap().shape(), [2, 3]);
        assert_eq!(Tensor::concat(&[&nothing; 2], 0).unwrap().shape(), [0]);
        assert!(Tensor::<f32>::concat(&[], 0).is_err());
        assert!(Tensor::<f32>::stack(&[], 0).is_err());
        assert!(Tensor::stack(&[&a, &b], 0).is_err());
        let scalars = [&Tensor::<f32>::scalar(1.0), &Tensor::scalar(2.0)];
        assert_eq!(Tensor::stack(&scalars, 0).unwrap().to_vec(), [1.0, 2.0]);
    }
}
