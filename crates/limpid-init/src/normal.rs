//! Independent draws from a normal distribution.

use limpid_tensor::{Error, Result, Stream, Tensor};

use crate::Initializer;

/// Draws from the normal distribution with mean 0.
///
/// # Source
/// With 0.01, what AlexNet was started from (Krizhevsky et al. 2012). In deep nets it lets
/// activations die out: prefer a scheme that knows the fan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    /// The standard deviation; at least 0. The default is 0.01.
    pub std: f64,
}

impl Normal {
    /// Standard deviation `std`.
    pub fn new(std: f64) -> Self {
        Self { std }
    }
}

impl Default for Normal {
    fn default() -> Self {
        Self::new(0.01)
    }
}

impl Initializer for Normal {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        scaled("normal", self.std, shape, stream)
    }

    fn variance(&self, _shape: &[usize]) -> Option<f64> {
        Some(self.std * self.std)
    }
}

/// Normal draws with standard deviation `std`.
pub(crate) fn scaled(
    scheme: &'static str,
    std: f64,
    shape: &[usize],
    stream: Stream,
) -> Result<Tensor<f64>> {
    if !(std >= 0.0 && std.is_finite()) {
        return Err(Error::argument(scheme, "std", "finite and at least 0", std));
    }
    Ok(Tensor::standard_normal(shape, stream).mul_scalar(std))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments;

    #[test]
    fn a_million_draws_have_the_promised_moments() {
        moments::assert_million(&Normal::default(), 1e-4);
        moments::assert_million(&Normal::new(3.0), 9.0);
    }

    #[test]
    fn a_negative_spread_is_refused() {
        let error = Normal::new(-1.0).draw(&[2, 2], Stream::new(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "normal: `std` must be finite and at least 0, found -1"
        );
    }
}
