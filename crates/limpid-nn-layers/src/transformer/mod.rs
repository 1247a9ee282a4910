//! Blocks of attention and of two linear maps, and stacks of them.

mod encoder;
mod encoder_layer;

pub use encoder::{TransformerEncoder, TransformerEncoderConfig};
pub use encoder_layer::{
    NormOrder, TransformerActivation, TransformerEncoderLayer, TransformerEncoderLayerConfig,
};
