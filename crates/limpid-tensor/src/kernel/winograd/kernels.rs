//! Kernels transformed to the points, as what tiles are multiplied by.

#![expect(unsafe_code, reason = "kernels are transformed by address")]

use super::lines::{POINTS, TAPS};
use super::strips::{Lines, Turn, skewed};
use super::transform::{self, Tiles, Transform, lanes, padded};
use crate::Element;
use crate::buffers::{self, Storage};
use crate::kernel::simd::{self, Level};
use crate::kernel::{scaled, threads};

/// Fewer weights are not worth sharing.
const SHARED: usize = scaled(1 << 13, 1 << 6);
/// Channels of a task.
const TOGETHER: usize = 16;

/// The transformed kernels: for every point a matrix of channels that go in by channels that come
/// out. The padding of the latter is 0.
pub(crate) struct Kernels<E: Element> {
    pub(super) points: Storage<E>,
    pub(super) level: Level,
    /// Channels that go in, and that come out, the latter in whole registers.
    pub(super) depth: usize,
    pub(super) columns: usize,
    /// How far apart the rows of a matrix lie, and the matrices.
    pub(super) pitch: usize,
    pub(super) plane: usize,
}

/// The address of a slice that tasks write parts of.
struct Parts<E>(*mut E);

// SAFETY: tasks write through it to places of their own.
unsafe impl<E: Send> Sync for Parts<E> {}

impl<E: Element> Kernels<E> {
    /// Of `weight`, `[outputs, inputs, 3, 3]`.
    pub(crate) fn new(weight: &[E], [outputs, inputs]: [usize; 2]) -> Self {
        Self::transformed(weight, [outputs, inputs], false)
    }

    /// Of the flipped kernels, which lead from the outputs to the inputs.
    pub(crate) fn flipped(weight: &[E], [outputs, inputs]: [usize; 2]) -> Self {
        Self::transformed(weight, [outputs, inputs], true)
    }

    fn transformed(weight: &[E], [outputs, inputs]: [usize; 2], flipped: bool) -> Self {
        let level = simd::level();
        let taps = TAPS * TAPS;
        assert_eq!(weight.len(), outputs * inputs * taps, "kernels of 3 x 3");
        let (depth, columns) = match flipped {
            false => (inputs, outputs),
            true => (outputs, inputs),
        };
        let padded = padded(columns, lanes::<E>(level));
        let pitch = skewed::<E>(padded);
        let plane = skewed::<E>(depth * pitch);
        // For every channel that goes in and every tap a number for each that comes out.
        let mut laid = buffers::take::<E>(depth * taps * pitch);
        let mut points = buffers::take::<E>(POINTS * POINTS * plane);
        let (turn, to) = (
            Turn::new(level),
            (Parts(laid.as_mut_ptr()), Parts(points.as_mut_ptr())),
        );
        let transform = |task: usize| {
            let (laid, points) = &to;
            let channels = task * TOGETHER..depth.min((task + 1) * TOGETHER);
            // SAFETY: a task writes the `laid` taps and the rows at every point of its own channels.
            // In `weight`, an output's inputs follow each other, each with its taps.
            unsafe {
                let start = laid.0.add(channels.start * taps * pitch);
                let length = channels.len() * taps;
                if columns < pitch {
                    start.write_bytes(0, length * pitch);
                }
                if flipped {
                    for (index, channel) in channels.clone().enumerate() {
                        let from = weight.as_ptr().add(channel * columns * taps);
                        let to = start.add(index * taps * pitch);
                        turn.turn((from, taps), (to, pitch), [columns, taps], Lines::ONE);
                    }
                } else {
                    let from = weight.as_ptr().add(channels.start * taps);
                    turn.turn(
                        (from, depth * taps),
                        (start, pitch),
                        [columns, length],
                        Lines::ONE,
                    );
                }
                let (first, direction) = match flipped {
                    false => (0, 1),
                    true => (taps - 1, -1),
                };
                let tiles = Tiles {
                    pixels: start.add(first * pitch),
                    row: direction * (TAPS * pitch) as isize,
                    column: direction * pitch as isize,
                    step: taps * pitch,
                    points: points.0.add(channels.start * pitch),
                    plane,
                    pitch,
                    count: channels.len(),
                    channels: padded,
                    bias: std::ptr::null(),
                };
                transform::run(level, Transform::Kernel, &tiles);
            }
        };
        let tasks = depth.div_ceil(TOGETHER);
        match weight.len() >= SHARED {
            true => threads::run(tasks, &transform),
            false => (0..tasks).for_each(transform),
        }
        Self {
            points,
            level,
            depth,
            columns: padded,
            pitch,
            plane,
        }
    }
}
