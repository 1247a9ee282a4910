//! Normalisation by the root of the mean square.

use super::broadcast::{Three, zip_rows_sum_to};
use crate::kernel::reduce::{rms_rows, rms_rows_backward};
use crate::layout::{Shape, count};
use crate::{Backward, Element, Error, InputGradients, Result, Tensor, buffers};

struct RmsNormBackward<E: Element> {
    /// `[rows, length]`.
    input: Tensor<E>,
    weight: Option<Tensor<E>>,
    /// `[rows, 1]`.
    scales: Tensor<E>,
}

impl<E: Element> Backward<E> for RmsNormBackward<E> {
    fn name(&self) -> &'static str {
        "rms_norm"
    }

    fn backward(&self, mut gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let shape = Shape::from_slice(gradient.shape());
        let length = self.input.shape()[1];
        if let Some(weight) = self.weight.as_ref().filter(|_| inputs.wants(1)) {
            let rows = gradient.reshape(self.input.shape())?;
            let function = Three(|scale: E, x: E, g: E| g * (x * scale));
            let tensors = [&self.scales, &self.input, &rows];
            let sums = zip_rows_sum_to(tensors, rows.shape(), &[length], &function)?;
            inputs.add(1, sums.reshape(weight.shape())?);
        }
        if !inputs.wants(0) {
            return Ok(());
        }
        let (x, scales) = (self.input.elements(), self.scales.elements());
        let weight = self.weight.as_ref().map(Tensor::elements);
        let weight = weight.as_deref();
        if let Some(own) = gradient.own_elements_mut() {
            rms_rows_backward(&x, weight, length, &scales, own);
            inputs.add(0, gradient);
        } else {
            let mut data = buffers::copied(&gradient.elements());
            rms_rows_backward(&x, weight, length, &scales, &mut data);
            inputs.add(0, Tensor::new(data, shape));
        }
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// x / sqrt(mean(x^2) + eps) * weight, the mean over the last dimensions, which must be
    /// `normalized_shape`. The squares are summed in double precision.
    ///
    /// # Shapes
    /// `self`: `[..., normalized_shape]`; `weight`: `normalized_shape`; result: as `self`.
    ///
    /// # Errors
    /// A shape error when these do not fit, or `normalized_shape` is empty or holds nothing.
    ///
    /// # Source
    /// Zhang and Sennrich 2019, "Root mean square layer normalization", equation 4.
    pub fn rms_norm(
        &self,
        normalized_shape: &[usize],
        weight: Option<&Self>,
        eps: f64,
    ) -> Result<Self> {
        let length = count(normalized_shape);
        if normalized_shape.is_empty() || length == 0 {
            let rule = "the normalised dimensions must be one or more, none of length 0";
            return Err(Error::shape("rms_norm", &[normalized_shape], rule));
        }
        let Some(lead) = self.shape().strip_suffix(normalized_shape) else {
            let rule = format!("the last dimensions must be {normalized_shape:?}");
            return Err(Error::shape("rms_norm", &[self.shape()], rule));
        };
        if let Some(weight) = weight.filter(|weight| weight.shape() != normalized_shape) {
            let rule = format!("the weight must be {normalized_shape:?}");
            return Err(Error::shape("rms_norm", &[weight.shape()], rule));
        }
        let rows = count(lead);
        let mut scales = buffers::take(rows);
        let mut data = buffers::take(self.len());
        let factors = weight.map(Self::elements);
        let factors = factors.as_deref();
        let sizes = (length, eps);
        rms_rows(&self.elements(), factors, sizes, &mut scales, &mut data);
        let value = Self::new(data, Shape::from_slice(self.shape()));
        let scales = Self::new(scales, Shape::from_slice(&[rows, 1]));
        let input = self.detach().contiguous().reshape([rows, length])?;
        let inputs: Vec<&Self> = std::iter::once(self).chain(weight).collect();
        Ok(value.recorded(&inputs, || RmsNormBackward {
            input,
            weight: weight.map(Self::detach),
            scales,
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Stream, Tensor, gradient_check};

    #[test]
    fn gradients_agree_with_differences() {
        let stream = Stream::new(1);
        let x = Tensor::standard_normal([3, 2, 5], stream.fork("x"));
        let factors = Tensor::<f64>::standard_normal([3, 2, 5], stream.fork("factors"));
        for shape in [&[5][..], &[2, 5]] {
            let weight = Tensor::standard_normal(shape, stream.fork("weight"));
            let function = |x: &[Tensor<f64>]| {
                let done = x[0].rms_norm(shape, x.get(1), 1e-3)?;
                Ok(done.mul(&factors)?.sum())
            };
            for inputs in [&[x.clone(), weight][..], std::slice::from_ref(&x)] {
                let worst = gradient_check::check(function, inputs, 1e-5).unwrap();
                assert!(worst.error < 1e-7, "{shape:?}: {worst:?}");
            }
        }
    }

    #[test]
    fn three_and_four_are_divided_by_the_root_of_a_half_of_fifty() {
        let x = Tensor::<f64>::from_vec(vec![3.0, 4.0], [1, 2]).unwrap();
        let y = x.rms_norm(&[2], None, 0.0).unwrap().to_vec();
        let root = 12.5_f64.sqrt();
        assert!((y[0] - 3.0 / root).abs() < 1e-15 && (y[1] - 4.0 / root).abs() < 1e-15);
        assert_eq!(
            Tensor::<f32>::zeros([0, 2])
                .rms_norm(&[2], None, 0.0)
                .unwrap()
                .len(),
            0
        );
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let x = Tensor::<f32>::zeros([4, 3]);
        let error = x.rms_norm(&[4], None, 0.0).unwrap_err();
        let want = "rms_norm: shape [4, 3]: the last dimensions must be [4]";
        assert_eq!(error.to_string(), want);
        assert!(x.rms_norm(&[], None, 0.0).is_err());
        assert!(x.rms_norm(&[3], Some(&Tensor::zeros([4])), 0.0).is_err());
    }
}
