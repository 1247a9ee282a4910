//! Noise that is added in training.

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::{Context, Module, Parameters};

/// In training, adds normal noise with mean 0 and standard deviation `std`; in evaluation nothing.
///
/// # Source
/// Bishop 1995, "Training with noise is equivalent to Tikhonov regularization".
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
pub struct GaussianNoise {
    std: f64,
}

impl GaussianNoise {
    /// Noise of standard deviation `std`, at least 0, in the unit of the input.
    ///
    /// # Errors
    /// An argument error when `std` is negative or not finite.
    pub fn new(std: f64) -> Result<Self> {
        Ok(Self {
            std: deviation("gaussian_noise", std)?,
        })
    }

    /// The standard deviation.
    pub fn std(&self) -> f64 {
        self.std
    }
}

/// `std`, if it is a standard deviation.
pub(crate) fn deviation(operation: &'static str, std: f64) -> Result<f64> {
    if std >= 0.0 && std.is_finite() {
        return Ok(std);
    }
    let expected = "finite and at least 0";
    Err(Error::argument(operation, "std", expected, std))
}

impl<E: Element> Module<E> for GaussianNoise {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        if !context.is_noisy() || self.std == 0.0 {
            return Ok(input.clone());
        }
        let noise = Tensor::standard_normal(input.shape(), context.stream());
        input.add(&noise.mul_scalar(self.std))
    }

    fn differs_in_training(&self) -> bool {
        self.std > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds_and_the_noise_has_its_spread() {
        let input = Tensor::standard_normal([4, 5], Stream::new(1));
        check_module(|_| GaussianNoise::new(0.3), &input, &[4, 5]).unwrap();
        let mut context = Context::train(Stream::new(1));
        let zeros = Tensor::<f64>::zeros([100_000]);
        let noise = GaussianNoise::new(0.3)
            .unwrap()
            .forward(&zeros, &mut context)
            .unwrap();
        let square = noise.square().mean().item().unwrap();
        assert!((square / 0.09 - 1.0).abs() < 0.025, "{square}");
    }

    #[test]
    fn a_negative_spread_is_refused() {
        let error = GaussianNoise::new(-1.0).unwrap_err();
        let want = "gaussian_noise: `std` must be finite and at least 0, found -1";
        assert_eq!(error.to_string(), want);
    }
}
