//! From images to places.

#![expect(
    unsafe_code,
    reason = "tiles are transformed by address, and tasks write interleaved parts of one result"
)]

use super::kernels::Kernels;
use super::lines::PLACES;
use super::product::{self, Products};
use super::strips::{Channels, Cut, Lines, Span, Turn, lined};
use super::transform::{self, Tiles, Transform};
use super::{MOST_TASKS, SHARED, Winograd};
use crate::Element;
use crate::buffers::{self, Storage};
use crate::kernel::simd::Level;
use crate::kernel::threads;

/// The result's address.
struct Out<E>(*mut E);

// SAFETY: tasks write through it to places of their own.
unsafe impl<E: Send> Sync for Out<E> {}

/// The numbers of tiles and what they are made of.
#[derive(Clone, Copy)]
pub(super) struct Side<'a, E: 'static> {
    pub(super) level: Level,
    pub(super) turn: Turn<E>,
    pub(super) transform: Transform,
    /// Images of channels of planes of this size, one after the other.
    pub(super) images: &'a [E],
    pub(super) size: [usize; 2],
    /// Zeros before the image.
    pub(super) lead: [isize; 2],
    pub(super) channels: Channels,
}

impl<E: Element> Side<'_, E> {
    /// Numbers of a strip of at most `tiles` tiles.
    pub(super) fn strip(&self, tiles: usize) -> usize {
        let side = self.transform.side();
        side * ((tiles - 1) * PLACES + side) * self.channels.pitch
    }

    /// Transforms the tiles of a block from images to points.
    pub(super) fn spread(
        &self,
        spans: impl Iterator<Item = Span>,
        strip: &mut [E],
        points: &mut [E],
    ) {
        let channels = &self.channels;
        let (side, pitch) = (self.transform.side(), channels.pitch);
        for span in spans {
            let columns = (span.tiles - 1) * PLACES + side;
            let first = [0, 1].map(|axis: usize| span.place[axis] as isize - self.lead[axis]);
            self.turn.lay(
                (self.images, span.item, self.size),
                (strip, channels),
                first,
                [side, columns],
            );
            assert!(
                strip.len() >= side * columns * pitch
                    && points.len() >= channels.block()
                    && channels.plane >= (span.before + span.tiles) * pitch,
                "tiles reach beyond their block"
            );
            let tiles = Tiles {
                pixels: strip.as_mut_ptr(),
                row: (columns * pitch) as isize,
                column: pitch as isize,
                step: PLACES * pitch,
                points: points[span.before * pitch..].as_mut_ptr(),
                plane: channels.plane,
                pitch,
                count: span.tiles,
                channels: channels.padded,
                bias: std::ptr::null(),
            };
            // SAFETY: the strip has the pixels of all tiles, and the block their points, as was just
            // checked; channels are padded to whole registers.
            unsafe { transform::run(self.level, self.transform, &tiles) };
        }
    }
}

impl Winograd {
    /// The images, which tiles read.
    pub(super) fn images<'a, E: Element>(
        &self,
        x: &'a [E],
        cut: &Cut,
        level: Level,
    ) -> Side<'a, E> {
        assert_eq!(
            x.len(),
            self.batch * self.inputs * self.image[0] * self.image[1],
            "images of the convolution's shape"
        );
        Side {
            level,
            turn: Turn::new(level),
            transform: Transform::Image,
            images: x,
            size: self.image,
            lead: self.lead,
            channels: cut.inputs,
        }
    }

    /// The correlation of every image, plus the bias. `then` is given places before they are
    /// written, and some that are not.
    pub(crate) fn apply<E: Element>(
        &self,
        x: &[E],
        kernels: &Kernels<E>,
        bias: Option<&[E]>,
        then: &(dyn Fn(&mut [E]) + Sync),
    ) -> Storage<E> {
        let level = kernels.level;
        let cut = Cut::new::<E>(self, level);
        let images = self.images(x, &cut, level);
        assert!(
            kernels.depth == self.inputs && kernels.columns == cut.outputs.padded,
            "kernels of other channels"
        );
        let area = self.places[0] * self.places[1];
        let mut out = buffers::take(self.batch * self.outputs * area);
        let result = Out(out.as_mut_ptr());
        // The padding's bias is added to channels that nobody reads.
        let mut offsets = buffers::zeroed(cut.outputs.padded);
        if let Some(bias) = bias {
            offsets[..self.outputs].copy_from_slice(bias);
        }
        let (strip, block) = (images.strip(cut.span), cut.inputs.block());
        let places = cut.span * PLACES * PLACES * cut.outputs.pitch;
        let lengths = [block, cut.outputs.block(), strip, places].map(lined::<E>);
        let tasks = cut.blocks.min(MOST_TASKS);
        let work = |task: usize| {
            let result = &result;
            let mut memory = buffers::take::<E>(lengths.iter().sum());
            let (points, memory) = memory.split_at_mut(lengths[0]);
            let (products, memory) = memory.split_at_mut(lengths[1]);
            let (strip, places) = memory.split_at_mut(lengths[2]);
            strip.fill(E::zero());
            for block in cut.blocks * task / tasks..cut.blocks * (task + 1) / tasks {
                let range = cut.block(block);
                images.spread(cut.spans(range.clone()), strip, points);
                let all = Products {
                    rows: range.len(),
                    depth: self.inputs,
                    columns: kernels.columns,
                    left: points.as_ptr(),
                    left_pitch: cut.inputs.pitch,
                    left_step: 1,
                    left_plane: cut.inputs.plane,
                    right: kernels.points.as_ptr(),
                    right_pitch: kernels.pitch,
                    right_plane: kernels.plane,
                    out: products.as_mut_ptr(),
                    out_pitch: cut.outputs.pitch,
                    out_plane: cut.outputs.plane,
                    added: false,
                };
                // SAFETY: a block has room for its tiles, and a number for each channel that goes in
                // and for each, padded, that comes out, at every point; so do the kernels, of as many
                // channels, as was checked.
                unsafe { product::run(level, &all) };
                for span in cut.spans(range) {
                    collect(&cut.outputs, span, (level, &offsets), products, places);
                    then(&mut places[..span.tiles * PLACES * PLACES * cut.outputs.pitch]);
                    // SAFETY: no other task has these tiles, and `out` has room for all places.
                    unsafe { self.write(&images.turn, &cut.outputs, span, places, result.0) };
                }
            }
        };
        if self.work() < SHARED {
            (0..tasks).for_each(work);
        } else {
            threads::run(tasks, &work);
        }
        out
    }
}

/// Transforms a span's tiles of a block from products to places, plus the bias.
fn collect<E: Element>(
    channels: &Channels,
    span: Span,
    (level, bias): (Level, &[E]),
    products: &mut [E],
    places: &mut [E],
) {
    let pitch = channels.pitch;
    let row = span.tiles * PLACES * pitch;
    assert!(
        places.len() >= PLACES * row
            && products.len() >= channels.block()
            && channels.plane >= (span.before + span.tiles) * pitch
            && bias.len() >= channels.padded,
        "tiles reach beyond their block"
    );
    let tiles = Tiles {
        pixels: places.as_mut_ptr(),
        row: row as isize,
        column: pitch as isize,
        step: PLACES * pitch,
        points: products[span.before * pitch..].as_mut_ptr(),
        plane: channels.plane,
        pitch,
        count: span.tiles,
        channels: channels.padded,
        bias: bias.as_ptr(),
    };
    // SAFETY: the block has the points of all tiles, and the strip room for their places, as was
    // just checked; channels are padded to whole registers, and the bias is as long.
    unsafe { transform::run(level, Transform::Places, &tiles) };
}

impl Winograd {
    /// Writes a span's places, channels last, to where they belong.
    ///
    /// # Safety
    /// `out` must have room for the whole result, and nobody else write the span's places.
    unsafe fn write<E: Element>(
        &self,
        turn: &Turn<E>,
        channels: &Channels,
        span: Span,
        places: &[E],
        out: *mut E,
    ) {
        let [height, width] = self.places;
        let area = height * width;
        let [first, column] = span.place;
        let columns = (width - column).min(span.tiles * PLACES);
        let row = span.tiles * PLACES * channels.pitch;
        let lines = Lines {
            count: (height - first).min(PLACES),
            from: row,
            to: width,
        };
        assert!(places.len() >= lines.count * row, "a strip is too short");
        let at = span.item * self.outputs * area + first * width + column;
        // SAFETY: the lines are rows of the result, and so are the columns in every channel; the strip
        // has as many pixels, each with a number for every channel.
        unsafe {
            let from = (places.as_ptr(), channels.pitch);
            turn.turn(from, (out.add(at), area), [columns, self.outputs], lines);
        }
    }
}
