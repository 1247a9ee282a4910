//! How a recurrent layer is to be made.

use limpid_tensor::{Element, Error, Result, Stream};

use super::kind::RecurrentKind;
use super::layer::{Recurrent, suffix};
use super::weights::{CellSizes, CellWeights};
use crate::Dropout;

/// How a [`Recurrent`] layer is to be made.
///
/// # Example
/// ```
/// use limpid_nn_layers::{LstmConfig, Module};
/// use limpid_tensor::{Stream, Tensor};
///
/// let layer = LstmConfig::new(8, 16)
///     .with_layers(2)
///     .with_bidirectional(true)
///     .with_dropout(0.2)
///     .build::<f32>(Stream::new(7))?;
/// assert_eq!(layer.predict(&Tensor::zeros([5, 3, 8]))?.shape(), [5, 3, 2 * 16]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecurrentConfig<K> {
    /// Features that go in.
    pub inputs: usize,
    /// The length of the state.
    pub hidden: usize,
    /// How many layers lie one above the other. The default is 1.
    pub layers: usize,
    /// Whether each layer also runs from the end to the beginning, with weights of its own; its
    /// outputs lie beside those of the other direction. The default is no.
    pub bidirectional: bool,
    /// Whether there are biases. The default is yes.
    pub bias: bool,
    /// The probability, in `[0, 1)`, that an output is left out on its way to the next layer. The
    /// default is 0.
    pub dropout: f64,
    /// What kind of layer it is.
    pub kind: K,
}

impl<K: RecurrentKind> RecurrentConfig<K> {
    /// One layer in one direction, with biases.
    pub fn new(inputs: usize, hidden: usize) -> Self {
        Self {
            inputs,
            hidden,
            layers: 1,
            bidirectional: false,
            bias: true,
            dropout: 0.0,
            kind: K::default(),
        }
    }

    /// The same, with so many layers.
    #[must_use]
    pub fn with_layers(self, layers: usize) -> Self {
        Self { layers, ..self }
    }

    /// The same, in both directions or in one.
    #[must_use]
    pub fn with_bidirectional(self, bidirectional: bool) -> Self {
        Self {
            bidirectional,
            ..self
        }
    }

    /// The same, with biases or without.
    #[must_use]
    pub fn with_bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// The same, with outputs left out with this probability between layers.
    #[must_use]
    pub fn with_dropout(self, dropout: f64) -> Self {
        Self { dropout, ..self }
    }

    /// The layer, its weights and biases drawn evenly from -1/sqrt(hidden) to 1/sqrt(hidden).
    ///
    /// # Errors
    /// An argument error when a size is 0, the probability is out of range, or states are to be
    /// projected to a length that is not below their own.
    pub fn build<E: Element>(&self, stream: Stream) -> Result<Recurrent<E, K>> {
        let sizes = [
            ("inputs", self.inputs),
            ("hidden", self.hidden),
            ("layers", self.layers),
        ];
        for (name, size) in sizes {
            if size == 0 {
                return Err(Error::argument(K::NAME, name, "at least 1", size));
            }
        }
        let projected = self.kind.projected();
        if let Some(length) = projected
            && !(1..self.hidden).contains(&length)
        {
            let expected = format!("from 1 to below the {} of the state", self.hidden);
            return Err(Error::argument(K::NAME, "proj_size", expected, length));
        }
        let directions = 1 + usize::from(self.bidirectional);
        let above = directions * projected.unwrap_or(self.hidden);
        let draw = |index: usize| {
            let sizes = CellSizes {
                gates: K::GATES,
                inputs: if index < directions {
                    self.inputs
                } else {
                    above
                },
                hidden: self.hidden,
                projected,
                bias: self.bias,
            };
            CellWeights::draw(sizes, &suffix(index, directions), stream)
        };
        Ok(Recurrent {
            weights: (0..self.layers * directions).map(draw).collect(),
            kind: self.kind,
            bidirectional: self.bidirectional,
            dropout: Dropout::new(self.dropout)?,
        })
    }
}
