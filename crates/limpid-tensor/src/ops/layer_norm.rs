//! Normalisation of each item by itself.

use super::row_norm::RowNorm;
use crate::{Element, Result, Tensor};

impl<E: Element> Tensor<E> {
    /// (x - mean) / sqrt(variance + eps) * weight + bias, mean and biased variance over the last
    /// dimensions, which must be `normalized_shape`. Both are summed in double precision, the second
    /// around the first, so that no digits are lost to a large mean.
    ///
    /// # Shapes
    /// `self`: `[..., normalized_shape]`; `weight`, `bias`: `normalized_shape`; result: as `self`.
    ///
    /// # Errors
    /// A shape error when these do not fit, or `normalized_shape` is empty or holds nothing.
    ///
    /// # Source
    /// Ba, Kiros and Hinton 2016, "Layer normalization", equation 4.
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::Tensor;
    ///
    /// let x = Tensor::<f64>::from_vec(vec![5.0, 9.0, 1.0, 1.0], [2, 2])?;
    /// let bias = Tensor::from_vec(vec![0.5, 0.0], [2])?;
    /// let y = x.layer_norm(&[2], None, Some(&bias), 0.25)?;
    /// assert_eq!(y.narrow(0, 1, 1)?.to_vec(), [0.5, 0.0]);
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    pub fn layer_norm(
        &self,
        normalized_shape: &[usize],
        weight: Option<&Self>,
        bias: Option<&Self>,
        eps: f64,
    ) -> Result<Self> {
        let norm = RowNorm {
            name: "layer_norm",
            centred: true,
            weight,
            bias,
            eps,
        };
        self.norm_of_rows(normalized_shape, &norm)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Result, Stream, Tensor, gradient_check};

    #[test]
    fn gradients_agree_with_differences() {
        let stream = Stream::new(1);
        let x = Tensor::standard_normal([3, 2, 5], stream.fork("x"));
        let factors = Tensor::<f64>::standard_normal([3, 2, 5], stream.fork("factors"));
        for shape in [&[5][..], &[2, 5]] {
            let weight = Tensor::standard_normal(shape, stream.fork("weight"));
            let bias = Tensor::standard_normal(shape, stream.fork("bias"));
            type Function<'a> = &'a dyn Fn(&[Tensor<f64>]) -> Result<Tensor<f64>>;
            let check = |function: Function<'_>, inputs: &[Tensor<f64>]| {
                let function = |x: &[Tensor<f64>]| Ok(function(x)?.mul(&factors)?.sum());
                let worst = gradient_check::check(function, inputs, 1e-5).unwrap();
                assert!(worst.error < 1e-7, "{shape:?}: {worst:?}");
            };
            let all = [x.clone(), weight, bias.clone()];
            check(&|x| x[0].layer_norm(shape, x.get(1), x.get(2), 1e-3), &all);
            check(
                &|x| x[0].layer_norm(shape, None, x.get(1), 1e-3),
                &[x.clone(), bias],
            );
            check(&|x| x[0].layer_norm(shape, None, None, 1e-3), &all[..1]);
        }
    }

    #[test]
    fn a_large_mean_does_not_swallow_the_spread() {
        let x = Tensor::<f32>::from_vec(vec![1e6, 1e6 + 2.0], [1, 2]).unwrap();
        assert_eq!(
            x.layer_norm(&[2], None, None, 0.0).unwrap().to_vec(),
            [-1.0, 1.0]
        );
        let none = Tensor::<f32>::zeros([0, 2]);
        assert!(none.layer_norm(&[2], None, None, 0.0).unwrap().is_empty());
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let x = Tensor::<f32>::zeros([4, 3]);
        let error = x.layer_norm(&[4], None, None, 0.0).unwrap_err();
        let want = "layer_norm: shape [4, 3]: the last dimensions must be [4]";
        assert_eq!(error.to_string(), want);
        assert!(x.layer_norm(&[], None, None, 0.0).is_err());
        let four = Tensor::zeros([4]);
        let error = x.layer_norm(&[3], None, Some(&four), 0.0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "layer_norm: shape [4]: the bias must be [3]"
        );
    }
}
