//! Convolution without copies of patches: register tiles read the image where it lies.
//!
//! For one place after another along a row the elements that a tap of the kernel sees are
//! neighbours. So a register of them is one load, and a tile of some output channels and some
//! registers of places is summed up over channels and taps without anything being packed but the
//! weights. Padding is laid around a copy of the image ([`planes`]); a stride is dealt out there, so
//! that places a stride apart are neighbours as well. The gradient of the image is a correlation of
//! the same kind, the gradient of the weight sums along the places instead.

#![expect(unsafe_code, reason = "register tiles read and write by address")]

mod channels;
mod correlation;
mod gather;
mod planes;
mod planewise;
mod tiles;

pub(crate) use channels::{ByChannels, GatherByChannels, GatherSizes, Side, Sizes};
pub(crate) use correlation::{Correlation, Target};
pub(crate) use gather::Gathering;
pub(crate) use planes::Planes;
pub(crate) use planewise::{Columns, GatherPlanewise, Layout, Lines, Planewise};
