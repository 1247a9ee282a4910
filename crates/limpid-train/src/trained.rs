//! What a run leaves besides the model.

use limpid_tensor::{Element, State};

use crate::{Evaluation, History};

/// What a run leaves besides the model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Trained<E: Element> {
    /// What happened.
    pub history: History,
    /// The validation of the best epoch.
    pub best: Option<Evaluation>,
    /// The weights of the best epoch.
    pub best_state: Option<State<E>>,
    /// The weights after the last step, whichever the model was left with.
    pub last_state: State<E>,
    /// The moving average of the weights, where one was asked for.
    pub average: Option<State<E>>,
    /// The plain average of the weights over the last epochs, where one was asked for, the run is over
    /// and it came so far.
    pub swa: Option<State<E>>,
}
