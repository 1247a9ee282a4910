//! Convolutions.

mod forward;
mod kernels;
mod remainder;
mod transposed;

pub use kernels::Convolution;

#[cfg(test)]
mod tests;
