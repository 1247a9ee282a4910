//! The gradient of a correlation's weights, in register tiles that read the image where it
//! lies.

use super::planes::Planes;
use super::tiles::{ACROSS, Gather, Level};
use crate::Element;
use crate::kernel::{prefetch, scaled};
use crate::simd::{self, Arithmetic, Loop};

/// A weight's gradient with all sizes known: for every channel o of the gradient and every tap t,
/// the sum over items and places of g(o, p) image(t + p).
#[derive(Debug)]
pub(crate) struct Gathering {
    level: Level,
    /// Where a tap reads, counted from the group's first channel.
    offsets: Vec<usize>,
    /// How far the groups' first channels lie apart in the image.
    group_step: usize,
    batch: usize,
    groups: usize,
    /// Channels of the gradient in a group.
    outputs: usize,
    places: [usize; 2],
    line_step: usize,
    image_len: usize,
}

/// Bytes of a gradient's channel that a tile runs over before its sums are added up, which costs as
/// much as some ten registers: eight channels lie in the second-level cache, from which one line
/// after the other comes by itself.
const STRETCH: usize = scaled(8192, 512);
/// Into how many calls of [`Gathering::add`] a batch is cut, at least, so that threads share them.
const CALLS: usize = 8;

/// Bytes of a line of a cache: a register across two lines takes two reads.
const ALIGNMENT: usize = 64;

impl Gathering {
    /// For images laid out as `planes`.
    pub(crate) fn new<E: Element>(
        planes: &Planes,
        offsets: Vec<usize>,
        group_step: usize,
        [batch, groups, outputs]: [usize; 3],
        places: [usize; 2],
    ) -> Self {
        Self {
            level: Level::of::<E>(places[1]).short(),
            offsets,
            group_step,
            batch,
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
        let most = self.batch.div_ceil(CALLS);
        (self.stretch::<E>() / self.steps::<E>().max(1)).clamp(1, most.max(1))
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
    /// `packed` is scratch, as long as [`Gathering::packed`] says. Meanwhile the memory is asked for
    /// `ahead`, which is read next.
    pub(crate) fn add<E: Element>(
        &self,
        images: &[E],
        gradients: &[E],
        packed: &mut [E],
        total: &mut [E],
        ahead: [&[E]; 2],
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
        let blocks = self.level.blocks(self.outputs).count();
        let tiles = self.groups * blocks * height.div_ceil(lines) * taps.div_ceil(ACROSS);
        let mut ahead = ahead.map(|ahead| ahead.chunks(ahead.len().div_ceil(tiles).max(1)));
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
                        for ahead in ahead.iter_mut().filter_map(Iterator::next) {
                            prefetch::rows(ahead.as_ptr(), (1, 0), ahead.len());
                        }
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
        let (level, lanes) = (simd::level(), self.level.lanes::<E>());
        let [height, width] = self.places;
        let length = lines * rows * width.div_ceil(lanes) * lanes;
        for (item, packed) in items.zip(packed.chunks_exact_mut(length)) {
            macro_rules! pack {
                ($lanes:literal) => {
                    level.run(Pack::<E, $lanes> {
                        item,
                        plane: height * width,
                        width,
                        lines,
                        rows,
                        packed,
                    })
                };
            }
            match lanes {
                2 => pack!(2),
                4 => pack!(4),
                8 => pack!(8),
                _ => pack!(16),
            }
        }
    }
}

/// Lays `lines` lines of `rows` rows, `plane` apart, register by register; the last of a line is
/// filled up with zeros.
struct Pack<'a, E, const LANES: usize> {
    item: &'a [E],
    plane: usize,
    width: usize,
    lines: usize,
    rows: usize,
    packed: &'a mut [E],
}

impl<E: Element, const LANES: usize> Loop for Pack<'_, E, LANES> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let (packed, _) = self.packed.as_chunks_mut::<LANES>();
        let registers = self.width.div_ceil(LANES) * self.rows;
        for row in 0..self.rows {
            let lines = &self.item[row * self.plane..][..self.lines * self.width];
            for (line, packed) in
                (lines.chunks_exact(self.width)).zip(packed.chunks_exact_mut(registers))
            {
                let (whole, rest) = line.as_chunks::<LANES>();
                let mut own = packed[row..].iter_mut().step_by(self.rows);
                for (values, packed) in whole.iter().zip(&mut own) {
                    *packed = *values;
                }
                if let Some(last) = own.next() {
                    *last = [E::zero(); LANES];
                    for (packed, &value) in last.iter_mut().zip(rest) {
                        *packed = value;
                    }
                }
            }
        }
    }
}
