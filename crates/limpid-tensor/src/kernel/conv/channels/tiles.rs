//! The register tiles of convolution by channels: the innermost loops.

use crate::Element;
use crate::kernel::lanes::{Lanes, Vectors};
use crate::kernel::simd;

/// The most registers of a correlation's tile, and so its most columns.
const MOST: usize = 16;
/// The same in half as many registers, where eight run at full speed, and more do not stay in them.
const MOST_SHORT: usize = 8;
/// The most channels of a gradient's tile.
const ACROSS: usize = 8;
/// The same in half as many registers.
const ACROSS_SHORT: usize = 4;
/// The most columns of a kernel in a gradient's tile.
pub(super) const TAPS: usize = 3;
/// The farthest that columns of a correlation may lie apart.
pub(super) const STRIDE: usize = 2;

/// Which registers loops of this thread may use.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "for processors with registers that long")
)]
pub(super) enum Wide {
    /// Sixteen of 256 bits.
    Short,
    /// Thirty-two of 512 bits.
    Long,
}

/// A tile of a correlation: for a register of channels, some places in neighbouring lines.
#[derive(Clone, Copy)]
pub(super) struct Correlate<'a, E> {
    /// Where each tap reads, counted from `image`, around zero.
    pub(super) offsets: &'a [usize],
    /// For every tap a register of weights.
    pub(super) weights: *const E,
    /// Where the first place stands in the image.
    pub(super) image: *const E,
    /// How far lines lie apart there.
    pub(super) line_step: usize,
    /// What the sums begin with: registers that lie as far apart as `initial_steps` say.
    pub(super) initial: *const E,
    pub(super) initial_steps: [usize; 2],
    /// Where the first place is written, and how far lines and columns lie apart there.
    pub(super) out: *mut E,
    pub(super) out_steps: [usize; 2],
}

/// A tile of a weight's gradient: for a register of the gradient's channels, some channels of the
/// image and neighbouring columns of one row of the kernel.
#[derive(Clone, Copy)]
pub(super) struct Gather<E> {
    /// For every item, line and column a register of the gradient.
    pub(super) gradient: *const E,
    /// How far items and lines lie apart there.
    pub(super) gradient_steps: [usize; 2],
    /// The row of the image that the first line reads, of the first channel.
    pub(super) image: *const E,
    /// How far items, lines and channels lie apart there.
    pub(super) image_steps: [usize; 3],
    /// How long a row of the image is.
    pub(super) width: usize,
    /// Which column of the image the first tap reads for the first place, around zero.
    pub(super) column: usize,
    /// How far places lie apart in the image.
    pub(super) stride: usize,
    pub(super) items: usize,
    pub(super) lines: usize,
    pub(super) columns: usize,
    /// The places from the first to before the second see the image with every tap.
    pub(super) inside: [usize; 2],
    /// The sums are added to these: registers of a channel's taps, channels `out_step` apart.
    pub(super) out: *mut E,
    pub(super) out_step: usize,
}

/// # Safety
/// With `COUNT` lanes: for every tap, line and column one element must be readable at `image` plus
/// the tap's offset, `line_step` times the line and `STRIDE` times the column; `COUNT` weights for
/// every tap; and for every line and column `COUNT` elements must be readable at `initial` and
/// writable at `out`, at their steps. The processor must have the instructions of `V`.
#[inline(always)]
unsafe fn correlate<E, V, const STRIDE: usize, const LINES: usize, const COLUMNS: usize>(
    tile: &Correlate<'_, E>,
) where
    E: Element,
    V: Lanes<E>,
{
    // SAFETY: all addresses are within the caller's promise, term by term.
    unsafe {
        let mut sums = [[V::splat(E::zero()); COLUMNS]; LINES];
        let mut images = [tile.image; LINES];
        let [down, across] = tile.initial_steps;
        for (line, sums) in sums.iter_mut().enumerate() {
            images[line] = tile.image.wrapping_add(line * tile.line_step);
            for (column, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(tile.initial.add(line * down + column * across));
            }
        }
        let mut weights = tile.weights;
        for &offset in tile.offsets {
            let weight = V::load(weights);
            weights = weights.add(V::COUNT);
            for (image, sums) in images.iter().zip(&mut sums) {
                let image = image.wrapping_add(offset);
                for (column, sum) in sums.iter_mut().enumerate() {
                    let seen = V::splat(image.add(STRIDE * column).read());
                    *sum = seen.mul_add(weight, *sum);
                }
            }
        }
        let [down, across] = tile.out_steps;
        for (line, sums) in sums.into_iter().enumerate() {
            for (column, sum) in sums.into_iter().enumerate() {
                sum.store(tile.out.add(line * down + column * across));
            }
        }
    }
}

/// # Safety
/// The gradient must be as [`Gather::gradient`] says; for every item, line and channel a row of
/// `width` elements must be readable in the image; and `TAPS` registers must be writable at `out`
/// for each channel. The processor must have the instructions of `V`.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counts that are known when compiling become registers"
)]
unsafe fn gather<E, V, const CHANNELS: usize, const TAPS: usize>(tile: &Gather<E>)
where
    E: Element,
    V: Lanes<E>,
{
    // SAFETY: all addresses are within the caller's promise: the columns that are read lie below
    // `width`, those of the places inside by the promise of `inside`.
    unsafe {
        let mut sums = [[V::splat(E::zero()); TAPS]; CHANNELS];
        let [first, last] = tile.inside;
        let mut rows = [tile.image; CHANNELS];
        for item in 0..tile.items {
            for line in 0..tile.lines {
                let row = item * tile.image_steps[0] + line * tile.image_steps[1];
                for (channel, rows) in rows.iter_mut().enumerate() {
                    *rows = tile.image.add(row + channel * tile.image_steps[2]);
                }
                let start = item * tile.gradient_steps[0] + line * tile.gradient_steps[1];
                let gradient = tile.gradient.add(start);
                for column in first..last {
                    let g = V::load(gradient.add(column * V::COUNT));
                    let at = tile.column.wrapping_add(column * tile.stride);
                    for channel in 0..CHANNELS {
                        let row = rows[channel].add(at);
                        for tap in 0..TAPS {
                            let seen = V::splat(row.add(tap).read());
                            sums[channel][tap] = seen.mul_add(g, sums[channel][tap]);
                        }
                    }
                }
                for column in (0..first).chain(last..tile.columns) {
                    let g = V::load(gradient.add(column * V::COUNT));
                    for tap in 0..TAPS {
                        let at = tile.column.wrapping_add(column * tile.stride + tap);
                        if at < tile.width {
                            for channel in 0..CHANNELS {
                                let seen = V::splat(rows[channel].add(at).read());
                                sums[channel][tap] = seen.mul_add(g, sums[channel][tap]);
                            }
                        }
                    }
                }
            }
        }
        for channel in 0..CHANNELS {
            for tap in 0..TAPS {
                let out = tile.out.add(channel * tile.out_step + tap * V::COUNT);
                let one = V::splat(E::one());
                one.mul_add(V::load(out), sums[channel][tap]).store(out);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
type Short<E> = <E as Vectors>::Long;
#[cfg(target_arch = "x86_64")]
type Long<E> = <E as Vectors>::Longest;
#[cfg(not(target_arch = "x86_64"))]
type Short<E> = <E as Vectors>::Plain;
#[cfg(not(target_arch = "x86_64"))]
type Long<E> = <E as Vectors>::Plain;

/// Gives both loops for a choice of instructions: correlations of so many columns at most in two
/// lines and in one, and gradients of so many channels.
macro_rules! registers {
    (
        $name:ident, $register:ident, $feature:literal, 4: $($few:literal)*, 2: $($some:literal)*,
        1: $($most:literal)*, channels: $($channels:literal)*
    ) => {
        mod $name {
            use super::{Correlate, Gather, $register};
            use crate::Element;

            #[cfg_attr(target_arch = "x86_64", target_feature(enable = $feature))]
            unsafe fn tile<E: Element, const S: usize, const L: usize, const C: usize>(
                tile: &Correlate<'_, E>,
            ) {
                // SAFETY: the caller's promise.
                unsafe { super::correlate::<E, $register<E>, S, L, C>(tile) }
            }

            #[cfg_attr(target_arch = "x86_64", target_feature(enable = $feature))]
            unsafe fn taps<E: Element, const C: usize, const T: usize>(tile: &Gather<E>) {
                // SAFETY: the caller's promise.
                unsafe { super::gather::<E, $register<E>, C, T>(tile) }
            }

            /// # Safety
            /// As [`super::Wide::correlate`].
            pub(super) unsafe fn correlate<E: Element>(
                stride: usize,
                size: [usize; 2],
                whole: &Correlate<'_, E>,
            ) {
                let run = match (stride, size) {
                    $((1, [4, $few]) => tile::<E, 1, 4, $few>,)*
                    $((1, [2, $some]) => tile::<E, 1, 2, $some>,)*
                    $((1, [1, $most]) => tile::<E, 1, 1, $most>,)*
                    $((2, [4, $few]) => tile::<E, 2, 4, $few>,)*
                    $((2, [2, $some]) => tile::<E, 2, 2, $some>,)*
                    $((2, [1, $most]) => tile::<E, 2, 1, $most>,)*
                    _ => return,
                };
                // SAFETY: the caller's promise.
                unsafe { run(whole) }
            }

            /// # Safety
            /// As [`super::Wide::gather`].
            pub(super) unsafe fn gather<E: Element>(size: [usize; 2], whole: &Gather<E>) {
                let run = match size {
                    $([$channels, 3] => taps::<E, $channels, 3>,)*
                    $([$channels, 2] => taps::<E, $channels, 2>,)*
                    $([$channels, 1] => taps::<E, $channels, 1>,)*
                    _ => return,
                };
                // SAFETY: the caller's promise.
                unsafe { run(whole) }
            }
        }
    };
}
registers!(
    short, Short, "avx2,fma", 4: 2 1, 2: 4 3 2 1, 1: 8 7 6 5 4 3 2 1,
    channels: 8 4 2 1
);
registers!(
    long, Long, "avx2,fma,avx512f,avx512vl", 4: 4 3 2 1, 2: 8 7 6 5 4 3 2 1,
    1: 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1, channels: 8 4 2 1
);

impl Wide {
    /// The best there is.
    pub(super) fn here() -> Option<Self> {
        match simd::level().instructions() {
            #[cfg(target_arch = "x86_64")]
            simd::Instructions::Avx512 => Some(Self::Long),
            #[cfg(target_arch = "x86_64")]
            simd::Instructions::Avx2 => Some(Self::Short),
            simd::Instructions::Portable => None,
        }
    }

    /// Numbers of a register.
    pub(super) fn lanes<E: Vectors>(self) -> usize {
        match self {
            Self::Short => <Short<E> as Lanes<E>>::COUNT,
            Self::Long => <Long<E> as Lanes<E>>::COUNT,
        }
    }

    /// The most registers of a correlation's tile, and so its most columns.
    pub(super) fn columns(self) -> usize {
        match self {
            Self::Short => MOST_SHORT,
            Self::Long => MOST,
        }
    }

    /// The most channels of a gradient's tile of so many taps.
    pub(super) fn channels(self, taps: usize) -> usize {
        match self {
            Self::Short if taps > 1 => ACROSS_SHORT,
            _ => ACROSS,
        }
    }

    /// Runs a tile of so many lines and columns, the columns `stride` apart in the image.
    ///
    /// # Safety
    /// As [`correlate`]; at most [`STRIDE`], and [`Wide::columns`] registers, in 4, 2 or 1 lines.
    pub(super) unsafe fn correlate<E: Element>(
        self,
        stride: usize,
        size: [usize; 2],
        tile: &Correlate<'_, E>,
    ) {
        // SAFETY: the caller's promise; that there is a `Wide` says that the processor has the
        // instructions.
        unsafe {
            match self {
                Self::Short => short::correlate(stride, size, tile),
                Self::Long => long::correlate(stride, size, tile),
            }
        }
    }

    /// Runs a tile of so many channels and taps.
    ///
    /// # Safety
    /// As [`gather`]; channels are 8, 4, 2 or 1, and taps at most [`TAPS`].
    pub(super) unsafe fn gather<E: Element>(self, size: [usize; 2], tile: &Gather<E>) {
        // SAFETY: the caller's promise; that there is a `Wide` says that the processor has the
        // instructions.
        unsafe {
            match self {
                Self::Short => short::gather(size, tile),
                Self::Long => long::gather(size, tile),
            }
        }
    }
}
