//! Attention: values, weighted by how well their keys match a query.

mod config;
mod mask;
mod multihead;
mod scaled_dot_product;

pub use config::MultiheadAttentionConfig;
pub use mask::{AttentionMask, AttentionMasks, KeyMask};
pub use multihead::{Attended, InProjection, MultiheadAttention};
pub use scaled_dot_product::{scaled_dot_product_attention, scaled_dot_product_attention_by};
