//! Windows over an image, and what becomes of them.

use std::ops::Range;

use crate::Element;

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
}
