//! Which tiles are done together, and the strips of an image that they are taken from.

#![expect(unsafe_code, reason = "blocks are transposed by vector instructions")]

use std::ops::Range;

use super::Winograd;
use super::lines::{PLACES, POINTS};
use super::transform::{lanes, padded};
use crate::Element;
use crate::kernel::gemm::Micro;
use crate::kernel::scaled;
use crate::kernel::simd::{self, Level};

/// Bytes that the transformed tiles of a block may take: about half of a second-level cache.
const BLOCK: usize = scaled(1 << 19, 1 << 15);
/// Fewer tiles would read the transformed kernels too often, more would not pay any more.
const FEWEST: usize = 32;
const MOST: usize = 128;
/// Bytes of a line of the cache.
const LINE: usize = 64;
/// Rows or planes that are a multiple of so many bytes apart would fall on few lines of a cache.
const ALIAS: usize = 1024;

/// `length` numbers, or some more so that pieces of it do not fall on the same lines of a cache.
pub(super) fn skewed<E>(length: usize) -> usize {
    match (length * size_of::<E>()).is_multiple_of(ALIAS) {
        true => length + LINE / size_of::<E>(),
        false => length,
    }
}

/// `length` numbers, or some more so that what follows them begins at a line of the cache.
pub(super) fn lined<E>(length: usize) -> usize {
    length.next_multiple_of(LINE / size_of::<E>())
}

/// Channels as they lie side by side, and the tiles of a block at each point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channels {
    pub(super) count: usize,
    /// In whole registers.
    pub(super) padded: usize,
    /// How far apart tiles, and pixels of a strip, lie.
    pub(super) pitch: usize,
    /// How far apart points lie.
    pub(super) plane: usize,
}

impl Channels {
    fn new<E: Element>(count: usize, level: Level) -> Self {
        let padded = padded(count, lanes::<E>(level));
        Self {
            count,
            padded,
            pitch: skewed::<E>(padded),
            plane: 0,
        }
    }

    fn of_block<E>(self, tiles: usize) -> Self {
        Self {
            plane: skewed::<E>(tiles * self.pitch),
            ..self
        }
    }

    /// Numbers of a block's tiles at all points.
    pub(super) fn block(&self) -> usize {
        POINTS * POINTS * self.plane
    }
}

/// Tiles side by side in one line of tiles of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) item: usize,
    /// The first place, down and across.
    pub(super) place: [usize; 2],
    pub(super) tiles: usize,
    /// Tiles of the block that come before.
    pub(super) before: usize,
}

/// How the tiles of a batch are cut, by its shape and the level alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Tiles of an item, down and across.
    grid: [usize; 2],
    tiles: usize,
    pub(super) blocks: usize,
    /// The most tiles of a span.
    pub(super) span: usize,
    pub(super) inputs: Channels,
    pub(super) outputs: Channels,
}

impl Cut {
    pub(super) fn new<E: Element>(shape: &Winograd, level: Level) -> Self {
        let grid = shape.places.map(|places| places.div_ceil(PLACES));
        let tiles = shape.batch * grid[0] * grid[1];
        let [inputs, outputs] =
            [shape.inputs, shape.outputs].map(|count| Channels::new::<E>(count, level));
        let tile = POINTS * POINTS * (inputs.pitch + outputs.pitch) * size_of::<E>();
        let most = (BLOCK / tile).clamp(FEWEST, MOST) / 8 * 8;
        let blocks = tiles.div_ceil(most);
        let most = tiles.div_ceil(blocks);
        Self {
            grid,
            tiles,
            blocks,
            span: grid[1].min(most),
            inputs: inputs.of_block::<E>(most),
            outputs: outputs.of_block::<E>(most),
        }
    }

    /// The tiles of block `block`.
    pub(super) fn block(&self, block: usize) -> Range<usize> {
        self.tiles * block / self.blocks..self.tiles * (block + 1) / self.blocks
    }

    /// The tiles `range` by lines.
    pub(super) fn spans(&self, range: Range<usize>) -> impl Iterator<Item = Span> {
        let [down, across] = self.grid;
        let mut next = range.start;
        std::iter::from_fn(move || {
            if next >= range.end {
                return None;
            }
            let (line, column) = (next / across, next % across);
            let tiles = (across - column).min(range.end - next);
            let span = Span {
                item: line / down,
                place: [line % down * PLACES, column * PLACES],
                tiles,
                before: next - range.start,
            };
            next += tiles;
            Some(span)
        })
    }
}

/// Matrices that are turned together: how many, and how far apart they lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    pub(super) count: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Lines {
    /// A single one.
    pub(super) const ONE: Self = Self {
        count: 1,
        from: 0,
        to: 0,
    };
}

/// Turns matrices with the instructions of a level.
#[derive(Clone, Copy)]
pub(super) struct Turn<E: 'static> {
    micro: Micro<E>,
}

impl<E: Element> Turn<E> {
    pub(super) fn new(level: Level) -> Self {
        Self {
            micro: simd::with(level, E::micro),
        }
    }

    /// Writes `lines` matrices of `rows` x `columns` numbers transposed: from `from`, where rows lie
    /// `from_row` apart, to `to`, where columns do by `to_row`.
    ///
    /// # Safety
    /// The numbers must be readable and their targets writable; the two do not overlap.
    pub(super) unsafe fn turn(
        &self,
        (from, from_row): (*const E, usize),
        (to, to_row): (*mut E, usize),
        [rows, columns]: [usize; 2],
        lines: Lines,
    ) {
        let block = self.micro.block;
        let lines = (0..lines.count).map(|line| (line * lines.from, line * lines.to));
        // SAFETY: blocks and single numbers lie within the matrices that the caller promises.
        unsafe {
            if rows < block || columns < block {
                for (source, target) in lines {
                    let (from, to) = (from.add(source), to.add(target));
                    for row in 0..rows {
                        for column in 0..columns {
                            *to.add(column * to_row + row) = *from.add(row * from_row + column);
                        }
                    }
                }
                return;
            }
            // The last block overlaps the one before rather than reach beyond the end.
            let down = (0..rows).step_by(block);
            let down = down.map(|row| row.min(rows - block));
            let across = (0..columns).step_by(block);
            let across = across.map(|column| column.min(columns - block));
            let one = |(source, target): (usize, usize), row: usize, column: usize| {
                let from = from.add(source + row * from_row + column);
                let to = to.add(target + column * to_row + row);
                (self.micro.transpose)(from, from_row, to, to_row);
            };
            // What lies far apart is gone over once, line by line.
            if from_row > to_row {
                for row in down {
                    for line in lines.clone() {
                        across.clone().for_each(|column| one(line, row, column));
                    }
                }
            } else {
                for column in across {
                    for line in lines.clone() {
                        down.clone().for_each(|row| one(line, row, column));
                    }
                }
            }
        }
    }

    /// Lays `strip` out, pixels of `channels` each, from an image of planes of `size`: the pixels
    /// from `first` on, `extent` down and across, zeros where there is no image. Of `images` it is
    /// the one of number `item`.
    pub(super) fn lay(
        &self,
        (images, item, size): (&[E], usize, [usize; 2]),
        (strip, channels): (&mut [E], &Channels),
        first: [isize; 2],
        extent: [usize; 2],
    ) {
        let [height, width] = size;
        let line = extent[1] * channels.pitch;
        let length = channels.count * height * width;
        assert!(strip.len() >= extent[0] * line, "a strip is too short");
        let image = &images[item * length..][..length];
        // Columns left of the image, and up to its end.
        let left = first[1].min(0).unsigned_abs().min(extent[1]);
        let right = (width as isize - first[1]).clamp(left as isize, extent[1] as isize) as usize;
        let rows =
            [0, height as isize].map(|row| (row - first[0]).clamp(0, extent[0] as isize) as usize);
        let strip = &mut strip[..extent[0] * line];
        if rows[0] == rows[1] || left == right {
            return strip.fill(E::zero());
        }
        strip[..rows[0] * line].fill(E::zero());
        strip[rows[1] * line..].fill(E::zero());
        let strip = &mut strip[rows[0] * line..rows[1] * line];
        for line in strip.chunks_exact_mut(line) {
            line[..left * channels.pitch].fill(E::zero());
            line[right * channels.pitch..].fill(E::zero());
        }
        let place = [rows[0], left];
        let place = [0, 1].map(|axis: usize| (first[axis] + place[axis] as isize) as usize);
        let lines = Lines {
            count: rows[1] - rows[0],
            from: width,
            to: line,
        };
        // SAFETY: in every channel the rows and columns from `place` on are the image's, as many as
        // were found to be, and in the strip the pixels from `left` to `right` of the lines that are
        // left have a number for each channel.
        unsafe {
            let from = image.as_ptr().add(place[0] * width + place[1]);
            let to = strip.as_mut_ptr().add(left * channels.pitch);
            let extent = [channels.count, right - left];
            self.turn((from, height * width), (to, channels.pitch), extent, lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_every_tile_once() {
        let shape = Winograd {
            batch: 3,
            inputs: 700,
            outputs: 5,
            image: [11, 37],
            lead: [0; 2],
            places: [9, 35],
        };
        let cut = Cut::new::<f32>(&shape, Level::PORTABLE);
        let mut seen = Vec::new();
        for block in 0..cut.blocks {
            let range = cut.block(block);
            let mut count = 0;
            for span in cut.spans(range.clone()) {
                assert_eq!(span.before, count);
                assert!(span.tiles <= cut.span);
                count += span.tiles;
                for tile in 0..span.tiles {
                    seen.push((span.item, span.place[0], span.place[1] + PLACES * tile));
                }
            }
            assert_eq!(count, range.len());
        }
        let all = (0..3).flat_map(|item| (0..3).map(move |row| (item, row)));
        let all = all.flat_map(|(item, row)| (0..9).map(move |column| (item, 4 * row, 4 * column)));
        assert_eq!(seen, all.collect::<Vec<_>>());
        assert!(cut.blocks > 1);
    }
}
