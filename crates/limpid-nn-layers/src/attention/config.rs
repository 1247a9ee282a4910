//! How attention of several heads is to be made.

use limpid_init::{Fill, Nonlinearity, XavierUniform};
use limpid_tensor::{Element, Error, Parameter, Result, Stream, Tensor};

use super::multihead::{InProjection, MultiheadAttention, NAME};
use crate::{Dropout, LinearConfig};

/// How a [`MultiheadAttention`] is to be made.
///
/// # Example
/// ```
/// use limpid_nn_layers::MultiheadAttentionConfig;
/// use limpid_tensor::Stream;
///
/// let layer = MultiheadAttentionConfig::new(64, 4)
///     .with_dropout(0.1)
///     .build::<f32>(Stream::new(7))?;
/// assert_eq!(layer.out_proj.weight.shape(), [64, 64]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MultiheadAttentionConfig {
    /// Features of queries and outputs.
    pub embed_dim: usize,
    /// Heads, each with its part of the features; they must divide `embed_dim`.
    pub num_heads: usize,
    /// Features of keys. The default is `embed_dim`.
    pub kdim: Option<usize>,
    /// Features of values. The default is `embed_dim`.
    pub vdim: Option<usize>,
    /// Whether projections have biases; they start at 0. The default is yes.
    pub bias: bool,
    /// The probability, in `[0, 1)`, that a weight is left out in training. The default is 0.
    pub dropout: f64,
}

impl MultiheadAttentionConfig {
    /// `num_heads` heads over `embed_dim` features, with biases, without dropout.
    pub fn new(embed_dim: usize, num_heads: usize) -> Self {
        Self {
            embed_dim,
            num_heads,
            kdim: None,
            vdim: None,
            bias: true,
            dropout: 0.0,
        }
    }

    /// The same, with keys of so many features.
    #[must_use]
    pub fn with_kdim(self, kdim: usize) -> Self {
        Self {
            kdim: Some(kdim),
            ..self
        }
    }

    /// The same, with values of so many features.
    #[must_use]
    pub fn with_vdim(self, vdim: usize) -> Self {
        Self {
            vdim: Some(vdim),
            ..self
        }
    }

    /// The same, with biases or without.
    #[must_use]
    pub fn with_bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// The same, with weights left out with this probability.
    #[must_use]
    pub fn with_dropout(self, dropout: f64) -> Self {
        Self { dropout, ..self }
    }

    /// The layer, filled from `stream`: the first projections Xavier uniform, the last one for
    /// nothing that follows, all biases 0.
    ///
    /// # Errors
    /// An argument error when a size is 0, when the heads do not divide the features, and when the
    /// probability is out of range.
    pub fn build<E: Element>(&self, stream: Stream) -> Result<MultiheadAttention<E>> {
        let embed = self.embed_dim;
        let [kdim, vdim] = [self.kdim, self.vdim].map(|dim| dim.unwrap_or(embed));
        let sizes = [
            ("embed_dim", embed),
            ("num_heads", self.num_heads),
            ("kdim", kdim),
            ("vdim", vdim),
        ];
        for (name, size) in sizes {
            if size == 0 {
                return Err(Error::argument(NAME, name, "at least 1", size));
            }
        }
        if !embed.is_multiple_of(self.num_heads) {
            let expected = format!("a multiple of the {} heads", self.num_heads);
            return Err(Error::argument(NAME, "embed_dim", expected, embed));
        }
        let draw = |name: &str, rows: usize, columns: usize| -> Result<_> {
            let weight = XavierUniform::new(1.0).tensor(&[rows, columns], stream.fork(name))?;
            Ok(Parameter::new(weight))
        };
        let in_proj = if kdim == embed && vdim == embed {
            InProjection::Packed {
                in_proj_weight: draw("in_proj_weight", 3 * embed, embed)?,
            }
        } else {
            InProjection::Separate {
                q_proj_weight: draw("q_proj_weight", embed, embed)?,
                k_proj_weight: draw("k_proj_weight", embed, kdim)?,
                v_proj_weight: draw("v_proj_weight", embed, vdim)?,
            }
        };
        let bias = || Parameter::new(Tensor::zeros([3 * embed]));
        let out_proj = LinearConfig::new(embed, embed)
            .with_nonlinearity(Nonlinearity::Linear)
            .with_bias(self.bias);
        Ok(MultiheadAttention {
            in_proj,
            in_proj_bias: self.bias.then(bias),
            out_proj: out_proj.build(stream.fork("out_proj"))?,
            num_heads: self.num_heads,
            dropout: Dropout::new(self.dropout)?,
        })
    }
}
