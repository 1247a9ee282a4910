//! Correlation of planes with kernels, one channel of the result after the other.

use super::layout::Layout;
use super::tiles::{self, Correlate, ROWS};
use crate::Element;
use crate::buffers::{self, Storage};
use crate::kernel::conv::tiles::Level;

/// Lines of a result that lie a step apart, and what they see of a plane as it is laid out.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    /// The first of them in the result.
    pub(crate) origin: usize,
    /// How far they lie apart in the result.
    pub(crate) step: usize,
    pub(crate) count: usize,
    /// How far apart in the plane one and the next see.
    pub(crate) stride: usize,
    /// Rows of the kernel, each with the row of the plane that the first line sees there.
    pub(crate) taps: Vec<(usize, usize)>,
}

/// A correlation with all sizes known: each channel of the result sees `planes` planes of an image.
#[derive(Debug)]
pub(crate) struct Planewise<E: Element> {
    level: Level,
    layout: Layout,
    /// How many planes a channel sees.
    planes: usize,
    /// Lines and columns of the result.
    result: [usize; 2],
    parts: Vec<Part<E>>,
}

/// What computes some of the lines.
#[derive(Debug)]
struct Part<E: Element> {
    lines: Lines,
    /// Taps that stand one below the other in the plane.
    rows: usize,
    /// Where each column of `rows` taps reads for the first place of the first line.
    columns: Vec<usize>,
    /// For every channel and column the weights.
    weights: Storage<E>,
    /// The farthest element that is read for the first place of the last line, and one.
    reach: usize,
}

impl<E: Element> Planewise<E> {
    /// `lines` compute some of the result's lines each, together all; `across` are the columns of
    /// the kernel, each with the column of the layout that the first place sees there;
    /// `weight(channel, plane, [row, column])` is called for each weight of `channels` channels.
    pub(crate) fn new(
        layout: Layout,
        planes: usize,
        channels: usize,
        result: [usize; 2],
        (lines, across): (Vec<Lines>, &[(usize, usize)]),
        weight: impl Fn(usize, usize, [usize; 2]) -> E,
    ) -> Self {
        let level = Level::of::<E>(result[1]).short();
        let part = |lines: Lines| {
            let neighbours = lines.taps.windows(2).all(|pair| pair[0].1 + 1 == pair[1].1);
            let divides = |rows: &usize| lines.taps.len().is_multiple_of(*rows);
            let rows = match lines.stride == 1 && neighbours {
                true => [ROWS, 5, 3, 2].into_iter().find(divides).unwrap_or(1),
                false => 1,
            };
            let mut columns = Vec::new();
            let mut weights = buffers::take(channels * planes * across.len() * lines.taps.len());
            for plane in 0..planes {
                for &(_, column) in across {
                    for taps in lines.taps.chunks(rows) {
                        let at = plane * layout.plane_step() + taps[0].1 * layout.row_step();
                        columns.push(at + layout.column(column));
                    }
                }
            }
            let mut packed = weights.iter_mut();
            for channel in 0..channels {
                for plane in 0..planes {
                    for &(column, _) in across {
                        for (&(row, _), packed) in lines.taps.iter().zip(&mut packed) {
                            *packed = weight(channel, plane, [row, column]);
                        }
                    }
                }
            }
            let below =
                (lines.count.saturating_sub(1) * lines.stride + rows - 1) * layout.row_step();
            let reach = columns.iter().max().map_or(0, |last| last + below + 1);
            Part {
                lines,
                rows,
                columns,
                weights,
                reach,
            }
        };
        let parts = lines.into_iter().map(part).collect();
        Self {
            level,
            layout,
            planes,
            result,
            parts,
        }
    }

    /// How many columns must be laid out for so many places and taps up to `last`, by layouts that
    /// do not read beyond what is there.
    pub(crate) fn columns(width: usize, last: usize) -> usize {
        width.max(Level::of::<E>(width).short().lanes::<E>()) + last
    }

    /// Numbers of a channel of the result.
    pub(crate) fn length(&self) -> usize {
        self.result[0] * self.result[1]
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Computes `out`'s channels, of which `first` is the first and `together` each see the same
    /// planes: those of as many owners, as they are laid out.
    pub(crate) fn run(
        &self,
        first: usize,
        together: usize,
        laid: &[E],
        bias: Option<&[E]>,
        out: &mut [E],
    ) {
        let ([height, width], length) = (self.result, self.length());
        let channels = out.len().checked_div(length).unwrap_or(0);
        let owners = channels.checked_div(together).unwrap_or(0);
        if owners == 0 {
            return;
        }
        let lanes = self.level.lanes::<E>();
        let owner_step = self.planes * self.layout.plane_step();
        assert!(
            laid.len() >= owners * owner_step
                && owners * together == channels
                && bias.is_none_or(|bias| bias.len() >= first + channels),
            "the planes of a correlation are shorter than their layout"
        );
        let initial = bias.map_or(std::ptr::null(), |bias| bias[first..].as_ptr());
        for part in &self.parts {
            let Lines {
                origin,
                step,
                count,
                stride,
                ..
            } = part.lines;
            if count == 0 {
                continue;
            }
            let weights = part.columns.len() * part.rows;
            let read = (owners - 1) * owner_step + part.reach + width.max(lanes) - 1;
            assert!(
                (part.reach == 0 || read <= laid.len()) && origin + (count - 1) * step < height,
                "lines of a correlation reach beyond their planes"
            );
            let tile = Correlate {
                owners,
                channels: together,
                image: laid.as_ptr(),
                owner_step,
                image_step: stride * self.layout.row_step(),
                columns: &part.columns,
                weights: part.weights[first * weights..][..channels * weights].as_ptr(),
                initial,
                out: out[origin * width..].as_mut_ptr(),
                channel_step: length,
                out_step: step * width,
                lines: count,
                width,
            };
            // SAFETY: the farthest that the last line of the last owner reads with its last tap, a
            // register or all places of a line, lies within `laid`, as was just checked by `reach`;
            // taps of a column stand one row below the other where there are several, and then
            // lines do; weights and biases are as many as needed; `out` holds all channels, whose
            // lines end within them. The level is there, as `Level::of` gave it.
            unsafe { tiles::correlate_at(self.level, part.rows, &tile) };
        }
    }
}
