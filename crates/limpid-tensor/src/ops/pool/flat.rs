//! Pooling along one dimension: that of an image with a height of one.

use ndarray::{ArrayD, Axis};

use super::average::AverageDivisor;
use super::window::Pooling;
use crate::{Element, Error, Result, Tensor};

/// Runs `pool` on `[.., C, 1, L]`.
fn flat<E: Element, R>(
    name: &'static str,
    input: &Tensor<E>,
    pool: impl FnOnce(&Tensor<E>) -> Result<R>,
) -> Result<R> {
    if !(2..=3).contains(&input.rank()) {
        let rule = "must be [N, C, L] or [C, L]";
        return Err(Error::shape(name, &[input.shape()], rule));
    }
    pool(&input.unsqueeze(-2)?)
}

/// The same settings without height.
fn across(settings: &Pooling) -> Pooling {
    Pooling {
        kernel_size: [1, settings.kernel_size[1]],
        stride: [1, settings.stride[1]],
        padding: [0, settings.padding[1]],
        dilation: [1, settings.dilation[1]],
        ceil_mode: settings.ceil_mode,
    }
}

impl<E: Element> Tensor<E> {
    /// [`Tensor::max_pool2d`] along one dimension; of each setting the second number counts.
    ///
    /// # Shapes
    /// `self`: `[N, C, L]` or `[C, L]`; result: `[N, C, L']`.
    ///
    /// # Errors
    /// As [`Tensor::max_pool2d`].
    ///
    /// # Source
    /// Equals `torch.nn.functional.max_pool1d`.
    pub fn max_pool1d(&self, settings: &Pooling) -> Result<Self> {
        flat("max_pool1d", self, |image| {
            image.max_pool2d(&across(settings))?.squeeze(-2)
        })
    }

    /// [`Tensor::max_pool1d`], with where in its line each element of the result came from.
    ///
    /// # Errors
    /// As [`Tensor::max_pool2d`].
    pub fn max_pool1d_with_indices(&self, settings: &Pooling) -> Result<(Self, ArrayD<usize>)> {
        flat("max_pool1d", self, |image| {
            without_height(image.max_pool2d_with_indices(&across(settings))?)
        })
    }

    /// [`Tensor::avg_pool2d`] along one dimension; of each setting the second number counts.
    ///
    /// # Shapes
    /// As [`Tensor::max_pool1d`].
    ///
    /// # Errors
    /// As [`Tensor::avg_pool2d`].
    ///
    /// # Source
    /// Equals `torch.nn.functional.avg_pool1d`.
    pub fn avg_pool1d(&self, settings: &Pooling, divisor: AverageDivisor) -> Result<Self> {
        flat("avg_pool1d", self, |image| {
            image.avg_pool2d(&across(settings), divisor)?.squeeze(-2)
        })
    }

    /// [`Tensor::adaptive_avg_pool2d`] along one dimension.
    ///
    /// # Shapes
    /// `self`: `[N, C, L]` or `[C, L]`; result: `[N, C, output_size]`.
    ///
    /// # Errors
    /// As [`Tensor::adaptive_avg_pool2d`].
    ///
    /// # Source
    /// Equals `torch.nn.functional.adaptive_avg_pool1d`.
    pub fn adaptive_avg_pool1d(&self, output_size: usize) -> Result<Self> {
        flat("adaptive_avg_pool1d", self, |image| {
            image.adaptive_avg_pool2d([1, output_size])?.squeeze(-2)
        })
    }

    /// [`Tensor::adaptive_max_pool2d`] along one dimension.
    ///
    /// # Shapes
    /// As [`Tensor::adaptive_avg_pool1d`], the indices too.
    ///
    /// # Errors
    /// As [`Tensor::adaptive_avg_pool2d`].
    ///
    /// # Source
    /// Equals `torch.nn.functional.adaptive_max_pool1d`.
    pub fn adaptive_max_pool1d(&self, output_size: usize) -> Result<(Self, ArrayD<usize>)> {
        flat("adaptive_max_pool1d", self, |image| {
            without_height(image.adaptive_max_pool2d([1, output_size])?)
        })
    }
}

fn without_height<E: Element>(
    (pooled, places): (Tensor<E>, ArrayD<usize>),
) -> Result<(Tensor<E>, ArrayD<usize>)> {
    let pooled = pooled.squeeze(-2)?;
    let height = Axis(pooled.rank() - 1);
    Ok((pooled, places.index_axis_move(height, 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Tensor<f64> {
        Tensor::from_vec(vec![1.0, 5.0, 2.0, 4.0, 3.0], [1, 5]).unwrap()
    }

    /// The figures are those of PyTorch 2.15.
    #[test]
    fn lines_are_pooled() {
        let settings = Pooling {
            stride: [7, 2],
            padding: [7, 1],
            ..Pooling::new([7, 3])
        };
        assert_eq!(
            line().max_pool1d(&settings).unwrap().to_vec(),
            [5.0, 5.0, 4.0]
        );
        let (largest, places) = line().max_pool1d_with_indices(&settings).unwrap();
        assert_eq!(largest.shape(), [1, 3]);
        assert_eq!(places.into_raw_vec_and_offset().0, [1, 1, 3]);
        let mean = line()
            .avg_pool1d(&settings, AverageDivisor::Window)
            .unwrap();
        assert_eq!(mean.to_vec(), [2.0, 11.0 / 3.0, 7.0 / 3.0]);
        let mean = line().adaptive_avg_pool1d(2).unwrap();
        assert_eq!(mean.to_vec(), [8.0 / 3.0, 3.0]);
        let (largest, places) = line().unsqueeze(0).unwrap().adaptive_max_pool1d(2).unwrap();
        assert_eq!(
            (largest.shape(), largest.to_vec()),
            (&[1, 1, 2][..], vec![5.0, 4.0])
        );
        assert_eq!(places.shape(), [1, 1, 2]);
        assert_eq!(places.into_raw_vec_and_offset().0, [1, 3]);
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let error = Tensor::<f32>::zeros([5])
            .adaptive_avg_pool1d(2)
            .unwrap_err();
        let want = "adaptive_avg_pool1d: shape [5]: must be [N, C, L] or [C, L]";
        assert_eq!(error.to_string(), want);
    }
}
