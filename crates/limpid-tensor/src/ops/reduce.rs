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
    /// The shape of the result with reduced dimensions kept at length 1.
    pub(super) kept: Shape,
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
    let mut kept = tensor.layout.shape.clone();
    for &dim in &dims {
        kept[dim] = 1;
    }
    let squeezed = (0..tensor.rank())
        .filter(|dim| !dims.contains(dim))
        .map(|dim| lengths[dim]);
    let shape = if keepdim {
        kept.clone()
    } else {
        squeezed.collect()
    };
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
            kept,
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
        outer: count(&kept),
        reduced,
        inner: 1,
        kept,
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

    /// `reduction` of every group, as a tensor.
    pub(super) fn reduced(&self, reduction: &impl Reduction<E, E>) -> Tensor<E> {
        Tensor::new(self.reduce(reduction), self.shape.clone())
    }
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
        let grouped = group(self, "sum", dim, keepdim)?;
        Ok(grouped
            .reduced(&kernel::Sum)
            .recorded(&[self], || SumBackward {
                name: "sum",
                shape: self.layout.shape.clone(),
                kept: grouped.kept.clone(),
                divisor: 1.0,
            }))
    }

    /// The mean over dimensions `dim`; an empty list means all. NaN over no elements.
    ///
    /// # Errors
    /// As [`Tensor::sum_dim`].
    pub fn mean_dim(&self, dim: &[isize], keepdim: bool) -> Result<Self> {
        let grouped = group(self, "mean", dim, keepdim)?;
        let number = E::of(grouped.reduced as f64);
        let mut data = grouped.reduce(&kernel::Sum);
        data.iter_mut().for_each(|total| *total /= number);
        Ok(
            Self::new(data, grouped.shape.clone()).recorded(&[self], || SumBackward {
                name: "mean",
                shape: self.layout.shape.clone(),
                kept: grouped.kept.clone(),
                divisor: grouped.reduced as f64,
            }),
        )
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
        let grouped = group(self, name, dim, keepdim)?;
        let value = if grouped.reduced == 0 {
            let least = if greatest {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            };
            Self::full(&*grouped.shape, least)
        } else {
            grouped.reduced(&kernel::Extreme { greatest })
        };
        let extreme = value.reshape(&grouped.kept)?;
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
