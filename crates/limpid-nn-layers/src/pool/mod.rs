//! Pooling layers.

mod adaptive;
mod average;
mod global;
mod max;

pub use adaptive::{AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool1d, AdaptiveMaxPool2d};
pub use average::{AvgPool1d, AvgPool2d};
pub use global::{GlobalAvgPool, GlobalMaxPool};
pub use max::{MaxPool1d, MaxPool2d};
