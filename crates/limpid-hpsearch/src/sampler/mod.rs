//! How the next assignment is chosen.

mod grid;
mod halton;
mod parzen;
mod random;
mod tpe;

pub use grid::Grid;
pub use halton::Halton;
pub use random::Random;
pub use tpe::Tpe;

use limpid_tensor::Stream;

use crate::assignment::Assignment;
use crate::error::Result;
use crate::history::History;
use crate::space::Space;

/// Chooses what to try next. It is a pure function of its arguments and its own settings: what it
/// has learned lies in the history alone, so any study can be resumed, replayed, or handed to
/// another sampler midway.
///
/// `stream` is the study's, the same for all its trials; a sampler forks it by
/// [`History::next_number`] for what belongs to one trial, and not for what all trials share (such as
/// the scramble of a sequence). `history` may hold trials that run, failed, lack some axes, or lie
/// outside of `space`, when the space has been narrowed since.
///
/// [`check_sampler`](crate::testing::check_sampler) tests all of this.
pub trait Sampler: std::fmt::Debug + Send + Sync {
    /// Its name in messages and records.
    fn name(&self) -> &'static str;

    /// The next assignment: one value for each active axis of `space`.
    ///
    /// # Errors
    /// [`SearchError::Exhausted`](crate::SearchError::Exhausted) when it has no more to suggest,
    /// [`SearchError::Setting`](crate::SearchError::Setting) when it is set wrongly.
    fn suggest(&self, space: &Space, history: &History, stream: Stream) -> Result<Assignment>;
}
