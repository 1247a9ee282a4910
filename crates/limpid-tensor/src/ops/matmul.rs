//! Matrix products.

use smallvec::SmallVec;

use crate::buffers;
use crate::flops::add_products;
use crate::kernel::gemm::{Strided, product};
use crate::kernel::threads;
use crate::layout::{Layout, Shape, broadcast_shapes, count};
use crate::{Backward, Element, Error, InputGradients, Result, Tensor};

struct MatmulBackward<E: Element> {
    left: Tensor<E>,
    right: Tensor<E>,
}

impl<E: Element> Backward<E> for MatmulBackward<E> {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        if inputs.wants(0) {
            let share = matrices(&gradient, &self.right.transpose(-2, -1)?)?;
            inputs.add(0, share.sum_to(self.left.shape())?);
        }
        if inputs.wants(1) {
            let right = &self.right;
            let share = if right.rank() == 2 && self.left.rank() > 2 {
                // One weight for a whole batch: its gradient is one product over all rows.
                let rows = |x: &Tensor<E>| x.flatten(0, -2);
                matrices(&rows(&self.left)?.transpose(0, 1)?, &rows(&gradient)?)?
            } else {
                matrices(&self.left.transpose(-2, -1)?, &gradient)?
            };
            inputs.add(1, share.sum_to(right.shape())?);
        }
        Ok(())
    }
}

/// The product of tensors of at least two dimensions each, without history.
fn matrices<E: Element>(left: &Tensor<E>, right: &Tensor<E>) -> Result<Tensor<E>> {
    let (left_rank, right_rank) = (left.rank(), right.rank());
    let (m, k) = (left.shape()[left_rank - 2], left.shape()[left_rank - 1]);
    let (inner, n) = (right.shape()[right_rank - 2], right.shape()[right_rank - 1]);
    if k != inner {
        let rule = format!(
            "the left's last dimension ({k}) must equal the right's second to last ({inner})"
        );
        return Err(Error::shape("matmul", &[left.shape(), right.shape()], rule));
    }
    if left_rank == 2 && right_rank == 2 {
        add_products(&[m, k, n]);
        let mut data = buffers::take::<E>(m * n);
        product(&mut data, (m, k, n), matrix(left), matrix(right));
        return Ok(Tensor::new(data, Shape::from_buf_and_len([m, n, 0, 0], 2)));
    }
    let batch = broadcast_shapes(
        "matmul",
        &left.shape()[..left_rank - 2],
        &right.shape()[..right_rank - 2],
    )?;
    if right_rank == 2 && left_rank > 2 && left.as_slice().is_some() {
        // A batch of row-major matrices times one matrix is a single, taller product.
        let rows = matrices(&left.detach().flatten(0, -2)?, right)?;
        let mut shape = batch;
        shape.extend([m, n]);
        return rows.reshape(shape);
    }
    add_products(&[count(&batch), m, k, n]);
    let mut data = buffers::take::<E>(count(&batch) * m * n);
    let (left_batch, left_strides) = split(left, &batch);
    let (right_batch, right_strides) = split(right, &batch);
    let places: SmallVec<[(usize, usize); 4]> =
        offsets(&left_batch).zip(offsets(&right_batch)).collect();
    let one = |out: &mut [E], (left_offset, right_offset): (usize, usize)| {
        let left = strided(left, left_offset, left_strides);
        let right = strided(right, right_offset, right_strides);
        product(out, (m, k, n), left, right);
    };
    if places.len() >= SIDE_BY_SIDE && m * n * k * places.len() >= SHARED {
        threads::chunks(&mut data[..], m * n, |first, out| {
            one(out, places[first / (m * n)])
        });
    } else if m * n > 0 {
        for (out, place) in data.chunks_exact_mut(m * n).zip(places) {
            one(out, place);
        }
    }
    let mut shape = batch;
    shape.extend([m, n]);
    Ok(Tensor::new(data, shape))
}

/// From so many products on, each is done by one thread; fewer are cut themselves.
const SIDE_BY_SIDE: usize = 8;
/// Multiply-adds that are worth handing to other threads.
const SHARED: usize = 1 << 20;

/// The layout of a tensor's leading dimensions, broadcast to `batch`, and its matrices' strides.
fn split<E: Element>(tensor: &Tensor<E>, batch: &[usize]) -> (Layout, (usize, usize)) {
    let lead = tensor.rank() - 2;
    let layout = Layout {
        shape: Shape::from_slice(&tensor.layout.shape[..lead]),
        strides: Shape::from_slice(&tensor.layout.strides[..lead]),
        offset: tensor.layout.offset,
    };
    let strides = (tensor.layout.strides[lead], tensor.layout.strides[lead + 1]);
    (layout.broadcast(batch), strides)
}

/// A tensor of two dimensions as a matrix.
pub(super) fn matrix<E: Element>(tensor: &Tensor<E>) -> Strided<'_, E> {
    let strides = (tensor.layout.strides[0], tensor.layout.strides[1]);
    strided(tensor, tensor.layout.offset, strides)
}

fn offsets(layout: &Layout) -> impl Iterator<Item = usize> {
    let (length, stride) = layout.row();
    layout
        .rows()
        .flat_map(move |row| (0..length).map(move |index| row + index * stride))
}

/// The matrix in `tensor`'s memory that begins at `offset` and has these strides.
fn strided<E: Element>(
    tensor: &Tensor<E>,
    offset: usize,
    (row_stride, column_stride): (usize, usize),
) -> Strided<'_, E> {
    Strided {
        data: &tensor.storage,
        offset,
        row_stride,
        column_stride,
    }
}

impl<E: Element> Tensor<E> {
    /// The matrix product, batched over leading dimensions, which broadcast. A vector on the left
    /// is a row, on the right a column; that dimension is dropped from the result. As
    /// `torch.matmul`.
    ///
    /// # Shapes
    /// `[..., m, k]` times `[..., k, n]` gives `[..., m, n]`.
    ///
    /// # Errors
    /// A shape error when the inner lengths differ, the leading dimensions do not broadcast, or
    /// either is a scalar.
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::Tensor;
    ///
    /// let x = Tensor::<f32>::ones([5, 2, 3]);
    /// let w = Tensor::<f32>::ones([3, 4]);
    /// assert_eq!(x.matmul(&w)?.shape(), [5, 2, 4]);
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    pub fn matmul(&self, other: &Self) -> Result<Self> {
        if self.rank() == 0 || other.rank() == 0 {
            let rule = "both must have at least one dimension";
            return Err(Error::shape("matmul", &[self.shape(), other.shape()], rule));
        }
        let row = self.rank() == 1;
        let column = other.rank() == 1;
        if row || column {
            let left = if row {
                self.unsqueeze(0)?
            } else {
                self.clone()
            };
            let right = if column {
                other.unsqueeze(-1)?
            } else {
                other.clone()
            };
            let mut product = left.matmul(&right)?;
            if row {
                product = product.squeeze(-2)?;
            }
            if column {
                product = product.squeeze(-1)?;
            }
            return Ok(product);
        }
        let value = matrices(self, other)?;
        Ok(value.recorded(&[self, other], || MatmulBackward {
            left: self.detach(),
            right: other.detach(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Stream, Tensor, gradient_check};

    fn random(shape: &[usize], seed: u64) -> Tensor<f64> {
        Tensor::standard_normal(shape, Stream::new(seed))
    }

    #[test]
    fn gradients_agree_with_differences_for_every_kind_of_batch() {
        let shapes: [(&[usize], &[usize]); 8] = [
            (&[3, 4], &[4, 2]),
            (&[2, 3, 4], &[4, 2]),
            (&[2, 3, 4], &[2, 4, 2]),
            (&[2, 1, 3, 4], &[3, 4, 2]),
            (&[3, 4], &[2, 4, 2]),
            (&[4], &[4, 2]),
            (&[3, 4], &[4]),
            (&[4], &[4]),
        ];
        for (left, right) in shapes {
            let function = |x: &[Tensor<f64>]| Ok(x[0].matmul(&x[1])?.square().sum());
            let inputs = [random(left, 1), random(right, 2)];
            let worst = gradient_check::check(function, &inputs, 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{left:?} {right:?}: {worst:?}");
        }
    }

    #[test]
    fn permuted_operands_give_the_same_numbers() {
        let (a, b) = (random(&[5, 3, 4], 1), random(&[2, 4, 3], 2));
        let (at, bt) = (
            a.permute(&[1, 0, 2]).unwrap(),
            b.permute(&[2, 1, 0]).unwrap(),
        );
        let got = at.matmul(&bt.narrow(0, 0, 3).unwrap()).unwrap();
        let want = at.contiguous().matmul(&bt.contiguous()).unwrap();
        assert_eq!(got.shape(), [3, 5, 2]);
        for (g, w) in got.to_vec().iter().zip(want.to_vec()) {
            assert!((g - w).abs() < 1e-12);
        }
    }

    #[test]
    fn empty_products_are_zero() {
        let product = Tensor::<f64>::zeros([2, 0])
            .matmul(&Tensor::zeros([0, 3]))
            .unwrap();
        assert_eq!(product, Tensor::zeros([2, 3]));
        let empty = Tensor::<f64>::zeros([0, 3])
            .matmul(&Tensor::zeros([3, 2]))
            .unwrap();
        assert_eq!(empty.shape(), [0, 2]);
        assert!(
            Tensor::<f64>::scalar(1.0)
                .matmul(&Tensor::zeros([1, 1]))
                .is_err()
        );
    }
}
