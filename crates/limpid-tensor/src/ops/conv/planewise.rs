//! Convolutions whose channels see one channel each, plane by plane.

use super::kernels::{Geometry, MOST_SUMS, Rectify};
use crate::Element;
use crate::buffers::{self, Storage};
use crate::kernel::conv::{Columns, GatherPlanewise, Layout, Lines, Planewise};
use crate::simd;

/// The most channels that one sees for it to be computed so.
const PLANES: usize = 1;
/// The most channels that see the same; with more, several at once are better.
const CHANNELS: usize = 4;
/// Into how many tasks planes are cut, about.
const TASKS: usize = 64;
/// Bytes of planes that are laid out at once, in the first-level cache beside what is made of them.
const LAID: usize = 1 << 14;
/// The most channels whose weights' gradients are summed up by one task.
const TOGETHER: usize = 16;

impl Geometry {
    /// The layout of the planes of images, and which of its rows and columns the first place sees;
    /// none where channels see more planes, or are seen by more.
    fn layout<E: Element>(&self) -> Option<(Layout, [Vec<usize>; 2])> {
        if self.inputs > PLANES || self.outputs > CHANNELS {
            return None;
        }
        let patches = &self.patches;
        let taps = [0, 1].map(|axis: usize| -> Vec<usize> {
            let taps = 0..patches.kernel[axis];
            taps.map(|tap| tap * patches.dilation[axis]).collect()
        });
        let [down, across] = [&taps[0], &taps[1]].map(|taps| taps.last().copied().unwrap_or(0));
        let [height, width] = patches.places;
        let layout = Layout::new(
            patches.image,
            patches.lead.map(|lead| -(lead as isize)),
            Columns::Dealt(patches.stride[1]),
            [
                height.saturating_sub(1) * patches.stride[0] + down + 1,
                Planewise::<E>::columns(width, across / patches.stride[1]),
            ],
        );
        layout.is_met().then_some((layout, taps))
    }

    /// [`Geometry::apply`] plane by plane, where each channel sees one.
    pub(super) fn apply_planewise<E: Element>(
        &self,
        x: &[E],
        weight: &[E],
        bias: Option<&[E]>,
        rectified: bool,
    ) -> Option<Storage<E>> {
        let patches = &self.patches;
        let (layout, [down, across]) = self.layout::<E>()?;
        let lines = Lines {
            origin: 0,
            step: 1,
            count: patches.places[0],
            stride: patches.stride[0],
            taps: down.into_iter().enumerate().collect(),
        };
        let across: Vec<_> = across.into_iter().enumerate().collect();
        let [rows, columns] = patches.kernel;
        let ways = Planewise::new(
            layout,
            self.inputs,
            self.groups * self.outputs,
            patches.places,
            (vec![lines], &across),
            |channel, plane, [row, column]| {
                weight[((channel * self.inputs + plane) * rows + row) * columns + column]
            },
        );
        let sizes = [self.groups, self.inputs, self.outputs];
        Some(self.planewise(&ways, sizes, x, bias, rectified))
    }

    /// [`Geometry::transposed`] plane by plane, where each channel sees one.
    ///
    /// A stride down deals the lines of the image out; a stride across lays the places apart.
    pub(super) fn transposed_planewise<E: Element>(
        &self,
        g: &[E],
        weight: &[E],
        bias: Option<&[E]>,
    ) -> Option<Storage<E>> {
        if self.outputs > PLANES || self.inputs > CHANNELS {
            return None;
        }
        // Zeros lie between places that are laid apart: times infinity they would be NaN.
        let apart = self.patches.stride[1] > 1;
        if apart && !weight.iter().all(|it| it.is_finite()) {
            return None;
        }
        let patches = &self.patches;
        let [height, width] = patches.image;
        let [rows, columns] = patches.kernel;
        let reach = (columns - 1) * patches.dilation[1];
        let down = self.remainders(0);
        let first = down.iter().map(|it| it.reads[0]).min().unwrap_or(0);
        let last = down.iter().map(|it| it.reads[1]).max().unwrap_or(0);
        let layout = Layout::new(
            patches.places,
            [first, patches.lead[1] as isize - reach as isize],
            Columns::Spread(patches.stride[1]),
            [
                (last - first).max(0) as usize + 1,
                Planewise::<E>::columns(width, reach),
            ],
        );
        if !layout.is_met() {
            return None;
        }
        let lines = down.into_iter().map(|remainder| {
            let taps = remainder.taps.iter();
            let mut taps: Vec<_> = taps
                .map(|&(tap, at)| (tap, (at - first) as usize))
                .collect();
            taps.sort_by_key(|tap| tap.1);
            Lines {
                origin: remainder.origin,
                step: patches.stride[0],
                count: remainder.count,
                stride: 1,
                taps,
            }
        });
        let across = (0..columns)
            .rev()
            .map(|tap| (tap, reach - tap * patches.dilation[1]));
        let ways = Planewise::new(
            layout,
            self.outputs,
            self.groups * self.inputs,
            [height, width],
            (lines.collect(), &across.collect::<Vec<_>>()),
            |channel, plane, [row, column]| {
                let (group, input) = (channel / self.inputs, channel % self.inputs);
                let channel = (group * self.outputs + plane) * self.inputs + input;
                weight[(channel * rows + row) * columns + column]
            },
        );
        let sizes = [self.groups, self.outputs, self.inputs];
        Some(self.planewise(&ways, sizes, g, bias, false))
    }

    /// Runs a correlation of every image, of `groups` groups of `from` channels that give `to`.
    fn planewise<E: Element>(
        &self,
        ways: &Planewise<E>,
        [groups, from, to]: [usize; 3],
        x: &[E],
        bias: Option<&[E]>,
        rectified: bool,
    ) -> Storage<E> {
        let layout = ways.layout();
        let length = ways.length();
        let mut out = buffers::take(self.batch * groups * to * length);
        if out.is_empty() {
            return out;
        }
        let group = from * layout.source();
        let owners = owners::<E>(from * layout.plane_step()).min(groups);
        let level = simd::level();
        let work = |first: usize, out: &mut [E]| {
            let mut room = layout.room(owners * from);
            let (mut plane, end) = (first / length, (first + out.len()) / length);
            let mut rest = out;
            while plane < end {
                let (owner, channel) = (plane / to, plane % (groups * to));
                // Part of what one owner's planes give, or all that those of some owners do.
                let (channels, together) = match (plane % to, (end - plane) / to) {
                    (0, whole) if whole > 0 => {
                        let left = groups - channel / to;
                        (whole.min(owners).min(left) * to, to)
                    }
                    (within, _) => {
                        let channels = (to - within).min(end - plane);
                        (channels, channels)
                    }
                };
                let (out, others) = rest.split_at_mut(channels * length);
                rest = others;
                let count = channels / together * group;
                let source = layout.laid(&x[owner * group..][..count], &mut room);
                ways.run(channel, together, source, bias, out);
                if rectified {
                    // While they are in the cache.
                    level.run(Rectify(out));
                }
                plane += channels;
            }
        };
        let task = (self.batch * groups * to).div_ceil(TASKS) * length;
        self.share(&mut out, task, work);
        out
    }

    /// [`Geometry::weight_gradient`] plane by plane, where each channel sees one.
    pub(super) fn weight_gradient_planewise<E: Element>(
        &self,
        x: &[E],
        g: &[E],
    ) -> Option<Storage<E>> {
        let (layout, taps) = self.layout::<E>()?;
        let patches = &self.patches;
        let stride = patches.stride[0];
        let gathering =
            GatherPlanewise::new::<E>(layout, self.inputs, patches.places, stride, &taps);
        let layout = gathering.layout();
        let (channels, taps) = (self.groups * self.outputs, self.taps());
        let length = channels * taps;
        let mut total = buffers::zeroed(length);
        let (image, places) = (self.image(), self.places());
        if self.work() == 0 || image == 0 {
            return Some(total);
        }
        // Each part of the batch has sums of its own, which are added up.
        let most = owners::<E>(self.inputs * layout.plane_step()).min(TOGETHER / self.outputs);
        let divides = |owners: &usize| self.groups.is_multiple_of(*owners);
        let owners = (1..=most).rev().find(divides).unwrap_or(1);
        let together = owners * self.outputs;
        let blocks = channels / together;
        let part = self.batch.div_ceil(TASKS.div_ceil(blocks).min(MOST_SUMS));
        let parts = self.batch.div_ceil(part);
        let mut sums = buffers::take(parts * length);
        let group = self.inputs * layout.source();
        let plane = patches.places[0] * patches.places[1];
        let work = |first: usize, sums: &mut [E]| {
            let (own, channel) = (first / length, first % length / taps);
            let lanes = gathering.lanes::<E>();
            let mut totals = buffers::zeroed(sums.len() * lanes);
            let owner = channel / self.outputs;
            let mut room = layout.room(owners * self.inputs);
            for item in own * part..self.batch.min((own + 1) * part) {
                let source = &x[item * image + owner * group..][..owners * group];
                let source = layout.laid(source, &mut room);
                let gradients = &g[item * places + channel * plane..][..together * plane];
                gathering.add(self.outputs, source, gradients, &mut totals);
            }
            for (sum, totals) in sums.iter_mut().zip(totals.chunks_exact(lanes)) {
                *sum = totals.iter().copied().sum();
            }
        };
        self.share(&mut sums, together * taps, work);
        for part in sums.chunks_exact(length) {
            for (total, &part) in total.iter_mut().zip(part) {
                *total += part;
            }
        }
        Some(total)
    }
}

/// How many owners of planes, which take so much memory each, are laid out at once.
fn owners<E>(step: usize) -> usize {
    (LAID / size_of::<E>() / step.max(1)).max(1)
}
