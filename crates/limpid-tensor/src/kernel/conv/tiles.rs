//! The register tiles of convolution: the innermost loops, for whatever instructions there are.

use crate::kernel::lanes::{Lanes, Vectors};

/// The most slots of a tile, and the most taps of a gradient's tile.
pub(super) const ACROSS: usize = 3;

/// Which instructions are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// What every processor of the architecture has.
    Plain,
    /// 256 bits and fused multiply-add, in sixteen registers.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 256 bits in thirty-two registers.
    #[cfg(target_arch = "x86_64")]
    Avx512Short,
    /// 512 bits in thirty-two registers.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The best of what this thread's loops may use, for lines of `width` places.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn of<E: Vectors>(width: usize) -> Self {
        use crate::kernel::simd;
        let chosen = simd::level();
        // Portable, AVX2 and AVX-512, in this order, as far as the processor has them.
        let rank = simd::Level::available().iter().position(|&it| it == chosen);
        match rank {
            Some(2) if width.is_multiple_of(Self::Avx512.lanes::<E>()) => Self::Avx512,
            Some(2) => Self::Avx512Short,
            Some(1) => Self::Avx2,
            _ => Self::Plain,
        }
    }

    /// The best of what this thread's loops may use, for lines of `width` places.
    #[cfg(not(target_arch = "x86_64"))]
    pub(super) fn of<E: Vectors>(_width: usize) -> Self {
        Self::Plain
    }

    /// The same instructions on registers of at most 256 bits: what gradients' tiles do better with,
    /// whose lines seldom begin at a border of 512 bits.
    pub(super) fn short(self) -> Self {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Self::Avx512Short,
            other => other,
        }
    }

    /// Numbers of a register.
    pub(super) fn lanes<E: Vectors>(self) -> usize {
        match self {
            Self::Plain => <E::Plain as Lanes<E>>::COUNT,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512Short => <E::Long as Lanes<E>>::COUNT,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => <E::Longest as Lanes<E>>::COUNT,
        }
    }

    /// The most rows of a tile; with [`ACROSS`] across they fill the registers.
    fn rows(self) -> usize {
        match self {
            Self::Plain if cfg!(target_arch = "aarch64") => 8,
            Self::Plain => 4,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 4,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Short | Self::Avx512 => 8,
        }
    }

    /// Cuts `count` rows into blocks for which there are tiles: each block's first row and length.
    pub(super) fn blocks(self, count: usize) -> impl Iterator<Item = (usize, usize)> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let left = count - next;
            let mut rows = self.rows();
            while rows > left {
                rows /= 2;
            }
            next += rows;
            (rows > 0).then_some((next - rows, rows))
        })
    }
}

/// A tile of a correlation: for some channels of the result, some registers of places.
#[derive(Clone, Copy)]
pub(super) struct Correlate<'a, E> {
    /// Where in the image each tap of the kernel reads for the place 0.
    pub(super) offsets: &'a [usize],
    /// For every tap a weight for each of the rows.
    pub(super) weights: *const E,
    pub(super) image: *const E,
    /// Where each slot's first place lies in the image.
    pub(super) bases: [usize; ACROSS],
    /// What the sums begin with, for each of the rows; may be null, for zeros.
    pub(super) bias: *const E,
    /// Where each slot of the first row is written.
    pub(super) out: [*mut E; ACROSS],
    /// How far apart rows are written.
    pub(super) row_step: usize,
}

/// A tile of a weight's gradient: for some channels of the gradient, some taps.
#[derive(Clone, Copy)]
pub(super) struct Gather<E> {
    /// For every item, line and register of a line, a register of each of the rows, filled up with
    /// zeros.
    pub(super) gradient: *const E,
    pub(super) image: *const E,
    /// Where in the image each tap reads for the place 0.
    pub(super) offsets: [usize; ACROSS],
    pub(super) items: usize,
    pub(super) lines: usize,
    /// Places of a line.
    pub(super) width: usize,
    /// How far items and lines lie apart in the image.
    pub(super) item_step: usize,
    pub(super) line_step: usize,
    /// The sums are added to these: `taps` of them for each of the rows, `out_step` apart.
    pub(super) out: *mut E,
    pub(super) out_step: usize,
    /// How many of the taps count.
    pub(super) taps: usize,
}

/// # Safety
/// With `COUNT` lanes: for each tap and slot `COUNT` elements must be readable at the sum of
/// `image`, the slot's base and the tap's offset; `ROWS` weights for every tap; `ROWS` biases unless
/// null; and for each slot and row `COUNT` elements must be writable at the slot's `out` plus
/// `row_step` times the row. The processor must have the instructions of `V`.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counts that are known when compiling become registers"
)]
unsafe fn correlate<E: Copy, V: Lanes<E>, const ROWS: usize, const SLOTS: usize>(
    zero: E,
    tile: &Correlate<'_, E>,
) {
    // SAFETY: all addresses are within the caller's promise, term by term.
    unsafe {
        let mut sums = [[V::splat(zero); SLOTS]; ROWS];
        if !tile.bias.is_null() {
            for (row, sums) in sums.iter_mut().enumerate() {
                *sums = [V::splat(tile.bias.add(row).read()); SLOTS];
            }
        }
        let mut weights = tile.weights;
        let mut images = [tile.image; SLOTS];
        for slot in 0..SLOTS {
            images[slot] = tile.image.add(tile.bases[slot]);
        }
        for &offset in tile.offsets {
            let mut seen = [V::splat(zero); SLOTS];
            for slot in 0..SLOTS {
                seen[slot] = V::load(images[slot].add(offset));
            }
            for row in 0..ROWS {
                let weight = V::splat(weights.add(row).read());
                for slot in 0..SLOTS {
                    sums[row][slot] = weight.mul_add(seen[slot], sums[row][slot]);
                }
            }
            weights = weights.add(ROWS);
        }
        for row in 0..ROWS {
            for slot in 0..SLOTS {
                sums[row][slot].store(tile.out[slot].add(row * tile.row_step));
            }
        }
    }
}

/// # Safety
/// For every item, line and place of a line one element must be readable in the image for each tap;
/// the gradient must be as [`Gather::gradient`] says for `ROWS` rows; and `taps` elements must be
/// writable at `out` plus `out_step` times the row. The processor must have the instructions of `V`.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counts that are known when compiling become registers"
)]
unsafe fn gather<E, V, const ROWS: usize>(zero: E, tile: &Gather<E>)
where
    E: Copy + std::ops::AddAssign,
    V: Lanes<E>,
{
    // SAFETY: all addresses are within the caller's promise, term by term; the last, incomplete
    // register of a line is read in part.
    unsafe {
        let mut sums = [[V::splat(zero); ACROSS]; ROWS];
        let rest = tile.width % V::COUNT;
        let mut gradient = tile.gradient;
        for item in 0..tile.items {
            let mut image = tile.image.add(item * tile.item_step);
            for line in 0..tile.lines {
                let mut place = 0;
                while place + V::COUNT <= tile.width {
                    let mut seen = [V::splat(zero); ACROSS];
                    for tap in 0..ACROSS {
                        seen[tap] = V::load(image.add(place + tile.offsets[tap]));
                    }
                    for row in 0..ROWS {
                        let g = V::load(gradient.add(row * V::COUNT));
                        for tap in 0..ACROSS {
                            sums[row][tap] = g.mul_add(seen[tap], sums[row][tap]);
                        }
                    }
                    gradient = gradient.add(ROWS * V::COUNT);
                    place += V::COUNT;
                }
                if rest > 0 {
                    let mut seen = [V::splat(zero); ACROSS];
                    for tap in 0..ACROSS {
                        seen[tap] = V::load_part(image.add(place + tile.offsets[tap]), rest);
                    }
                    for row in 0..ROWS {
                        let g = V::load(gradient.add(row * V::COUNT));
                        for tap in 0..ACROSS {
                            sums[row][tap] = g.mul_add(seen[tap], sums[row][tap]);
                        }
                    }
                    gradient = gradient.add(ROWS * V::COUNT);
                }
                if line + 1 < tile.lines {
                    image = image.add(tile.line_step);
                }
            }
        }
        for row in 0..ROWS {
            let out = tile.out.add(row * tile.out_step);
            for tap in 0..ACROSS {
                let sum = sums[row][tap].sum();
                if tap < tile.taps {
                    *out.add(tap) += sum;
                }
            }
        }
    }
}

/// Gives both loops for a choice of instructions, for every number of rows.
macro_rules! level {
    ($name:ident, $vector:ident, $(#[$feature:meta])?) => {
        mod $name {
            use super::{Correlate, Gather, Vectors};
            use crate::Element;

            /// # Safety
            /// As [`super::correlate`], for the number of rows and slots given; at most 8 and 3.
            $(#[$feature])?
            pub(super) unsafe fn correlate<E: Element + Vectors>(
                rows: usize,
                slots: usize,
                tile: &Correlate<'_, E>,
            ) {
                macro_rules! tile {
                    ($rows:literal, $slots:literal) => {
                        super::correlate::<E, E::$vector, $rows, $slots>(E::zero(), tile)
                    };
                }
                // SAFETY: the caller's promise.
                unsafe {
                    match (rows, slots) {
                        (8, 3) => tile!(8, 3),
                        (8, 2) => tile!(8, 2),
                        (8, _) => tile!(8, 1),
                        (4, 3) => tile!(4, 3),
                        (4, 2) => tile!(4, 2),
                        (4, _) => tile!(4, 1),
                        (2, 3) => tile!(2, 3),
                        (2, 2) => tile!(2, 2),
                        (2, _) => tile!(2, 1),
                        (_, 3) => tile!(1, 3),
                        (_, 2) => tile!(1, 2),
                        _ => tile!(1, 1),
                    }
                }
            }

            /// # Safety
            /// As [`super::gather`], for the number of rows given; at most 8.
            $(#[$feature])?
            pub(super) unsafe fn gather<E: Element + Vectors>(rows: usize, tile: &Gather<E>) {
                // SAFETY: the caller's promise.
                unsafe {
                    match rows {
                        8 => super::gather::<E, E::$vector, 8>(E::zero(), tile),
                        4 => super::gather::<E, E::$vector, 4>(E::zero(), tile),
                        2 => super::gather::<E, E::$vector, 2>(E::zero(), tile),
                        _ => super::gather::<E, E::$vector, 1>(E::zero(), tile),
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
level!(avx512_short, Long, #[target_feature(enable = "avx2,fma,avx512f,avx512vl")]);
#[cfg(target_arch = "x86_64")]
level!(avx512, Longest, #[target_feature(enable = "avx2,fma,avx512f,avx512vl")]);

impl Level {
    /// Runs a tile of `rows` rows, as [`Level::blocks`] cuts them, and `slots` slots.
    ///
    /// # Safety
    /// As [`correlate`], with this level's lanes; the processor must have the instructions.
    pub(super) unsafe fn correlate<E: crate::Element>(
        self,
        rows: usize,
        slots: usize,
        tile: &Correlate<'_, E>,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Self::Plain => plain::correlate(rows, slots, tile),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => avx2::correlate(rows, slots, tile),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512Short => avx512_short::correlate(rows, slots, tile),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => avx512::correlate(rows, slots, tile),
            }
        }
    }

    /// Runs a tile of `rows` rows, as [`Level::blocks`] cuts them.
    ///
    /// # Safety
    /// As [`gather`]; the processor must have the instructions.
    pub(super) unsafe fn gather<E: crate::Element>(self, rows: usize, tile: &Gather<E>) {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Self::Plain => plain::gather(rows, tile),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => avx2::gather(rows, tile),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512Short => avx512_short::gather(rows, tile),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => avx512::gather(rows, tile),
            }
        }
    }
}
