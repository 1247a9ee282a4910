//! The gradient of the weights of single planes.

use super::layout::Layout;
use super::tiles::{self, Gather, TAPS};
use crate::Element;
use crate::kernel::conv::tiles::Level;

/// A weight's gradient with all sizes known: for every tap t of a channel the sum over places of
/// g(p) plane(t + p).
#[derive(Debug)]
pub(crate) struct GatherPlanewise {
    level: Level,
    layout: Layout,
    /// How many planes a channel sees.
    planes: usize,
    places: [usize; 2],
    /// How far apart in a plane one line of places and the next see.
    stride: usize,
    /// Where each tap reads for the first place.
    offsets: Vec<usize>,
}

impl GatherPlanewise {
    /// For planes laid out so; `taps` are the rows and columns of the layout that the first place
    /// sees.
    pub(crate) fn new<E: Element>(
        layout: Layout,
        planes: usize,
        places: [usize; 2],
        stride: usize,
        taps: &[Vec<usize>; 2],
    ) -> Self {
        let mut offsets = Vec::with_capacity(planes * taps[0].len() * taps[1].len());
        for plane in 0..planes {
            for row in &taps[0] {
                let at = plane * layout.plane_step() + row * layout.row_step();
                offsets.extend(taps[1].iter().map(|&column| at + layout.column(column)));
            }
        }
        Self {
            level: Level::of::<E>(places[1]).short(),
            layout,
            planes,
            places,
            stride,
            offsets,
        }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Numbers that a tap's sum is kept in until the end.
    pub(crate) fn lanes<E: Element>(&self) -> usize {
        self.level.lanes::<E>()
    }

    /// Adds to `totals`, a register for each tap and channel, what the channels' gradients and the
    /// planes that they see say; `together` channels see the same.
    pub(crate) fn add<E: Element>(
        &self,
        together: usize,
        laid: &[E],
        gradients: &[E],
        totals: &mut [E],
    ) {
        let ([height, width], lanes) = (self.places, self.level.lanes::<E>());
        let channels = gradients.len().checked_div(height * width).unwrap_or(0);
        if channels == 0 {
            return;
        }
        let taps = self.offsets.len();
        let image_step = self.stride * self.layout.row_step();
        let owner_step = self.planes * self.layout.plane_step();
        let last = self.offsets.iter().max().copied().unwrap_or(0);
        let owners = channels.div_ceil(together);
        assert!(
            laid.len() >= (owners - 1) * owner_step + last + (height - 1) * image_step + width
                && gradients.len() == channels * height * width
                && totals.len() == channels * taps * lanes,
            "gradients reach beyond their planes"
        );
        let parts = taps.div_ceil(TAPS);
        for (index, taps) in self.offsets.chunks(taps.div_ceil(parts)).enumerate() {
            let mut offsets = [0; TAPS];
            offsets[..taps.len()].copy_from_slice(taps);
            let before = index * self.offsets.len().div_ceil(parts);
            let tile = Gather {
                channels,
                together,
                gradient: gradients.as_ptr(),
                image: laid.as_ptr(),
                owner_step,
                image_step,
                offsets,
                lines: height,
                width,
                totals: totals[before * lanes..].as_mut_ptr(),
                total_step: self.offsets.len() * lanes,
            };
            // SAFETY: the farthest place of the farthest tap of the last owner lies within `laid`,
            // and all places within `gradients`, as was just checked; there is a register of
            // `totals` for each tap of each channel. The level is there, as `Level::of` gave it.
            unsafe { tiles::gather_at(self.level, taps.len(), &tile) };
        }
    }
}
