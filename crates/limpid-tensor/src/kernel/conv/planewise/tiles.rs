//! The register tiles of convolution by planes: the innermost loops, for whatever instructions there
//! are.

use crate::Element;
use crate::kernel::conv::tiles::Level;
use crate::kernel::lanes::{Lanes, Vectors};

/// The most taps whose gradients are summed up at once.
pub(super) const TAPS: usize = 9;
/// The most rows of a kernel that share what is read.
pub(super) const ROWS: usize = 7;
/// As long as the longest register.
const LONGEST: usize = 16;

/// Lines of some channels of a result.
#[derive(Clone, Copy)]
pub(super) struct Correlate<'a, E> {
    /// How many owners of planes there are, and how many channels see those of each.
    pub(super) owners: usize,
    pub(super) channels: usize,
    /// Where the first line reads.
    pub(super) image: *const E,
    /// How far owners lie apart there, and lines.
    pub(super) owner_step: usize,
    pub(super) image_step: usize,
    /// Where each column of taps reads, counted from `image`. Its taps read `image_step` apart.
    pub(super) columns: &'a [usize],
    /// For every channel and column a weight for each of its taps.
    pub(super) weights: *const E,
    /// What the sums of each channel begin with; may be null, for zeros.
    pub(super) initial: *const E,
    pub(super) out: *mut E,
    /// How far channels are written apart, and lines.
    pub(super) channel_step: usize,
    pub(super) out_step: usize,
    pub(super) lines: usize,
    /// Places of a line.
    pub(super) width: usize,
}

/// The gradients of some weights of some channels.
#[derive(Clone, Copy)]
pub(super) struct Gather<E> {
    pub(super) channels: usize,
    /// How many of the channels see the same planes.
    pub(super) together: usize,
    /// Lines of the gradient, one behind the other, and so its channels.
    pub(super) gradient: *const E,
    pub(super) image: *const E,
    /// How far planes of different owners lie apart there, and lines.
    pub(super) owner_step: usize,
    pub(super) image_step: usize,
    /// Where each tap reads, counted from `image`.
    pub(super) offsets: [usize; TAPS],
    pub(super) lines: usize,
    /// Places of a line.
    pub(super) width: usize,
    /// The sums are added to these: a register for each tap, channels so far apart.
    pub(super) totals: *mut E,
    pub(super) total_step: usize,
}

/// The sums of `LINES` lines at some places.
///
/// # Safety
/// With `COUNT` lanes: for every column and each of `LINES + ROWS - 1` lines `COUNT` elements must be
/// readable at `image` plus the column and the place; and `ROWS` weights for every column. The
/// processor must have the instructions of `V`.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counts that are known when compiling become registers"
)]
unsafe fn sums<E, V, const ROWS: usize, const LINES: usize, const PLACES: usize>(
    tile: &Correlate<'_, E>,
    (image, mut weights, initial): (*const E, *const E, E),
    places: [usize; PLACES],
) -> [[V; PLACES]; LINES]
where
    E: Element,
    V: Lanes<E>,
{
    // SAFETY: all addresses are within the caller's promise, term by term.
    unsafe {
        let mut sums = [[V::splat(initial); PLACES]; LINES];
        for &column in tile.columns {
            let mut own = [V::splat(initial); ROWS];
            for row in 0..ROWS {
                own[row] = V::splat(weights.add(row).read());
            }
            weights = weights.add(ROWS);
            for line in 0..LINES + ROWS - 1 {
                let image = image.add(column + line * tile.image_step);
                for place in 0..PLACES {
                    let seen = V::load(image.add(places[place]));
                    for row in 0..ROWS {
                        if row <= line && line - row < LINES {
                            let sum = sums[line - row][place];
                            sums[line - row][place] = seen.mul_add(own[row], sum);
                        }
                    }
                }
            }
        }
        sums
    }
}

/// Computes `LINES` lines of a channel.
///
/// # Safety
/// As [`correlate`].
#[inline(always)]
unsafe fn lines<E, V, const ROWS: usize, const LINES: usize, const PLACES: usize>(
    tile: &Correlate<'_, E>,
    (image, weights, initial): (*const E, *const E, E),
    out: *mut E,
) where
    E: Element,
    V: Lanes<E>,
{
    let channel = (image, weights, initial);
    // SAFETY: the caller's promise. The last register of a line overlaps the one before rather than
    // reach beyond the end; of a line that is shorter than a register, only its places are written.
    unsafe {
        if tile.width < V::COUNT {
            let sums = sums::<E, V, ROWS, LINES, 1>(tile, channel, [0]);
            for (line, [sum]) in sums.into_iter().enumerate() {
                let mut places = [initial; LONGEST];
                sum.store(places.as_mut_ptr());
                let out = out.add(line * tile.out_step);
                out.copy_from_nonoverlapping(places.as_ptr(), tile.width);
            }
            return;
        }
        let last = tile.width - V::COUNT;
        let mut first = 0;
        while first < tile.width {
            if first + (PLACES - 1) * V::COUNT < tile.width {
                let mut places = [0; PLACES];
                for (index, place) in places.iter_mut().enumerate() {
                    *place = last.min(first + index * V::COUNT);
                }
                let sums = sums::<E, V, ROWS, LINES, PLACES>(tile, channel, places);
                for (line, sums) in sums.into_iter().enumerate() {
                    for (sum, place) in sums.into_iter().zip(places) {
                        sum.store(out.add(line * tile.out_step + place));
                    }
                }
                first += PLACES * V::COUNT;
            } else {
                let place = last.min(first);
                let sums = sums::<E, V, ROWS, LINES, 1>(tile, channel, [place]);
                for (line, [sum]) in sums.into_iter().enumerate() {
                    sum.store(out.add(line * tile.out_step + place));
                }
                first += V::COUNT;
            }
        }
    }
}

/// # Safety
/// With `COUNT` lanes: for every owner, column, each of `lines + ROWS - 1` lines and every place below
/// the larger of `width` and `COUNT` one element must be readable in the image; `ROWS` weights for
/// every channel and column; an `initial` for every channel unless null; and `width` elements must be
/// writable at `out` for every channel and line. The processor must have the instructions of `V`.
#[inline(always)]
unsafe fn correlate<E, V, const ROWS: usize>(tile: &Correlate<'_, E>)
where
    E: Element,
    V: Lanes<E>,
{
    const LINES: usize = 4;
    // SAFETY: the caller's promise.
    unsafe {
        let whole = tile.lines / LINES * LINES;
        let (mut channel, mut weights) = (0, tile.weights);
        for owner in 0..tile.owners {
            let image = tile.image.add(owner * tile.owner_step);
            for _ in 0..tile.channels {
                let initial = match tile.initial.is_null() {
                    true => E::zero(),
                    false => tile.initial.add(channel).read(),
                };
                let out = tile.out.add(channel * tile.channel_step);
                for line in (0..whole).step_by(LINES) {
                    let seen = (image.add(line * tile.image_step), weights, initial);
                    lines::<E, V, ROWS, LINES, 2>(tile, seen, out.add(line * tile.out_step));
                }
                for line in whole..tile.lines {
                    let seen = (image.add(line * tile.image_step), weights, initial);
                    lines::<E, V, ROWS, 1, 4>(tile, seen, out.add(line * tile.out_step));
                }
                channel += 1;
                weights = weights.add(tile.columns.len() * ROWS);
            }
        }
    }
}

/// # Safety
/// For every channel, line and place one element must be readable in the gradient, and in the image
/// for the first `TAPS` taps; as many registers must be writable at `totals` for every channel. The
/// processor must have the instructions of `V`.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "counts that are known when compiling become registers"
)]
unsafe fn gather<E, V, const TAPS: usize>(tile: &Gather<E>)
where
    E: Element,
    V: Lanes<E>,
{
    // SAFETY: all addresses are within the caller's promise; the last, incomplete register of a line
    // is read in part.
    unsafe {
        let whole = tile.width / V::COUNT * V::COUNT;
        let rest = tile.width - whole;
        let (mut gradient, mut owner, mut left) = (tile.gradient, tile.image, tile.together);
        for channel in 0..tile.channels {
            if left == 0 {
                owner = owner.add(tile.owner_step);
                left = tile.together;
            }
            left -= 1;
            let mut image = owner;
            let mut sums = [V::splat(E::zero()); TAPS];
            for _ in 0..tile.lines {
                let mut place = 0;
                while place < whole {
                    let g = V::load(gradient.add(place));
                    for tap in 0..TAPS {
                        let seen = V::load(image.add(tile.offsets[tap] + place));
                        sums[tap] = seen.mul_add(g, sums[tap]);
                    }
                    place += V::COUNT;
                }
                if rest > 0 {
                    let g = V::load_part(gradient.add(whole), rest);
                    for tap in 0..TAPS {
                        let seen = V::load_part(image.add(tile.offsets[tap] + whole), rest);
                        sums[tap] = seen.mul_add(g, sums[tap]);
                    }
                }
                gradient = gradient.add(tile.width);
                image = image.wrapping_add(tile.image_step);
            }
            for tap in 0..TAPS {
                let total = tile.totals.add(channel * tile.total_step + tap * V::COUNT);
                let one = V::splat(E::one());
                one.mul_add(V::load(total), sums[tap]).store(total);
            }
        }
    }
}

/// Gives both loops for a choice of instructions.
macro_rules! level {
    ($name:ident, $vector:ident, $(#[$feature:meta])?) => {
        mod $name {
            use super::{Correlate, Gather, Vectors};
            use crate::Element;

            /// # Safety
            /// As [`super::correlate`], for the number of rows given: 7, 5, 3, 2 or 1.
            $(#[$feature])?
            pub(super) unsafe fn correlate<E: Element + Vectors>(
                rows: usize,
                tile: &Correlate<'_, E>,
            ) {
                // SAFETY: the caller's promise.
                unsafe {
                    match rows {
                        7 => super::correlate::<E, E::$vector, 7>(tile),
                        5 => super::correlate::<E, E::$vector, 5>(tile),
                        3 => super::correlate::<E, E::$vector, 3>(tile),
                        2 => super::correlate::<E, E::$vector, 2>(tile),
                        _ => super::correlate::<E, E::$vector, 1>(tile),
                    }
                }
            }

            /// # Safety
            /// As [`super::gather`], for the number of taps given; at most 9.
            $(#[$feature])?
            pub(super) unsafe fn gather<E: Element + Vectors>(taps: usize, tile: &Gather<E>) {
                // SAFETY: the caller's promise.
                unsafe {
                    match taps {
                        9 => super::gather::<E, E::$vector, 9>(tile),
                        8 => super::gather::<E, E::$vector, 8>(tile),
                        7 => super::gather::<E, E::$vector, 7>(tile),
                        6 => super::gather::<E, E::$vector, 6>(tile),
                        5 => super::gather::<E, E::$vector, 5>(tile),
                        4 => super::gather::<E, E::$vector, 4>(tile),
                        3 => super::gather::<E, E::$vector, 3>(tile),
                        2 => super::gather::<E, E::$vector, 2>(tile),
                        _ => super::gather::<E, E::$vector, 1>(tile),
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

/// Computes lines by columns of `rows` taps: 7, 5, 3, 2 or 1.
///
/// # Safety
/// As [`correlate`], with the level's lanes; the processor must have the instructions.
pub(super) unsafe fn correlate_at<E: Element>(level: Level, rows: usize, tile: &Correlate<'_, E>) {
    // SAFETY: the caller's promise; the longest registers come with the shorter ones.
    unsafe {
        match level {
            Level::Plain => plain::correlate(rows, tile),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2::correlate(rows, tile),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Short | Level::Avx512 => avx512_short::correlate(rows, tile),
        }
    }
}

/// Adds up the gradients of `taps` weights, at most [`TAPS`].
///
/// # Safety
/// As [`gather`]; the processor must have the instructions.
pub(super) unsafe fn gather_at<E: Element>(level: Level, taps: usize, tile: &Gather<E>) {
    // SAFETY: the caller's promise; the longest registers come with the shorter ones.
    unsafe {
        match level {
            Level::Plain => plain::gather(taps, tile),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2::gather(taps, tile),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Short | Level::Avx512 => avx512_short::gather(taps, tile),
        }
    }
}
