//! A plane of an image as tiles read it: with the padding around it.

use crate::Element;
use crate::buffers::{self, Storage};
use crate::kernel::conv::planes::run;
use crate::simd::{self, Arithmetic, Loop};

/// How columns are laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Columns {
    /// Those so far apart become neighbours.
    Dealt(usize),
    /// Neighbours are laid so far apart, with zeros between.
    Spread(usize),
}

/// The layout of planes `source`, `[height, width]`, with zeros where they end.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    source: [usize; 2],
    columns: Columns,
    /// Rows of a plane, and columns of each remainder.
    size: [usize; 2],
    /// Whether the layout is that of the plane itself.
    is_source: bool,
    /// The first row that is laid from the source, which one that is, and how many.
    down: [usize; 3],
    /// The same for the columns of each remainder.
    across: Vec<[usize; 3]>,
}

impl Layout {
    /// The row 0 is the plane's row `origin[0]` and so on (where columns are spread, they are counted
    /// after that); `size` rows and columns are laid, of each remainder.
    pub(crate) fn new(
        source: [usize; 2],
        origin: [isize; 2],
        columns: Columns,
        size: [usize; 2],
    ) -> Self {
        let across = match columns {
            Columns::Dealt(stride) => {
                let run = |first| run(first, stride, -origin[1], source[1], size[1]);
                (0..stride).map(run).collect()
            }
            Columns::Spread(stride) => {
                let start = (origin[1].max(0) as usize).div_ceil(stride).min(source[1]);
                let first = ((start * stride) as isize - origin[1]) as usize;
                let count = size[1].saturating_sub(first).div_ceil(stride);
                vec![[first, start, count.min(source[1] - start)]]
            }
        };
        let alone = matches!(columns, Columns::Dealt(1) | Columns::Spread(1));
        let whole = size[1] == source[1] && size[0] <= source[0];
        Self {
            source,
            columns,
            size,
            is_source: alone && whole && origin == [0; 2],
            down: run(0, 1, -origin[0], source[0], size[0]),
            across,
        }
    }

    /// Whether every part of the columns holds some of the source's. Where padding crops all of one, lines
    /// cannot be laid: a part has no place to begin.
    pub(crate) fn is_met(&self) -> bool {
        self.across.iter().all(|&[_, _, count]| count > 0)
    }

    /// Numbers of a plane of the source.
    pub(crate) fn source(&self) -> usize {
        self.source[0] * self.source[1]
    }

    /// How far rows lie apart.
    pub(crate) fn row_step(&self) -> usize {
        self.across.len() * self.size[1]
    }

    /// How far planes lie apart.
    pub(crate) fn plane_step(&self) -> usize {
        match self.is_source {
            true => self.source(),
            false => self.size[0] * self.row_step(),
        }
    }

    /// Where a column that stands `column` behind the first one lies.
    pub(crate) fn column(&self, column: usize) -> usize {
        let remainders = self.across.len();
        column % remainders * self.size[1] + column / remainders
    }

    /// Room to lay out so many planes: none where they are read as they lie.
    pub(crate) fn room<E: Element>(&self, planes: usize) -> Storage<E> {
        match self.is_source {
            true => buffers::take(0),
            false => buffers::zeroed(planes * self.plane_step()),
        }
    }

    /// Planes of the source laid out, in `room` where they are not read as they lie.
    pub(crate) fn laid<'a, E: Element>(&self, source: &'a [E], room: &'a mut [E]) -> &'a [E] {
        if self.is_source {
            return source;
        }
        self.fill(source, room);
        room
    }

    /// Lays out planes of the source in `laid`, which was all zeros or has been laid out before.
    fn fill<E: Element>(&self, source: &[E], laid: &mut [E]) {
        if self.source() > 0 && self.plane_step() > 0 {
            simd::run(Fill {
                layout: self,
                source,
                laid,
            });
        }
    }
}

struct Fill<'a, E> {
    layout: &'a Layout,
    source: &'a [E],
    laid: &'a mut [E],
}

impl<E: Element> Loop for Fill<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let layout = self.layout;
        match (layout.columns, &layout.across[..]) {
            (Columns::Dealt(1) | Columns::Spread(1), &[run]) => self.lines(&Copy(run)),
            (Columns::Dealt(2), &[even, odd]) => self.lines(&Deal {
                runs: [even, odd],
                columns: layout.size[1],
            }),
            (Columns::Spread(2), &[run]) => self.lines(&Spread(run)),
            (Columns::Spread(stride), &[[first, start, count]]) => {
                self.lines(&|source: &[E], laid: &mut [E]| {
                    for place in 0..count {
                        laid[first + place * stride] = source[start + place];
                    }
                });
            }
            (_, across) => self.lines(&|source: &[E], laid: &mut [E]| {
                let columns = laid.len() / across.len();
                for (remainder, &[first, start, count]) in across.iter().enumerate() {
                    let laid = &mut laid[remainder * columns + first..];
                    for place in 0..count {
                        laid[place] = source[start + place * across.len()];
                    }
                }
            }),
        }
    }
}

impl<E: Element> Fill<'_, E> {
    /// Lays every line of the source that is wanted.
    #[inline(always)]
    fn lines(self, lay: &impl Lay<E>) {
        let Self {
            layout,
            source: sources,
            laid: planes,
        } = self;
        let ([top, from, lines], width) = (layout.down, layout.source[1]);
        let (row_step, plane_step) = (layout.row_step(), layout.plane_step());
        for plane in 0..sources.len() / layout.source() {
            let source = &sources[plane * layout.source()..][..layout.source()];
            let laid = &mut planes[plane * plane_step..][..plane_step];
            for line in 0..lines {
                let source = &source[(from + line) * width..][..width];
                lay.lay(source, &mut laid[(top + line) * row_step..][..row_step]);
            }
        }
    }
}

/// How a line is laid.
trait Lay<E> {
    fn lay(&self, source: &[E], laid: &mut [E]);
}

impl<E, F: Fn(&[E], &mut [E])> Lay<E> for F {
    #[inline(always)]
    fn lay(&self, source: &[E], laid: &mut [E]) {
        self(source, laid);
    }
}

/// As it is.
struct Copy([usize; 3]);

impl<E: Element> Lay<E> for Copy {
    #[inline(always)]
    fn lay(&self, source: &[E], laid: &mut [E]) {
        // Lines are too short to be worth a call of `memcpy`.
        const TOGETHER: usize = 8;
        let [first, start, count] = self.0;
        let (sources, ends) = source[start..][..count].as_chunks::<TOGETHER>();
        let (chunks, rest) = laid[first..][..count].as_chunks_mut::<TOGETHER>();
        for (laid, source) in chunks.iter_mut().zip(sources) {
            *laid = *source;
        }
        for (laid, &value) in rest.iter_mut().zip(ends) {
            *laid = value;
        }
    }
}

/// Every other column into a part of `columns`, and those between into another.
struct Deal {
    runs: [[usize; 3]; 2],
    columns: usize,
}

impl<E: Element> Lay<E> for Deal {
    #[inline(always)]
    fn lay(&self, source: &[E], laid: &mut [E]) {
        const TOGETHER: usize = 4;
        let [even, odd] = self.runs;
        let (evens, odds) = laid.split_at_mut(self.columns);
        let evens = &mut evens[even[0]..][..even[2]];
        let odds = &mut odds[odd[0]..][..odd[2]];
        let source = &source[even[1].min(odd[1])..];
        // Whether the first column belongs to the odd ones.
        let (first, second) = match even[1] > odd[1] {
            true => (odds, evens),
            false => (evens, odds),
        };
        let (sources, _) = source.as_chunks::<{ 2 * TOGETHER }>();
        let (firsts, _) = first.as_chunks_mut::<TOGETHER>();
        let (seconds, _) = second.as_chunks_mut::<TOGETHER>();
        let whole = sources.len().min(firsts.len()).min(seconds.len());
        for chunk in 0..whole {
            let source = sources[chunk];
            firsts[chunk] = [source[0], source[2], source[4], source[6]];
            seconds[chunk] = [source[1], source[3], source[5], source[7]];
        }
        for place in whole * TOGETHER..first.len() {
            first[place] = source[2 * place];
        }
        for place in whole * TOGETHER..second.len() {
            second[place] = source[2 * place + 1];
        }
    }
}

/// Two apart.
struct Spread([usize; 3]);

impl<E: Element> Lay<E> for Spread {
    #[inline(always)]
    fn lay(&self, source: &[E], laid: &mut [E]) {
        const TOGETHER: usize = 4;
        let [first, start, count] = self.0;
        let (source, laid) = (&source[start..][..count], &mut laid[first..]);
        let (sources, _) = source.as_chunks::<TOGETHER>();
        let (chunks, _) = laid.as_chunks_mut::<{ 2 * TOGETHER }>();
        let (whole, zero) = (sources.len().min(chunks.len()), E::zero());
        for chunk in 0..whole {
            let [a, b, c, d] = sources[chunk];
            chunks[chunk] = [a, zero, b, zero, c, zero, d, zero];
        }
        for place in whole * TOGETHER..count {
            laid[2 * place] = source[place];
        }
    }
}
