//! Recurrent layers: cells run over time, several one above the other and in both directions.

mod config;
mod gru;
mod kind;
mod layer;
mod lstm;
mod order;
mod rnn;
mod weights;

pub use config::RecurrentConfig;
pub use gru::{Gru, GruConfig, GruKind};
pub use kind::{CarriedState, CellOutputs, CellRun, RecurrentKind};
pub use layer::Recurrent;
pub use lstm::{Lstm, LstmConfig, LstmKind, LstmState};
pub use rnn::{Rnn, RnnConfig, RnnKind, RnnNonlinearity};
pub use weights::CellWeights;
