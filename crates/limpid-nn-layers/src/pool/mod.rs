//! Pooling layers.

mod adaptive;
mod average;
mod max;

pub use adaptive::AdaptiveAvgPool2d;
pub use average::AvgPool2d;
pub use max::MaxPool2d;
