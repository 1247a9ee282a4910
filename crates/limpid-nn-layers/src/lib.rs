#![doc = include_str!("../README.md")]

pub mod activation;
mod context;
mod dropout;
mod embedding;
mod flatten;
mod linear;
mod maxout;
mod module;
mod noise;
mod norm;
mod residual;
mod sequential;
mod summary;
mod tap;
pub mod testing;

pub use activation::{
    Elu, Gelu, GeluForm, HardSigmoid, HardSwish, HardTanh, LeakyRelu, LogSigmoid, LogSoftmax, Mish,
    Prelu, Relu, Relu6, Selu, Sigmoid, Silu, Softmax, Softplus, Softsign, Tanh,
};
pub use context::{Context, Mode, Updates};
pub use dropout::Dropout;
pub use embedding::{Embedding, EmbeddingConfig};
pub use flatten::Flatten;
pub use limpid_derive::Parameters;
pub use linear::{Linear, LinearConfig};
pub use maxout::{Maxout, MaxoutConfig};
pub use module::Module;
pub use noise::GaussianNoise;
pub use norm::{BatchNorm, BatchNormConfig, GroupNorm, LayerNorm, RmsNorm};
pub use residual::Residual;
pub use sequential::Sequential;
pub use summary::{Summary, SummaryRow};
pub use tap::{Observation, Tap};
