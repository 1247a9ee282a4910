//! Recurrent layers: one cell, run over time.

mod cell;
mod gru;
mod lstm;
mod rnn;

pub use cell::CellWeights;
pub use gru::Gru;
pub use lstm::{Lstm, LstmState};
pub use rnn::Rnn;
