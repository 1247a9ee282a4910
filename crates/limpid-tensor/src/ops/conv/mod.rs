//! Convolutions.

mod algorithm;
mod channels;
mod forward;
mod kernels;
mod planewise;
mod remainder;
mod transposed;

pub use algorithm::ConvAlgorithm;
pub use kernels::Convolution;

#[cfg(test)]
mod tests;
