//! Sums, means and extremes over dimensions.

use ndarray::{ArrayD, IxDyn};

use crate::buffers::{self, Pooled, Storage};
use crate::kernel::reduce::{self as kernel, Reduction};
use crate::layout::{Shape, count, resolve_dim, resolve_dims};
use crate::{Backward, Element, Error, InputGradients, Result, Tensor};

/// A tensor whose reduced dimensions have been brought together:
/// `[outer, reduced, inner]`, row-major.
pub(super) struct Grouped<E: Element> {
    pub(super) data: Tensor<E>,
    pub(super) outer: usize,
    pub(super) reduced: usize,
    pub(super) inner: usize,
    /// The shape of the result.
    pub(super) shape: Shape,
}

pub(super) fn group<E: Element>(
    tensor: &Tensor<E>,
    operation: &'static str,
    dim: &[isize],
    keepdim: bool,
) -> Result<Grouped<E>> {
    let dims = resolve_dims(operation, dim, tensor.rank())?;
    let lengths = tensor.shape();
    let kept = (0..tensor.rank()).filter_map(|dim| match dims.contains(&dim) {
        true => keepdim.then_some(1),
        false => Some(lengths[dim]),
    });
    let shape: Shape = kept.collect();
    let adjacent = dims.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    let (first, end) = match (dims.first(), dims.last()) {
        (Some(&first), Some(&last)) => (first, last + 1),
        _ => (0, 0),
    };
    if adjacent {
        let (outer, inner) = (count(&lengths[..first]), count(&lengths[end..]));
        let reduced = count(&lengths[first..end]);
        return Ok(Grouped {
            data: tensor.contiguous(),
            outer,
            reduced,
            inner,
            shape,
        });
    }
    let order: Vec<isize> = (0..tensor.rank())
        .filter(|dim| !dims.contains(dim))
        .chain(dims.iter().copied())
        .map(|dim| dim as isize)
        .collect();
    let data = tensor.detach().permute(&order)?.contiguous();
    let reduced = dims.iter().map(|&dim| lengths[dim]).product();
    Ok(Grouped {
        data,
        outer: count(&shape),
        reduced,
        inner: 1,
        shape,
    })
}

impl<E: Element> Grouped<E> {
    /// `reduction` of every group.
    pub(super) fn reduce<T: Pooled>(&self, reduction: &impl Reduction<E, T>) -> Storage<T> {
        let mut out = buffers::take(self.outer * self.inner);
        let lengths = (self.reduced, self.inner);
        kernel::groups(&self.data.elements(), lengths, reduction, &mut out);
        out
    }
}

/// Whether a reduction over several dimensions may be made over one of them after the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Steps {
    One,
    Any,
}

/// What is known of a tensor that was reduced.
pub(super) struct Reduced<E: Element> {
    pub(super) value: Tensor<E>,
    /// The shape of the result with reduced dimensions kept at length 1.
    pub(super) kept: Shape,
    /// How many numbers became one.
    pub(super) number: usize,
}

/// `reduction` over dimensions `dim`, in the order in which the numbers lie in memory.
pub(super) fn reduced<E: Element>(
    tensor: &Tensor<E>,
    operation: &'static str,
    (dim, keepdim): (&[isize], bool),
    steps: Steps,
    reduction: &impl Reduction<E, E>,
) -> Result<Reduced<E>> {
    let dims = resolve_dims(operation, dim, tensor.rank())?;
    let lengths = tensor.shape();
    let value = in_memory(&tensor.detach(), &dims, steps, reduction)?;
    let kept = Shape::from_slice(value.shape());
    let left = (0..tensor.rank()).filter(|dim| !dims.contains(dim));
    let shape: Shape = left.map(|dim| lengths[dim]).collect();
    let value = if keepdim {
        value
    } else {
        value.reshape(&shape)?
    };
    Ok(Reduced {
        value,
        kept,
        number: dims.iter().map(|&dim| lengths[dim]).product(),
    })
}

/// `reduction` over `dims`, which are in order, kept at length 1.
fn in_memory<E: Element>(
    tensor: &Tensor<E>,
    dims: &[usize],
    steps: Steps,
    reduction: &impl Reduction<E, E>,
) -> Result<Tensor<E>> {
    // A transposed tensor is walked as it lies, not copied first.
    if let Some(order) = tensor.layout.order_in_memory() {
        let place = |dim: usize| order.iter().position(|&other| other == dim as isize);
        let mut moved: Vec<usize> = dims.iter().filter_map(|&dim| place(dim)).collect();
        moved.sort_unstable();
        let found = in_memory(&tensor.permute(&order)?, &moved, steps, reduction)?;
        let back = (0..order.len()).filter_map(place);
        let back: Vec<isize> = back.map(|place| place as isize).collect();
        return Ok(found.permute(&back)?.contiguous());
    }
    let split = dims.windows(2).rposition(|pair| pair[0] + 1 != pair[1]);
    if let (Steps::Any, Some(split)) = (steps, split) {
        let (first, last) = dims.split_at(split + 1);
        let found = in_memory(tensor, last, steps, reduction)?;
        return in_memory(&found, first, steps, reduction);
    }
    let dims: Vec<isize> = dims.iter().map(|&dim| dim as isize).collect();
    let grouped = group(tensor, "reduce", &dims, true)?;
    Ok(Tensor::new(grouped.reduce(reduction), grouped.shape))
}

/// The backward half of a sum over `divisor`.
struct SumBackward {
    name: &'static str,
    shape: Shape,
    kept: Shape,
    divisor: f64,
}

impl<E: Element> Backward<E> for SumBackward {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let divisor = E::of(self.divisor);
        let gradient = if self.divisor == 1.0 {
            gradient
        } else {
            gradient.map_into(|share| share / divisor)
        };
        inputs.add(0, gradient.reshape(&self.kept)?.broadcast_to(&self.shape)?);
        Ok(())
    }
}

struct ExtremeBackward<E: Element> {
    name: &'static str,
    input: Tensor<E>,
    /// The extremes, with reduced dimensions kept.
    extreme: Tensor<E>,
    dims: Vec<isize>,
}

impl<E: Element> Backward<E> for ExtremeBackward<E> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let is_extreme = |x: E, extreme: E| if x == extreme { E::one() } else { E::zero() };
        let ties = self
            .input
            .zip_broadcast(&self.extreme, self.name, is_extreme)?;
        let number = ties.sum_dim(&self.dims, true)?;
        let share = gradient.reshape(number.shape())?.div(&number)?;
        inputs.add(0, ties.mul(&share)?);
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// The sum of all elements, as a scalar. Pairwise, so that the error grows only with the
    /// logarithm of their number.
    #[must_use]
    pub fn sum(&self) -> Self {
        let value = Self::of(kernel::sum(&self.elements()));
        value.recorded(&[self], || self.sum_backward("sum", 1.0))
    }

    /// The mean of all elements, as a scalar; NaN where there are none.
    #[must_use]
    pub fn mean(&self) -> Self {
        self.mean_over(self.len() as f64)
    }

    /// The sum of all elements divided by `weight`, as a scalar: the mean of elements that have been
    /// multiplied by weights whose sum it is. Not a number where both are 0.
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::Tensor;
    ///
    /// let weighted = Tensor::<f32>::from_vec(vec![1.0, 4.0, 0.0], [3])?;
    /// assert_eq!(weighted.mean_over(2.0).item()?, 2.5);
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    #[must_use]
    pub fn mean_over(&self, weight: f64) -> Self {
        let value = Self::of(kernel::sum(&self.elements()) / E::of(weight));
        value.recorded(&[self], || self.sum_backward("mean", weight))
    }

    fn sum_backward(&self, name: &'static str, divisor: f64) -> SumBackward {
        let kept = Shape::from_elem(1, self.rank());
        SumBackward {
            name,
            shape: self.layout.shape.clone(),
            kept,
            divisor,
        }
    }

    /// The sum over dimensions `dim`; an empty list means all. With `keepdim` they stay, with
    /// length 1.
    ///
    /// # Errors
    /// A dimension error when one does not exist, an argument error when one is repeated.
    pub fn sum_dim(&self, dim: &[isize], keepdim: bool) -> Result<Self> {
        let sums = reduced(self, "sum", (dim, keepdim), Steps::Any, &kernel::Sum)?;
        Ok(sums.value.recorded(&[self], || SumBackward {
            name: "sum",
            shape: self.layout.shape.clone(),
            kept: sums.kept,
            divisor: 1.0,
        }))
    }

    /// The mean over dimensions `dim`; an empty list means all. NaN over no elements.
    ///
    /// # Errors
    /// As [`Tensor::sum_dim`].
    pub fn mean_dim(&self, dim: &[isize], keepdim: bool) -> Result<Self> {
        let sums = reduced(self, "mean", (dim, keepdim), Steps::Any, &kernel::Sum)?;
        let (divisor, number) = (sums.number as f64, E::of(sums.number as f64));
        let value = sums.value.map_into(|total| total / number);
        Ok(value.recorded(&[self], || SumBackward {
            name: "mean",
            shape: self.layout.shape.clone(),
            kept: sums.kept,
            divisor,
        }))
    }

    /// The greatest element over dimensions `dim`; an empty list means all. NaN where there is
    /// one, -infinity over no elements. The gradient is shared evenly among ties.
    ///
    /// # Errors
    /// As [`Tensor::sum_dim`].
    pub fn amax(&self, dim: &[isize], keepdim: bool) -> Result<Self> {
        self.extreme("amax", dim, keepdim, true)
    }

    /// The smallest element over dimensions `dim`; an empty list means all. NaN where there is
    /// one, infinity over no elements. The gradient is shared evenly among ties.
    ///
    /// # Errors
    /// As [`Tensor::sum_dim`].
    pub fn amin(&self, dim: &[isize], keepdim: bool) -> Result<Self> {
        self.extreme("amin", dim, keepdim, false)
    }

    fn extreme(
        &self,
        name: &'static str,
        dim: &[isize],
        keepdim: bool,
        greatest: bool,
    ) -> Result<Self> {
        let kind = kernel::Extreme { greatest };
        let found = reduced(self, name, (dim, keepdim), Steps::Any, &kind)?;
        let (value, extreme) = (found.value.clone(), found.value.reshape(&found.kept)?);
        Ok(value.recorded(&[self], || ExtremeBackward {
            name,
            input: self.detach(),
            extreme,
            dims: dim.to_vec(),
        }))
    }

    /// The place of the greatest element along dimension `dim`, which is dropped: the first among
    /// ties, or the first NaN. Without gradient.
    ///
    /// # Errors
    /// A dimension error when there is no such dimension; a shape error when it has length 0.
    pub fn argmax(&self, dim: isize) -> Result<ArrayD<usize>> {
        resolve_dim("argmax", dim, self.rank())?;
        let grouped = group(self, "argmax", &[dim], false)?;
        if grouped.reduced == 0 {
            return Err(Error::shape(
                "argmax",
                &[self.shape()],
                "must not look among no elements",
            ));
        }
        let places = grouped.reduce(&kernel::Place);
        let shape = IxDyn(&grouped.shape);
        ArrayD::from_shape_vec(shape, places.into_vec()).map_err(|_| {
            let rule = "holds another number of groups than were found";
            Error::shape("argmax", &[&grouped.shape], rule)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Result, Stream, Tensor, gradient_check};

    fn cube() -> Tensor<f64> {
        Tensor::standard_normal([2, 3, 4], Stream::new(1))
    }

    #[test]
    fn every_gradient_agrees_with_differences_over_every_choice_of_dimensions() {
        type Operation = fn(&Tensor<f64>, &[isize], bool) -> Result<Tensor<f64>>;
        let operations: [(&str, Operation); 4] = [
            ("sum", Tensor::sum_dim),
            ("mean", Tensor::mean_dim),
            ("amax", Tensor::amax),
            ("amin", Tensor::amin),
        ];
        let choices: [&[isize]; 6] = [&[], &[0], &[1], &[-1], &[0, 2], &[0, 1, 2]];
        for (name, operation) in operations {
            for dims in choices {
                for keepdim in [false, true] {
                    let function =
                        |x: &[Tensor<f64>]| Ok(operation(&x[0], dims, keepdim)?.square().sum());
                    let worst = gradient_check::check(function, &[cube()], 1e-6).unwrap();
                    assert!(worst.error < 1e-6, "{name} {dims:?}: {worst:?}");
                }
            }
        }
    }

    #[test]
    fn sums_agree_with_ndarray() {
        let x = cube();
        let got = x.sum_dim(&[0, 2], false).unwrap();
        let want = x
            .view()
            .sum_axis(ndarray::Axis(2))
            .sum_axis(ndarray::Axis(0));
        for (g, w) in got.to_vec().iter().zip(want.iter()) {
            assert!((g - w).abs() < 1e-12);
        }
        assert_eq!(x.sum_dim(&[0, 2], true).unwrap().shape(), [1, 3, 1]);
    }

    #[test]
    fn transposed_tensors_are_reduced_as_their_copies_are() {
        let x = Tensor::<f64>::standard_normal([2, 3, 4, 5], Stream::new(1));
        for order in [[1, 0, 2, 3], [3, 1, 2, 0], [2, 3, 0, 1], [0, 2, 1, 3]] {
            let turned = x.permute(&order).unwrap();
            let copy = Tensor::from_vec(turned.to_vec(), turned.shape()).unwrap();
            for dims in [&[0][..], &[3], &[1, 2], &[0, 2], &[0, 1, 3], &[]] {
                for keepdim in [false, true] {
                    let all = |x: &Tensor<f64>| {
                        [
                            x.sum_dim(dims, keepdim).unwrap(),
                            x.mean_dim(dims, keepdim).unwrap(),
                            x.var(dims, 1.0, keepdim).unwrap(),
                            x.amax(dims, keepdim).unwrap(),
                            x.logsumexp(dims, keepdim).unwrap(),
                        ]
                    };
                    for (found, want) in all(&turned).iter().zip(&all(&copy)) {
                        assert_eq!(found.shape(), want.shape());
                        let pairs = found.to_vec().into_iter().zip(want.to_vec());
                        let near = |(a, b): (f64, f64)| (a - b).abs() < 1e-13;
                        assert!(pairs.into_iter().all(near), "{order:?} {dims:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn ties_share_and_nan_wins() {
        let x = Tensor::<f64>::from_vec(vec![1.0, 3.0, 3.0, 2.0], [4])
            .unwrap()
            .requires_grad();
        let gradient = x
            .amax(&[], false)
            .unwrap()
            .backward()
            .unwrap()
            .tensor(&x)
            .unwrap();
        assert_eq!(gradient.to_vec(), [0.0, 0.5, 0.5, 0.0]);
        let y = Tensor::<f64>::from_vec(vec![1.0, f64::NAN, 3.0], [3]).unwrap();
        assert!(y.amax(&[], false).unwrap().item().unwrap().is_nan());
        assert!(y.amin(&[], false).unwrap().item().unwrap().is_nan());
        assert_eq!(
            y.argmax(0).unwrap().iter().copied().collect::<Vec<_>>(),
            [1]
        );
        assert_eq!(
            x.argmax(0).unwrap().iter().copied().collect::<Vec<_>>(),
            [1]
        );
    }

    #[test]
    fn empty_reductions_are_what_changes_no_other() {
        let x = Tensor::<f64>::zeros([2, 0]);
        assert_eq!(x.sum_dim(&[1], false).unwrap(), Tensor::zeros([2]));
        assert!(x.mean().item().unwrap().is_nan());
        let (most, least) = (x.amax(&[1], false).unwrap(), x.amin(&[1], true).unwrap());
        assert_eq!(most.to_vec(), [f64::NEG_INFINITY; 2]);
        assert_eq!(least, Tensor::full([2, 1], f64::INFINITY));
        let x = x.requires_grad();
        let gradients = x.amax(&[1], false).unwrap().sum().backward().unwrap();
        assert_eq!(gradients.tensor(&x).unwrap().shape(), [2, 0]);
        assert!(x.argmax(1).is_err());
        assert_eq!(
            Tensor::<f64>::scalar(2.0)
                .sum_dim(&[], false)
                .unwrap()
                .item()
                .unwrap(),
            2.0
        );
        assert!(x.sum_dim(&[2], false).is_err());
    }
}
