//! Tensors with more, or fewer, elements at their ends.

use smallvec::smallvec;

use super::along::Taps;
use crate::{Element, Error, Result, Tensor};

/// What lies beyond the ends of a padded dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode {
    /// This number.
    Constant(f64),
    /// The elements in reverse, from the end on, which is not repeated: c b | a b c | b a.
    Reflect,
    /// The end, again and again: a a | a b c | c c.
    Replicate,
    /// The elements from the other end on: b c | a b c | a b.
    Circular,
}

impl PadMode {
    /// How a dimension of `length` elements looks with so many before and after: for each place its
    /// place in the input, where it has one.
    fn places(self, length: usize, [before, after]: [isize; 2]) -> Result<Vec<Option<usize>>> {
        let refused = |expected: String| {
            let found = format!("{before} and {after}");
            Err(Error::argument("pad", "padding", expected, found))
        };
        let signed = isize::try_from(length).unwrap_or(isize::MAX);
        let removed = before.min(0).saturating_add(after.min(0));
        let Some(kept) = length.checked_add_signed(removed) else {
            return refused(format!(
                "such that at most the {length} elements are taken away"
            ));
        };
        let padded = kept + before.max(0).unsigned_abs() + after.max(0).unsigned_abs();
        let largest = before.max(after);
        match self {
            Self::Reflect if largest >= signed => {
                return refused(format!("less than the {length} elements"));
            }
            Self::Reflect | Self::Replicate if length == 0 || padded == 0 => {
                return refused(format!("such that something is left of {length} elements"));
            }
            Self::Circular if largest > signed || (largest > 0 && kept == 0) => {
                return refused(format!(
                    "at most the {length} elements, of which one is kept"
                ));
            }
            _ => {}
        }
        let cropped = -before.min(0);
        let period = kept.max(1) as isize;
        let place = |place: usize| {
            let place = place as isize - before;
            let place = match self {
                Self::Constant(_) => return (0..signed).contains(&place).then_some(place as usize),
                Self::Reflect if place.abs() < signed => place.abs(),
                Self::Reflect => 2 * (signed - 1) - place,
                Self::Replicate => place.clamp(0, signed - 1),
                Self::Circular => cropped + (place - cropped).rem_euclid(period),
            };
            usize::try_from(place).ok()
        };
        Ok((0..padded).map(place).collect())
    }
}

impl<E: Element> Tensor<E> {
    /// The last dimensions with so many elements more `[before, after]`; a negative number takes
    /// away as many.
    ///
    /// # Shapes
    /// `padding`: a pair for each of the last dimensions, in their order. In the modes other than
    /// [`PadMode::Constant`] one or two dimensions lie before them.
    ///
    /// # Errors
    /// A shape error when there are too few dimensions, or one or two don't lie before those that
    /// are padded; an argument error when less than nothing would be left, or with
    /// [`PadMode::Reflect`] and [`PadMode::Replicate`] nothing; when a reflection is as long as the
    /// dimension or longer, or a circle passes it more than once.
    ///
    /// # Source
    /// Equals `torch.nn.functional.pad`, whose pairs begin with the last dimension.
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::{PadMode, Tensor};
    ///
    /// let line = Tensor::<f32>::from_vec(vec![1.0, 2.0, 3.0], [1, 3])?;
    /// let padded = line.pad(&[[2, 1]], PadMode::Reflect)?;
    /// assert_eq!(padded.to_vec(), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]);
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    pub fn pad(&self, padding: &[[isize; 2]], mode: PadMode) -> Result<Self> {
        let constant = matches!(mode, PadMode::Constant(_));
        let first = self.rank().checked_sub(padding.len());
        let Some(first) = first.filter(|before| constant || (1..=2).contains(before)) else {
            let before = if constant {
                ""
            } else {
                " behind one or two others"
            };
            let rule = format!("must have {} dimensions to pad{before}", padding.len());
            return Err(Error::shape("pad", &[self.shape()], rule));
        };
        let fill = match mode {
            PadMode::Constant(value) => E::of(value),
            _ => E::zero(),
        };
        let mut padded = self.clone();
        for (dim, &ends) in (first..).zip(padding) {
            let places = mode.places(self.shape()[dim], ends)?;
            if ends != [0; 2] {
                let taps = |place: Option<usize>| -> Taps<E> {
                    place.map_or(smallvec![], |place| smallvec![(place, E::one())])
                };
                let seen = places.into_iter().map(taps).collect();
                padded = padded.along("pad", dim, seen, fill);
            }
        }
        Ok(padded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, gradient_check};

    fn padded(padding: &[[isize; 2]], mode: PadMode) -> Result<Vec<f64>> {
        let x = Tensor::<f64>::from_fn([1, 2, 3], |place| place as f64);
        Ok(x.pad(padding, mode)?.to_vec())
    }

    /// The figures are those of PyTorch 2.15.
    #[test]
    fn the_figures_are_those_of_the_reference() {
        let cases: [(_, [[isize; 2]; 2], &[f64]); 9] = [
            (
                PadMode::Constant(7.0),
                [[1, 0], [1, 2]],
                &[
                    7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 0.0, 1.0, 2.0, 7.0, 7.0, 7.0, 3.0, 4.0, 5.0,
                    7.0, 7.0,
                ],
            ),
            (
                PadMode::Reflect,
                [[1, 0], [2, 1]],
                &[
                    5.0, 4.0, 3.0, 4.0, 5.0, 4.0, 2.0, 1.0, 0.0, 1.0, 2.0, 1.0, 5.0, 4.0, 3.0, 4.0,
                    5.0, 4.0,
                ],
            ),
            (
                PadMode::Replicate,
                [[1, 1], [2, 1]],
                &[
                    0.0, 0.0, 0.0, 1.0, 2.0, 2.0, 0.0, 0.0, 0.0, 1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0,
                    5.0, 5.0, 3.0, 3.0, 3.0, 4.0, 5.0, 5.0,
                ],
            ),
            (
                PadMode::Circular,
                [[1, 0], [2, 1]],
                &[
                    4.0, 5.0, 3.0, 4.0, 5.0, 3.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0, 4.0, 5.0, 3.0, 4.0,
                    5.0, 3.0,
                ],
            ),
            (PadMode::Constant(7.0), [[0, -1], [-1, 1]], &[1.0, 2.0, 7.0]),
            (
                PadMode::Reflect,
                [[0, 1], [-1, 2]],
                &[1.0, 2.0, 1.0, 0.0, 4.0, 5.0, 4.0, 3.0, 1.0, 2.0, 1.0, 0.0],
            ),
            (
                PadMode::Replicate,
                [[0, -1], [-1, 2]],
                &[1.0, 2.0, 2.0, 2.0],
            ),
            (
                PadMode::Circular,
                [[0, 0], [-2, 2]],
                &[2.0, 2.0, 2.0, 5.0, 5.0, 5.0],
            ),
            (
                PadMode::Circular,
                [[0, 0], [2, -1]],
                &[0.0, 1.0, 0.0, 1.0, 3.0, 4.0, 3.0, 4.0],
            ),
        ];
        for (mode, padding, want) in cases {
            assert_eq!(
                padded(&padding, mode).unwrap(),
                want,
                "{mode:?} {padding:?}"
            );
        }
    }

    #[test]
    fn gradients_agree_with_differences() {
        let input = Tensor::standard_normal([2, 3, 4], Stream::new(1));
        for mode in [
            PadMode::Constant(0.5),
            PadMode::Reflect,
            PadMode::Replicate,
            PadMode::Circular,
        ] {
            let function =
                |x: &[Tensor<f64>]| Ok(x[0].pad(&[[2, 1], [-1, 3]], mode)?.square().sum());
            let worst =
                gradient_check::check(function, std::slice::from_ref(&input), 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{mode:?}: {worst:?}");
        }
    }

    #[test]
    fn padding_that_does_not_fit_is_named() {
        let error = |ends, mode| padded(&[ends], mode).unwrap_err().to_string();
        let want = "pad: `padding` must be less than the 3 elements, found 3 and 0";
        assert_eq!(error([3, 0], PadMode::Reflect), want);
        let want = "pad: `padding` must be such that at most the 3 elements are taken away, found -2 and -2";
        assert_eq!(error([-2, -2], PadMode::Constant(0.0)), want);
        assert_eq!(padded(&[[-3, 0]], PadMode::Constant(0.0)), Ok(vec![]));
        assert_eq!(padded(&[[-3, 0]], PadMode::Circular), Ok(vec![]));
        for (ends, mode) in [
            ([4, 0], PadMode::Circular),
            ([-3, 1], PadMode::Circular),
            ([-3, 0], PadMode::Reflect),
            ([-3, 0], PadMode::Replicate),
            ([isize::MIN, isize::MIN], PadMode::Replicate),
            ([isize::MIN, isize::MAX], PadMode::Constant(0.0)),
        ] {
            assert!(padded(&[ends], mode).is_err(), "{ends:?} {mode:?}");
        }
        assert!(padded(&[[0; 2]; 3], PadMode::Replicate).is_err());
        assert!(padded(&[[0; 2]; 4], PadMode::Constant(0.0)).is_err());
    }

    #[test]
    fn empty_tensors_are_padded() {
        let empty = Tensor::<f64>::zeros([2, 0]);
        let ones = empty.pad(&[[1, 2]], PadMode::Constant(1.0)).unwrap();
        assert_eq!(ones.to_vec(), [1.0; 6]);
        assert!(empty.pad(&[[1, 2]], PadMode::Replicate).is_err());
        let none = Tensor::<f64>::zeros([0, 2, 3]);
        let none = none.pad(&[[1, 2]], PadMode::Circular).unwrap();
        assert_eq!(none.shape(), [0, 2, 6]);
    }
}
