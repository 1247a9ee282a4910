//! Convolution by Winograd's minimal filtering, F(4 x 4, 3 x 3): a tile of 4 x 4 places costs 36
//! multiplications a pair of channels in place of 144, and rounding errors a few times larger.
//!
//! Tiles are transformed a register of channels at a time, so images are turned to have channels
//! last, strip by strip. Some tens of tiles make a block, small enough for the second-level cache:
//! at each of the 36 points it is a matrix of tiles by channels, which is multiplied by the
//! transformed kernels' matrix at that point. The gradient of the image is the same with kernels
//! flipped; that of the kernels multiplies transformed gradients by transformed images, and is
//! transformed back once all tiles have been added up.

mod forward;
mod gradient;
mod kernels;
mod lines;
mod product;
mod strips;
mod transform;

pub(crate) use kernels::Kernels;

use crate::kernel::scaled;

/// A correlation of images with kernels of 3 x 3 at stride 1, with all sizes known; none is 0.
/// Pairs are `[down, across]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Winograd {
    pub(crate) batch: usize,
    /// Channels of the image.
    pub(crate) inputs: usize,
    /// Channels of the result.
    pub(crate) outputs: usize,
    pub(crate) image: [usize; 2],
    /// Zeros before the image; below zero: what is cut off.
    pub(crate) lead: [isize; 2],
    /// Places of the result.
    pub(crate) places: [usize; 2],
}

/// No batch is cut into more tasks than this.
const MOST_TASKS: usize = 32;
/// So many multiplications are worth sharing.
const SHARED: usize = scaled(1 << 18, 1 << 8);

impl Winograd {
    /// Places of a tile.
    pub(crate) const TILE: usize = lines::PLACES * lines::PLACES;

    /// Tiles of the whole batch.
    pub(crate) fn tiles(&self) -> usize {
        let [down, across] = self.places.map(|places| places.div_ceil(lines::PLACES));
        self.batch * down * across
    }

    /// Multiplications, but for those of the transforms.
    fn work(&self) -> usize {
        self.tiles() * lines::POINTS * lines::POINTS * self.inputs * self.outputs
    }

    /// The correlation with flipped kernels that leads from the result's gradient to the image's.
    pub(crate) fn transposed(&self) -> Self {
        Self {
            inputs: self.outputs,
            outputs: self.inputs,
            image: self.places,
            lead: self.lead.map(|lead| lines::TAPS as isize - 1 - lead),
            places: self.image,
            ..*self
        }
    }
}
