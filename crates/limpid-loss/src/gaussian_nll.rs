//! The likelihood of values under a predicted mean and variance.

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::settings::{setting, with_reduction};
use crate::values::{check_positive, check_same_shape, loss_of_values};
use crate::{Loss, Reduction, uninformed};

const NAME: &str = "gaussian_nll_loss";

/// Negative log-likelihood of values y under a normal distribution of predicted mean m and variance v,
/// per element: (log v + (m - y)^2 / v) / 2, and log(2 pi) / 2 on top where that is asked for.
///
/// # Shapes
/// As a [`Loss`]: prediction `[N, 2]` or `[N, 2, d...]`, the mean at place 0 of dimension 1 and the
/// variance at place 1; target `[N]` or `[N, d...]`; one number per element of the target. Mean and
/// variance from different tensors go into [`GaussianNll::of`].
///
/// # Gradient
/// (m - y) / v for the mean, (1 - (m - y)^2 / v) / (2 v) for the variance, which is raised to eps where
/// it is smaller; its gradient passes as if it were not, so that it can leave 0.
///
/// # Uninformed
/// That of mean 0 and variance 1: y^2 / 2. The floor is log(eps) / 2: all is certain and right. No
/// kinks.
///
/// # Source
/// Nix and Weigend 1994; equals `torch.nn.GaussianNLLLoss`.
///
/// # Example
/// ```
/// use limpid_loss::{GaussianNll, Loss};
/// use limpid_tensor::Tensor;
///
/// let prediction = Tensor::<f64>::from_vec(vec![1.0, 4.0], [1, 2])?;
/// let target = Tensor::from_vec(vec![3.0], [1])?;
/// let loss = GaussianNll::new().forward(&prediction, &target)?;
/// assert!((loss.item()? - (4.0_f64.ln() + 1.0) / 2.0).abs() < 1e-15);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GaussianNll {
    /// Whether the constant log(2 pi) / 2 is added; default no.
    pub full: bool,
    /// The least variance, above 0; default 1e-6.
    pub eps: f64,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Default for GaussianNll {
    fn default() -> Self {
        Self {
            full: false,
            eps: 1e-6,
            reduction: Reduction::Mean,
        }
    }
}

impl GaussianNll {
    /// Without the constant, reduced to the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    setting! {
        /// With the constant, or without.
        with_full, full: bool
    }

    setting! {
        /// With another least variance.
        with_eps, eps: f64
    }

    with_reduction!();

    fn constant(&self) -> f64 {
        if self.full {
            0.5 * std::f64::consts::TAU.ln()
        } else {
            0.0
        }
    }

    /// The loss of each element of `target`, before any reduction: `mean` has its shape, `variance` is
    /// broadcast to it, or holds one number for each of its rows.
    ///
    /// # Errors
    /// A shape error where they do not fit, an argument error for a negative variance or an eps that is
    /// not above 0.
    pub fn of<E: Element>(
        &self,
        mean: &Tensor<E>,
        variance: &Tensor<E>,
        target: &Tensor<E>,
    ) -> Result<Tensor<E>> {
        check_positive(NAME, "eps", self.eps)?;
        check_same_shape(NAME, mean, target)?;
        if let Some(&found) = variance.elements().iter().find(|it| **it < E::zero()) {
            let expected = "without a negative number";
            return Err(Error::argument(NAME, "variance", expected, found));
        }
        let rows = mean.shape().split_last().map_or(&[][..], |(_, rows)| rows);
        let variance = if variance.rank() + 1 == mean.rank() && variance.shape() == rows {
            variance.unsqueeze(-1)?
        } else {
            variance.clone()
        };
        let variance = variance.broadcast_to(mean.shape())?;
        let least = variance.detach().clamp(self.eps, f64::INFINITY);
        // The difference is 0 where nothing is raised, and no part of the graph.
        let variance = variance.add(&least.sub(&variance.detach())?)?;
        let square = mean.sub(target)?.square().div(&variance)?;
        Ok(variance.log().add(&square)?.affine(0.5, self.constant()))
    }
}

impl<E: Element> Loss<E> for GaussianNll {
    loss_of_values!(E, NAME, but_for_the_initial_and_the_floor);

    fn per_item(&self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<Tensor<E>> {
        if prediction.rank() < 2 || prediction.shape()[1] != 2 {
            let rule = "must be [N, 2] or [N, 2, d...], mean and variance";
            return Err(Error::shape(NAME, &[prediction.shape()], rule));
        }
        let [mean, variance] =
            [0, 1].map(|place| prediction.narrow(1, place, 1).and_then(|it| it.squeeze(1)));
        self.of(&mean?, &variance?, target)
    }

    fn expected_initial(&self, _outputs: usize, target: &Tensor<E>) -> Option<f64> {
        let (mean, variance) = (Tensor::zeros(target.shape()), Tensor::ones(target.shape()));
        let items = self.of(&mean, &variance, target).ok()?;
        uninformed::reduced(self, uninformed::sum(&items), items.len(), target)
    }

    fn floor(&self, _outputs: usize, target: &Tensor<E>) -> Option<f64> {
        let least = 0.5 * self.eps.ln() + self.constant();
        uninformed::reduced(self, least * target.len() as f64, target.len(), target)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, gradient_check};

    fn tensor(numbers: [f64; 4]) -> Tensor<f64> {
        Tensor::from_vec(numbers.to_vec(), [2, 2]).unwrap()
    }

    #[test]
    fn values_and_gradients_are_those_of_pytorch() {
        // torch 2.15.0, gaussian_nll_loss(full=True, reduction="none").
        let mean = tensor([0.3, -1.2, 2.0, 0.7]).requires_grad();
        let variance = tensor([0.5, 1e-9, 2.0, 1.0]).requires_grad();
        let target = tensor([0.0, -1.2001, 1.0, 3.0]);
        let loss = GaussianNll::new().with_full(true);
        let items = loss.of(&mean, &variance, &target).unwrap();
        let gradients = items.sum().backward().unwrap();
        let close = |found: &Tensor<f64>, expected: [f64; 4]| {
            for (found, expected) in found.to_vec().into_iter().zip(expected) {
                let error = (found - expected).abs() / expected.abs();
                assert!(error < 1e-9, "{found}, {expected}");
            }
        };
        close(
            &items,
            [
                0.6623649429247,
                -5.983816745777466,
                1.5155121234846454,
                3.5639385332046722,
            ],
        );
        let of = |it: &Tensor<f64>| gradients.tensor(it).unwrap();
        close(&of(&mean), [0.6, 99.99999999998899, 0.5, -2.3]);
        close(&of(&variance), [0.82, 495000.0000000011, 0.125, -2.145]);
    }

    #[test]
    fn a_variance_for_each_row_is_broadcast() {
        let (mean, target) = (tensor([1.0, 2.0, 3.0, 4.0]), tensor([0.0; 4]));
        let loss = GaussianNll::new();
        let rows = Tensor::from_vec(vec![1.0, 4.0], [2]).unwrap();
        let found = loss.of(&mean, &rows, &target).unwrap();
        let whole = loss.of(&mean, &tensor([1.0, 1.0, 4.0, 4.0]), &target);
        assert_eq!(found.to_vec(), whole.unwrap().to_vec());
    }

    #[test]
    fn gradients_agree_with_differences() {
        let draw = |seed| Tensor::<f64>::standard_normal([3, 2], Stream::new(seed));
        let function = |x: &[Tensor<f64>]| Ok(GaussianNll::new().of(&x[0], &x[1], &x[2])?.mean());
        let inputs = [draw(1), draw(2).exp(), draw(3)];
        let worst = gradient_check::check(function, &inputs, 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let target = Tensor::<f64>::zeros([3]);
        let loss = GaussianNll::new();
        assert!(loss.forward(&Tensor::zeros([3]), &target).is_err());
        assert!(loss.forward(&Tensor::zeros([3, 3]), &target).is_err());
        assert!(loss.forward(&Tensor::full([3, 2], -1.0), &target).is_err());
        assert!(
            loss.with_eps(0.0)
                .forward(&Tensor::ones([3, 2]), &target)
                .is_err()
        );
    }
}
