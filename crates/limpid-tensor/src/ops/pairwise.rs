//! Operations on two tensors, element by element, with broadcasting.

use ndarray::{ArrayD, IxDyn};

use super::broadcast::{Three, Two, zip_rows, zip_rows_in_place, zip_rows_sum_to};
use crate::buffers::Storage;
use crate::kernel::elementwise as kernel;
use crate::layout::{Shape, broadcast_shapes, owned, same};
use crate::{Backward, Element, Error, InputGradients, Result, Tensor};

impl<E: Element> Tensor<E> {
    /// `function` of every pair of elements, broadcast; the result has no history.
    pub(crate) fn zip_broadcast(
        &self,
        other: &Self,
        operation: &'static str,
        function: impl Fn(E, E) -> E + Sync,
    ) -> Result<Self> {
        if same(self.shape(), other.shape()) {
            let data = kernel::zip(&self.elements(), &other.elements(), function);
            return Ok(self.like(data));
        }
        let shape = broadcast_shapes(operation, self.shape(), other.shape())?;
        let data = if other.len() == 1 && shape.as_slice() == self.shape() {
            let b = other.storage[other.layout.offset];
            kernel::map(&self.elements(), |a| function(a, b))
        } else if self.len() == 1 && shape.as_slice() == other.shape() {
            let a = self.storage[self.layout.offset];
            kernel::map(&other.elements(), |b| function(a, b))
        } else {
            zip_rows([self, other], &shape, &Two(function))
        };
        Ok(Self::new(data, shape))
    }

    /// As [`Tensor::zip_broadcast`], in this tensor's memory where nobody else holds it and
    /// `other` broadcasts to its shape.
    pub(crate) fn zip_into(
        mut self,
        other: &Self,
        operation: &'static str,
        function: impl Fn(E, E) -> E + Sync,
    ) -> Result<Self> {
        let alike = same(self.shape(), other.shape());
        let fits =
            alike || *broadcast_shapes(operation, self.shape(), other.shape())? == *self.shape();
        if !fits || self.own_elements_mut().is_none() {
            return self.zip_broadcast(other, operation, function);
        }
        let shape = owned(self.shape());
        if let Some(own) = self.own_elements_mut() {
            if alike {
                kernel::zip_in_place(own, &other.elements(), function);
            } else if other.len() == 1 {
                let b = other.storage[other.layout.offset];
                kernel::map_in_place(own, |a| function(a, b));
            } else {
                zip_rows_in_place(own, &shape, other, function);
            }
        }
        self.node = None;
        Ok(self)
    }

    /// This tensor summed over the dimensions along which `shape` was broadcast to its own; without
    /// history.
    pub(crate) fn sum_to(&self, shape: &[usize]) -> Result<Self> {
        if same(self.shape(), shape) {
            return Ok(self.detach());
        }
        let lead = self.rank() - shape.len();
        let dims: Vec<isize> = (0..self.rank())
            .filter(|&dim| dim < lead || (shape[dim - lead] == 1 && self.shape()[dim] != 1))
            .map(|dim| dim as isize)
            .collect();
        if dims.is_empty() {
            return self.detach().reshape(shape);
        }
        self.detach().sum_dim(&dims, true)?.reshape(shape)
    }
}

/// Hands the gradients of a broadcast operation on `left` and `right` to inputs 0 and 1:
/// `left_gradient` and `right_gradient` take both elements and the gradient of the result.
pub(crate) fn pairwise_gradients<E: Element>(
    left: &Tensor<E>,
    right: &Tensor<E>,
    gradient: &Tensor<E>,
    inputs: &mut InputGradients<'_, E>,
    left_gradient: impl Fn(E, E, E) -> E + Sync,
    right_gradient: impl Fn(E, E, E) -> E + Sync,
) -> Result<()> {
    let (tensors, shape) = ([left, right, gradient], gradient.shape());
    if inputs.wants(0) {
        let function = Three(left_gradient);
        inputs.add(0, zip_rows_sum_to(tensors, shape, left.shape(), &function)?);
    }
    if inputs.wants(1) {
        let function = Three(right_gradient);
        inputs.add(
            1,
            zip_rows_sum_to(tensors, shape, right.shape(), &function)?,
        );
    }
    Ok(())
}

/// `function` of every pair of elements of `gradient` and of what broadcasts to its shape, summed to
/// shape `target`; in the gradient's memory where nothing is summed and nobody else holds it.
fn zip_into_sum_to<E: Element>(
    gradient: Tensor<E>,
    other: &Tensor<E>,
    target: &[usize],
    operation: &'static str,
    function: impl Fn(E, E) -> E + Sync,
) -> Result<Tensor<E>> {
    if gradient.shape() == target {
        return gradient.zip_into(other, operation, function);
    }
    let tensors = [&gradient, other];
    zip_rows_sum_to(tensors, gradient.shape(), target, &Two(function))
}

/// The backward half of `left + sign * right`, which needs the shapes alone.
struct SumBackward {
    name: &'static str,
    left: Shape,
    right: Shape,
    subtract: bool,
}

impl<E: Element> Backward<E> for SumBackward {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        if inputs.wants(0) {
            inputs.add(0, gradient.sum_to(&self.left)?);
        }
        if inputs.wants(1) {
            let share = gradient.sum_to(&self.right)?;
            inputs.add(
                1,
                if self.subtract {
                    share.map_into(|g| -g)
                } else {
                    share
                },
            );
        }
        Ok(())
    }
}

fn broadcast_sum<E: Element>(
    left: &Tensor<E>,
    right: &Tensor<E>,
    name: &'static str,
    subtract: bool,
) -> SumBackward {
    let (left, right) = (left.layout.shape.clone(), right.layout.shape.clone());
    SumBackward {
        name,
        left,
        right,
        subtract,
    }
}

struct MulBackward<E: Element> {
    left: Tensor<E>,
    right: Tensor<E>,
}

impl<E: Element> Backward<E> for MulBackward<E> {
    fn name(&self) -> &'static str {
        "mul"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let (left, right) = (&self.left, &self.right);
        let times = |g: E, other: E| g * other;
        if !inputs.wants(1) {
            let share = zip_into_sum_to(gradient, right, left.shape(), "mul", times)?;
            inputs.add(0, share);
            return Ok(());
        }
        if inputs.wants(0) {
            let own = gradient.clone();
            inputs.add(0, zip_into_sum_to(own, right, left.shape(), "mul", times)?);
        }
        let share = zip_into_sum_to(gradient, left, right.shape(), "mul", times)?;
        inputs.add(1, share);
        Ok(())
    }
}

struct DivBackward<E: Element> {
    left: Tensor<E>,
    right: Tensor<E>,
}

impl<E: Element> Backward<E> for DivBackward<E> {
    fn name(&self) -> &'static str {
        "div"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let (left, right) = (&self.left, &self.right);
        let to_right = |a: E, b: E, g: E| -g * (a / b) / b;
        pairwise_gradients(left, right, &gradient, inputs, |_, b, g| g / b, to_right)
    }
}

struct ExtremeBackward<E: Element> {
    name: &'static str,
    left: Tensor<E>,
    right: Tensor<E>,
    /// 1 for the maximum, -1 for the minimum.
    sign: E,
}

impl<E: Element> Backward<E> for ExtremeBackward<E> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let (half, sign) = (E::of(0.5), self.sign);
        let share = move |own: E, other: E, g: E| {
            let lead = (own - other) * sign;
            let tied = g * half;
            // Without a tie: ahead, or one of the two is NaN.
            let rest = if own == other { tied } else { g };
            if lead < E::zero() { E::zero() } else { rest }
        };
        let (left, right) = (&self.left, &self.right);
        let to_right = |a, b, g| share(b, a, g);
        pairwise_gradients(left, right, &gradient, inputs, share, to_right)
    }
}

struct WhereBackward<E: Element> {
    condition: Tensor<E>,
    left: Shape,
    right: Shape,
}

impl<E: Element> Backward<E> for WhereBackward<E> {
    fn name(&self) -> &'static str {
        "where"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let chosen = |gradient: Tensor<E>, take: bool, target: &[usize]| {
            let condition = &self.condition;
            zip_into_sum_to(gradient, condition, target, "where", move |g, condition| {
                if (condition != E::zero()) == take {
                    g
                } else {
                    E::zero()
                }
            })
        };
        if inputs.wants(0) {
            inputs.add(0, chosen(gradient.clone(), true, &self.left)?);
        }
        if inputs.wants(1) {
            inputs.add(1, chosen(gradient, false, &self.right)?);
        }
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// self + other, broadcast.
    ///
    /// # Errors
    /// A shape error when the shapes do not broadcast.
    pub fn add(&self, other: &Self) -> Result<Self> {
        let value = self.zip_broadcast(other, "add", |a, b| a + b)?;
        Ok(value.recorded(&[self, other], || broadcast_sum(self, other, "add", false)))
    }

    /// self - other, broadcast.
    ///
    /// # Errors
    /// A shape error when the shapes do not broadcast.
    pub fn sub(&self, other: &Self) -> Result<Self> {
        let value = self.zip_broadcast(other, "sub", |a, b| a - b)?;
        Ok(value.recorded(&[self, other], || broadcast_sum(self, other, "sub", true)))
    }

    /// self * other, element by element, broadcast. For matrix products see [`Tensor::matmul`].
    ///
    /// # Errors
    /// A shape error when the shapes do not broadcast.
    pub fn mul(&self, other: &Self) -> Result<Self> {
        let value = self.zip_broadcast(other, "mul", |a, b| a * b)?;
        Ok(value.recorded(&[self, other], || MulBackward {
            left: self.detach(),
            right: other.detach(),
        }))
    }

    /// self / other, broadcast.
    ///
    /// # Errors
    /// A shape error when the shapes do not broadcast.
    pub fn div(&self, other: &Self) -> Result<Self> {
        let value = self.zip_broadcast(other, "div", |a, b| a / b)?;
        Ok(value.recorded(&[self, other], || DivBackward {
            left: self.detach(),
            right: other.detach(),
        }))
    }

    /// The greater of two elements, broadcast. NaN where either is; at ties the gradient is shared
    /// evenly, and where one is NaN both have it whole, as PyTorch has it.
    ///
    /// # Errors
    /// A shape error when the shapes do not broadcast.
    pub fn maximum(&self, other: &Self) -> Result<Self> {
        let greater = |a: E, b: E| if a > b || a.is_nan() { a } else { b };
        self.greater_or_smaller(other, "maximum", E::one(), greater)
    }

    /// The smaller of two elements, broadcast. NaN where either is; at ties the gradient is shared
    /// evenly, and where one is NaN both have it whole, as PyTorch has it.
    ///
    /// # Errors
    /// A shape error when the shapes do not broadcast.
    pub fn minimum(&self, other: &Self) -> Result<Self> {
        let smaller = |a: E, b: E| if a < b || a.is_nan() { a } else { b };
        self.greater_or_smaller(other, "minimum", -E::one(), smaller)
    }

    fn greater_or_smaller(
        &self,
        other: &Self,
        name: &'static str,
        sign: E,
        choose: impl Fn(E, E) -> E + Sync,
    ) -> Result<Self> {
        let value = self.zip_broadcast(other, name, choose)?;
        Ok(value.recorded(&[self, other], || ExtremeBackward {
            name,
            left: self.detach(),
            right: other.detach(),
            sign,
        }))
    }

    /// Elements of `a` where `condition` holds and of `b` where it does not, all three broadcast.
    ///
    /// # Errors
    /// A shape error when the shapes do not broadcast.
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::Tensor;
    /// use ndarray::array;
    ///
    /// let condition = array![true, false].into_dyn();
    /// let chosen = Tensor::where_(&condition, &Tensor::ones([2]), &Tensor::<f32>::zeros([1]))?;
    /// assert_eq!(chosen.to_vec(), [1.0, 0.0]);
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    pub fn where_(condition: &ArrayD<bool>, a: &Self, b: &Self) -> Result<Self> {
        let pair = broadcast_shapes("where", a.shape(), b.shape())?;
        let shape = broadcast_shapes("where", condition.shape(), &pair)?;
        let Some(flags) = condition.broadcast(IxDyn(&shape)) else {
            let shapes = [condition.shape(), shape.as_slice()];
            return Err(Error::shape(
                "where",
                &shapes,
                "the condition must broadcast",
            ));
        };
        let flags: Storage<E> = flags
            .iter()
            .map(|&holds| if holds { E::one() } else { E::zero() })
            .collect();
        let condition = Self::new(flags, shape.clone());
        let choose = |a, b, c| if c != E::zero() { a } else { b };
        let data = zip_rows([a, b, &condition], &shape, &Three(choose));
        Ok(Self::new(data, shape).recorded(&[a, b], || WhereBackward {
            condition,
            left: a.layout.shape.clone(),
            right: b.layout.shape.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, gradient_check};
    use ndarray::array;
    use proptest::prelude::*;

    fn random(shape: &[usize], label: &str) -> Tensor<f64> {
        Tensor::uniform(shape, 0.5, 2.0, Stream::new(3).fork(label))
    }

    #[test]
    fn every_gradient_agrees_with_differences_under_broadcasting() {
        type Operation = fn(&Tensor<f64>, &Tensor<f64>) -> Result<Tensor<f64>>;
        let operations: [(&str, Operation); 6] = [
            ("add", Tensor::add),
            ("sub", Tensor::sub),
            ("mul", Tensor::mul),
            ("div", Tensor::div),
            ("maximum", Tensor::maximum),
            ("minimum", Tensor::minimum),
        ];
        let shapes: [(&[usize], &[usize]); 5] = [
            (&[3, 4], &[3, 4]),
            (&[3, 4], &[4]),
            (&[3, 1], &[2, 1, 4]),
            (&[], &[2, 2]),
            (&[1], &[3]),
        ];
        for (name, operation) in operations {
            for (left, right) in shapes {
                let inputs = [random(left, "left"), random(right, "right")];
                let function = |x: &[Tensor<f64>]| Ok(operation(&x[0], &x[1])?.square().sum());
                let worst = gradient_check::check(function, &inputs, 1e-6).unwrap();
                assert!(worst.error < 1e-6, "{name} {left:?} {right:?}: {worst:?}");
            }
        }
    }

    #[test]
    fn ties_share_the_gradient_and_nan_comes_through() {
        let x = Tensor::<f64>::ones([2]).requires_grad();
        let y = Tensor::from_vec(vec![1.0, f64::NAN], [2]).unwrap();
        let maximum = x.maximum(&y).unwrap();
        assert!(maximum.to_vec()[1].is_nan());
        let gradient = maximum.sum().backward().unwrap().tensor(&x).unwrap();
        assert_eq!(gradient.to_vec()[0], 0.5);
    }

    #[test]
    fn where_broadcasts_and_splits_the_gradient() {
        let condition = array![[true], [false]].into_dyn();
        let a = Tensor::<f64>::full([3], 2.0).requires_grad();
        let b = Tensor::<f64>::full([1, 1], 5.0).requires_grad();
        let chosen = Tensor::where_(&condition, &a, &b).unwrap();
        assert_eq!(chosen.to_vec(), [2.0, 2.0, 2.0, 5.0, 5.0, 5.0]);
        let gradients = chosen.sum().backward().unwrap();
        assert_eq!(gradients.tensor(&a).unwrap().to_vec(), [1.0, 1.0, 1.0]);
        assert_eq!(gradients.tensor(&b).unwrap().to_vec(), [3.0]);
        assert!(Tensor::where_(&condition, &Tensor::<f64>::ones([2]), &Tensor::ones([3])).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn broadcasting_agrees_with_ndarray(
            dims in prop::collection::vec(0_usize..4, 0..4), left: [bool; 4], right: [bool; 4], cut in 0_usize..4
        ) {
            let squeeze = |ones: [bool; 4]| -> Vec<usize> {
                dims.iter().zip(ones).map(|(&d, one)| if one { 1 } else { d }).collect()
            };
            let a = random(&squeeze(left), "a");
            let shape = squeeze(right);
            let b = random(&shape[cut.min(shape.len())..], "b");
            let want = &a.view() + &b.view();
            let got = a.add(&b).unwrap();
            prop_assert_eq!(got.view(), want.view());
        }
    }
}
