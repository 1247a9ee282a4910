//! Softmax, its logarithm, and the logarithm of a sum of exponentials.

use super::reduce::{Grouped, Steps, group, reduced};
use crate::kernel::reduce as kernel;
use crate::layout::{Shape, resolve_dim};
use crate::{Backward, Element, InputGradients, Result, Tensor, buffers, math};

struct SoftmaxBackward<E: Element> {
    output: Tensor<E>,
    /// Of the dimension, and of all behind it.
    lengths: (usize, usize),
}

impl<E: Element> Backward<E> for SoftmaxBackward<E> {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let lengths = self.lengths;
        let share = changed(gradient, &self.output, |output, gradient| {
            kernel::softmax_backward(output, gradient, lengths);
        });
        inputs.add(0, share);
        Ok(())
    }
}

struct LogSoftmaxBackward<E: Element> {
    output: Tensor<E>,
    /// Of the dimension, and of all behind it.
    lengths: (usize, usize),
}

impl<E: Element> Backward<E> for LogSoftmaxBackward<E> {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let lengths = self.lengths;
        let share = changed(gradient, &self.output, |output, gradient| {
            kernel::log_softmax_backward(output, gradient, lengths);
        });
        inputs.add(0, share);
        Ok(())
    }
}

struct LogSumExpBackward<E: Element> {
    input: Tensor<E>,
    /// The result, with reduced dimensions kept.
    output: Tensor<E>,
    kept: Shape,
}

impl<E: Element> Backward<E> for LogSumExpBackward<E> {
    fn name(&self) -> &'static str {
        "logsumexp"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        // Where all are -infinity, or one is +infinity, that is NaN, as PyTorch has it.
        let weight = |x: E, total: E| math::exp(x - total);
        let weights = self
            .input
            .zip_broadcast(&self.output, "logsumexp", weight)?;
        inputs.add(0, weights.mul(&gradient.reshape(&self.kept)?)?);
        Ok(())
    }
}

/// The softmax of every group of `[outer, reduced, inner]`, or its logarithm.
fn normalised<E: Element, const LOG: bool>(grouped: &Grouped<E>, shape: &[usize]) -> Tensor<E> {
    let data = grouped.data.elements();
    let mut out = buffers::take(data.len());
    if grouped.inner == 1 {
        kernel::softmax_rows::<E, LOG>(&data, grouped.reduced, &mut out);
    } else {
        let lengths = (grouped.reduced, grouped.inner);
        kernel::softmax_columns::<E, LOG>(&data, lengths, &mut out);
    }
    Tensor::new(out, Shape::from_slice(shape))
}

/// `gradient` as `backward` changes it, in its own memory where nobody else holds it.
fn changed<E: Element>(
    mut gradient: Tensor<E>,
    output: &Tensor<E>,
    backward: impl Fn(&[E], &mut [E]),
) -> Tensor<E> {
    if let Some(own) = gradient.own_elements_mut() {
        backward(&output.elements(), own);
        return gradient;
    }
    let mut data = buffers::copied(&gradient.elements());
    backward(&output.elements(), &mut data);
    Tensor::new(data, Shape::from_slice(gradient.shape()))
}

impl<E: Element> Tensor<E> {
    /// e^x_i / sum_j e^x_j along dimension `dim`: the elements as probabilities.
    ///
    /// # Errors
    /// A dimension error when there is no such dimension.
    pub fn softmax(&self, dim: isize) -> Result<Self> {
        resolve_dim("softmax", dim, self.rank())?;
        let grouped = group(self, "softmax", &[dim], true)?;
        let value = normalised::<E, false>(&grouped, self.shape());
        let output = value.clone();
        let lengths = (grouped.reduced, grouped.inner);
        Ok(value.recorded(&[self], || SoftmaxBackward { output, lengths }))
    }

    /// x_i - log(sum_j e^x_j) along dimension `dim`: the logarithm of softmax, exact where softmax
    /// itself would vanish.
    ///
    /// # Errors
    /// A dimension error when there is no such dimension.
    pub fn log_softmax(&self, dim: isize) -> Result<Self> {
        resolve_dim("log_softmax", dim, self.rank())?;
        let grouped = group(self, "log_softmax", &[dim], true)?;
        let value = normalised::<E, true>(&grouped, self.shape());
        let output = value.clone();
        let lengths = (grouped.reduced, grouped.inner);
        Ok(value.recorded(&[self], || LogSoftmaxBackward { output, lengths }))
    }

    /// log(sum(e^x)) over dimensions `dim`; an empty list means all. Nothing overflows; over no
    /// elements it is minus infinity.
    ///
    /// # Errors
    /// As [`Tensor::sum_dim`].
    pub fn logsumexp(&self, dim: &[isize], keepdim: bool) -> Result<Self> {
        let over = (dim, keepdim);
        let found = reduced(self, "logsumexp", over, Steps::One, &kernel::LogSumExp)?;
        let (value, kept) = (found.value, found.kept);
        let output = value.reshape(&kept)?;
        Ok(value.recorded(&[self], || LogSumExpBackward {
            input: self.detach(),
            output,
            kept,
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Stream, Tensor, gradient_check};

    #[test]
    fn every_gradient_agrees_with_differences() {
        let weights = Tensor::<f64>::standard_normal([3, 2, 4], Stream::new(2));
        let x = Tensor::<f64>::standard_normal([3, 2, 4], Stream::new(1));
        for dim in [0, 1, -1] {
            let check =
                |name: &str, function: &dyn Fn(&Tensor<f64>) -> crate::Result<Tensor<f64>>| {
                    let function =
                        |x: &[Tensor<f64>]| Ok(function(&x[0])?.mul(&weights)?.square().sum());
                    let worst =
                        gradient_check::check(function, std::slice::from_ref(&x), 1e-5).unwrap();
                    assert!(worst.error < 1e-6, "{name} {dim}: {worst:?}");
                };
            check("softmax", &|x| x.softmax(dim));
            check("log_softmax", &|x| x.log_softmax(dim));
            check("logsumexp", &|x| {
                x.logsumexp(&[dim], true)?.broadcast_to([3, 2, 4])
            });
        }
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let x = Tensor::<f32>::from_vec(vec![1000.0, -1000.0, 1000.0, 1e30], [2, 2]).unwrap();
        let log = x.log_softmax(1).unwrap();
        assert_eq!(log.to_vec(), [0.0, -2000.0, -1e30, 0.0]);
        assert_eq!(x.softmax(1).unwrap().to_vec(), [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(x.logsumexp(&[1], false).unwrap().to_vec(), [1000.0, 1e30]);
    }

    #[test]
    fn infinities_follow_torch() {
        let x = Tensor::<f64>::full([2], f64::NEG_INFINITY);
        assert_eq!(
            x.logsumexp(&[], false).unwrap().item().unwrap(),
            f64::NEG_INFINITY
        );
        assert!(x.softmax(0).unwrap().to_vec()[0].is_nan());
        let empty = Tensor::<f64>::zeros([0]).logsumexp(&[], false).unwrap();
        assert_eq!(empty.item().unwrap(), f64::NEG_INFINITY);
        assert!(x.softmax(1).is_err());
    }
}
