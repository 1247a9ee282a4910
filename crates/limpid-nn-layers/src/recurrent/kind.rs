//! What distinguishes the recurrent layers from each other.

use std::fmt::Debug;

use limpid_tensor::{Element, Recurrence, RecurrentCell, Result, Tensor};

use super::weights::CellWeights;

/// One cell over all steps of one direction.
#[derive(Clone, Copy, Debug)]
pub struct CellRun<'a, E: Element, S> {
    /// `[time, batch, in]`, in the order of the steps.
    pub input: &'a Tensor<E>,
    /// The cell's weights.
    pub weights: &'a CellWeights<E>,
    /// What it starts from, `[batch, hidden]`; 0 without it.
    pub start: Option<&'a S>,
    /// How many steps each item has; all without it.
    pub lengths: Option<&'a [usize]>,
    /// Whether what it ends with is wanted.
    pub ends: bool,
}

/// The outputs of all steps, and what a cell ends with, if that was wanted.
pub type CellOutputs<E, S> = (Tensor<E>, Option<S>);

/// What a cell carries from one step to the next.
pub trait CarriedState<E: Element>: Clone + Debug + PartialEq {
    /// The state, and the memory where there is one.
    fn parts(&self) -> (&Tensor<E>, Option<&Tensor<E>>);

    /// What `join` makes of the states and, apart from them, of the memories.
    ///
    /// # Errors
    /// Those of `join`.
    fn combine(states: &[Self], join: impl Fn(&[&Tensor<E>]) -> Result<Tensor<E>>) -> Result<Self>;
}

impl<E: Element> CarriedState<E> for Tensor<E> {
    fn parts(&self) -> (&Tensor<E>, Option<&Tensor<E>>) {
        (self, None)
    }

    fn combine(states: &[Self], join: impl Fn(&[&Tensor<E>]) -> Result<Tensor<E>>) -> Result<Self> {
        join(&states.iter().collect::<Vec<_>>())
    }
}

/// What distinguishes the recurrent layers from each other: their cell, and what it carries from
/// one step to the next.
pub trait RecurrentKind: Copy + Debug + Default + PartialEq + Send + Sync + 'static {
    /// The layer's name.
    const NAME: &'static str;
    /// The gates of the cell.
    const GATES: usize;

    /// What is carried from one step to the next: a state, and a memory where the cell has one.
    type State<E: Element>: CarriedState<E>;

    /// The length that states are projected to, if they are.
    fn projected(&self) -> Option<usize> {
        None
    }

    /// The outputs of all steps, which stay what they are after an item's last one, and what the
    /// cell ends with, if that is wanted.
    ///
    /// # Errors
    /// A shape error when input, weights or start do not fit; an argument error for the lengths.
    fn run<E: Element>(
        &self,
        run: CellRun<'_, E, Self::State<E>>,
    ) -> Result<CellOutputs<E, Self::State<E>>>;
}

/// The last of the states of all steps, `[batch, hidden]`.
pub(super) fn last<E: Element>(states: &Tensor<E>) -> Result<Tensor<E>> {
    states.narrow(0, states.size(0)? - 1, 1)?.squeeze(0)
}

/// [`RecurrentKind::run`] of a cell that carries nothing but its output.
pub(super) fn run_without_memory<E: Element>(
    cell: RecurrentCell,
    run: CellRun<'_, E, Tensor<E>>,
) -> Result<CellOutputs<E, Tensor<E>>> {
    let states = run.input.recurrent(&Recurrence {
        h0: run.start,
        lengths: run.lengths,
        ..Recurrence::new(cell, run.weights.borrowed())
    })?;
    let end = run.ends.then(|| last(&states)).transpose()?;
    Ok((states, end))
}
