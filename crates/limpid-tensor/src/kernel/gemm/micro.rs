//! The innermost loop of a matrix product: a tile of the result that stays in registers.
//!
//! The tile has up to [`Micro::rows`] rows and three vectors of columns. Each step along the inner
//! dimension loads the vectors of one row of the right operand, and multiplies them by one number
//! of every row of the left, spread over a vector. Every element of the tile is a chain of fused
//! multiply-adds along the inner dimension, wherever in the tile it stands.

#![expect(unsafe_code, reason = "vector instructions take raw pointers")]

use super::transpose::{self, Transpose};
use crate::Element;
use crate::kernel::lanes::{Lanes, Vectors};
use crate::kernel::prefetch;
use crate::kernel::simd::Instructions;

/// Vectors of columns in a full tile.
pub(crate) const VECTORS: usize = 3;
/// The most rows of any kernel's tile.
pub(crate) const MOST_ROWS: usize = 8;

/// What a micro kernel works on.
#[derive(Clone, Copy)]
pub(crate) struct Tile<E> {
    /// Steps along the inner dimension.
    pub(crate) depth: usize,
    /// The left operand's first element, and the distances of its rows and of its steps.
    pub(crate) left: *const E,
    pub(crate) left_row: usize,
    pub(crate) left_step: usize,
    /// The right operand's first element: of as many whole vectors as the tile is wide. The next
    /// step lies `right_step` further.
    pub(crate) right: *const E,
    pub(crate) right_step: usize,
    /// The result's first element and the distance of its rows.
    pub(crate) out: *mut E,
    pub(crate) out_row: usize,
    /// The result is `keep * out + scale * product`; with a `keep` of 0 the old numbers are not
    /// read.
    pub(crate) scale: E,
    pub(crate) keep: E,
    /// Memory to be asked for on the way, a line of the cache each step; the next step's line lies
    /// `ahead_step` bytes further. Any address will do.
    pub(crate) ahead: *const E,
    pub(crate) ahead_step: usize,
}

/// A micro kernel for one number of rows and vectors.
///
/// # Safety
/// The processor has the kernel's instruction set; the operands hold, at the distances given,
/// `depth` steps of the kernel's rows and vectors, and `out` that many rows of whole vectors, which
/// nobody else touches.
pub(crate) type Kernel<E> = unsafe fn(Tile<E>);

/// The micro kernels of one instruction set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Micro<E: 'static> {
    /// Elements of a vector.
    pub(crate) lanes: usize,
    /// Rows of a full tile.
    pub(crate) rows: usize,
    /// By rows less one, then by vectors less one.
    pub(crate) kernels: &'static [[Kernel<E>; VECTORS]],
    /// Rows and columns of the blocks that `transpose` turns.
    pub(crate) block: usize,
    pub(crate) transpose: Transpose<E>,
}

/// # Safety
/// As [`Kernel`] says.
#[inline(always)]
unsafe fn tile<E: Element, V: Lanes<E>, const ROWS: usize, const WIDTH: usize>(tile: Tile<E>) {
    // SAFETY: every access is within what the caller promises for `ROWS` rows and `WIDTH` vectors.
    unsafe {
        let mut sums = [[V::splat(E::zero()); WIDTH]; ROWS];
        let mut right = tile.right;
        let mut left = [tile.left; ROWS];
        for (row, left) in left.iter_mut().enumerate() {
            *left = left.add(row * tile.left_row);
        }
        let mut ahead = tile.ahead;
        for step in 0..tile.depth {
            let mut vectors = [V::splat(E::zero()); WIDTH];
            for (place, vector) in vectors.iter_mut().enumerate() {
                *vector = V::load(right.add(place * V::COUNT));
            }
            // After the last step it may point beyond the operand, where nothing is read.
            right = right.wrapping_add(tile.right_step);
            prefetch::line(ahead);
            ahead = ahead.wrapping_byte_add(tile.ahead_step);
            for (sums, left) in sums.iter_mut().zip(left) {
                let factor = V::splat(*left.add(step * tile.left_step));
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = factor.mul_add(vector, *sum);
                }
            }
        }
        let scale = V::splat(tile.scale);
        let keep = V::splat(tile.keep);
        for (row, sums) in sums.into_iter().enumerate() {
            for (place, sum) in sums.into_iter().enumerate() {
                let out = tile.out.add(row * tile.out_row + place * V::COUNT);
                let old = match tile.keep == E::zero() {
                    true => V::splat(E::zero()),
                    false => keep.mul_add(V::load(out), V::splat(E::zero())),
                };
                scale.mul_add(sum, old).store(out);
            }
        }
    }
}

/// The table of kernels of one instruction set: a function for each number of rows and vectors,
/// compiled for the set's features.
macro_rules! kernels {
    (
        $(#[$feature:meta])* $E:ty, $Vector:ty, [$($row:literal),+],
        $transpose:expr, $block:literal
    ) => {{
        $(#[$feature])*
        unsafe fn kernel<const ROWS: usize, const WIDTH: usize>(work: Tile<$E>) {
            // SAFETY: the caller's promise is the same.
            unsafe { tile::<$E, $Vector, ROWS, WIDTH>(work) }
        }
        Micro {
            lanes: <$Vector as Lanes<$E>>::COUNT,
            rows: [$($row),+].len(),
            kernels: &[$([kernel::<$row, 1>, kernel::<$row, 2>, kernel::<$row, 3>]),+],
            block: $block,
            transpose: $transpose,
        }
    }};
}

/// An element type for which there are micro kernels.
pub trait Multiply: Sized + 'static {
    /// The kernels for this thread's [`level`](crate::simd::level).
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "nobody outside can call or implement it")]
    fn micro() -> Micro<Self>;
}

macro_rules! multiply {
    ($E:ty: $transpose:ident of $block:literal) => {
        impl Multiply for $E {
            #[expect(private_interfaces, reason = "nobody outside can call or implement it")]
            fn micro() -> Micro<Self> {
                match crate::simd::level().instructions() {
                    #[cfg(target_arch = "x86_64")]
                    Instructions::Avx512 => kernels!(
                        #[target_feature(enable = "avx512f")]
                        $E,
                        <$E as Vectors>::Longest,
                        [1, 2, 3, 4, 5, 6, 7, 8],
                        transpose::$transpose,
                        $block
                    ),
                    #[cfg(target_arch = "x86_64")]
                    Instructions::Avx2 => kernels!(
                        #[target_feature(enable = "avx2,fma")]
                        $E,
                        <$E as Vectors>::Long,
                        [1, 2, 3, 4],
                        transpose::$transpose,
                        $block
                    ),
                    Instructions::Portable => {
                        kernels!(
                            $E,
                            <$E as Vectors>::Plain,
                            [1, 2, 3, 4],
                            transpose::portable,
                            4
                        )
                    }
                }
            }
        }
    };
}
multiply!(f32: avx2_f32 of 8);
multiply!(f64: avx2_f64 of 4);
