//! Layers that bring activations to a common spread.

mod batch;
mod fold;
mod group;
mod instance;
mod layer;
mod renew;
mod rms;

pub use batch::{BatchNorm, BatchNormConfig};
pub use group::GroupNorm;
pub use instance::{InstanceNorm, InstanceNorm1d, InstanceNorm2d};
pub use layer::LayerNorm;
pub use renew::renew_batch_norms;
pub use rms::RmsNorm;
