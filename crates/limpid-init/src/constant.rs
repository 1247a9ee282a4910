//! One value everywhere.

use limpid_tensor::{Error, Result, Stream, Tensor};

use crate::Initializer;

/// The same value everywhere: for biases and gains. As the weight of several units it is refused
/// by [`Fill::tensor`](crate::Fill::tensor), as they would never learn different things, unless
/// [`AllowSymmetric`](crate::AllowSymmetric) says that this is meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant {
    /// The value; finite.
    pub value: f64,
}

impl Constant {
    /// `value` everywhere.
    pub fn new(value: f64) -> Self {
        Self { value }
    }

    /// Zeros, as biases start.
    pub fn zero() -> Self {
        Self::new(0.0)
    }
}

impl Initializer for Constant {
    fn draw(&self, shape: &[usize], _stream: Stream) -> Result<Tensor<f64>> {
        if !self.value.is_finite() {
            return Err(Error::argument("constant", "value", "finite", self.value));
        }
        Ok(Tensor::full(shape, self.value))
    }

    fn variance(&self, _shape: &[usize]) -> Option<f64> {
        Some(self.value * self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_the_same() {
        let bias = Constant::new(0.1).draw(&[3], Stream::new(1)).unwrap();
        assert_eq!(bias.to_vec(), [0.1, 0.1, 0.1]);
        let error = Constant::new(f64::NAN)
            .draw(&[3], Stream::new(1))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "constant: `value` must be finite, found NaN"
        );
    }
}
