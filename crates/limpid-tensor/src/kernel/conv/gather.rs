//! The gradient of a correlation's weights, in register tiles that read the image where it
//! lies.

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

/// Bytes of a gradient's channel that a tile runs over before its sums are added up: with eight
/// channels they fill half of a first-level cache.
const STRETCH: usize = 2048;

/// Bytes of a line of a cache: a register across two lines takes two reads.
const ALIGNMENT: usize = 64;

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
            level: Level::of::<E>(places[1]).short(),
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

    /// Registers that a tile runs over.
    fn stretch<E: Element>(&self) -> usize {
        STRETCH / (self.level.lanes::<E>() * size_of::<E>())
    }

    /// How many items should be given to [`Gathering::add`] at once.
    pub(crate) fn items<E: Element>(&self) -> usize {
        (self.stretch::<E>() / self.steps::<E>().max(1)).max(1)
    }

    /// Lines of places that are done at once.
    fn lines<E: Element>(&self) -> usize {
        let stretch = self.stretch::<E>();
        let parts = self.steps::<E>().div_ceil(stretch + stretch / 2);
        self.places[0].div_ceil(parts.clamp(1, self.places[0].max(1)))
    }

    /// The length of the scratch for [`Gathering::add`].
    pub(crate) fn packed<E: Element>(&self) -> usize {
        let lanes = self.level.lanes::<E>();
        let line = self.places[1].div_ceil(lanes) * lanes;
        let rows = self
            .level
            .blocks(self.outputs)
            .next()
            .map_or(0, |block| block.1);
        self.items::<E>() * self.lines::<E>() * line * rows + ALIGNMENT / size_of::<E>()
    }

    /// Adds to `total`, laid out `[group, output, tap]`, what `images` and their gradients say.
    /// `packed` is scratch, as long as [`Gathering::packed`] says.
    pub(crate) fn add<E: Element>(
        &self,
        images: &[E],
        gradients: &[E],
        packed: &mut [E],
        total: &mut [E],
    ) {
        let [height, width] = self.places;
        let (taps, plane) = (self.offsets.len(), height * width);
        let per_item = self.groups * self.outputs * plane;
        if per_item == 0 || taps == 0 {
            return;
        }
        let items = gradients.len() / per_item;
        let last = self.offsets.iter().max().copied().unwrap_or(0);
        let farthest = last + (height - 1) * self.line_step + width;
        let reach = (self.groups - 1) * self.group_step + farthest;
        assert!(
            reach <= self.image_len
                && images.len() >= items * self.image_len
                && gradients.len() == items * per_item
                && total.len() == self.groups * self.outputs * taps,
            "a gradient of {items} items reaches beyond its slices"
        );
        let lines = self.lines::<E>();
        let aligned = packed.as_ptr().align_offset(ALIGNMENT);
        let packed = &mut packed[aligned.min(ALIGNMENT / size_of::<E>())..];
        for group in 0..self.groups {
            for (first, rows) in self.level.blocks(self.outputs) {
                let channel = group * self.outputs + first;
                for line in (0..height).step_by(lines) {
                    let lines = lines.min(height - line);
                    let block = |item: usize| {
                        let from = item * per_item + channel * plane + line * width;
                        &gradients[from..from + (rows - 1) * plane + lines * width]
                    };
                    self.pack(packed, rows, lines, (0..items).map(block));
                    let image = &images[group * self.group_step + line * self.line_step..];
                    for (index, chunk) in self.offsets.chunks(ACROSS).enumerate() {
                        let mut offsets = [chunk[0]; ACROSS];
                        offsets[..chunk.len()].copy_from_slice(chunk);
                        let out = &mut total[channel * taps + index * ACROSS..];
                        let tile = Gather {
                            gradient: packed.as_ptr(),
                            image: image.as_ptr(),
                            offsets,
                            items,
                            lines,
                            width,
                            item_step: self.image_len,
                            line_step: self.line_step,
                            out: out.as_mut_ptr(),
                            out_step: taps,
                            taps: chunk.len(),
                        };
                        // SAFETY: `packed` holds what `Gather::gradient` asks for; the farthest
                        // place of the farthest tap and group lies within an image by the check
                        // of `reach`, and there are `items` images; `total` holds `taps` for each
                        // of the `rows` rows from `channel` on. The level is there, as `Level::of`
                        // gave it.
                        unsafe { self.level.gather(rows, &tile) };
                    }
                }
            }
        }
    }

    /// Lays `rows` rows of some items' gradients, `plane` apart, in the order in which a tile reads
    /// them, every line filled up with zeros to whole registers.
    fn pack<'a, E: Element>(
        &self,
        packed: &mut [E],
        rows: usize,
        lines: usize,
        items: impl ExactSizeIterator<Item = &'a [E]>,
    ) {
        let lanes = self.level.lanes::<E>();
        let work = match lanes {
            2 => pack_line::<E, 2>,
            4 => pack_line::<E, 4>,
            8 => pack_line::<E, 8>,
            _ => pack_line::<E, 16>,
        };
        let [height, width] = self.places;
        let length = rows * width.div_ceil(lanes) * lanes;
        let mut packed = packed[..items.len() * lines * length].chunks_exact_mut(length);
        for item in items {
            for (line, packed) in (0..lines).zip(&mut packed) {
                work(&item[line * width..], height * width, width, rows, packed);
            }
        }
    }
}

/// Lays a line of `rows` rows, `plane` apart, register by register; the last is filled up with
/// zeros.
fn pack_line<E: Element, const LANES: usize>(
    line: &[E],
    plane: usize,
    width: usize,
    rows: usize,
    packed: &mut [E],
) {
    let (packed, _) = packed.as_chunks_mut::<LANES>();
    for row in 0..rows {
        let line = &line[row * plane..row * plane + width];
        let (whole, rest) = line.as_chunks::<LANES>();
        for (register, values) in whole.iter().enumerate() {
            packed[register * rows + row] = *values;
        }
        if !rest.is_empty() {
            let last = &mut packed[whole.len() * rows + row];
            last.fill(E::zero());
            last[..rest.len()].copy_from_slice(rest);
        }
    }
}
