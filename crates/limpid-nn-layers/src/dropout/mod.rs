//! Activations that are left out at random in training.

mod alpha;
mod channel;
mod plain;

pub use alpha::AlphaDropout;
pub use channel::{ChannelDropout, Dropout1d, Dropout2d, Dropout3d};
pub use plain::Dropout;

use limpid_tensor::{Element, Error, Result, Stream, Tensor};

/// `p`, if it is a probability of being left out.
fn probability(operation: &'static str, p: f64) -> Result<f64> {
    if (0.0..1.0).contains(&p) {
        return Ok(p);
    }
    Err(Error::argument(operation, "p", "in [0, 1)", p))
}

/// `dropped` with probability `p` and `kept` otherwise, for each element anew.
fn mask<E: Element>(shape: &[usize], p: f64, kept: f64, dropped: f64, stream: Stream) -> Tensor<E> {
    let mut generator = stream.generator();
    Tensor::from_fn(shape, |_| match generator.unit() < p {
        true => dropped,
        false => kept,
    })
}
