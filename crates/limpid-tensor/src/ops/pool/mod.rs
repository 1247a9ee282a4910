//! Pooling: windows of an image made one number each.

mod adaptive;
mod average;
mod flat;
mod max;
mod search;
mod window;

pub use average::AverageDivisor;
pub use window::Pooling;
