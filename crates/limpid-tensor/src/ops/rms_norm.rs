//! Normalisation by the root of the mean square.

use super::row_norm::RowNorm;
use crate::{Element, Result, Tensor};

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
        let norm = RowNorm {
            name: "rms_norm",
            centred: false,
            weight,
            bias: None,
            eps,
        };
        self.norm_of_rows(normalized_shape, &norm)
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
