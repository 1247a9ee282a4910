//! Convolutional layers.

mod conv1d;
mod conv2d;
mod padding;
mod settings;
mod transpose1d;
mod transpose2d;

pub use conv1d::{Conv1d, Conv1dConfig};
pub use conv2d::{Conv2d, Conv2dConfig};
pub use padding::Padding;
pub use transpose1d::{ConvTranspose1d, ConvTranspose1dConfig};
pub use transpose2d::{ConvTranspose2d, ConvTranspose2dConfig};
