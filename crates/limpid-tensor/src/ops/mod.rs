//! The operations of [`Tensor`](crate::Tensor): for each its forward half, its backward half, its
//! documentation and its tests, side by side.

mod activation;
mod along;
mod arithmetic;
pub(crate) mod batch_norm;
mod broadcast;
mod compare;
mod concat;
pub(crate) mod conv;
pub(crate) mod elementwise;
mod group_norm;
mod index;
pub(crate) mod interpolate;
mod layer_norm;
mod linear;
mod matmul;
pub(crate) mod pad;
mod pairwise;
pub(crate) mod pool;
mod power;
mod rectified_sum;
pub(crate) mod recurrent;
mod reduce;
mod rms_norm;
mod row_norm;
mod scalar;
mod shape;
mod softmax;
mod trigonometric;
mod variance;
