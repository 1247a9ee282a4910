//! Whole channels that are left out at random.

use limpid_tensor::{Element, Error, Parameters, Path, Result, Tensor, Visitor, VisitorMut};

use super::{mask, probability};
use crate::{Context, Module};

/// [`ChannelDropout`] over channels with one dimension.
pub type Dropout1d = ChannelDropout<1>;

/// [`ChannelDropout`] over channels with two dimensions.
pub type Dropout2d = ChannelDropout<2>;

/// [`ChannelDropout`] over channels with three dimensions.
pub type Dropout3d = ChannelDropout<3>;

/// In training, each channel becomes 0 as a whole with probability `p` and is divided by 1 - p
/// otherwise; every item draws for itself. In evaluation nothing happens.
///
/// Neighbours in a feature map are alike, so that leaving out single ones of them takes little away.
///
/// # Shapes
/// input, output: `[N, C, ...]` or `[C, ...]`, where `D` dimensions follow the channels.
///
/// # Source
/// Tompson et al. 2015, "Efficient object localization using convolutional networks", 3.2; equals
/// `torch.nn.Dropout1d` to 3d, except that `[C, H, W]` is one item for [`Dropout2d`], where
/// PyTorch 2 still takes it for a batch.
///
/// # Example
/// ```
/// use limpid_nn_layers::{Context, Dropout2d, Module};
/// use limpid_tensor::{Stream, Tensor};
///
/// let dropout = Dropout2d::new(0.5)?;
/// let mut context = Context::train(Stream::new(7));
/// let output = dropout.forward(&Tensor::<f32>::ones([4, 8, 3, 3]), &mut context)?;
/// let channels = output.to_vec();
/// assert!(channels.chunks(9).all(|channel| channel == [0.0; 9] || channel == [2.0; 9]));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChannelDropout<const D: usize> {
    p: f64,
}

impl<const D: usize> ChannelDropout<D> {
    /// Leaves out each channel with probability `p`, in `[0, 1)`.
    ///
    /// # Errors
    /// An argument error when `p` lies outside.
    pub fn new(p: f64) -> Result<Self> {
        Ok(Self {
            p: probability("channel_dropout", p)?,
        })
    }

    /// The probability of being left out.
    pub fn p(&self) -> f64 {
        self.p
    }
}

impl<E: Element, const D: usize> Parameters<E> for ChannelDropout<D> {
    fn visit<'a>(&'a self, _path: &mut Path, _visitor: &mut dyn Visitor<'a, E>) {}

    fn visit_mut(&mut self, _path: &mut Path, _visitor: &mut dyn VisitorMut<E>) {}
}

impl<E: Element, const D: usize> Module<E> for ChannelDropout<D> {
    fn forward(&self, input: &Tensor<E>, context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let rank = input.rank();
        if rank != D + 1 && rank != D + 2 {
            let rule = format!(
                "must be [N, C, ...] or [C, ...] of rank {} or {}",
                D + 2,
                D + 1
            );
            return Err(Error::shape("channel_dropout", &[input.shape()], rule));
        }
        if !context.is_noisy() || self.p == 0.0 {
            return Ok(input.clone());
        }
        let mut shape = vec![1; rank];
        shape[..rank - D].copy_from_slice(&input.shape()[..rank - D]);
        let scale = 1.0 / (1.0 - self.p);
        input.mul(&mask(&shape, self.p, scale, 0.0, context.stream()))
    }

    fn differs_in_training(&self) -> bool {
        self.p > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds_with_and_without_a_batch() {
        for shape in [&[3, 4, 2][..], &[4, 2], &[0, 4, 2], &[1, 1, 1]] {
            let input = Tensor::standard_normal(shape, Stream::new(1));
            check_module(|_| Dropout1d::new(0.3), &input, shape).unwrap();
        }
        for shape in [&[3, 4, 2, 2][..], &[4, 2, 2]] {
            let input = Tensor::standard_normal(shape, Stream::new(1));
            check_module(|_| Dropout2d::new(0.3), &input, shape).unwrap();
        }
        let input = Tensor::standard_normal([2, 3, 1, 2, 2], Stream::new(1));
        check_module(|_| Dropout3d::new(0.3), &input, &[2, 3, 1, 2, 2]).unwrap();
    }

    #[test]
    fn channels_fall_as_a_whole_and_each_item_draws_for_itself() {
        let input = Tensor::<f64>::ones([1000, 10, 3]);
        let mut context = Context::train(Stream::new(1));
        let output = Dropout1d::new(0.2).unwrap().forward(&input, &mut context);
        let output = output.unwrap().to_vec();
        let whole = |channel: &[f64]| channel == [0.0; 3] || channel == [1.25; 3];
        assert!(output.chunks(3).all(whole));
        let share = output.iter().filter(|&&x| x == 0.0).count() as f64 / 3e4;
        assert!(
            (share - 0.2).abs() < 5.0 * (0.16_f64 / 1e4).sqrt(),
            "{share}"
        );
        assert_ne!(output[..30], output[30..60]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error = Dropout1d::new(1.0).unwrap_err();
        let want = "channel_dropout: `p` must be in [0, 1), found 1";
        assert_eq!(error.to_string(), want);
        let error = Dropout1d::new(0.5).unwrap();
        let error = error
            .predict(&Tensor::<f32>::zeros([2, 3, 4, 5]))
            .unwrap_err();
        let want =
            "channel_dropout: shape [2, 3, 4, 5]: must be [N, C, ...] or [C, ...] of rank 3 or 2";
        assert_eq!(error.to_string(), want);
    }
}
