//! Windows over an image, and what becomes of them.

use std::ops::Range;

use crate::Element;
use crate::kernel::simd::{Arithmetic, Loop};

/// The elements of a plane that a window of the result sees: rows and columns.
pub(crate) type Window = (Range<usize>, Range<usize>);

/// The place of the first largest element among `places` of `plane`. NaN counts as the largest.
pub(crate) fn largest<E: Element>(
    plane: &[E],
    places: impl Iterator<Item = usize>,
) -> Option<usize> {
    let mut best: Option<usize> = None;
    for place in places {
        let beaten = best.is_none_or(|best| plane[place] > plane[best] || plane[place].is_nan());
        if beaten && best.is_none_or(|best| !plane[best].is_nan()) {
            best = Some(place);
        }
    }
    best
}

/// The sum of a window of `plane`, `width` elements a row.
pub(crate) fn window_sum<E: Element>(plane: &[E], width: usize, window: &Window) -> E {
    let mut total = E::zero();
    for row in window.0.clone() {
        for &value in &plane[row * width..][window.1.clone()] {
            total += value;
        }
    }
    total
}

/// Adds `share` to every element of a window of `plane`.
pub(crate) fn window_add<E: Element>(plane: &mut [E], width: usize, window: &Window, share: E) {
    for row in window.0.clone() {
        for value in &mut plane[row * width..][window.1.clone()] {
            *value += share;
        }
    }
}

/// The largest element of every window of a plane, and which of the window's elements that is, in
/// windows of `height` x `ACROSS` side by side.
pub(crate) struct Largest<'a, E, const ACROSS: usize> {
    pub(crate) plane: &'a [E],
    /// Elements of a row of the plane.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Windows of a row.
    pub(crate) across: usize,
    pub(crate) out: &'a mut [E],
    pub(crate) chosen: &'a mut [u8],
}

impl<E: Element, const ACROSS: usize> Loop for Largest<'_, E, ACROSS> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let lines = self.plane.chunks_exact(self.width * self.height);
        let results = self.out.chunks_exact_mut(self.across);
        let results = results.zip(self.chosen.chunks_exact_mut(self.across));
        for (lines, (out, chosen)) in lines.zip(results) {
            let windows = Windows::<E, ACROSS> {
                lines,
                width: self.width,
                height: self.height,
            };
            let mut first = 0;
            first += windows.side_by_side::<16>(first, out, chosen);
            first += windows.side_by_side::<8>(first, out, chosen);
            first += windows.side_by_side::<4>(first, out, chosen);
            windows.side_by_side::<1>(first, out, chosen);
        }
    }
}

/// The lines that a row of windows sees.
struct Windows<'a, E, const ACROSS: usize> {
    lines: &'a [E],
    width: usize,
    height: usize,
}

impl<E: Element, const ACROSS: usize> Windows<'_, E, ACROSS> {
    /// Computes `TOGETHER` windows at once from `first` on, as long as there are so many, and gives
    /// how many it has done.
    #[inline(always)]
    fn side_by_side<const TOGETHER: usize>(
        &self,
        first: usize,
        out: &mut [E],
        chosen: &mut [u8],
    ) -> usize {
        let (outs, _) = out[first..].as_chunks_mut::<TOGETHER>();
        let (chosens, _) = chosen[first..].as_chunks_mut::<TOGETHER>();
        for chunk in 0..outs.len() {
            let start = (first + chunk * TOGETHER) * ACROSS;
            let mut best = [E::zero(); TOGETHER];
            let mut place = [0; TOGETHER];
            for down in 0..self.height {
                let line = &self.lines[down * self.width + start..][..ACROSS * TOGETHER];
                let (windows, _) = line.as_chunks::<ACROSS>();
                for tap in 0..ACROSS {
                    let number = (down * ACROSS + tap) as u8;
                    let places = best.iter_mut().zip(&mut place);
                    for (window, (best, place)) in windows.iter().zip(places) {
                        let value = window[tap];
                        // NaN beats all but NaN.
                        let beats = (value > *best) | (value.is_nan() & !best.is_nan());
                        let beaten = (number == 0) | beats;
                        *best = if beaten { value } else { *best };
                        *place = if beaten { number } else { *place };
                    }
                }
            }
            outs[chunk] = best;
            chosens[chunk] = place;
        }
        outs.len() * TOGETHER
    }
}

/// The way back of [`Largest`]: writes every element of the plane, 0 where it was not chosen.
pub(crate) struct Chosen<'a, E, const ACROSS: usize> {
    pub(crate) plane: &'a mut [E],
    /// Elements of a row of the plane.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Windows of a row.
    pub(crate) across: usize,
    pub(crate) gradient: &'a [E],
    pub(crate) chosen: &'a [u8],
}

impl<E: Element, const ACROSS: usize> Loop for Chosen<'_, E, ACROSS> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let rows = self.gradient.len() / self.across * self.height * self.width;
        let (seen, beyond) = self.plane.split_at_mut(rows);
        beyond.fill(E::zero());
        let lines = seen.chunks_exact_mut(self.width * self.height);
        let gradients = self.gradient.chunks_exact(self.across);
        let gradients = gradients.zip(self.chosen.chunks_exact(self.across));
        for (lines, (gradient, chosen)) in lines.zip(gradients) {
            for (down, line) in lines.chunks_exact_mut(self.width).enumerate() {
                let first = (down * ACROSS) as u8;
                let (line, beyond) = line.split_at_mut(self.across * ACROSS);
                beyond.fill(E::zero());
                let (windows, _) = line.as_chunks_mut::<ACROSS>();
                for (window, (&g, &chosen)) in windows.iter_mut().zip(gradient.iter().zip(chosen)) {
                    for (tap, value) in window.iter_mut().enumerate() {
                        *value = if chosen == first + tap as u8 {
                            g
                        } else {
                            E::zero()
                        };
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_and_the_first_nan_win() {
        let plane = [1.0, 3.0, 3.0, f64::NAN, 5.0, f64::NAN];
        assert_eq!(largest(&plane, 0..3), Some(1));
        assert_eq!(largest(&plane, 0..6), Some(3));
        assert_eq!(largest(&plane, 0..0), None);
    }

    #[test]
    fn windows_are_cut_out_of_the_plane() {
        let mut plane = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let window = (0..2, 1..3);
        assert_eq!(window_sum(&plane, 3, &window), 16.0);
        window_add(&mut plane, 3, &window, 1.0);
        assert_eq!(plane, [1.0, 3.0, 4.0, 4.0, 6.0, 7.0]);
    }

    #[test]
    fn windows_side_by_side_agree_with_the_definition_there_and_back() {
        let (width, height, down, across) = (75, 3, 4, 37);
        let plane: Vec<f64> = (0..width * (height * down + 2))
            .map(|at| {
                if at % 97 == 5 {
                    f64::NAN
                } else {
                    (at * 31 % 17) as f64
                }
            })
            .collect();
        for &level in crate::kernel::simd::Level::available() {
            let (mut out, mut chosen) = (vec![0.0; down * across], vec![0; down * across]);
            level.run(Largest::<_, 2> {
                plane: &plane,
                width,
                height,
                across,
                out: &mut out,
                chosen: &mut chosen,
            });
            let mut back = vec![f64::NAN; plane.len()];
            let gradient: Vec<f64> = (1..=down * across).map(|at| at as f64).collect();
            level.run(Chosen::<_, 2> {
                plane: &mut back,
                width,
                height,
                across,
                gradient: &gradient,
                chosen: &chosen,
            });
            let mut want = vec![0.0; plane.len()];
            for (place, (&out, &g)) in out.iter().zip(&gradient).enumerate() {
                let (y, x) = (place / across, place % across);
                let window = (0..height).flat_map(|row| {
                    (0..2).map(move |column| (y * height + row) * width + x * 2 + column)
                });
                let best = largest(&plane, window).unwrap();
                assert!(plane[best] == out || plane[best].is_nan() && out.is_nan());
                want[best] = g;
            }
            assert_eq!(back, want, "{level:?}");
        }
    }
}
