//! Convolution with neighbouring channels in a register, where there are registers of 256 or 512 bits
//! and as many channels as they hold.
//!
//! A register of weights is multiplied by single elements of the image, which with AVX-512 the
//! instruction itself reads from memory and spreads, with AVX2 one before it. So the image is read where it lies, whatever the stride, no
//! register is filled in part, and padding is not multiplied: the taps of every tile are those that
//! stand within the image. The sums of some lines of places are written to a scratch, from which
//! they are turned into the order of the result.

mod correlation;
mod gather;
mod tiles;
mod turn;

pub(crate) use correlation::{ByChannels, Sizes};
pub(crate) use gather::{GatherByChannels, Sizes as GatherSizes};

use std::ops::Range;

/// Places whose sums, or gradients, lie in the first-level cache beside what they are made of.
const TOGETHER: usize = 256;

/// Rows (or columns) of a result that lie a step apart, and what of an image they see.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    /// The first of them in the result.
    pub(crate) origin: usize,
    /// How far they lie apart in the result.
    pub(crate) step: usize,
    pub(crate) count: usize,
    /// How far apart in the image one and the next see.
    pub(crate) stride: usize,
    /// Rows of the kernel, each with the row of the image that the first one sees there.
    pub(crate) taps: Vec<(usize, isize)>,
}

impl Side {
    /// Which of the rows see an image of `length` with a tap that reads `at` for the first.
    fn within(&self, at: isize, length: usize) -> Range<usize> {
        within(at, self.stride, self.count, length)
    }
}

/// Which of `count` places, `stride` apart, of which the first stands at `at`, are within `length`.
fn within(at: isize, stride: usize, count: usize, length: usize) -> Range<usize> {
    let before = (-at).max(0) as usize;
    let left = (length as isize - at).max(0) as usize;
    let end = left.div_ceil(stride).min(count);
    before.div_ceil(stride).min(end)..end
}
