//! What an initialiser is: shape and random stream in, values out.

use std::fmt::Debug;
use std::sync::Arc;

use limpid_tensor::{Element, Result, Stream, Tensor};

/// A scheme that fills a parameter.
///
/// Weights have the shape `[out, in, kernel...]`, as PyTorch lays them out. The trait can be made
/// into an object; [`Fill`] gives the values in the element type that is needed.
///
/// # Example
/// ```
/// use limpid_init::{Fill, Initializer};
/// use limpid_tensor::{Result, Stream, Tensor};
///
/// /// Plus or minus one, in turn.
/// #[derive(Debug)]
/// struct Alternating;
///
/// impl Initializer for Alternating {
///     fn draw(&self, shape: &[usize], _stream: Stream) -> Result<Tensor<f64>> {
///         Ok(Tensor::from_fn(shape, |place| if place % 2 == 0 { 1.0 } else { -1.0 }))
///     }
///
///     fn variance(&self, _shape: &[usize]) -> Option<f64> {
///         Some(1.0)
///     }
/// }
///
/// let weight = Alternating.tensor::<f32>(&[1, 3], Stream::new(0))?;
/// assert_eq!(weight.to_vec(), [1.0, -1.0, 1.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub trait Initializer: Debug + Send + Sync {
    /// The values for a parameter of `shape`, drawn from `stream`.
    ///
    /// # Errors
    /// An argument error when a setting is out of range; a shape error when the scheme cannot fill
    /// the shape.
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>>;

    /// The variance that the values should have around 0, where the scheme promises one.
    fn variance(&self, shape: &[usize]) -> Option<f64>;
}

/// Gives the values of an [`Initializer`] in the element type that is needed.
pub trait Fill: Initializer {
    /// The values for a parameter of `shape`, drawn from `stream`.
    ///
    /// # Errors
    /// As [`Initializer::draw`].
    fn tensor<E: Element>(&self, shape: &[usize], stream: Stream) -> Result<Tensor<E>> {
        Ok(self.draw(shape, stream)?.cast())
    }
}

impl<I: Initializer + ?Sized> Fill for I {}

impl<I: Initializer + ?Sized> Initializer for Arc<I> {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        self.as_ref().draw(shape, stream)
    }

    fn variance(&self, shape: &[usize]) -> Option<f64> {
        self.as_ref().variance(shape)
    }
}

impl<I: Initializer + ?Sized> Initializer for Box<I> {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        self.as_ref().draw(shape, stream)
    }

    fn variance(&self, shape: &[usize]) -> Option<f64> {
        self.as_ref().variance(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HeNormal;

    #[test]
    fn single_precision_is_double_precision_rounded() {
        let scheme: Box<dyn Initializer> = Box::new(HeNormal::default());
        let double = scheme.tensor::<f64>(&[4, 5], Stream::new(3)).unwrap();
        let single = scheme.tensor::<f32>(&[4, 5], Stream::new(3)).unwrap();
        assert_eq!(double.cast::<f32>(), single);
    }

    #[test]
    fn another_stream_gives_other_values() {
        let scheme = HeNormal::default();
        let [a, b] = [1, 2].map(|seed| scheme.draw(&[4, 5], Stream::new(seed)).unwrap());
        assert_ne!(a, b);
    }
}
