//! The gradient of the kernels.

#![expect(unsafe_code, reason = "tiles are transformed by address")]

use super::forward::Side;
use super::lines::{POINTS, TAPS};
use super::product::{self, Products};
use super::strips::{Cut, Lines, Turn, lined, skewed};
use super::transform::{self, Tiles, Transform};
use super::{SHARED, Winograd};
use crate::Element;
use crate::buffers::{self, Storage};
use crate::kernel::{scaled, simd, threads};

/// As many parts of the batch have a gradient of their own, which are added up.
const MOST_SUMS: usize = 16;
/// Numbers that are added up by one task.
const SUMMED: usize = scaled(1 << 14, 1 << 7);

impl Winograd {
    /// The gradient of the kernels, `[outputs, inputs, 3, 3]`, from the images and the result's
    /// gradient.
    pub(crate) fn weight_gradient<E: Element>(&self, x: &[E], g: &[E]) -> Storage<E> {
        let level = simd::level();
        let cut = Cut::new::<E>(self, level);
        let images = self.images(x, &cut, level);
        let gradients = self.gradients(g, &images, &cut);
        let (inputs, outputs) = (cut.inputs, cut.outputs);
        let columns = outputs.padded;
        let (matrix, taps) = (self.inputs * columns, TAPS * TAPS);
        let strips = [&images, &gradients].map(|side| side.strip(cut.span));
        let plane = skewed::<E>(matrix);
        let sums = POINTS * POINTS * plane;
        let lengths = [inputs.block(), outputs.block(), sums, strips[0], strips[1]].map(lined::<E>);
        // For each task, channel that goes in and tap a number for each channel that comes out.
        let tasks = cut.blocks.min(MOST_SUMS);
        let mut parts = buffers::take::<E>(tasks * taps * matrix);
        let work = |first: usize, part: &mut [E]| {
            let task = first / (taps * matrix);
            let mut memory = buffers::take::<E>(lengths.iter().sum());
            let (points, memory) = memory.split_at_mut(lengths[0]);
            let (gradient, memory) = memory.split_at_mut(lengths[1]);
            let (sums, memory) = memory.split_at_mut(lengths[2]);
            memory.fill(E::zero());
            let (strip, second) = memory.split_at_mut(lengths[3]);
            let mut added = false;
            for block in cut.blocks * task / tasks..cut.blocks * (task + 1) / tasks {
                let range = cut.block(block);
                images.spread(cut.spans(range.clone()), strip, points);
                gradients.spread(cut.spans(range.clone()), second, gradient);
                let all = Products {
                    rows: self.inputs,
                    depth: range.len(),
                    columns,
                    left: points.as_ptr(),
                    left_pitch: 1,
                    left_step: inputs.pitch,
                    left_plane: inputs.plane,
                    right: gradient.as_ptr(),
                    right_pitch: outputs.pitch,
                    right_plane: outputs.plane,
                    out: sums.as_mut_ptr(),
                    out_pitch: columns,
                    out_plane: plane,
                    added,
                };
                // SAFETY: a block has room for its tiles, and a number for each channel at every
                // point, those that come out padded; the sums have one for each pair of them.
                unsafe { product::run(level, &all) };
                added = true;
            }
            assert_eq!(part.len(), taps * matrix, "a task's own part");
            let tiles = Tiles {
                pixels: part.as_mut_ptr(),
                row: (TAPS * columns) as isize,
                column: columns as isize,
                step: taps * columns,
                points: sums.as_mut_ptr(),
                plane,
                pitch: columns,
                count: self.inputs,
                channels: columns,
                bias: std::ptr::null(),
            };
            // SAFETY: both have a number for every channel that goes in and each that comes out, at
            // every tap and point, as was just checked; the latter are padded to whole registers.
            unsafe { transform::run(level, Transform::Taps, &tiles) };
        };
        let shared = self.work() >= SHARED;
        if shared {
            threads::chunks(&mut parts[..], taps * matrix, work);
        } else {
            let parts = parts.chunks_exact_mut(taps * matrix);
            parts
                .enumerate()
                .for_each(|(task, part)| work(task * taps * matrix, part));
        }
        let (total, parts) = parts.split_at_mut(taps * matrix);
        let add = |first: usize, total: &mut [E]| {
            for part in parts.chunks_exact(taps * matrix) {
                for (total, &part) in total.iter_mut().zip(&part[first..]) {
                    *total += part;
                }
            }
        };
        if shared {
            threads::chunks(&mut *total, SUMMED, add);
        } else {
            add(0, total);
        }
        self.outputs_first(&images.turn, total, columns)
    }

    /// The result's gradient, which tiles read.
    fn gradients<'a, E: Element>(
        &self,
        g: &'a [E],
        images: &Side<'_, E>,
        cut: &Cut,
    ) -> Side<'a, E> {
        assert_eq!(
            g.len(),
            self.batch * self.outputs * self.places[0] * self.places[1],
            "a gradient of the convolution's shape"
        );
        Side {
            level: images.level,
            turn: images.turn,
            transform: Transform::Gradient,
            images: g,
            size: self.places,
            lead: [0; 2],
            channels: cut.outputs,
        }
    }

    /// Gathers each output's weights, which lie `columns` apart.
    fn outputs_first<E: Element>(&self, turn: &Turn<E>, laid: &[E], columns: usize) -> Storage<E> {
        let length = self.inputs * TAPS * TAPS;
        let mut out = buffers::take(self.outputs * length);
        assert!(laid.len() == length * columns && self.outputs <= columns);
        // SAFETY: `laid` has `length` rows of at least the outputs, and `out` as many numbers.
        unsafe {
            let (from, to) = ((laid.as_ptr(), columns), (out.as_mut_ptr(), length));
            turn.turn(from, to, [length, self.outputs], Lines::ONE);
        }
        out
    }
}
