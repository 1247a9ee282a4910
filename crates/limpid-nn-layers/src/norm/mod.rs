//! Layers that bring activations to a common spread.

mod batch;
mod fold;
mod group;
mod layer;
mod rms;
mod standardize;

pub use batch::{BatchNorm, BatchNormConfig};
pub use group::GroupNorm;
pub use layer::LayerNorm;
pub use rms::RmsNorm;
