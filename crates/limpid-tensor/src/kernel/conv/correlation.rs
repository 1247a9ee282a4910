//! Correlation of an image with kernels, in register tiles that read the image where it lies.

use super::planes::Planes;
use super::tiles::{ACROSS, Correlate, Level};
use crate::Element;
use crate::buffers::{self, Storage};

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

/// A register's worth of places: where the first is read, and which of them are wanted.
#[derive(Clone, Copy, Debug)]
struct Slot {
    base: usize,
    /// Its runs' places in the list of all runs.
    runs: [usize; 2],
}

/// Neighbouring lanes that are written side by side: the first lane, how many, and where to.
#[derive(Clone, Copy, Debug)]
struct Run {
    lane: usize,
    count: usize,
    target: usize,
}

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
    runs: Vec<Run>,
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
        weight: impl Fn(usize, usize, usize) -> E,
    ) -> Self {
        let level = Level::of::<E>(target.places[1]);
        let taps = offsets.len();
        let mut weights = buffers::take(groups * outputs * taps);
        let mut place = 0;
        for group in 0..groups {
            for (first, rows) in level.blocks(outputs) {
                for tap in 0..taps {
                    for row in first..first + rows {
                        weights[place] = weight(group, row, tap);
                        place += 1;
                    }
                }
            }
        }
        let mut correlation = Self {
            level,
            offsets,
            group_step,
            outputs,
            weights,
            slots: Vec::new(),
            runs: Vec::new(),
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
        let through = (height - 1) * row_step + width;
        let (lines, length, line_step) = if through.div_ceil(lanes) < height * width.div_ceil(lanes)
        {
            (1, through, 0)
        } else {
            (height, width, row_step)
        };
        for line in 0..lines {
            for first in (0..length).step_by(lanes) {
                // The last slot overlaps the one before rather than reach beyond the end.
                let first = first.min(length.saturating_sub(lanes));
                let base = line * line_step + first;
                let begin = self.runs.len();
                let mut lane = 0;
                while lane < lanes && first + lane < length {
                    let (y, x) = ((base + lane) / row_step, (base + lane) % row_step);
                    let (step, count) = match width.checked_sub(x).filter(|&left| left > 0) {
                        Some(left) => (left.min(lanes - lane), left.min(lanes - lane)),
                        None => (row_step - x, 0),
                    };
                    if count > 0 && y < height {
                        let target = self.target.origin
                            + y * self.target.row_step
                            + x * self.target.column_step;
                        self.runs.push(Run {
                            lane,
                            count,
                            target,
                        });
                    }
                    lane += step;
                }
                let runs = [begin, self.runs.len()];
                self.slots.push(Slot { base, runs });
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

    /// Computes `out`'s channels, of which `first` is the first, from `image`.
    pub(crate) fn run(&self, image: &[E], bias: Option<&[E]>, first: usize, out: &mut [E]) {
        assert!(
            self.slots.is_empty() || image.len() >= self.reach,
            "a correlation reaches beyond its image"
        );
        let step = self.target.channel_step;
        let count = out.len().checked_div(step).unwrap_or(0);
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
                self.block(
                    &image[group * self.group_step..],
                    bias,
                    (channel, rows),
                    out,
                );
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
    ) {
        let lanes = self.level.lanes::<E>();
        let taps = self.offsets.len();
        let weights = &self.weights[channel * taps..][..rows * taps];
        let mut scratch = [E::zero(); SCRATCH];
        for slots in self.slots.chunks(ACROSS) {
            let mut bases = [0; ACROSS];
            for (base, slot) in bases.iter_mut().zip(slots) {
                *base = slot.base;
            }
            let whole = self.target.column_step == 1
                && slots.iter().all(|slot| {
                    slot.runs[1] - slot.runs[0] == 1 && self.runs[slot.runs[0]].count == lanes
                });
            let mut targets = [scratch.as_mut_ptr(); ACROSS];
            let mut row_step = ACROSS * lanes;
            for (index, (target, slot)) in targets.iter_mut().zip(slots).enumerate() {
                *target = if whole {
                    out[self.runs[slot.runs[0]].target..].as_mut_ptr()
                } else {
                    target.wrapping_add(index * lanes)
                };
            }
            if whole {
                row_step = self.target.channel_step;
                let last = slots
                    .iter()
                    .map(|slot| self.runs[slot.runs[0]].target)
                    .max();
                assert!(last.unwrap_or(0) + (rows - 1) * row_step + lanes <= out.len());
            }
            assert!(bias.is_none_or(|bias| bias.len() == rows));
            let tile = Correlate {
                offsets: &self.offsets,
                weights: weights.as_ptr(),
                image: image.as_ptr(),
                bases,
                bias: bias.map_or(std::ptr::null(), <[E]>::as_ptr),
                out: targets,
                row_step,
            };
            // SAFETY: `image` holds the farthest tap of the farthest slot and a register behind it,
            // as `run` checks by `reach`; weights and biases are `rows` for every tap and
            // `rows`; the targets hold, as just checked, a register at every row of `out`, or are
            // `ACROSS` registers for each of at most 8 rows of `scratch`. The level is there.
            unsafe { self.level.correlate(rows, slots.len(), &tile) };
            if whole {
                continue;
            }
            for (index, slot) in slots.iter().enumerate() {
                for run in &self.runs[slot.runs[0]..slot.runs[1]] {
                    for row in 0..rows {
                        let from = row * row_step + index * lanes + run.lane;
                        let to = run.target + row * self.target.channel_step;
                        let source = &scratch[from..from + run.count];
                        match self.target.column_step {
                            1 => out[to..to + run.count].copy_from_slice(source),
                            step => {
                                for (target, &value) in
                                    out[to..].iter_mut().step_by(step).zip(source)
                                {
                                    *target = value;
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Eight rows of three of the longest registers.
const SCRATCH: usize = 8 * ACROSS * 16;
