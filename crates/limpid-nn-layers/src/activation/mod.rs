//! Activations as modules. Formulas, gradients at kinks and sources stand with the operations of
//! [`Tensor`](limpid_tensor::Tensor) that they run.

mod gelu;
mod plain;
mod prelu;
mod relu;
mod scaled;
mod softmax;

pub use gelu::{Gelu, GeluForm};
pub use plain::{
    HardSigmoid, HardSwish, LogSigmoid, Mish, Relu6, Selu, Sigmoid, Silu, Softsign, Tanh,
};
pub use prelu::Prelu;
pub use relu::Relu;
pub use scaled::{Elu, HardTanh, LeakyRelu, Softplus};
pub use softmax::{LogSoftmax, Softmax};
