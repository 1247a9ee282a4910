//! Which way convolutions are computed.

use super::kernels::{Geometry, area};
use crate::kernel::winograd::Winograd;

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConvAlgorithm {
    /// By its definition: every number is one chain of fused multiply-adds (or a few that are added
    /// up).
    #[default]
    Direct,
    /// By Winograd's minimal filtering, F(4 x 4, 3 x 3), where that pays; elsewhere directly. It
    /// takes a quarter of the multiplications, and between a half and a third of the time.
    ///
    /// It pays for kernels of 3 x 3 at stride 1 and dilation 1 without groups, from 16 channels on
    /// either side on, where there are 32 tiles of 4 x 4 places or more in the batch that are filled
    /// to the half at least. This holds for the result and both gradients, and for the transpose.
    ///
    /// # Accuracy
    /// Errors in `f32`, as shares of the root mean square of what is computed, for standard normal
    /// images, kernels and gradients; first the root mean square error, then the largest:
    ///
    /// | channels in and out | 16 | 64 | 256 |
    /// | --- | --- | --- | --- |
    /// | result and the image's gradient, direct | 2e-7, 2e-6 | 4e-7, 3e-6 | 8e-7, 9e-6 |
    /// | the same by Winograd's filtering | 5e-7, 4e-6 | 8e-7, 7e-6 | 1.5e-6, 1.6e-5 |
    /// | the kernels' gradient, direct | 1.4e-7, 7e-7 | 1.3e-7, 8e-7 | 1.3e-7, 9e-7 |
    /// | the same by Winograd's filtering | 6e-7, 4e-6 | 6e-7, 4e-6 | 6e-7, 8e-6 |
    ///
    /// In `f64` they are smaller by 2^29, the ratio of the two types' precision. Unlike those of the
    /// direct way, the errors of a place grow with the largest numbers of its tile, not with those
    /// under its own kernel alone. Training amplifies rounding either way: a hundred
    /// steps of a small network in `f32` ended up to 4e-3 from the loss in `f64` with the direct way,
    /// up to 5e-3 with this one, and mostly within 2e-4 with both.
    ///
    /// # Source
    /// Lavin and Gray, "Fast algorithms for convolutional neural networks" (CVPR 2016, arXiv
    /// 1509.09308), at the points 0, 5/8, -5/8, 3/2, -3/2 and infinity, which lose half as much as
    /// the usual ones.
    Winograd,
}

/// The fewest channels on either side, and tiles, for which the transforms cost less than they save.
const CHANNELS: usize = 16;
const TILES: usize = 32;

impl Geometry {
    /// The convolution by Winograd's minimal filtering, where that is asked for, possible, and pays.
    pub(super) fn winograd(&self) -> Option<Winograd> {
        let patches = &self.patches;
        let possible = self.algorithm == ConvAlgorithm::Winograd
            && self.groups == 1
            && patches.kernel == [3; 2]
            && patches.stride == [1; 2]
            && patches.dilation == [1; 2];
        let winograd = Winograd {
            batch: self.batch,
            inputs: self.inputs,
            outputs: self.outputs,
            image: patches.image,
            lead: patches.lead.map(|lead| lead as isize),
            places: patches.places,
        };
        // The image and the places differ by a few rows and columns only, so that one rule does for
        // the gradient of the image as well.
        let tiles = winograd.tiles();
        let pays = self.inputs.min(self.outputs) >= CHANNELS
            && tiles >= TILES
            && self.batch * area(patches.places) >= tiles * Winograd::TILE / 2
            && area(patches.image) > 0;
        (possible && pays).then_some(winograd)
    }
}
