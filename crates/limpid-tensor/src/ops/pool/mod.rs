//! Pooling: windows of an image made one number each.

mod average;
mod max;
mod window;

pub use window::Pooling;
