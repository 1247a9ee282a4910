//! Convolutions.

mod forward;
mod kernels;
mod transposed;

pub use kernels::Convolution;

#[cfg(test)]
mod tests;
