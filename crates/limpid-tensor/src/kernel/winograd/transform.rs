//! The transforms of tiles, for whatever instructions there are: a register of channels at a time.

#![expect(unsafe_code, reason = "vector instructions take raw pointers")]

use super::lines::{Gradient, Image, Kernel, Line, PLACES, POINTS, Places, TAPS, Taps};
use crate::Element;
use crate::kernel::lanes::Lanes;
use crate::kernel::simd::{Instructions, Level};

/// What becomes of a tile: the line transform of its columns, then of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    /// 6 x 6 pixels of the image to 6 x 6 points.
    Image,
    /// 3 x 3 taps of a kernel to 6 x 6 points.
    Kernel,
    /// 4 x 4 pixels of the result's gradient to 6 x 6 points.
    Gradient,
    /// 6 x 6 points to 4 x 4 pixels of the result, to which the bias is added.
    Places,
    /// 6 x 6 points to 3 x 3 taps of a kernel's gradient.
    Taps,
}

impl Transform {
    /// Pixels of a tile along one axis.
    pub(super) fn side(self) -> usize {
        match self {
            Self::Image => POINTS,
            Self::Kernel | Self::Taps => TAPS,
            Self::Gradient | Self::Places => PLACES,
        }
    }
}

/// Tiles that are transformed, of channels that lie side by side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiles<E> {
    /// The first tile's first pixel.
    pub(super) pixels: *mut E,
    /// How far apart rows and columns of pixels lie, and the tiles.
    pub(super) row: isize,
    pub(super) column: isize,
    pub(super) step: usize,
    /// The first tile's number at the first point.
    pub(super) points: *mut E,
    /// How far apart a tile's points lie, and the tiles.
    pub(super) plane: usize,
    pub(super) pitch: usize,
    pub(super) count: usize,
    /// Channels, in whole registers.
    pub(super) channels: usize,
    /// What is added to the pixels of each channel; may be null, for nothing.
    pub(super) bias: *const E,
}

/// Numbers in registers of `lanes`.
pub(super) fn padded(count: usize, lanes: usize) -> usize {
    count.next_multiple_of(lanes)
}

/// Numbers of a register at `level`.
pub(super) fn lanes<E: Element>(level: Level) -> usize {
    match level.instructions() {
        Instructions::Portable => <E::Plain as Lanes<E>>::COUNT,
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => <E::Long as Lanes<E>>::COUNT,
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => <E::Longest as Lanes<E>>::COUNT,
    }
}

/// From pixels to points.
///
/// # Safety
/// Of each tile `FROM` x `FROM` pixels must be readable and 6 x 6 points be writable, all of them
/// for every channel. The processor must have the instructions of `V`.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counts that are known when compiling become registers"
)]
unsafe fn spread<E: Element, V: Lanes<E>, L: Line<FROM, POINTS>, const FROM: usize>(
    tiles: &Tiles<E>,
) {
    // SAFETY: all addresses are within the caller's promise, term by term.
    unsafe {
        for tile in 0..tiles.count {
            for channel in (0..tiles.channels).step_by(V::COUNT) {
                let pixels = tiles.pixels.add(tile * tiles.step + channel);
                let points = tiles.points.add(tile * tiles.pitch + channel);
                let mut lines = [[V::splat(E::zero()); FROM]; POINTS];
                for column in 0..FROM {
                    let mut line = [V::splat(E::zero()); FROM];
                    for row in 0..FROM {
                        let at = row as isize * tiles.row + column as isize * tiles.column;
                        line[row] = V::load(pixels.offset(at));
                    }
                    let line = L::apply::<E, V>(line);
                    for point in 0..POINTS {
                        lines[point][column] = line[point];
                    }
                }
                for down in 0..POINTS {
                    let line = L::apply::<E, V>(lines[down]);
                    for across in 0..POINTS {
                        let plane = (down * POINTS + across) * tiles.plane;
                        line[across].store(points.add(plane));
                    }
                }
            }
        }
    }
}

/// From points to pixels.
///
/// # Safety
/// Of each tile 6 x 6 points must be readable and `TO` x `TO` pixels be writable, all of them for
/// every channel, and the bias for every channel unless it is null. The processor must have the
/// instructions of `V`.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counts that are known when compiling become registers"
)]
unsafe fn collect<E: Element, V: Lanes<E>, L: Line<POINTS, TO>, const TO: usize>(tiles: &Tiles<E>) {
    // SAFETY: all addresses are within the caller's promise, term by term.
    unsafe {
        let one = V::splat(E::one());
        for tile in 0..tiles.count {
            for channel in (0..tiles.channels).step_by(V::COUNT) {
                let pixels = tiles.pixels.add(tile * tiles.step + channel);
                let points = tiles.points.add(tile * tiles.pitch + channel);
                let bias = match tiles.bias.is_null() {
                    true => V::splat(E::zero()),
                    false => V::load(tiles.bias.add(channel)),
                };
                let mut lines = [[V::splat(E::zero()); POINTS]; TO];
                for across in 0..POINTS {
                    let mut line = [V::splat(E::zero()); POINTS];
                    for down in 0..POINTS {
                        let plane = (down * POINTS + across) * tiles.plane;
                        line[down] = V::load(points.add(plane));
                    }
                    let line = L::apply::<E, V>(line);
                    for row in 0..TO {
                        lines[row][across] = line[row];
                    }
                }
                for row in 0..TO {
                    let line = L::apply::<E, V>(lines[row]);
                    for column in 0..TO {
                        let at = row as isize * tiles.row + column as isize * tiles.column;
                        one.mul_add(line[column], bias).store(pixels.offset(at));
                    }
                }
            }
        }
    }
}

/// Gives the transforms for a choice of instructions.
macro_rules! level {
    ($name:ident, $vector:ident, $(#[$feature:meta])?) => {
        mod $name {
            use super::*;

            /// # Safety
            /// As [`spread`] and [`collect`].
            $(#[$feature])?
            pub(super) unsafe fn run<E: Element>(transform: Transform, tiles: &Tiles<E>) {
                // SAFETY: the caller's promise.
                unsafe {
                    match transform {
                        Transform::Image => spread::<E, E::$vector, Image, POINTS>(tiles),
                        Transform::Kernel => spread::<E, E::$vector, Kernel, TAPS>(tiles),
                        Transform::Gradient => spread::<E, E::$vector, Gradient, PLACES>(tiles),
                        Transform::Places => collect::<E, E::$vector, Places, PLACES>(tiles),
                        Transform::Taps => collect::<E, E::$vector, Taps, TAPS>(tiles),
                    }
                }
            }
        }
    };
}
level!(plain, Plain,);
#[cfg(target_arch = "x86_64")]
level!(avx2, Long, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "x86_64")]
level!(avx512, Longest, #[target_feature(enable = "avx2,fma,avx512f,avx512vl")]);

/// Transforms tiles with the instructions of `level`.
///
/// # Safety
/// Of each tile and channel, at the distances given, [`Transform::side`] x `side` pixels and 6 x 6
/// points must be readable, those that are written also writable, and not both the same memory;
/// the channels must fill registers, and have a bias each unless it is null.
pub(super) unsafe fn run<E: Element>(level: Level, transform: Transform, tiles: &Tiles<E>) {
    // SAFETY: the caller's promise; a `Level` is one of those that the processor has.
    unsafe {
        match level.instructions() {
            Instructions::Portable => plain::run(transform, tiles),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => avx2::run(transform, tiles),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => avx512::run(transform, tiles),
        }
    }
}
