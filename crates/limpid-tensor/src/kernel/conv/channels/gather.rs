//! The gradient of a correlation's weights, a register of the gradient's channels at each place.

use super::tiles::{Gather, TAPS, Wide};
use super::{TOGETHER, turn, within};
use crate::Element;
use crate::kernel::gemm::Micro;
use crate::kernel::prefetch;

/// Fewer channels of the image do not fill a tile.
const FEWEST: usize = 4;

/// The sizes of a weight's gradient. Pairs are `[down, across]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) batch: usize,
    pub(crate) groups: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) image: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) places: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) lead: [usize; 2],
    pub(crate) dilation: [usize; 2],
}

/// A weight's gradient with all sizes known: for every channel o of the gradient and every tap t
/// the sum over items and places, where t + p is within the image, of g(o, p) image(t + p).
#[derive(Debug)]
pub(crate) struct GatherByChannels<E: 'static> {
    wide: Wide,
    micro: Micro<E>,
    sizes: Sizes,
    /// Lines of places whose gradients are turned at once.
    lines: usize,
}

impl<E: Element> GatherByChannels<E> {
    /// None where registers hold more channels than there are, or a number that does not divide
    /// them, or where the image's channels do not fill a tile.
    pub(crate) fn new(sizes: Sizes) -> Option<Self> {
        let wide = Wide::here()?;
        let fits = sizes.outputs.is_multiple_of(wide.lanes::<E>());
        (fits && sizes.inputs >= FEWEST).then(|| Self {
            wide,
            micro: E::micro(),
            sizes,
            lines: (TOGETHER / sizes.places[1].max(1)).clamp(1, sizes.places[0].max(1)),
        })
    }

    /// Registers of channels of the gradient.
    pub(crate) fn blocks(&self) -> usize {
        self.sizes.groups * self.sizes.outputs / self.wide.lanes::<E>()
    }

    /// How many items should be given to [`GatherByChannels::add`] at once.
    pub(crate) fn items(&self) -> usize {
        let [height, width] = self.sizes.places;
        (TOGETHER / (height * width).max(1)).clamp(1, self.sizes.batch.max(1))
    }

    /// The length of the scratch for [`GatherByChannels::add`].
    pub(crate) fn packed(&self) -> usize {
        self.items() * self.lines * self.sizes.places[1] * self.wide.lanes::<E>()
    }

    /// The length of what a block of channels adds up.
    pub(crate) fn length(&self) -> usize {
        let [down, across] = self.sizes.kernel;
        self.wide.lanes::<E>() * self.sizes.inputs * down * across
    }

    /// Adds to `total`, a register for each tap, what `images` and their gradients say of a block of
    /// channels. `packed` is scratch, as long as [`GatherByChannels::packed`] says. Meanwhile the
    /// memory is asked for `ahead`, which is read next.
    pub(crate) fn add(
        &self,
        block: usize,
        [images, gradients]: [&[E]; 2],
        packed: &mut [E],
        total: &mut [E],
        ahead: [&[E]; 2],
    ) {
        let sizes = &self.sizes;
        let lanes = self.wide.lanes::<E>();
        let ([height, width], [rows, columns]) = (sizes.places, sizes.image);
        let plane = height * width;
        let (image, group) = (sizes.groups * sizes.inputs, sizes.inputs * rows * columns);
        let per_item = sizes.groups * sizes.outputs * plane;
        let items = gradients.len().checked_div(per_item).unwrap_or(0);
        assert!(
            images.len() >= items * image * rows * columns
                && packed.len() >= items * self.lines.min(height) * width * lanes
                && total.len() == self.length()
                && block < self.blocks(),
            "a gradient of {items} items reaches beyond its slices"
        );
        let first = block * lanes / sizes.outputs * group;
        let tops = (0..height).step_by(self.lines);
        let mut ahead = ahead.map(|ahead| ahead.chunks(ahead.len().div_ceil(tops.len()).max(1)));
        for top in tops {
            for ahead in ahead.iter_mut().filter_map(Iterator::next) {
                prefetch::rows(ahead.as_ptr(), (1, 0), ahead.len());
            }
            let lines = self.lines.min(height - top);
            let length = lines * width * lanes;
            for (item, packed) in (0..items).zip(packed.chunks_exact_mut(length)) {
                let from = item * per_item + block * lanes * plane + top * width;
                turn::to_channels(&self.micro, lanes, &gradients[from..], plane, packed);
            }
            for row in 0..sizes.kernel[0] {
                let at = (row * sizes.dilation[0]) as isize - sizes.lead[0] as isize;
                let seen = within(at, sizes.stride[0], height, rows);
                let seen = seen.start.max(top)..seen.end.min(top + lines);
                if seen.is_empty() {
                    continue;
                }
                let line = at + (seen.start * sizes.stride[0]) as isize;
                let mut tile = Gather {
                    gradient: packed[(seen.start - top) * width * lanes..].as_ptr(),
                    gradient_steps: [length, width * lanes],
                    image: images[first + line as usize * columns..].as_ptr(),
                    image_steps: [
                        image * rows * columns,
                        sizes.stride[0] * columns,
                        rows * columns,
                    ],
                    width: columns,
                    column: 0,
                    stride: sizes.stride[1],
                    items,
                    lines: seen.len(),
                    columns: width,
                    inside: [0; 2],
                    out: total
                        .as_mut_ptr()
                        .wrapping_add(row * sizes.kernel[1] * lanes),
                    out_step: sizes.kernel[0] * sizes.kernel[1] * lanes,
                };
                self.row(&mut tile);
            }
        }
    }

    /// Runs the tiles of a row of the kernel: `tile` with all channels and columns.
    fn row(&self, tile: &mut Gather<E>) {
        let Sizes {
            inputs,
            kernel,
            stride,
            lead,
            dilation,
            ..
        } = self.sizes;
        let (image, out) = (tile.image, tile.out);
        let lanes = self.wide.lanes::<E>();
        let most = match dilation[1] {
            1 => TAPS,
            _ => 1,
        };
        let mut channel = 0;
        while channel < inputs {
            let mut channels = self.wide.channels(most.min(kernel[1]));
            while channel + channels > inputs {
                channels /= 2;
            }
            tile.image = image.wrapping_add(channel * tile.image_steps[2]);
            for tap in (0..kernel[1]).step_by(most) {
                let taps = most.min(kernel[1] - tap);
                let at = (tap * dilation[1]) as isize - lead[1] as isize;
                let all =
                    |tap: usize| within(at + tap as isize, stride[1], tile.columns, tile.width);
                let (first, last) = (all(0), all(taps - 1));
                tile.inside = [first.start, first.start.max(last.end.min(first.end))];
                tile.column = at as usize;
                tile.out = out.wrapping_add(channel * tile.out_step + tap * lanes);
                // SAFETY: `add` has laid out the gradient so, and checked that there are as many
                // images and totals; lines are those whose row of the image exists, and places
                // inside those whose first and last tap stand within it.
                unsafe { self.wide.gather([channels, taps], tile) };
            }
            channel += channels;
        }
    }

    /// Turns a block's totals into the gradients of its channels' weights, one after the other.
    pub(crate) fn write(&self, total: &[E], weights: &mut [E]) {
        let lanes = self.wide.lanes::<E>();
        turn::to_places(&self.micro, lanes, total, weights, total.len() / lanes);
    }
}
