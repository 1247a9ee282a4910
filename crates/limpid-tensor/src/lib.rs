#![doc = include_str!("../README.md")]

mod alias_sampler;
mod array;
pub mod buffers;
mod element;
mod error;
mod flops;
pub mod gradient_check;
mod graph;
mod kernel;
mod layout;
mod ops;
mod parameter;
pub mod random;
mod tensor;
mod walk;

pub use alias_sampler::AliasSampler;
pub use element::Element;
pub use error::{Error, ErrorKind, Result};
pub use flops::{add_flops, count_flops};
pub use graph::{
    Backward, EachRow, Gradient, Gradients, InputGradients, Product, RowIndex, Rows,
    without_gradient,
};
pub use kernel::prefetch::prefetch;
pub use kernel::{math, simd, table, threads};
pub use layout::{Shape, broadcast_shapes, count, resolve_dim, resolve_dims, resolve_index};
pub use ops::batch_norm::BatchNormalized;
pub use ops::conv::{ConvAlgorithm, Convolution};
pub use ops::elementwise::{Elementwise, Saved};
pub use ops::interpolate::{Interpolation, OutputSize};
pub use ops::pad::PadMode;
pub use ops::pool::{AverageDivisor, Pooling};
pub use ops::recurrent::{Recurrence, RecurrentCell, RecurrentWeights};
pub use parameter::{Buffer, Parameter, Parameters, Path, Visitor, VisitorMut};
pub use random::{Generator, Stream};
pub use tensor::{Elements, Tensor};
pub use walk::{
    State, for_each_buffer_mut, for_each_parameter_mut, named_buffers, named_parameters,
    set_trainable, trainable_count,
};
