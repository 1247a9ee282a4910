#![doc = include_str!("../README.md")]

pub mod activation;
mod architecture;
mod attention;
mod bilinear;
mod context;
mod conv;
mod dropout;
mod embedding;
mod flatten;
mod linear;
mod lsuv;
mod maxout;
mod module;
mod noise;
mod norm;
mod pad;
mod pool;
mod positional;
mod recurrent;
mod residual;
mod sequential;
mod summary;
mod tap;
pub mod testing;
mod transformer;
mod upsample;
mod weight_noise;

pub use activation::{
    Elu, Gelu, GeluForm, HardSigmoid, HardSwish, HardTanh, LeakyRelu, LogSigmoid, LogSoftmax, Mish,
    Prelu, Relu, Relu6, Selu, Sigmoid, Silu, Softmax, Softplus, Softsign, Tanh,
};
pub use architecture::Architecture;
pub use attention::{
    Attended, AttentionMask, AttentionMasks, InProjection, KeyMask, MultiheadAttention,
    MultiheadAttentionConfig, scaled_dot_product_attention, scaled_dot_product_attention_by,
};
pub use bilinear::Bilinear;
pub use context::{Context, Mode, RunningStatistics, Updates};
pub use conv::{
    Conv1d, Conv1dConfig, Conv2d, Conv2dConfig, ConvTranspose1d, ConvTranspose1dConfig,
    ConvTranspose2d, ConvTranspose2dConfig, Padding,
};
pub use dropout::{AlphaDropout, ChannelDropout, Dropout, Dropout1d, Dropout2d, Dropout3d};
pub use embedding::{Embedding, EmbeddingConfig};
pub use flatten::Flatten;
pub use limpid_derive::Parameters;
pub use linear::{Linear, LinearConfig};
pub use lsuv::{Lsuv, LsuvLayer};
pub use maxout::{Maxout, MaxoutConfig};
pub use module::Module;
pub use noise::GaussianNoise;
pub use norm::{
    BatchNorm, BatchNormConfig, GroupNorm, InstanceNorm, InstanceNorm1d, InstanceNorm2d, LayerNorm,
    RmsNorm, renew_batch_norms,
};
pub use pad::{Pad, Pad1d, Pad2d};
pub use pool::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AvgPool1d,
    AvgPool2d, GlobalAvgPool, GlobalMaxPool, MaxPool1d, MaxPool2d,
};
pub use positional::{LearnedPositionalEncoding, SinusoidalPositionalEncoding};
pub use recurrent::{
    CarriedState, CellOutputs, CellRun, CellWeights, Gru, GruConfig, GruKind, Lstm, LstmConfig,
    LstmKind, LstmState, Recurrent, RecurrentConfig, RecurrentKind, Rnn, RnnConfig, RnnKind,
    RnnNonlinearity,
};
pub use residual::Residual;
pub use sequential::Sequential;
pub use summary::{Summary, SummaryRow};
pub use tap::{Observation, Tap};
pub use transformer::{
    NormOrder, TransformerActivation, TransformerEncoder, TransformerEncoderConfig,
    TransformerEncoderLayer, TransformerEncoderLayerConfig,
};
pub use upsample::{Upsample, Upsample1d, Upsample2d};
pub use weight_noise::WeightNoise;
