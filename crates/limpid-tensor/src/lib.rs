//! Tensors, kernels and reverse-mode differentiation for training on CPUs.
#![doc = include_str!("../README.md")]

pub mod random;

pub use random::{Generator, Stream};
