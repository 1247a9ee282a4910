//! The variance over dimensions.

use super::reduce::{Steps, reduced};
use crate::kernel::reduce::Variance;
use crate::layout::{Shape, resolve_dims};
use crate::{Backward, Element, InputGradients, Result, Tensor};

struct VarBackward<E: Element> {
    input: Tensor<E>,
    kept: Shape,
    dims: Vec<isize>,
    /// 2 / (number - correction).
    scale: f64,
}

impl<E: Element> Backward<E> for VarBackward<E> {
    fn name(&self) -> &'static str {
        "var"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let centred = self.input.sub(&self.input.mean_dim(&self.dims, true)?)?;
        let gradient = gradient.mul_scalar(self.scale).reshape(&self.kept)?;
        inputs.add(0, centred.mul(&gradient)?);
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// The variance over dimensions `dim`; an empty list means all. The sum of squared distances
    /// from the mean is divided by the number of elements less `correction`: 1 for the unbiased
    /// estimate, 0 for the mean square. NaN or infinite where nothing is left to divide by.
    ///
    /// # Errors
    /// As [`Tensor::sum_dim`].
    pub fn var(&self, dim: &[isize], correction: f64, keepdim: bool) -> Result<Self> {
        let dims = resolve_dims("var", dim, self.rank())?;
        let number: usize = dims.iter().map(|&dim| self.shape()[dim]).product();
        let degrees = number as f64 - correction;
        let variance = Variance {
            degrees: degrees.max(0.0),
        };
        let found = reduced(self, "var", (dim, keepdim), Steps::One, &variance)?;
        Ok(found.value.recorded(&[self], || VarBackward {
            input: self.detach(),
            kept: found.kept,
            dims: dim.to_vec(),
            // Below 0 where `correction` leaves no degree of freedom: the sign that PyTorch has.
            scale: 2.0 / degrees,
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Stream, Tensor, gradient_check};

    #[test]
    fn variance_does_not_cancel_for_a_large_mean() {
        let x = Tensor::<f64>::from_vec(vec![1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0], [4]);
        assert_eq!(
            x.unwrap().var(&[], 1.0, false).unwrap().item().unwrap(),
            30.0
        );
    }

    #[test]
    fn gradients_agree_with_differences() {
        let x = Tensor::standard_normal([3, 2, 4], Stream::new(1));
        for (dims, correction) in [(&[0, 2][..], 0.0), (&[1], 1.0), (&[], 1.0)] {
            let function =
                |x: &[Tensor<f64>]| Ok(x[0].var(dims, correction, false)?.square().sum());
            let worst = gradient_check::check(function, std::slice::from_ref(&x), 1e-5).unwrap();
            assert!(worst.error < 1e-6, "{dims:?}: {worst:?}");
        }
    }
}
