//! Images and lines of another size.

use smallvec::smallvec;

use super::along::Taps;
use crate::{Element, Error, Result, Tensor};

/// The cubic's free coefficient; -0.75 is PyTorch's.
const CUBIC: f64 = -0.75;

/// How elements between those of the input are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// The element at floor(place in / out).
    Nearest,
    /// The element whose centre is nearest, at floor((place + 1/2) in / out).
    NearestExact,
    /// The mean of the elements from floor(place in / out) to ceil((place + 1) in / out), those of
    /// [`Tensor::adaptive_avg_pool2d`]: for images that become smaller.
    Area,
    /// On the line between the two neighbours; in two dimensions bilinear.
    Linear {
        /// Whether the centres of the first and last elements stay where they are. Otherwise the
        /// outer edges do.
        align_corners: bool,
    },
    /// On a cubic through the four neighbours; in two dimensions bicubic.
    Cubic {
        /// As for [`Interpolation::Linear`].
        align_corners: bool,
    },
}

/// The size to interpolate to, for each of `D` dimensions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OutputSize<const D: usize> {
    /// So many elements.
    Size([usize; D]),
    /// So many times the input's elements, rounded down. The elements lie 1 / factor apart.
    Scale([f64; D]),
}

impl Interpolation {
    /// What each of `output` places sees of `input` elements that lie so far apart; `spacing` is
    /// that of the places without aligned corners.
    fn taps<E: Element>(self, input: usize, output: usize, spacing: f64) -> Vec<Taps<E>> {
        let last = input - 1;
        let aligned = match output {
            1 => 0.0,
            _ => last as f64 / (output as f64 - 1.0),
        };
        let source = |place: usize, align_corners: bool| match align_corners {
            true => aligned * place as f64,
            false => (place as f64 + 0.5) * spacing - 0.5,
        };
        // The element before a place, and how far beyond it the place lies.
        let split = |source: f64| {
            let before = source.floor().min(last as f64);
            (before, (source - before).clamp(0.0, 1.0))
        };
        let taps = |place: usize| -> Taps<E> {
            match self {
                Self::Nearest => {
                    // The reference rounds so; in double precision other elements would be chosen
                    // where the exact place is whole.
                    let source = (E::of(place as f64) * E::of(spacing)).double() as f32;
                    smallvec![((source.floor() as usize).min(last), E::one())]
                }
                Self::NearestExact => {
                    let half = E::of(0.5);
                    let centre = (E::of(place as f64) + half) * E::of(spacing) - half;
                    let source = (centre.max(E::zero()) + half).double();
                    smallvec![((source.floor() as usize).min(last), E::one())]
                }
                Self::Area => {
                    let seen = place * input / output..((place + 1) * input).div_ceil(output);
                    let share = E::of(1.0 / seen.len() as f64);
                    seen.map(|place| (place, share)).collect()
                }
                Self::Linear { .. } if input == output => smallvec![(place, E::one())],
                Self::Linear { align_corners } => {
                    let (before, beyond) = split(source(place, align_corners).max(0.0));
                    let before = before as usize;
                    let after = (before + 1).min(last);
                    smallvec![(before, E::of(1.0 - beyond)), (after, E::of(beyond))]
                }
                Self::Cubic { align_corners } => {
                    let (before, beyond) = split(source(place, align_corners));
                    let seen = (-1..3).map(|step| {
                        let place = (before + f64::from(step)).clamp(0.0, last as f64);
                        (
                            place as usize,
                            E::of(cubic((f64::from(step) - beyond).abs())),
                        )
                    });
                    seen.collect()
                }
            }
        };
        (0..output).map(taps).collect()
    }
}

/// The weight of an element at this distance, at most 2 (Keys 1981, eq. 15 with another
/// coefficient).
fn cubic(distance: f64) -> f64 {
    let (a, x) = (CUBIC, distance);
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    }
}

impl<const D: usize> OutputSize<D> {
    /// How many elements dimension `axis` of `input` elements becomes, and how far apart they lie.
    fn of(&self, axis: usize, input: usize) -> Result<(usize, f64)> {
        match self {
            Self::Size(size) if size[axis] > 0 => {
                Ok((size[axis], input as f64 / size[axis] as f64))
            }
            Self::Size(size) => Err(Error::argument(
                "interpolate",
                "size",
                "at least 1",
                format!("{size:?}"),
            )),
            Self::Scale(factor) => {
                let factor = factor[axis];
                let output = (input as f64 * factor).floor();
                if factor.is_finite() && output >= 1.0 {
                    return Ok((output as usize, factor.recip()));
                }
                let expected = format!("finite, and leave one of {input} elements");
                Err(Error::argument("interpolate", "scale", expected, factor))
            }
        }
    }
}

impl<E: Element> Tensor<E> {
    /// The last `D` dimensions with another number of elements, found between those that are there;
    /// one dimension after the other.
    ///
    /// # Shapes
    /// `self`: `[N, C, ...]` with `D` dimensions behind C, none but N of length 0; result: the
    /// same with the new sizes.
    ///
    /// # Errors
    /// A shape error when it has others; an argument error when a size would be 0, or a scale is
    /// not finite.
    ///
    /// # Source
    /// Equals `torch.nn.functional.interpolate` in the modes `nearest`, `nearest-exact`, `area`,
    /// `linear`, `bilinear` and `bicubic`, without a recomputed scale factor.
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::{Interpolation, OutputSize, Tensor};
    ///
    /// let line = Tensor::<f64>::from_vec(vec![0.0, 4.0], [1, 1, 2])?;
    /// let linear = Interpolation::Linear { align_corners: true };
    /// let longer = line.interpolate(OutputSize::Size([5]), linear)?;
    /// assert_eq!(longer.to_vec(), [0.0, 1.0, 2.0, 3.0, 4.0]);
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    pub fn interpolate<const D: usize>(
        &self,
        to: OutputSize<D>,
        interpolation: Interpolation,
    ) -> Result<Self> {
        let shape = self.shape();
        if shape.len() != D + 2 || shape[1..].contains(&0) {
            let rule = format!("must be [N, C, ...] with {D} behind C, none but N of length 0");
            return Err(Error::shape("interpolate", &[shape], rule));
        }
        let mut done = self.clone();
        // The last first: so the sums have the reference's order.
        for axis in (0..D).rev() {
            let input = shape[axis + 2];
            let (output, spacing) = to.of(axis, input)?;
            let seen = interpolation.taps(input, output, spacing);
            done = done.along("interpolate", axis + 2, seen, E::zero());
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, gradient_check};

    fn image() -> Tensor<f64> {
        Tensor::from_vec(vec![1.0, 2.0, 4.0, 3.0, 5.0, 9.0], [1, 1, 2, 3]).unwrap()
    }

    fn linear(align_corners: bool) -> Interpolation {
        Interpolation::Linear { align_corners }
    }

    fn cubic(align_corners: bool) -> Interpolation {
        Interpolation::Cubic { align_corners }
    }

    /// The figures are those of PyTorch 2.15.
    #[test]
    fn the_figures_are_those_of_the_reference() {
        let cases: [(_, _, &[f64]); 8] = [
            (
                OutputSize::Size([3, 5]),
                Interpolation::Nearest,
                &[
                    1.0, 1.0, 2.0, 2.0, 4.0, 1.0, 1.0, 2.0, 2.0, 4.0, 3.0, 3.0, 5.0, 5.0, 9.0,
                ],
            ),
            (
                OutputSize::Scale([1.0, 1.7]),
                Interpolation::Nearest,
                &[1.0, 1.0, 2.0, 2.0, 4.0, 3.0, 3.0, 5.0, 5.0, 9.0],
            ),
            (
                OutputSize::Size([3, 5]),
                linear(false),
                &[
                    1.0, 1.4, 2.0, 3.2, 4.0, 2.0, 2.6, 3.5, 5.3, 6.5, 3.0, 3.8, 5.0, 7.4, 9.0,
                ],
            ),
            (
                OutputSize::Size([3, 5]),
                linear(true),
                &[
                    1.0, 1.5, 2.0, 3.0, 4.0, 2.0, 2.75, 3.5, 5.0, 6.5, 3.0, 4.0, 5.0, 7.0, 9.0,
                ],
            ),
            (
                OutputSize::Scale([1.5, 1.7]),
                linear(false),
                &[
                    1.0,
                    1.3823529411764706,
                    1.9705882352941178,
                    3.1176470588235294,
                    4.0,
                    2.0,
                    2.5735294117647056,
                    3.455882352941176,
                    5.1764705882352935,
                    6.5,
                    3.0,
                    3.7647058823529416,
                    4.9411764705882355,
                    7.235294117647059,
                    9.0,
                ],
            ),
            (OutputSize::Size([1, 2]), linear(false), &[2.375, 5.75]),
            (
                OutputSize::Size([3, 4]),
                cubic(false),
                &[
                    0.7608422173394104,
                    1.2098592122395841,
                    2.4980519612630223,
                    3.6970655653211826,
                    1.892333984375,
                    2.6298828125,
                    4.745849609375,
                    6.71533203125,
                    3.0238257514105915,
                    4.049906412760417,
                    6.993647257486981,
                    9.733598497178823,
                ],
            ),
            (
                OutputSize::Size([3, 4]),
                cubic(true),
                &[
                    1.0,
                    1.4629629629629626,
                    2.7407407407407414,
                    4.0,
                    2.0,
                    2.694444444444444,
                    4.6111111111111125,
                    6.5,
                    3.0,
                    3.925925925925925,
                    6.481481481481484,
                    9.0,
                ],
            ),
        ];
        for (to, interpolation, want) in cases {
            assert_near(to, interpolation, want);
        }
    }

    fn assert_near(to: OutputSize<2>, interpolation: Interpolation, want: &[f64]) {
        let found = image().interpolate(to, interpolation).unwrap().to_vec();
        let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-14;
        assert_eq!(found.len(), want.len());
        assert!(found.iter().zip(want).all(near), "{to:?}: {found:?}");
    }

    /// The figures are those of PyTorch 2.15.
    #[test]
    fn nearest_centres_and_areas_are_those_of_the_reference() {
        let exact = [
            1.0, 1.0, 2.0, 4.0, 4.0, 3.0, 3.0, 5.0, 9.0, 9.0, 3.0, 3.0, 5.0, 9.0, 9.0,
        ];
        let area = [
            1.0, 1.5, 2.0, 3.0, 4.0, 2.0, 2.75, 3.5, 5.0, 6.5, 3.0, 4.0, 5.0, 7.0, 9.0,
        ];
        let (wide, scaled) = (OutputSize::Size([3, 5]), OutputSize::Scale([1.5, 1.7]));
        let small = OutputSize::Size([1, 2]);
        let cases: [(_, _, &[f64]); 6] = [
            (wide, Interpolation::NearestExact, &exact),
            (scaled, Interpolation::NearestExact, &exact),
            (small, Interpolation::NearestExact, &[3.0, 9.0]),
            (wide, Interpolation::Area, &area),
            (scaled, Interpolation::Area, &area),
            (small, Interpolation::Area, &[2.75, 5.0]),
        ];
        for (to, interpolation, want) in cases {
            assert_near(to, interpolation, want);
        }
    }

    /// Where 3 / 11 of a place is whole, the product of doubles lies below it.
    #[test]
    fn nearest_rounds_as_the_reference() {
        let line = Tensor::<f64>::from_fn([1, 1, 18], |place| place as f64);
        let longer = line
            .interpolate(OutputSize::Size([66]), Interpolation::Nearest)
            .unwrap();
        let want: Vec<f64> = (0..66).map(|place| (place * 3 / 11) as f64).collect();
        assert_eq!(longer.to_vec(), want);
    }

    #[test]
    fn gradients_agree_with_differences() {
        for interpolation in [
            Interpolation::Nearest,
            Interpolation::NearestExact,
            Interpolation::Area,
            linear(false),
            linear(true),
            cubic(false),
        ] {
            for size in [[3, 5], [1, 1], [2, 3]] {
                let function = |x: &[Tensor<f64>]| {
                    let resized = x[0].interpolate(OutputSize::Size(size), interpolation)?;
                    Ok(resized.square().sum())
                };
                let input = Tensor::standard_normal([2, 2, 2, 3], Stream::new(1));
                let worst = gradient_check::check(function, &[input], 1e-5).unwrap();
                assert!(worst.error < 1e-7, "{interpolation:?} {size:?}: {worst:?}");
            }
        }
    }

    #[test]
    fn sizes_that_do_not_fit_are_named() {
        let error = |to| {
            image()
                .interpolate(to, linear(false))
                .unwrap_err()
                .to_string()
        };
        let want = "interpolate: `size` must be at least 1, found [0, 1]";
        assert_eq!(error(OutputSize::Size([0, 1])), want);
        let want = "interpolate: `scale` must be finite, and leave one of 3 elements, found 0.1";
        assert_eq!(error(OutputSize::Scale([1.0, 0.1])), want);
        for factor in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
            assert!(error(OutputSize::Scale([factor, 1.0])).contains("`scale`"));
        }
        let to = OutputSize::Size([2]);
        assert!(image().interpolate(to, Interpolation::Nearest).is_err());
        let none = Tensor::<f64>::zeros([0, 1, 2]);
        let none = none.interpolate(to, Interpolation::Nearest).unwrap();
        assert_eq!(none.shape(), [0, 1, 2]);
        let none = Tensor::<f64>::zeros([1, 0, 2]);
        assert!(none.interpolate(to, Interpolation::Nearest).is_err());
    }
}
