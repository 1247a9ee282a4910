//! Vectors that should point the same way, or not.

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::compared::{Compared, check_vectors, loss_of_pairs, scale};
use crate::settings::{setting, with_reduction};
use crate::values::check_signs;
use crate::{Loss, Reduction, uninformed};

const NAME: &str = "cosine_embedding_loss";

/// What keeps the cosine of a vector of zeros finite: added to squared norms, as in PyTorch.
const TINY: f64 = 1e-12;

/// Cosine loss of two vectors: 1 - cos(f, g) for likes (y = +1), max(0, cos(f, g) - margin) for unlikes
/// (y = -1). A vector of zeros has a cosine of 0.
///
/// # Shapes
/// Vectors and other vectors `[D]` or `[..., D]`, of one shape; signs, and the numbers that come out,
/// without the last dimension. Both vectors receive gradients.
///
/// # Gradient
/// By f that of the cosine: (g / |g| - cos f / |f|) / |f|, negated for likes.
///
/// # Uninformed
/// 1 for likes and 0 for unlikes, where f is zero. The floor is 0. Has a kink at the margin.
///
/// # Source
/// Equals `torch.nn.CosineEmbeddingLoss`.
///
/// # Example
/// ```
/// use limpid_loss::{Compared, CosineEmbedding, Loss};
/// use limpid_tensor::Tensor;
///
/// let vectors = Tensor::<f64>::from_vec(vec![1.0, 0.0], [1, 2])?;
/// let other = Tensor::from_vec(vec![0.0, 5.0], [1, 2])?;
/// let target = Compared { other, signs: Tensor::ones([1]) };
/// assert_eq!(CosineEmbedding::new().forward(&vectors, &target)?.item()?, 1.0);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CosineEmbedding {
    /// Up to which cosine unlikes cost nothing, in [-1, 1]; default 0.
    pub margin: f64,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl CosineEmbedding {
    /// With margin 0, reduced to the mean.
    pub fn new() -> Self {
        Self::default()
    }

    setting! {
        /// With another margin.
        with_margin, margin: f64
    }

    with_reduction!();
}

/// The cosine of vectors along the last dimension.
fn cosine<E: Element>(left: &Tensor<E>, right: &Tensor<E>) -> Result<Tensor<E>> {
    let (left, right) = (left.div(&scale(left)?)?, right.div(&scale(right)?)?);
    let square = |it: &Tensor<E>| Ok(it.square().sum_dim(&[-1], false)?.add_scalar(TINY));
    let norms = square(&left)?.mul(&square(&right)?)?.sqrt();
    left.mul(&right)?.sum_dim(&[-1], false)?.div(&norms)
}

impl<E: Element> Loss<E> for CosineEmbedding {
    loss_of_pairs!(E, NAME);

    fn per_item(&self, prediction: &Tensor<E>, target: &Compared<E>) -> Result<Tensor<E>> {
        if !(-1.0..=1.0).contains(&self.margin) {
            let found = self.margin;
            return Err(Error::argument(NAME, "margin", "in [-1, 1]", found));
        }
        check_vectors(NAME, prediction, &target.other)?;
        check_signs(NAME, &target.signs)?;
        let rows = &prediction.shape()[..prediction.rank() - 1];
        if target.signs.shape() != rows {
            let shapes = [prediction.shape(), target.signs.shape()];
            return Err(Error::shape(
                NAME,
                &shapes,
                "there must be a sign for each vector",
            ));
        }
        let cosine = cosine(prediction, &target.other)?;
        let alike = target.signs.gt(&Tensor::zeros(rows))?;
        let unlike = cosine.add_scalar(-self.margin).relu();
        Tensor::where_(&alike, &cosine.affine(-1.0, 1.0), &unlike)
    }

    fn expected_initial(&self, _outputs: usize, target: &Compared<E>) -> Option<f64> {
        let items = self
            .per_item(&Tensor::zeros(target.other.shape()), target)
            .ok()?;
        uninformed::reduced(self, uninformed::sum(&items), items.len(), target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::gradient_check;

    fn tensor<E: Element>(numbers: &[f64]) -> Tensor<E> {
        Tensor::from_fn([2, numbers.len() / 2], |place| numbers[place])
    }

    #[test]
    fn values_are_those_of_pytorch_and_both_vectors_are_turned() {
        // torch 2.15.0, cosine_embedding_loss(margin=-0.5, reduction="none").
        let loss = CosineEmbedding::new().with_margin(-0.5);
        let of = |x: &[Tensor<f64>]| {
            let signs = Tensor::from_vec(vec![1.0, -1.0], [2])?;
            let other = x[1].clone();
            loss.per_item(&x[0], &Compared { other, signs })
        };
        let inputs = [
            tensor(&[0.3, -1.2, 0.5, 2.0, 0.7, -0.3]),
            tensor(&[1.0, 0.4, -0.7, -0.2, 0.9, 1.3]),
        ];
        let expected = [1.3092601031042264, 0.45308946506744874];
        for (found, expected) in of(&inputs).unwrap().to_vec().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-14, "{found}, {expected}");
        }
        let worst = gradient_check::check(|x| Ok(of(x)?.sum()), &inputs, 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn great_vectors_and_zeros_have_a_cosine() {
        let left = tensor::<f32>(&[1e30, 0.0, 0.0, 0.0]).requires_grad();
        let (other, signs) = (tensor(&[1e30, 1e30, 1.0, 1.0]), Tensor::ones([2]));
        let items = CosineEmbedding::new().per_item(&left, &Compared { other, signs });
        let items = items.unwrap();
        let expected = [1.0 - 0.5_f32.sqrt(), 1.0];
        for (found, expected) in items.to_vec().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
        }
        let gradients = items.sum().backward().unwrap();
        assert!(gradients.tensor(&left).unwrap().is_finite());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let x = Tensor::<f64>::ones([2, 3]);
        let with = |other: &Tensor<f64>, signs: &[usize]| Compared {
            other: other.clone(),
            signs: Tensor::ones(signs),
        };
        let loss = CosineEmbedding::new();
        assert!(loss.forward(&x, &with(&x, &[2, 1])).is_err());
        assert!(
            loss.forward(&x, &with(&Tensor::ones([2, 2]), &[2]))
                .is_err()
        );
        assert!(loss.with_margin(1.5).forward(&x, &with(&x, &[2])).is_err());
    }
}
