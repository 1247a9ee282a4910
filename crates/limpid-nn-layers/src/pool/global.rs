//! One number for each channel.

use limpid_tensor::{Element, Error, Result, Tensor};

use crate::{Context, Module, Parameters};

/// The mean of each channel over all that follows it: what lies between the last convolution and
/// the linear layer.
///
/// # Shapes
/// `[N, C, ...]` becomes `[N, C]`.
///
/// # Source
/// Lin et al. 2014, "Network in network", 3.2.
///
/// # Example
/// ```
/// use limpid_nn_layers::{GlobalAvgPool, Module};
/// use limpid_tensor::Tensor;
///
/// let images = Tensor::<f32>::ones([8, 3, 5, 5]);
/// assert_eq!(GlobalAvgPool.predict(&images)?.shape(), [8, 3]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Parameters)]
pub struct GlobalAvgPool;

/// The largest element of each channel. Elements that share the place of the largest share the
/// gradient evenly.
///
/// # Shapes
/// `[N, C, ...]` becomes `[N, C]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Parameters)]
pub struct GlobalMaxPool;

/// The dimensions after the channels.
fn inner<E: Element>(name: &'static str, input: &Tensor<E>) -> Result<Vec<isize>> {
    if input.rank() < 3 {
        let rule = "must be [N, C, ...], with one dimension or more after the channels";
        return Err(Error::shape(name, &[input.shape()], rule));
    }
    Ok((2..input.rank()).map(|dim| dim as isize).collect())
}

impl<E: Element> Module<E> for GlobalAvgPool {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.mean_dim(&inner("global_avg_pool", input)?, false)
    }
}

impl<E: Element> Module<E> for GlobalMaxPool {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.amax(&inner("global_max_pool", input)?, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds() {
        for shape in [&[2, 3, 4][..], &[2, 3, 4, 5]] {
            let input = Tensor::standard_normal(shape, Stream::new(1));
            check_module(|_| Ok(GlobalAvgPool), &input, &[2, 3]).unwrap();
            check_module(|_| Ok(GlobalMaxPool), &input, &[2, 3]).unwrap();
        }
    }

    #[test]
    fn each_channel_becomes_one_number() {
        let input = Tensor::<f64>::from_fn([1, 2, 2, 2], |place| place as f64);
        assert_eq!(GlobalAvgPool.predict(&input).unwrap().to_vec(), [1.5, 5.5]);
        assert_eq!(GlobalMaxPool.predict(&input).unwrap().to_vec(), [3.0, 7.0]);
    }

    #[test]
    fn what_has_nothing_after_its_channels_is_refused() {
        let error = GlobalAvgPool
            .predict(&Tensor::<f32>::zeros([2, 3]))
            .unwrap_err();
        let want = "global_avg_pool: shape [2, 3]: \
                    must be [N, C, ...], with one dimension or more after the channels";
        assert_eq!(error.to_string(), want);
    }
}
