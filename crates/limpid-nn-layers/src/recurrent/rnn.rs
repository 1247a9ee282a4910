//! The plain recurrent layer.

use limpid_tensor::{Element, RecurrentCell, Result, Tensor};

use super::config::RecurrentConfig;
use super::kind::{CellOutputs, CellRun, RecurrentKind, run_without_memory};
use super::layer::Recurrent;

/// The plain recurrent layer, h(t) = f(W_ih x(t) + b_ih + W_hh h(t-1) + b_hh), with f tanh or a
/// rectifier.
///
/// # Source
/// Elman 1990, "Finding structure in time"; equals `torch.nn.RNN`.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Module, RnnConfig, RnnNonlinearity};
/// use limpid_tensor::{Stream, Tensor};
///
/// let layer = RnnConfig::new(4, 3)
///     .with_nonlinearity(RnnNonlinearity::Relu)
///     .build::<f32>(Stream::new(7))?;
/// assert_eq!(layer.predict(&Tensor::zeros([5, 2, 4]))?.shape(), [5, 2, 3]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub type Rnn<E> = Recurrent<E, RnnKind>;

/// How an [`Rnn`] is to be made.
pub type RnnConfig = RecurrentConfig<RnnKind>;

/// What makes the next state of an [`Rnn`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RnnNonlinearity {
    /// tanh.
    #[default]
    Tanh,
    /// max(0, x).
    Relu,
}

/// What makes a recurrent layer an [`Rnn`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RnnKind {
    /// What makes the next state. The default is tanh.
    pub nonlinearity: RnnNonlinearity,
}

impl RnnConfig {
    /// The same, with the next state made so.
    #[must_use]
    pub fn with_nonlinearity(self, nonlinearity: RnnNonlinearity) -> Self {
        Self {
            kind: RnnKind { nonlinearity },
            ..self
        }
    }
}

impl RecurrentKind for RnnKind {
    const NAME: &'static str = "Rnn";
    const GATES: usize = 1;

    type State<E: Element> = Tensor<E>;

    fn run<E: Element>(&self, run: CellRun<'_, E, Tensor<E>>) -> Result<CellOutputs<E, Tensor<E>>> {
        let cell = match self.nonlinearity {
            RnnNonlinearity::Tanh => RecurrentCell::RnnTanh,
            RnnNonlinearity::Relu => RecurrentCell::RnnRelu,
        };
        run_without_memory(cell, run)
    }
}
