//! Convolution of single planes: where a channel of the result sees few channels of the image.
//!
//! In depthwise convolutions there are no channels to sum over: what a tile reads is used by the
//! rows of the kernel and by its taps alone. So here a tile is made of neighbouring lines of one
//! channel, a register that is read serves all lines that see it, and nothing is packed. A plane is
//! laid out with the padding around it while it is in the first-level cache; without padding it is
//! read where it lies.

mod correlation;
mod gather;
mod layout;
mod tiles;

pub(crate) use correlation::{Lines, Planewise};
pub(crate) use gather::GatherPlanewise;
pub(crate) use layout::{Columns, Layout};
