//! Products point by point, in register tiles: of tiles by transformed kernels, and of transformed
//! images by gradients. The matrices are small, lie in a cache and are read where they lie.

#![expect(unsafe_code, reason = "vector instructions take raw pointers")]

use super::lines::POINTS;
use crate::Element;
use crate::kernel::lanes::Lanes;
use crate::kernel::simd::{Instructions, Level};

/// The most registers of columns in a register tile.
const ACROSS: usize = 3;

/// The products of all points: of `rows` x `depth` by `depth` x `columns`. Rows of a matrix lie a
/// pitch apart, the points a plane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Products<E> {
    pub(super) rows: usize,
    pub(super) depth: usize,
    /// In whole registers.
    pub(super) columns: usize,
    pub(super) left: *const E,
    pub(super) left_pitch: usize,
    /// How far apart the left matrix's columns lie.
    pub(super) left_step: usize,
    pub(super) left_plane: usize,
    pub(super) right: *const E,
    pub(super) right_pitch: usize,
    pub(super) right_plane: usize,
    pub(super) out: *mut E,
    pub(super) out_pitch: usize,
    pub(super) out_plane: usize,
    /// Whether they are added to what is there.
    pub(super) added: bool,
}

/// A register tile: its first row in each matrix, and its first column.
#[derive(Clone, Copy)]
struct Tile<E> {
    left: *const E,
    right: *const E,
    out: *mut E,
}

/// # Safety
/// Of `left` `ROWS` rows of the depth must be readable, of `right` `WIDTH` registers for each step
/// of it, and `WIDTH` registers of `ROWS` rows be readable and writable at `out`. The processor must have the
/// instructions of `V`.
#[inline(always)]
unsafe fn tile<E: Element, V: Lanes<E>, const ROWS: usize, const WIDTH: usize>(
    at: Tile<E>,
    all: &Products<E>,
) {
    // SAFETY: all addresses are within the caller's promise, term by term.
    unsafe {
        let mut sums = [[V::splat(E::zero()); WIDTH]; ROWS];
        if all.added {
            for (row, sums) in sums.iter_mut().enumerate() {
                for (place, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(at.out.add(row * all.out_pitch + place * V::COUNT));
                }
            }
        }
        let mut left = [at.left; ROWS];
        for (row, left) in left.iter_mut().enumerate() {
            *left = left.add(row * all.left_pitch);
        }
        let mut right = at.right;
        for step in 0..all.depth {
            let mut vectors = [V::splat(E::zero()); WIDTH];
            for (place, vector) in vectors.iter_mut().enumerate() {
                *vector = V::load(right.add(place * V::COUNT));
            }
            right = right.wrapping_add(all.right_pitch);
            for (sums, left) in sums.iter_mut().zip(left) {
                let factor = V::splat(*left.add(step * all.left_step));
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = factor.mul_add(vector, *sum);
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            for (place, sum) in sums.into_iter().enumerate() {
                sum.store(at.out.add(row * all.out_pitch + place * V::COUNT));
            }
        }
    }
}

/// # Safety
/// As [`run`]; the processor must have the instructions of `V`.
#[inline(always)]
unsafe fn products<E: Element, V: Lanes<E>>(
    all: &Products<E>,
    most: usize,
    kernel: impl Fn(usize, usize, Tile<E>),
) {
    let registers = all.columns / V::COUNT;
    let panels = registers.div_ceil(ACROSS);
    for point in 0..POINTS * POINTS {
        for panel in 0..panels {
            let first = registers * panel / panels;
            let width = registers * (panel + 1) / panels - first;
            let mut row = 0;
            while row < all.rows {
                let mut rows = most;
                while rows > all.rows - row {
                    rows /= 2;
                }
                let column = first * V::COUNT;
                let tile = Tile {
                    left: all
                        .left
                        .wrapping_add(point * all.left_plane + row * all.left_pitch),
                    right: all.right.wrapping_add(point * all.right_plane + column),
                    out: all
                        .out
                        .wrapping_add(point * all.out_plane + row * all.out_pitch + column),
                };
                kernel(rows, width, tile);
                row += rows;
            }
        }
    }
}

/// Gives the products for a choice of instructions, in register tiles of at most so many rows.
macro_rules! level {
    ($name:ident, $vector:ident, $most:expr, $(#[$feature:meta])?) => {
        mod $name {
            use super::*;

            /// # Safety
            /// As [`super::run`].
            $(#[$feature])?
            pub(super) unsafe fn run<E: Element>(all: &Products<E>) {
                $(#[$feature])?
                unsafe fn tile<E: Element, const ROWS: usize, const WIDTH: usize>(
                    at: Tile<E>,
                    all: &Products<E>,
                ) {
                    // SAFETY: the caller's promise.
                    unsafe { super::tile::<E, E::$vector, ROWS, WIDTH>(at, all) }
                }
                let kernel = |rows: usize, width: usize, at: Tile<E>| {
                    // SAFETY: a register tile lies within the matrices that the caller promises.
                    unsafe {
                        match (rows, width) {
                            (8, 3) => tile::<E, 8, 3>(at, all),
                            (8, 2) => tile::<E, 8, 2>(at, all),
                            (8, _) => tile::<E, 8, 1>(at, all),
                            (4, 3) => tile::<E, 4, 3>(at, all),
                            (4, 2) => tile::<E, 4, 2>(at, all),
                            (4, _) => tile::<E, 4, 1>(at, all),
                            (2, 3) => tile::<E, 2, 3>(at, all),
                            (2, 2) => tile::<E, 2, 2>(at, all),
                            (2, _) => tile::<E, 2, 1>(at, all),
                            (_, 3) => tile::<E, 1, 3>(at, all),
                            (_, 2) => tile::<E, 1, 2>(at, all),
                            _ => tile::<E, 1, 1>(at, all),
                        }
                    }
                };
                // SAFETY: the caller's promise.
                unsafe { products::<E, E::$vector>(all, $most, kernel) }
            }
        }
    };
}
level!(
    plain,
    Plain,
    if cfg!(target_arch = "aarch64") { 8 } else { 4 },
);
#[cfg(target_arch = "x86_64")]
level!(avx2, Long, 4, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "x86_64")]
level!(avx512, Longest, 8, #[target_feature(enable = "avx2,fma,avx512f,avx512vl")]);

/// Multiplies with the instructions of `level`.
///
/// # Safety
/// The matrices of all points must be readable at their distances, the results writable and nobody
/// else's, and the columns fill registers.
pub(super) unsafe fn run<E: Element>(level: Level, all: &Products<E>) {
    // SAFETY: the caller's promise; a `Level` is one of those that the processor has.
    unsafe {
        match level.instructions() {
            Instructions::Portable => plain::run(all),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => avx2::run(all),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => avx512::run(all),
        }
    }
}
