//! Activations: the non-linear functions between layers.

mod gated;
mod rectifier;
mod sigmoid;

pub(crate) use rectifier::Relu;
