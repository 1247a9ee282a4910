//! The gradient of a correlation's weights, in register tiles that read image and gradient where
//! they lie.

use super::correlation::level;
use super::planes::Planes;
use super::tiles::{ACROSS, Gather, Level};
use crate::Element;

/// A weight's gradient with all sizes known: for every channel o of the gradient and every tap t,
/// the sum over items and places of g(o, p) image(t + p).
#[derive(Debug)]
pub(crate) struct Gathering {
    level: Level,
    /// Where a tap reads, counted from the group's first channel.
    offsets: Vec<usize>,
    /// How far the groups' first channels lie apart in the image.
    group_step: usize,
    groups: usize,
    /// Channels of the gradient in a group.
    outputs: usize,
    places: [usize; 2],
    line_step: usize,
    image_len: usize,
}

/// Registers of places that a tile of the gradient runs over before its sums are added up: with
/// eight channels they fill half of a first-level cache.
const STEPS: usize = 64;

impl Gathering {
    /// For images laid out as `planes`.
    pub(crate) fn new<E: Element>(
        planes: &Planes,
        offsets: Vec<usize>,
        group_step: usize,
        (groups, outputs): (usize, usize),
        places: [usize; 2],
    ) -> Self {
        Self {
            level: level::<E>(places[1]),
            offsets,
            group_step,
            groups,
            outputs,
            places,
            line_step: planes.row_step(),
            image_len: planes.len(),
        }
    }

    /// Registers of one item.
    fn steps<E: Element>(&self) -> usize {
        self.places[0] * self.places[1].div_ceil(self.level.lanes::<E>())
    }

    /// How many items should be given to [`Gathering::add`] at once.
    pub(crate) fn items<E: Element>(&self) -> usize {
        (STEPS / self.steps::<E>().max(1)).max(1)
    }

    /// Adds to `total`, laid out `[group, output, tap]`, what `images` and their gradients say.
    pub(crate) fn add<E: Element>(&self, images: &[E], gradients: &[E], total: &mut [E]) {
        let [height, width] = self.places;
        let (taps, plane) = (self.offsets.len(), height * width);
        let per_item = self.groups * self.outputs * plane;
        if per_item == 0 || taps == 0 {
            return;
        }
        let items = gradients.len() / per_item;
        let last = self.offsets.iter().max().copied().unwrap_or(0);
        let reach = (self.groups - 1) * self.group_step + last + (height - 1) * self.line_step + width;
        assert!(
            reach <= self.image_len
                && images.len() >= items * self.image_len
                && gradients.len() == items * per_item
                && total.len() == self.groups * self.outputs * taps,
            "a gradient of {items} items reaches beyond its slices"
        );
        let parts = self.steps::<E>().div_ceil(STEPS + STEPS / 2).clamp(1, height);
        let lines = height.div_ceil(parts);
        for group in 0..self.groups {
            for (first, rows) in self.level.blocks(self.outputs) {
                let channel = group * self.outputs + first;
                for line in (0..height).step_by(lines) {
                    let gradient = &gradients[channel * plane + line * width..];
                    let image = &images[group * self.group_step + line * self.line_step..];
                    for (index, chunk) in self.offsets.chunks(ACROSS).enumerate() {
                        let mut offsets = [chunk[0]; ACROSS];
                        offsets[..chunk.len()].copy_from_slice(chunk);
                        let out = &mut total[channel * taps + index * ACROSS..];
                        let tile = Gather {
                            gradient: gradient.as_ptr(),
                            row_step: plane,
                            image: image.as_ptr(),
                            offsets,
                            items,
                            item_steps: [per_item, self.image_len],
                            lines: lines.min(height - line),
                            line_steps: [width, self.line_step],
                            width,
                            out: out.as_mut_ptr(),
                            out_step: taps,
                            taps: chunk.len(),
                        };
                        // SAFETY: `gradients` holds `items` times `per_item` elements, of which
                        // channel, line and place are among one item's; the farthest place of
                        // the farthest tap and group lies within an image by the check of
                        // `reach`; `total` holds `taps` for each of the `rows` rows from
                        // `channel` on. The level is there.
                        unsafe { self.level.gather(rows, &tile) };
                    }
                }
            }
        }
    }
}
