//! The gated recurrent unit.

use limpid_tensor::{Element, RecurrentCell, Result, Tensor};

use super::config::RecurrentConfig;
use super::kind::{CellOutputs, CellRun, RecurrentKind, run_without_memory};
use super::layer::Recurrent;

/// The gated recurrent unit: with r, z = sigmoid(W_ih x + b_ih + W_hh h + b_hh) and
/// n = tanh(W_ih x + b_ih + r (W_hh h + b_hh)), the state becomes (1 - z) n + z h. The gates are
/// stacked as r, z, n.
///
/// # Source
/// Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder"; equals
/// `torch.nn.GRU`, which applies r after the matrix product.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Gru, Module};
/// use limpid_tensor::{Stream, Tensor};
///
/// let layer = Gru::<f32>::new(4, 3, Stream::new(7))?;
/// assert_eq!(layer.predict(&Tensor::zeros([5, 2, 4]))?.shape(), [5, 2, 3]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub type Gru<E> = Recurrent<E, GruKind>;

/// How a [`Gru`] is to be made.
pub type GruConfig = RecurrentConfig<GruKind>;

/// What makes a recurrent layer a [`Gru`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GruKind;

impl RecurrentKind for GruKind {
    const NAME: &'static str = "Gru";
    const GATES: usize = 3;

    type State<E: Element> = Tensor<E>;

    fn run<E: Element>(&self, run: CellRun<'_, E, Tensor<E>>) -> Result<CellOutputs<E, Tensor<E>>> {
        run_without_memory(RecurrentCell::Gru, run)
    }
}
