//! Loops over slices: numbers in, numbers out, no tensors. The only place for `unsafe`, SIMD and
//! threads.
//!
//! Work is divided by the problem's shape, never by the number of threads, so that results are the
//! same bits however many threads share them.

pub(crate) mod aligned;
pub(crate) mod channels;
pub(crate) mod conv;
pub(crate) mod elementwise;
pub(crate) mod gemm;
pub(crate) mod lanes;
pub mod math;
pub(crate) mod pool;
pub(crate) mod prefetch;
pub(crate) mod reduce;
mod scale;
pub mod simd;
pub(crate) mod steps;
pub mod table;
pub mod threads;
pub(crate) mod winograd;

pub(crate) use scale::scaled;
