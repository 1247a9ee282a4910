//! A row as planes of pixels.

use crate::DataError;

/// How the numbers of a row lie: `channels` planes of `height` rows of `width` pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planes {
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Planes {
    /// Of rows `[height, width]` or `[channels, height, width]`.
    pub(crate) fn of(row_shape: &[usize]) -> Result<Self, DataError> {
        match *row_shape {
            [height, width] | [_, height, width] if height > 0 && width > 0 => {
                Ok(Self { height, width })
            }
            _ => {
                let expected = "[height, width] or [channels, height, width], for images";
                Err(DataError::setting(
                    "row shape",
                    expected,
                    format!("{row_shape:?}"),
                ))
            }
        }
    }

    /// How many pixels a plane has.
    pub(crate) fn area(self) -> usize {
        self.height * self.width
    }

    /// Calls `change` on each plane of a row of this shape; on none where the shape is no image's.
    pub(crate) fn each(
        row: &mut [f64],
        row_shape: &[usize],
        mut change: impl FnMut(Self, &mut [f64]),
    ) {
        if let Ok(planes) = Self::of(row_shape) {
            row.chunks_exact_mut(planes.area())
                .for_each(|plane| change(planes, plane));
        }
    }
}

/// A rectangle of pixels: rows `top..bottom`, columns `left..right`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) top: usize,
    pub(crate) bottom: usize,
    pub(crate) left: usize,
    pub(crate) right: usize,
}

impl Window {
    /// Of `height` by `width` pixels around a centre, less what lies outside the plane.
    pub(crate) fn around(
        (row, column): (usize, usize),
        (height, width): (usize, usize),
        planes: Planes,
    ) -> Self {
        Self {
            top: row.saturating_sub(height / 2),
            bottom: row.saturating_add(height - height / 2).min(planes.height),
            left: column.saturating_sub(width / 2),
            right: column.saturating_add(width - width / 2).min(planes.width),
        }
    }

    /// How many pixels it has.
    pub(crate) fn area(self) -> usize {
        (self.bottom - self.top) * (self.right - self.left)
    }

    /// The places of its rows of pixels in a plane.
    pub(crate) fn lines(self, planes: Planes) -> impl Iterator<Item = std::ops::Range<usize>> {
        (self.top..self.bottom)
            .map(move |row| row * planes.width + self.left..row * planes.width + self.right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_at_the_borders() {
        let planes = Planes::of(&[2, 5, 6]).unwrap();
        let inner = Window::around((2, 3), (2, 3), planes);
        assert_eq!((inner.area(), inner.top, inner.left), (6, 1, 2));
        let corner = Window::around((0, 5), (4, 4), planes);
        assert_eq!(
            corner,
            Window {
                top: 0,
                bottom: 2,
                left: 3,
                right: 6
            }
        );
        assert_eq!(corner.lines(planes).collect::<Vec<_>>(), [3..6, 9..12]);
        let whole = Window::around((2, 3), (50, 50), planes);
        assert_eq!(whole.area(), planes.area());
    }

    #[test]
    fn rows_that_are_no_image_are_refused() {
        for shape in [&[4][..], &[], &[1, 0, 3], &[1, 1, 2, 2]] {
            assert!(Planes::of(shape).is_err(), "{shape:?}");
        }
    }
}
