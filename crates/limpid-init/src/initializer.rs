//! What an initialiser is: shape and random stream in, values out.

use std::fmt::Debug;
use std::sync::Arc;

use limpid_tensor::{Element, Error, Result, Stream, Tensor};

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

    /// Whether the units of a layer may start equal; only [`AllowSymmetric`](crate::AllowSymmetric)
    /// says so.
    fn allows_symmetric(&self) -> bool {
        false
    }
}

/// Gives the values of an [`Initializer`] in the element type that is needed.
pub trait Fill: Initializer {
    /// The values for a parameter of `shape`, drawn from `stream`: for a layer's weight, so that
    /// equal units are refused.
    ///
    /// Units that start equal, all of them 0 among them, get equal gradients and learn the same for
    /// ever: the layer is no wider than one unit.
    ///
    /// # Errors
    /// As [`Initializer::draw`]; an argument error when the shape is that of a weight, `[out, in,
    /// kernel...]`, of two units or more, and all are equal.
    /// [`AllowSymmetric`](crate::AllowSymmetric) lets them be so.
    fn tensor<E: Element>(&self, shape: &[usize], stream: Stream) -> Result<Tensor<E>> {
        let values = self.draw(shape, stream)?;
        if !self.allows_symmetric() {
            check_units(&values)?;
        }
        Ok(values.cast())
    }
}

impl<I: Initializer + ?Sized> Fill for I {}

/// Refuses a weight all of whose units, its parts along dimension 0, are equal.
fn check_units(weight: &Tensor<f64>) -> Result<()> {
    let &[units, _, ..] = weight.shape() else {
        return Ok(());
    };
    let elements = weight.elements();
    if units < 2 || elements.is_empty() {
        return Ok(());
    }
    let (first, others) = elements.split_at(elements.len() / units);
    // Mostly the first comparison tells them apart.
    if others.chunks_exact(first.len()).any(|unit| unit != first) {
        return Ok(());
    }
    let expected = "units that differ (`AllowSymmetric` lets them be equal)";
    let found = format!("{units} equal ones");
    Err(Error::argument("initializer", "weight", expected, found))
}

impl<I: Initializer + ?Sized> Initializer for Arc<I> {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        self.as_ref().draw(shape, stream)
    }

    fn variance(&self, shape: &[usize]) -> Option<f64> {
        self.as_ref().variance(shape)
    }

    fn allows_symmetric(&self) -> bool {
        self.as_ref().allows_symmetric()
    }
}

impl<I: Initializer + ?Sized> Initializer for Box<I> {
    fn draw(&self, shape: &[usize], stream: Stream) -> Result<Tensor<f64>> {
        self.as_ref().draw(shape, stream)
    }

    fn variance(&self, shape: &[usize]) -> Option<f64> {
        self.as_ref().variance(shape)
    }

    fn allows_symmetric(&self) -> bool {
        self.as_ref().allows_symmetric()
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
