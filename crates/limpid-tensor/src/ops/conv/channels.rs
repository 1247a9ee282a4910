//! Convolutions whose channels fill registers, where the processor has such registers.

use super::kernels::{Geometry, MOST_SUMS, MOST_TASKS, Rectify, SHARED};
use crate::Element;
use crate::buffers::{self, Storage};
use crate::kernel::conv::{ByChannels, GatherByChannels, GatherSizes, Side, Sizes};
use crate::kernel::threads;
use crate::simd;

/// Sums of fewer products are cheaper to make where they are written.
const DEEP: usize = 32;
/// Into how many tasks a weight's gradient is cut, about.
const TASKS: usize = 32;

impl Geometry {
    /// [`Geometry::apply`] by channels, if they are as many as that needs.
    pub(super) fn apply_by_channels<E: Element>(
        &self,
        x: &[E],
        weight: &[E],
        bias: Option<&[E]>,
        rectified: bool,
    ) -> Option<Storage<E>> {
        let patches = &self.patches;
        if self.taps() < DEEP || !ByChannels::<E>::fits(self.outputs, patches.stride[1]) {
            return None;
        }
        let side = |axis: usize| Side {
            origin: 0,
            step: 1,
            count: patches.places[axis],
            stride: patches.stride[axis],
            taps: (0..patches.kernel[axis])
                .map(|tap| {
                    let at = tap * patches.dilation[axis];
                    (tap, at as isize - patches.lead[axis] as isize)
                })
                .collect(),
        };
        let sizes = Sizes {
            groups: self.groups,
            inputs: self.inputs,
            outputs: self.outputs,
            image: patches.image,
            result: patches.places,
        };
        let [down, across] = patches.kernel;
        let ways = ByChannels::new(
            sizes,
            [[side(0), side(1)]],
            |group, output, input, [row, column]| {
                let channel = (group * self.outputs + output) * self.inputs + input;
                weight[(channel * down + row) * across + column]
            },
        )?;
        Some(self.by_channels(&ways, x, bias, (self.places(), rectified)))
    }

    /// [`Geometry::transposed`] by channels, if they are as many as that needs.
    pub(super) fn transposed_by_channels<E: Element>(
        &self,
        g: &[E],
        weight: &[E],
        bias: Option<&[E]>,
    ) -> Option<Storage<E>> {
        let patches = &self.patches;
        let [down, across] = patches.kernel;
        let seen = self.outputs * down * across / patches.stride[0] / patches.stride[1];
        if seen < DEEP || !ByChannels::<E>::fits(self.inputs, 1) {
            return None;
        }
        let [rows, columns] = [0, 1].map(|axis| {
            let remainders = self.remainders(axis).into_iter();
            remainders.map(move |remainder| Side {
                origin: remainder.origin,
                step: patches.stride[axis],
                count: remainder.count,
                stride: 1,
                taps: remainder.taps,
            })
        });
        let columns: Vec<_> = columns.collect();
        let sides = rows.flat_map(|row| columns.iter().map(move |it| [row.clone(), it.clone()]));
        let sizes = Sizes {
            groups: self.groups,
            inputs: self.outputs,
            outputs: self.inputs,
            image: patches.places,
            result: patches.image,
        };
        let ways = ByChannels::new(sizes, sides, |group, input, output, [row, column]| {
            let channel = (group * self.outputs + output) * self.inputs + input;
            weight[(channel * down + row) * across + column]
        })?;
        Some(self.by_channels(&ways, g, bias, (self.image(), false)))
    }

    /// Runs a correlation of every image, whose results have `length` numbers each.
    fn by_channels<E: Element>(
        &self,
        ways: &ByChannels<E>,
        x: &[E],
        bias: Option<&[E]>,
        (length, rectified): (usize, bool),
    ) -> Storage<E> {
        let mut out = buffers::take(self.batch * length);
        if out.is_empty() {
            return out;
        }
        let image = x.len() / self.batch;
        // A small batch is cut within its items.
        let parts = ways.parts(MOST_TASKS / (self.batch * 2));
        let task = match parts {
            1 => self.batch.div_ceil(MOST_TASKS) * length,
            _ => length / parts,
        };
        let place = ways.channel_step();
        let level = simd::level();
        let work = |first: usize, out: &mut [E]| {
            let (mut done, end) = (0, first + out.len());
            while done < out.len() {
                let (item, from) = ((first + done) / length, (first + done) % length);
                let until = done + (length - from).min(out.len() - done);
                let ahead: &[E] = match first + until < end && from == 0 {
                    true => &x[(item + 1) * image..(item + 2) * image],
                    false => &[],
                };
                let out = &mut out[done..until];
                let source = &x[item * image..][..image];
                ways.run(source, bias, from / place, out, ahead);
                if rectified {
                    // While they are in the cache.
                    level.run(Rectify(out));
                }
                done = until;
            }
        };
        self.share(&mut out, task, work);
        out
    }

    /// [`Geometry::weight_gradient`] by channels, if they are as many as that needs.
    pub(super) fn weight_gradient_by_channels<E: Element>(
        &self,
        x: &[E],
        g: &[E],
    ) -> Option<Storage<E>> {
        let patches = &self.patches;
        let gathering = GatherByChannels::<E>::new(GatherSizes {
            batch: self.batch,
            groups: self.groups,
            inputs: self.inputs,
            outputs: self.outputs,
            image: patches.image,
            kernel: patches.kernel,
            places: patches.places,
            stride: patches.stride,
            lead: patches.lead,
            dilation: patches.dilation,
        })?;
        let (blocks, length) = (gathering.blocks(), gathering.length());
        if self.work() == 0 || self.image() == 0 {
            return Some(buffers::zeroed(blocks * length));
        }
        // Each part of the batch has sums of its own, which are added up.
        let items = gathering.items();
        let parts = TASKS.div_ceil(blocks).min(MOST_SUMS);
        let part = self.batch.div_ceil(parts).next_multiple_of(items);
        let parts = self.batch.div_ceil(part);
        let mut sums = buffers::take(parts * blocks * length);
        let (image, places) = (self.image(), self.places());
        let work = |first: usize, total: &mut [E]| {
            let (own, block) = (first / length / blocks, first / length % blocks);
            let end = self.batch.min((own + 1) * part);
            let mut packed = buffers::take(gathering.packed());
            total.fill(E::zero());
            for item in (own * part..end).step_by(items) {
                let next = end.min(item + items);
                let after = end.min(next + items);
                let data = [
                    &x[item * image..next * image],
                    &g[item * places..next * places],
                ];
                let ahead = [
                    &x[next * image..after * image],
                    &g[next * places..after * places],
                ];
                gathering.add(block, data, &mut packed, total, ahead);
            }
        };
        self.share(&mut sums, length, work);
        let mut weights = buffers::take(blocks * length);
        let add = |first: usize, weights: &mut [E]| {
            let (own, others) = sums.split_at(blocks * length);
            let mut total = buffers::copied(&own[first..first + length]);
            for part in others.chunks_exact(blocks * length) {
                for (total, &part) in total.iter_mut().zip(&part[first..]) {
                    *total += part;
                }
            }
            gathering.write(&total, weights);
        };
        self.share(&mut weights, length, add);
        Some(weights)
    }

    /// Does `work` on parts of `length`, by several threads where that is worth it.
    pub(super) fn share<E: Element>(
        &self,
        data: &mut [E],
        length: usize,
        work: impl Fn(usize, &mut [E]) + Sync,
    ) {
        if self.work() < SHARED {
            for (index, part) in data.chunks_mut(length).enumerate() {
                work(index * length, part);
            }
        } else {
            threads::chunks(data, length, work);
        }
    }
}
