//! Layers that make images and lines larger.

use limpid_tensor::{Element, Interpolation, OutputSize, Result, Tensor};

use crate::{Context, Module, Parameters};

/// The last `D` dimensions with another number of elements, found between those that are there; see
/// [`Tensor::interpolate`].
///
/// # Shapes
/// `[N, C, ...]` with `D` dimensions behind C becomes the same with the new sizes.
///
/// # Errors
/// As [`Tensor::interpolate`].
///
/// # Source
/// Equals `torch.nn.Upsample` in the modes `nearest`, `nearest-exact`, `area`, `linear`, `bilinear` and
/// `bicubic`.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Module, Upsample1d};
/// use limpid_tensor::{Interpolation, Tensor};
///
/// let line = Tensor::<f64>::from_vec(vec![0.0, 4.0], [1, 1, 2])?;
/// let linear = Interpolation::Linear { align_corners: true };
/// let upsample = Upsample1d::to_size([5]).with_interpolation(linear);
/// assert_eq!(upsample.predict(&line)?.to_vec(), [0.0, 1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
pub struct Upsample<const D: usize> {
    /// The size to reach, or by how much the sizes are multiplied.
    #[parameters(skip)]
    pub to: OutputSize<D>,
    /// How elements between those of the input are found. The default is the nearest.
    #[parameters(skip)]
    pub interpolation: Interpolation,
}

/// Along the length of `[N, C, L]`.
pub type Upsample1d = Upsample<1>;
/// Along height and width of `[N, C, H, W]`.
pub type Upsample2d = Upsample<2>;

impl<const D: usize> Upsample<D> {
    /// To this size, by the nearest element.
    pub fn to_size(size: [usize; D]) -> Self {
        Self {
            to: OutputSize::Size(size),
            interpolation: Interpolation::Nearest,
        }
    }

    /// To so many times the size, rounded down, by the nearest element.
    pub fn by_scale(factor: [f64; D]) -> Self {
        Self {
            to: OutputSize::Scale(factor),
            interpolation: Interpolation::Nearest,
        }
    }

    /// The same, with elements found otherwise.
    #[must_use]
    pub fn with_interpolation(self, interpolation: Interpolation) -> Self {
        Self {
            interpolation,
            ..self
        }
    }
}

impl<E: Element, const D: usize> Module<E> for Upsample<D> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.interpolate(self.to, self.interpolation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds_for_every_interpolation() {
        let align_corners = false;
        let image = Tensor::standard_normal([2, 2, 2, 3], Stream::new(1));
        for interpolation in [
            Interpolation::Nearest,
            Interpolation::NearestExact,
            Interpolation::Area,
            Interpolation::Linear { align_corners },
            Interpolation::Cubic { align_corners },
        ] {
            let build = |_| Ok(Upsample2d::by_scale([2.0, 1.5]).with_interpolation(interpolation));
            check_module(build, &image, &[2, 2, 4, 4]).unwrap();
        }
        let line = Tensor::standard_normal([2, 2, 3], Stream::new(1));
        check_module(|_| Ok(Upsample1d::to_size([5])), &line, &[2, 2, 5]).unwrap();
    }

    #[test]
    fn sizes_that_do_not_fit_are_named() {
        let line = Tensor::<f32>::zeros([1, 1, 3]);
        let error = Upsample1d::to_size([0]).predict(&line).unwrap_err();
        let want = "interpolate: `size` must be at least 1, found [0]";
        assert_eq!(error.to_string(), want);
        assert!(Upsample2d::by_scale([2.0; 2]).predict(&line).is_err());
    }
}
