//! Correlation of an image with kernels, a register of channels at each place.

use std::ops::Range;

use super::tiles::{Correlate, STRIDE, Wide};
use super::{Side, TOGETHER, turn};
use crate::Element;
use crate::buffers::{self, Storage};
use crate::kernel::gemm::Micro;
use crate::kernel::{prefetch, threads};

/// Fewer weights are not worth sharing.
const SHARED: usize = 1 << 14;

/// The sizes of a correlation: images of `groups * inputs` channels give results of
/// `groups * outputs`. Pairs are `[down, across]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) groups: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) image: [usize; 2],
    pub(crate) result: [usize; 2],
}

/// A correlation with all sizes known: every output channel o of a group at every place p is
/// bias(o) plus the sum over the taps t within the image of weight(o, t) image(t + p).
#[derive(Debug)]
pub(crate) struct ByChannels<E: Element> {
    wide: Wide,
    micro: Micro<E>,
    sizes: Sizes,
    parts: Vec<Part<E>>,
    /// Lines of the result that are computed before they are turned.
    lines: usize,
}

/// What computes the places of some lines and columns.
#[derive(Debug)]
struct Part<E: Element> {
    down: Side,
    across: Side,
    /// Where each tap reads, counted from the group's first channel, around zero: by columns of the
    /// kernel, then by its rows, then by channels.
    offsets: Vec<usize>,
    /// For every block of channels and tap a register of weights.
    weights: Storage<E>,
    bands: Vec<Band>,
    strips: Vec<Strip>,
    /// Lines of a tile.
    together: usize,
}

/// Lines that see the same rows of the kernel within the image.
#[derive(Debug)]
struct Band {
    lines: Range<usize>,
    rows: Range<usize>,
}

/// Columns of a tile.
#[derive(Debug)]
struct Strip {
    first: usize,
    count: usize,
    /// Columns of the kernel, and those of the strip that see the image with them; the first of
    /// these are all.
    runs: Vec<(Range<usize>, Range<usize>)>,
}

impl<E: Element> ByChannels<E> {
    /// Whether there is such a correlation to `outputs` channels, of images whose columns are read
    /// `stride` apart.
    pub(crate) fn fits(outputs: usize, stride: usize) -> bool {
        let fits = |wide: Wide| outputs.is_multiple_of(wide.lanes::<E>());
        outputs > 0 && stride <= STRIDE && Wide::here().is_some_and(fits)
    }

    /// `sides` compute one part of the result's places each, together all; `weight(group, output,
    /// input, [row, column])` is called for each weight. None where it does not
    /// [fit](Self::fits).
    pub(crate) fn new(
        sizes: Sizes,
        sides: impl IntoIterator<Item = [Side; 2]>,
        weight: impl Fn(usize, usize, usize, [usize; 2]) -> E + Sync,
    ) -> Option<Self> {
        let wide = Wide::here()?;
        let part = |sides: [Side; 2]| {
            let fits = Self::fits(sizes.outputs, sides[1].stride);
            fits.then(|| Part::new(sizes, wide, sides, &weight))
        };
        let parts = sides.into_iter().map(part).collect::<Option<Vec<_>>>()?;
        let whole = parts.iter().map(|part| part.down.step * part.together);
        let lines = (TOGETHER / sizes.result[1].max(1)).max(1);
        Some(Self {
            wide,
            micro: E::micro(),
            sizes,
            lines: lines.next_multiple_of(whole.max().unwrap_or(1)),
            parts,
        })
    }

    /// Into how many parts of whole registers the output channels can be cut, at most `wanted`.
    pub(crate) fn parts(&self, wanted: usize) -> usize {
        let blocks = self.sizes.groups * self.sizes.outputs / self.wide.lanes::<E>();
        let fits = |&parts: &usize| blocks.is_multiple_of(parts);
        (1..=wanted.max(1)).rev().find(fits).unwrap_or(1)
    }

    /// How far the output channels lie apart.
    pub(crate) fn channel_step(&self) -> usize {
        self.sizes.result[0] * self.sizes.result[1]
    }

    /// Computes `out`'s channels, of which `first` is the first, from `image`. Meanwhile the memory
    /// is asked for `ahead`, which is read next.
    pub(crate) fn run(
        &self,
        image: &[E],
        bias: Option<&[E]>,
        first: usize,
        out: &mut [E],
        ahead: &[E],
    ) {
        let Sizes {
            groups,
            inputs,
            outputs,
            image: [height, width],
            result,
        } = self.sizes;
        let lanes = self.wide.lanes::<E>();
        let (group, step) = (inputs * height * width, self.channel_step());
        let count = out.len().checked_div(step).unwrap_or(0);
        assert!(
            image.len() >= groups * group
                && first + count <= groups * outputs
                && bias.is_none_or(|bias| bias.len() >= first + count),
            "a correlation reaches beyond its image"
        );
        let line = result[1] * lanes;
        let mut scratch = buffers::take(self.lines.min(result[0]) * line);
        let zeros = buffers::zeroed(lanes);
        let rows = count / lanes * result[0].div_ceil(self.lines);
        let mut ahead = ahead.chunks(ahead.len().div_ceil(rows.max(1)).max(1));
        for channel in (first..first + count).step_by(lanes) {
            let image = &image[channel / outputs * group..][..group];
            let initial = bias.map_or(&zeros[..], |bias| &bias[channel..channel + lanes]);
            for top in (0..result[0]).step_by(self.lines) {
                if let Some(ahead) = ahead.next() {
                    prefetch::rows(ahead.as_ptr(), (1, 0), ahead.len());
                }
                let lines = top..result[0].min(top + self.lines);
                let scratch = &mut scratch[..lines.len() * line];
                for part in &self.parts {
                    self.part(part, image, (channel, initial), lines.clone(), scratch);
                }
                let out = &mut out[(channel - first) * step + top * result[1]..];
                turn::to_places(&self.micro, lanes, scratch, out, step);
            }
        }
    }

    /// Computes a part of some lines.
    fn part(
        &self,
        part: &Part<E>,
        image: &[E],
        (channel, initial): (usize, &[E]),
        lines: Range<usize>,
        scratch: &mut [E],
    ) {
        let (lanes, step) = (self.wide.lanes::<E>(), part.down.step);
        let (from, until) = (lines.start / step, lines.end.div_ceil(step));
        let taps = part.offsets.len();
        let weights = &part.weights[channel / lanes * taps * lanes..][..taps * lanes];
        for band in &part.bands {
            let mut line = band.lines.start.max(from);
            let end = band.lines.end.min(until);
            while line < end {
                let mut count = part.together;
                while line + count > end {
                    count /= 2;
                }
                let at = part.down.origin + line * step - lines.start;
                let at = at * self.sizes.result[1] + part.across.origin;
                let out = &mut scratch[at * lanes..];
                for strip in &part.strips {
                    self.tiles(
                        part,
                        (image, weights, initial),
                        (line, count),
                        (band, strip),
                        out,
                    );
                }
                line += count;
            }
        }
    }

    /// Computes the places of a strip in `count` lines from `line` on, of which the first begins at
    /// `out`.
    fn tiles(
        &self,
        part: &Part<E>,
        (image, weights, initial): (&[E], &[E], &[E]),
        (line, count): (usize, usize),
        (band, strip): (&Band, &Strip),
        out: &mut [E],
    ) {
        let (lanes, width) = (self.wide.lanes::<E>(), self.sizes.image[1]);
        let out_steps = [
            part.down.step * self.sizes.result[1] * lanes,
            part.across.step * lanes,
        ];
        let last = (count - 1) * out_steps[0] + (strip.first + strip.count - 1) * out_steps[1];
        assert!(
            last + lanes <= out.len() && initial.len() == lanes,
            "the tiles of a correlation reach beyond its result"
        );
        let line_step = part.down.stride * width;
        let mut begun = false;
        let mut tile = |taps: Range<usize>, columns: &Range<usize>| {
            let first = strip.first + columns.start;
            let base = line * line_step + first * part.across.stride;
            let out = out.as_mut_ptr().wrapping_add(first * out_steps[1]);
            let (initial, initial_steps) = match begun {
                true => (out.cast_const(), out_steps),
                false => (initial.as_ptr(), [0; 2]),
            };
            begun = true;
            let tile = Correlate {
                weights: weights[taps.start * lanes..taps.end * lanes].as_ptr(),
                offsets: &part.offsets[taps],
                image: image.as_ptr().wrapping_add(base),
                line_step,
                initial,
                initial_steps,
                out,
                out_steps,
            };
            let size = [count, columns.len()];
            // SAFETY: taps, lines and columns are those that see the image within its rows and
            // columns, by `Band` and `Strip`, so that each reads within one of the channels in
            // `image`; there is a register of weights for every tap; `initial` is one register, or,
            // from the second tile on, what the first has written to all places of the strip; they
            // are within `out` by the assertion.
            unsafe { self.wide.correlate(part.across.stride, size, &tile) };
        };
        let (all, inputs) = (part.down.taps.len(), self.sizes.inputs);
        for (taps, columns) in &strip.runs {
            if band.rows.len() == all {
                tile(taps.start * all * inputs..taps.end * all * inputs, columns);
                continue;
            }
            if taps.is_empty() || band.rows.is_empty() {
                tile(0..0, columns);
                continue;
            }
            for tap in taps.clone() {
                let [start, end] = [band.rows.start, band.rows.end].map(|row| tap * all + row);
                tile(start * inputs..end * inputs, columns);
            }
        }
    }
}

impl<E: Element> Part<E> {
    fn new(
        sizes: Sizes,
        wide: Wide,
        [mut down, mut across]: [Side; 2],
        weight: &(impl Fn(usize, usize, usize, [usize; 2]) -> E + Sync),
    ) -> Self {
        let lanes = wide.lanes::<E>();
        let [height, width] = sizes.image;
        down.taps.sort_by_key(|tap| tap.1);
        across.taps.sort_by_key(|tap| tap.1);
        let mut offsets = Vec::with_capacity(across.taps.len() * down.taps.len() * sizes.inputs);
        for &(_, column) in &across.taps {
            for &(_, row) in &down.taps {
                let first = row * width as isize + column;
                let inputs = 0..sizes.inputs;
                offsets.extend(inputs.map(|it| (first as usize).wrapping_add(it * height * width)));
            }
        }
        let taps = offsets.len();
        let mut weights = buffers::take(sizes.groups * sizes.outputs * taps);
        let pack = |first: usize, block: &mut [E]| {
            let channel = first / taps;
            let (group, output) = (channel / sizes.outputs, channel % sizes.outputs);
            let mut packed = block.chunks_exact_mut(lanes);
            for &(column, _) in &across.taps {
                for &(row, _) in &down.taps {
                    for (input, packed) in (0..sizes.inputs).zip(&mut packed) {
                        for (output, packed) in (output..).zip(packed) {
                            *packed = weight(group, output, input, [row, column]);
                        }
                    }
                }
            }
        };
        let block = (taps * lanes).max(1);
        if weights.len() < SHARED {
            for (index, part) in weights.chunks_exact_mut(block).enumerate() {
                pack(index * block, part);
            }
        } else {
            threads::chunks(&mut weights[..], block, pack);
        }
        let most = wide.columns();
        let strips = strips(&across, width, most);
        let together = match most / strips.first().map_or(1, |strip| strip.count) {
            4.. => 4,
            2..=3 => 2,
            _ => 1,
        };
        Self {
            bands: bands(&down, height),
            strips,
            together,
            down,
            across,
            offsets,
            weights,
        }
    }
}

/// The lines by the rows of the kernel that they see within an image of `height` rows.
fn bands(down: &Side, height: usize) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for line in 0..down.count {
        let sees = |tap: &(usize, isize)| down.within(tap.1, height).contains(&line);
        let first = down.taps.iter().position(sees).unwrap_or(0);
        let rows = first..first + down.taps.iter().filter(|tap| sees(tap)).count();
        match bands.last_mut() {
            Some(band) if band.rows == rows => band.lines.end += 1,
            _ => bands.push(Band {
                lines: line..line + 1,
                rows,
            }),
        }
    }
    bands
}

/// The columns cut into strips of nearly the same size, at most `columns`, each with what it sees of
/// the kernel within an image `width` wide.
fn strips(across: &Side, width: usize, columns: usize) -> Vec<Strip> {
    let count = across.count.div_ceil(columns).max(1);
    let most = across.count.div_ceil(count).max(1);
    let strips = (0..across.count).step_by(most).map(|first| {
        let count = most.min(across.count - first);
        let mut runs: Vec<(Range<usize>, Range<usize>)> = Vec::new();
        for (tap, &(_, at)) in across.taps.iter().enumerate() {
            let columns = across.within(at, width);
            let [start, end] = [columns.start, columns.end].map(|column| {
                let within = column.clamp(first, first + count);
                within - first
            });
            if start >= end {
                continue;
            }
            match runs.last_mut() {
                Some((taps, columns)) if taps.end == tap && *columns == (start..end) => {
                    taps.end += 1;
                }
                _ => runs.push((tap..tap + 1, start..end)),
            }
        }
        runs.sort_by_key(|(_, columns)| columns.len() < count);
        if runs
            .first()
            .is_none_or(|(_, columns)| columns.len() < count)
        {
            runs.insert(0, (0..0, 0..count));
        }
        Strip { first, count, runs }
    });
    strips.collect()
}
