//! Correlation of an image with kernels, in register tiles that read the image where it lies.

use super::planes::{Lines, Planes};
use super::tiles::{ACROSS, Correlate, Level};
use crate::Element;
use crate::buffers::{self, Storage};
use crate::kernel::{prefetch, scaled, threads};
use crate::simd;

/// Where results are written: place `[y, x]` of a channel to
/// `origin + y row_step + x column_step`, and channels `channel_step` apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) places: [usize; 2],
    pub(crate) origin: usize,
    pub(crate) row_step: usize,
    pub(crate) column_step: usize,
    pub(crate) channel_step: usize,
}

/// A register's worth of places: where the first is read, and where it is written.
#[derive(Clone, Copy, Debug)]
struct Slot {
    base: usize,
    target: usize,
}

/// What lies between the registers and the result.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Nothing: whole registers are written where they belong.
    Straight,
    /// A copy of the places, rows `pitch` apart and `length` in all, of which the wanted ones are
    /// picked.
    Copy { pitch: usize, length: usize },
}

/// Fewer weights are not worth sharing.
const SHARED: usize = scaled(1 << 14, 1 << 7);

/// A correlation with all sizes known: every output channel o of a group at every place p is
/// bias(o) plus the sum over the taps t of weight(o, t) image(t + p).
#[derive(Debug)]
pub(crate) struct Correlation<E: Element> {
    level: Level,
    /// Where a tap reads, counted from the group's first channel.
    offsets: Vec<usize>,
    /// How far the groups' first channels lie apart in the image.
    group_step: usize,
    /// Output channels of a group.
    outputs: usize,
    /// For every group, block of rows and tap, a weight for each row.
    weights: Storage<E>,
    slots: Vec<Slot>,
    way: Way,
    target: Target,
    /// How long an image must be.
    reach: usize,
}

impl<E: Element> Correlation<E> {
    /// For images laid out as `planes`; `weight(group, output, tap)` is called for each weight.
    pub(crate) fn new(
        planes: &Planes,
        offsets: Vec<usize>,
        group_step: usize,
        (groups, outputs): (usize, usize),
        target: Target,
        weight: impl Fn(usize, usize, usize) -> E + Sync,
    ) -> Self {
        let level = Level::of::<E>(target.places[1]);
        let taps = offsets.len();
        let mut weights = buffers::take(groups * outputs * taps);
        let blocks = |group: usize| {
            let rows = level.blocks(outputs);
            rows.map(move |(first, rows)| (group, first, rows))
        };
        let pack = |from: usize, part: &mut [E]| {
            for (group, first, rows) in (0..groups).flat_map(blocks) {
                let start = (group * outputs + first) * taps;
                if start < from || start >= from + part.len() {
                    continue;
                }
                let block = part[start - from..].chunks_exact_mut(rows).take(taps);
                for (tap, block) in block.enumerate() {
                    for (row, packed) in (first..).zip(block) {
                        *packed = weight(group, row, tap);
                    }
                }
            }
        };
        // Tasks end where blocks do.
        let whole = level.blocks(outputs).next().map_or(1, |(_, rows)| rows);
        if weights.len() < SHARED || (groups > 1 && !outputs.is_multiple_of(whole)) {
            pack(0, &mut weights);
        } else {
            threads::chunks(&mut weights[..], whole * taps, pack);
        }
        let mut correlation = Self {
            level,
            offsets,
            group_step,
            outputs,
            weights,
            slots: Vec::new(),
            way: Way::Straight,
            target,
            reach: 0,
        };
        correlation.cut(planes.row_step(), level.lanes::<E>());
        let farthest = correlation.offsets.iter().max().map_or(0, |&last| last + 1);
        let base = correlation.slots.iter().map(|slot| slot.base).max();
        correlation.reach = group_step * groups.saturating_sub(1)
            + farthest
            + base.unwrap_or(0)
            + level.lanes::<E>();
        correlation
    }

    /// Cuts the places into slots of `lanes`: row by row, or straight through the rows of the image
    /// where less is read in vain that way.
    fn cut(&mut self, row_step: usize, lanes: usize) {
        let [height, width] = self.target.places;
        if height == 0 || width == 0 {
            return;
        }
        let target = self.target;
        let through = (height - 1) * row_step + width;
        if through.div_ceil(lanes) < height * width.div_ceil(lanes) {
            self.way = Way::Copy {
                pitch: row_step,
                length: through.max(lanes),
            };
            // The last slot overlaps the one before rather than reach beyond the end.
            let first = (0..through).step_by(lanes);
            let first = first.map(|first| first.min(through.saturating_sub(lanes)));
            self.slots = first.map(|base| Slot { base, target: base }).collect();
            return;
        }
        let pitch = width.max(lanes);
        if width < lanes || target.column_step != 1 {
            let length = height * pitch;
            self.way = Way::Copy { pitch, length };
        }
        for line in 0..height {
            for first in (0..width).step_by(lanes) {
                let first = first.min(width.saturating_sub(lanes));
                let target = match self.way {
                    Way::Straight => target.origin + line * target.row_step + first,
                    Way::Copy { .. } => line * pitch + first,
                };
                let base = line * row_step + first;
                self.slots.push(Slot { base, target });
            }
        }
    }

    /// How many elements an image must have, all that is read in vain included.
    pub(crate) fn reach(&self) -> usize {
        self.reach
    }

    /// How far the output channels lie apart.
    pub(crate) fn channel_step(&self) -> usize {
        self.target.channel_step
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
        assert!(
            self.slots.is_empty() || image.len() >= self.reach,
            "a correlation reaches beyond its image"
        );
        let step = self.target.channel_step;
        let count = out.len().checked_div(step).unwrap_or(0);
        let share = |channel: usize| ahead.len() * channel / count;
        let mut done = 0;
        while done < count {
            let (group, from) = ((first + done) / self.outputs, (first + done) % self.outputs);
            let until = self.outputs.min(from + count - done);
            for (row, rows) in self.level.blocks(self.outputs) {
                if row < from || row + rows > until {
                    continue;
                }
                let channel = group * self.outputs + row;
                let bias = bias.map(|bias| &bias[channel..channel + rows]);
                let out = &mut out[(channel - first) * step..][..rows * step];
                let ahead = &ahead[share(channel - first)..share(channel - first + rows)];
                let image = &image[group * self.group_step..];
                self.block(image, bias, (channel, rows), out, ahead);
            }
            done += until - from;
        }
    }

    /// Into how many parts of whole blocks the output channels can be cut, at most `wanted`.
    pub(crate) fn parts(&self, wanted: usize) -> usize {
        let blocks: Vec<_> = self.level.blocks(self.outputs).collect();
        let even = blocks.iter().all(|block| block.1 == blocks[0].1);
        let fits = |&parts: &usize| blocks.len().is_multiple_of(parts);
        match even {
            true => (1..=wanted.max(1)).rev().find(fits).unwrap_or(1),
            false => 1,
        }
    }

    fn block(
        &self,
        image: &[E],
        bias: Option<&[E]>,
        (channel, rows): (usize, usize),
        out: &mut [E],
        ahead: &[E],
    ) {
        match self.way {
            Way::Straight => {
                let row_step = self.target.channel_step;
                self.tiles(image, bias, (channel, rows), (out, row_step), ahead);
            }
            Way::Copy { pitch, length } => {
                let mut copy = buffers::take(rows * length);
                self.tiles(image, bias, (channel, rows), (&mut copy, length), ahead);
                for (row, copy) in copy.chunks_exact(length).enumerate() {
                    self.pick(copy, pitch, &mut out[row * self.target.channel_step..]);
                }
            }
        }
    }

    /// Runs the tiles of some output channels, which are written `row_step` apart.
    fn tiles(
        &self,
        image: &[E],
        bias: Option<&[E]>,
        (channel, rows): (usize, usize),
        (out, row_step): (&mut [E], usize),
        ahead: &[E],
    ) {
        let tiles = self.slots.len().div_ceil(ACROSS);
        let mut ahead = ahead.chunks(ahead.len().div_ceil(tiles).max(1));
        let taps = self.offsets.len();
        let weights = &self.weights[channel * taps..][..rows * taps];
        let last = self.slots.iter().map(|slot| slot.target).max();
        let end = (rows - 1) * row_step + last.unwrap_or(0) + self.level.lanes::<E>();
        assert!(
            bias.is_none_or(|bias| bias.len() == rows)
                && (self.slots.is_empty() || end <= out.len()),
            "the tiles of a correlation reach beyond its result"
        );
        let bias = bias.map_or(std::ptr::null(), <[E]>::as_ptr);
        let out = out.as_mut_ptr();
        for slots in self.slots.chunks(ACROSS) {
            let (mut bases, mut targets) = ([0; ACROSS], [out; ACROSS]);
            for (index, slot) in slots.iter().enumerate() {
                bases[index] = slot.base;
                targets[index] = out.wrapping_add(slot.target);
            }
            if let Some(ahead) = ahead.next() {
                prefetch::rows(ahead.as_ptr(), (1, 0), ahead.len());
            }
            let tile = Correlate {
                offsets: &self.offsets,
                weights: weights.as_ptr(),
                image: image.as_ptr(),
                bases,
                bias,
                out: targets,
                row_step,
            };
            // SAFETY: `image` holds the farthest tap of the farthest slot and a register behind it,
            // as `run` checks by `reach`; weights are `rows` for every tap and biases `rows`; `out`
            // holds a register at every slot's target in every row, as was just checked. The level
            // is there, as `Level::of` gave it.
            unsafe { self.level.correlate(rows, slots.len(), &tile) };
        }
    }

    /// Copies the wanted places of a channel.
    fn pick(&self, copy: &[E], pitch: usize, out: &mut [E]) {
        let target = self.target;
        let [height, width] = target.places;
        let out = &mut out[target.origin..];
        if target.column_step == 1 {
            simd::run(Lines {
                source: copy,
                target: out,
                steps: [pitch, target.row_step],
                stride: 1,
                lines: height,
                length: width,
            });
            return;
        }
        for line in 0..height {
            let out = out[line * target.row_step..].iter_mut();
            let source = &copy[line * pitch..][..width];
            for (out, &value) in out.step_by(target.column_step).zip(source) {
                *out = value;
            }
        }
    }
}
