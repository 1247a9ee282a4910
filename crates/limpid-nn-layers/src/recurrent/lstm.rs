//! Long short-term memory.

use limpid_tensor::{Element, Error, Recurrence, RecurrentCell, RecurrentWeights, Result, Tensor};

use super::config::RecurrentConfig;
use super::kind::{CarriedState, CellOutputs, CellRun, RecurrentKind, last};
use super::layer::Recurrent;

/// Long short-term memory: with i, f, o = sigmoid(W_ih x + b_ih + W_hh h + b_hh) and
/// g = tanh(W_ih x + b_ih + W_hh h + b_hh), the memory c becomes f c + i g and the state o tanh(c),
/// or, where it is projected, W_hr (o tanh(c)). The gates are stacked as i, f, g, o.
///
/// # Source
/// Hochreiter and Schmidhuber 1997, "Long short-term memory", with the forget gate of Gers et al.
/// 2000 and the projection of Sak et al. 2014; equals `torch.nn.LSTM`.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Context, Lstm};
/// use limpid_tensor::{Stream, Tensor};
///
/// let layer = Lstm::<f32>::new(4, 3, Stream::new(7))?;
/// let input = Tensor::ones([5, 2, 4]);
/// let (output, end) = layer.forward_with(&input, None, Some(&[5, 2]), &mut Context::eval())?;
/// assert_eq!((output.shape(), end.c.shape()), (&[5, 2, 3][..], &[1, 2, 3][..]));
/// assert_eq!(output.narrow(0, 4, 1)?.narrow(1, 1, 1)?.to_vec(), [0.0; 3]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub type Lstm<E> = Recurrent<E, LstmKind>;

/// How an [`Lstm`] is to be made.
pub type LstmConfig = RecurrentConfig<LstmKind>;

/// What makes a recurrent layer an [`Lstm`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LstmKind {
    /// The length that states are projected to, below their own. The default is none.
    pub proj_size: Option<usize>,
}

/// What an [`Lstm`] carries from one time to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct LstmState<E: Element> {
    /// The state, `[layers * directions, batch, hidden]`.
    pub h: Tensor<E>,
    /// The memory, of the same shape, but never projected.
    pub c: Tensor<E>,
}

impl LstmConfig {
    /// The same, with states projected to this length.
    #[must_use]
    pub fn with_proj_size(self, proj_size: usize) -> Self {
        let proj_size = Some(proj_size);
        Self {
            kind: LstmKind { proj_size },
            ..self
        }
    }
}

impl RecurrentKind for LstmKind {
    const NAME: &'static str = "Lstm";
    const GATES: usize = 4;

    type State<E: Element> = LstmState<E>;

    fn projected(&self) -> Option<usize> {
        self.proj_size
    }

    fn run<E: Element>(
        &self,
        run: CellRun<'_, E, LstmState<E>>,
    ) -> Result<CellOutputs<E, LstmState<E>>> {
        if let Some(projection) = run.weights.weight_hr.as_deref() {
            return projected(run, projection);
        }
        let recurrence = Recurrence {
            h0: run.start.map(|start| &start.h),
            c0: run.start.map(|start| &start.c),
            lengths: run.lengths,
            ..Recurrence::new(RecurrentCell::Lstm, run.weights.borrowed())
        };
        let (states, c) = steps(run.input, &recurrence, run.ends)?;
        let end = match c {
            Some(c) => Some(LstmState {
                h: last(&states)?,
                c,
            }),
            None => None,
        };
        Ok((states, end))
    }
}

impl<E: Element> CarriedState<E> for LstmState<E> {
    fn parts(&self) -> (&Tensor<E>, Option<&Tensor<E>>) {
        (&self.h, Some(&self.c))
    }

    fn combine(states: &[Self], join: impl Fn(&[&Tensor<E>]) -> Result<Tensor<E>>) -> Result<Self> {
        Ok(Self {
            h: join(&states.iter().map(|state| &state.h).collect::<Vec<_>>())?,
            c: join(&states.iter().map(|state| &state.c).collect::<Vec<_>>())?,
        })
    }
}

/// The states of all steps and, if it is wanted, the last memory.
fn steps<E: Element>(
    input: &Tensor<E>,
    recurrence: &Recurrence<'_, E>,
    ends: bool,
) -> Result<(Tensor<E>, Option<Tensor<E>>)> {
    if !ends {
        return Ok((input.recurrent(recurrence)?, None));
    }
    let (states, memory) = input.recurrent_with_memory(recurrence)?;
    Ok((states, Some(memory)))
}

/// The cell with projected states by the one without: W_hh (W_hr m) = (W_hh W_hr) m, with m the
/// state before its projection. The state at the start is no projection of any m; it goes in beside
/// the first input, with W_hh for its weight.
fn projected<E: Element>(
    run: CellRun<'_, E, LstmState<E>>,
    projection: &Tensor<E>,
) -> Result<CellOutputs<E, LstmState<E>>> {
    let weights = run.weights.borrowed();
    let (mut input, mut weight_ih) = (run.input.clone(), weights.weight_ih.clone());
    if let Some(start) = run.start {
        let later = input.size(0)?.saturating_sub(1);
        let &[batch, length] = start.h.shape() else {
            return Err(Error::shape(
                LstmKind::NAME,
                &[start.h.shape()],
                "must be [batch, hidden]",
            ));
        };
        let first = start.h.unsqueeze(0)?;
        let beside = Tensor::concat(&[&first, &Tensor::zeros([later, batch, length])], 0)?;
        input = Tensor::concat(&[&input, &beside], -1)?;
        weight_ih = Tensor::concat(&[&weight_ih, weights.weight_hh], 1)?;
    }
    let weight_hh = weights.weight_hh.matmul(projection)?;
    let weights = RecurrentWeights {
        weight_ih: &weight_ih,
        weight_hh: &weight_hh,
        ..weights
    };
    let recurrence = Recurrence {
        c0: run.start.map(|start| &start.c),
        lengths: run.lengths,
        ..Recurrence::new(RecurrentCell::Lstm, weights)
    };
    let (states, c) = steps(&input, &recurrence, run.ends)?;
    let outputs = states.linear(projection, None)?;
    let end = match c {
        Some(c) => Some(LstmState {
            h: last(&outputs)?,
            c,
        }),
        None => None,
    };
    Ok((outputs, end))
}
