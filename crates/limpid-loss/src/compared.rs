//! Vectors that are compared with each other.

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::values::check_same_shape;
use crate::{Loss, uninformed};

/// What a prediction is compared with: another one, and how the two should lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared<E: Element> {
    /// The other prediction, of the same shape. It receives a gradient as well.
    pub other: Tensor<E>,
    /// +1 or -1 for each item.
    pub signs: Tensor<E>,
}

impl<E: Element> Compared<E> {
    /// The same items in another order.
    fn reordered(&self, order: &[usize]) -> Result<Self> {
        Ok(Self {
            other: self.other.detach().index_select(0, order)?,
            signs: self.signs.detach().index_select(0, order)?,
        })
    }
}

/// What losses of pairs have in common, inside their `impl Loss`: a perfect prediction pays nothing, and
/// there is a kink at the margin.
macro_rules! loss_of_pairs {
    ($Element:ident, $name:expr) => {
        type Target = $crate::Compared<$Element>;

        fn name(&self) -> &'static str {
            $name
        }

        fn reduction(&self) -> $crate::Reduction {
            self.reduction
        }

        fn expected_given(
            &self,
            prediction: &limpid_tensor::Tensor<$Element>,
            target: &$crate::Compared<$Element>,
        ) -> Option<f64> {
            $crate::compared::all_pairs(self, prediction, target)
        }

        fn floor(&self, _outputs: usize, _target: &$crate::Compared<$Element>) -> Option<f64> {
            Some(0.0)
        }

        fn has_kinks(&self) -> bool {
            true
        }
    };
}
pub(crate) use loss_of_pairs;

/// The mean over all pairs of a prediction and something that it is compared with.
pub(crate) fn all_pairs<E: Element, L: Loss<E, Target = Compared<E>>>(
    loss: &L,
    prediction: &Tensor<E>,
    target: &Compared<E>,
) -> Option<f64> {
    let &examples = target.signs.shape().first()?;
    let prediction = prediction.detach();
    let (total, items) = uninformed::rotations(examples, |order| {
        loss.per_item(&prediction, &target.reordered(order)?)
    })
    .ok()?;
    uninformed::reduced(loss, total, items, target)
}

/// The Euclidean norm, or that of another power `p`, along the last dimension. Great vectors are scaled
/// down meanwhile, so that their powers do not overflow.
pub(crate) fn norm<E: Element>(vectors: &Tensor<E>, p: f64) -> Result<Tensor<E>> {
    let scale = scale(vectors)?;
    let vectors = vectors.div(&scale)?;
    let norm = if p == 2.0 {
        vectors.square().sum_dim(&[-1], false)?.sqrt()
    } else if p == 1.0 {
        vectors.abs().sum_dim(&[-1], false)?
    } else {
        vectors.abs().pow(p).sum_dim(&[-1], false)?.pow(1.0 / p)
    };
    norm.mul(&scale.squeeze(-1)?)
}

/// The greatest size along the last dimension, `[..., 1]`, where it is so great that its square may
/// overflow; 1 elsewhere. It is no part of the graph.
pub(crate) fn scale<E: Element>(vectors: &Tensor<E>) -> Result<Tensor<E>> {
    const GREAT: f64 = 1e9;
    if vectors.size(-1)? == 0 {
        let mut shape = vectors.shape().to_vec();
        shape[vectors.rank() - 1] = 1;
        return Ok(Tensor::ones(shape));
    }
    let greatest = vectors.detach().abs().amax(&[-1], true)?;
    let own = |&size: &E| {
        if size > E::of(GREAT) && size.is_finite() {
            size
        } else {
            E::one()
        }
    };
    Tensor::from_vec(
        greatest.elements().iter().map(own).collect(),
        greatest.shape(),
    )
}

/// Checks that vectors `[D]` or `[..., D]` have one shape.
pub(crate) fn check_vectors<E: Element>(
    operation: &'static str,
    left: &Tensor<E>,
    right: &Tensor<E>,
) -> Result<()> {
    check_same_shape(operation, left, right)?;
    if left.rank() > 0 {
        return Ok(());
    }
    let rule = "must be vectors, [D] or [..., D]";
    Err(Error::shape(operation, &[left.shape()], rule))
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, gradient_check};

    #[test]
    fn great_vectors_have_a_norm() {
        let vectors = Tensor::from_vec(vec![3e30_f32, 4e30, 0.0, 0.0], [2, 2]).unwrap();
        for p in [1.0, 2.0, 3.0] {
            let norms = norm(&vectors, p).unwrap().to_vec();
            let expected = (3_f64.powf(p) + 4_f64.powf(p)).powf(1.0 / p) * 1e30;
            assert!(
                (f64::from(norms[0]) / expected - 1.0).abs() < 1e-6,
                "{norms:?}"
            );
            assert_eq!(norms[1], 0.0);
        }
        let nothing = norm(&Tensor::<f64>::zeros([3, 0]), 2.0).unwrap();
        assert_eq!(nothing.to_vec(), [0.0; 3]);
    }

    #[test]
    fn gradients_agree_with_differences() {
        let vectors = Tensor::<f64>::standard_normal([3, 4], Stream::new(1));
        for (p, size) in [(1.0, 1.0), (2.0, 1.0), (3.0, 1.0), (2.0, 1e10)] {
            let function = |x: &[Tensor<f64>]| {
                Ok(norm(&x[0].mul_scalar(size), p)?
                    .mul_scalar(1.0 / size)
                    .sum())
            };
            let inputs = std::slice::from_ref(&vectors);
            let worst = gradient_check::check(function, inputs, 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{p}, {size}: {worst:?}");
        }
    }
}
