#![doc = include_str!("../README.md")]

mod alone;
mod gradients;
mod threads;

use limpid_tensor::{Element, Result};

pub use alone::Alone;
pub use gradients::average_gradients;
pub use threads::{ThreadWorker, group};

/// One worker's line to the others of its run.
///
/// Every worker must make the same calls in the same order; a call returns when all have made it.
pub trait Communicator<E: Element> {
    /// This worker's number, from 0 to `size() - 1`.
    fn rank(&self) -> usize;

    /// How many workers there are.
    fn size(&self) -> usize;

    /// Replaces `values` by the sum over all workers' values, added in the order of the ranks: every
    /// worker gets the same bits.
    ///
    /// # Errors
    /// A shape error, at every worker, when they do not bring the same number of values.
    fn sum(&self, values: &mut [E]) -> Result<()>;
}
