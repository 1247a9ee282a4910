//! The linear map of a fully connected layer.

use smallvec::SmallVec;

use crate::buffers;
use crate::flops::add_products;
use crate::kernel::gemm::{Blend, Then, multiply};
use crate::layout::count;
use crate::ops::matmul::matrix;
use crate::simd::{self, Arithmetic, Loop};
use crate::{Backward, Element, Error, Gradient, InputGradients, Result, Tensor};

struct LinearBackward<E: Element> {
    /// The input as `[rows, in]`.
    rows: Tensor<E>,
    input_shape: SmallVec<[usize; 4]>,
    weight: Tensor<E>,
}

impl<E: Element> Backward<E> for LinearBackward<E> {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let gradient = gradient.reshape([self.rows.shape()[0], self.weight.shape()[0]])?;
        if inputs.wants(0) {
            let share = gradient.matmul(&self.weight)?;
            inputs.add(0, share.reshape(&self.input_shape)?);
        }
        if inputs.wants(1) {
            inputs.add(1, Gradient::product(gradient.clone(), self.rows.clone())?);
        }
        if inputs.wants(2) {
            inputs.add(2, gradient.sum_dim(&[0], false)?);
        }
        Ok(())
    }
}

/// Adds the second numbers to the first.
struct Add<'a, E>(&'a mut [E], &'a [E]);

impl<E: Element> Loop for Add<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        for (value, &more) in self.0.iter_mut().zip(self.1) {
            *value += more;
        }
    }
}

impl<E: Element> Tensor<E> {
    /// x W^T + b over the last dimension, as one record in the graph: `[..., in]` with a `weight`
    /// of `[out, in]` and a `bias` of `[out]` gives `[..., out]`. The bias is added while the
    /// product is still in the cache.
    ///
    /// # Errors
    /// A shape error when the shapes are not these.
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::Tensor;
    ///
    /// let x = Tensor::<f32>::ones([2, 3]);
    /// let weight = Tensor::from_vec(vec![1.0, 2.0, 3.0], [1, 3])?;
    /// let y = x.linear(&weight, Some(&Tensor::full([1], 0.5)))?;
    /// assert_eq!(y.to_vec(), [6.5, 6.5]);
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    pub fn linear(&self, weight: &Self, bias: Option<&Self>) -> Result<Self> {
        let refuse = |shapes: &[&[usize]], rule: String| Err(Error::shape("linear", shapes, rule));
        let &[outputs, inputs] = weight.shape() else {
            return refuse(&[weight.shape()], "the weight must be [out, in]".into());
        };
        let Some((&last, lead)) = self.shape().split_last() else {
            return refuse(&[self.shape()], "the input must be [..., in]".into());
        };
        if last != inputs {
            let rule = format!(
                "the input's last dimension ({last}) must equal the weight's second ({inputs})"
            );
            return refuse(&[self.shape(), weight.shape()], rule);
        }
        if let Some(bias) = bias
            && bias.shape() != [outputs]
        {
            let rule = "the bias must hold one number for each of the weight's rows";
            return refuse(&[bias.shape(), weight.shape()], rule.into());
        }
        add_products(&[count(lead), inputs, outputs]);
        let rows = self.detach().reshape([count(lead), inputs])?;
        let mut data = buffers::take::<E>(count(lead) * outputs);
        let elements = bias.map(Self::elements);
        let level = simd::level();
        let add = |_: usize, column: usize, values: &mut [E]| {
            if let Some(bias) = &elements {
                level.run(Add(values, &bias[column..]));
            }
        };
        let then: Then<'_, E> = &add;
        let blend = Blend {
            then: bias.map(|_| then),
            ..Blend::default()
        };
        let (left, right) = (matrix(&rows), matrix(weight).transposed());
        multiply(
            &mut data,
            (count(lead), inputs, outputs),
            left,
            right,
            blend,
        );
        let mut shape = self.layout.shape.clone();
        shape[lead.len()] = outputs;
        let mut recorded: SmallVec<[&Self; 3]> = SmallVec::from_slice(&[self, weight]);
        recorded.extend(bias);
        Ok(
            Self::new(data, shape).recorded(&recorded, || LinearBackward {
                rows,
                input_shape: SmallVec::from_slice(self.shape()),
                weight: weight.detach(),
            }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, gradient_check};

    fn random(shape: &[usize], seed: u64) -> Tensor<f64> {
        Tensor::standard_normal(shape, Stream::new(seed))
    }

    #[test]
    fn the_gradient_of_a_large_weight_is_a_product_also_when_it_is_used_twice() {
        let width = 2048;
        let weight = Tensor::<f32>::ones([width, width]).requires_grad();
        let input = Tensor::<f32>::ones([1, width]);
        let once = input.linear(&weight, None).unwrap();
        let gradients = once.sum().backward().unwrap();
        let gradient = gradients.get(&weight).unwrap();
        assert!(matches!(gradient, Gradient::Product(_)));
        assert_eq!(gradient.to_dense(), Tensor::ones([width, width]));
        let twice = once.add(&input.linear(&weight, None).unwrap()).unwrap();
        let gradients = twice.sum().backward().unwrap();
        let gradient = gradients.get(&weight).unwrap();
        assert!(matches!(gradient, Gradient::Product(_)));
        assert_eq!(gradient.to_dense(), Tensor::full([width, width], 2.0));
    }

    #[test]
    fn it_is_the_product_and_the_sum() {
        for shape in [&[5][..], &[7, 5], &[2, 3, 5], &[0, 5]] {
            let (x, w, b) = (random(shape, 1), random(&[4, 5], 2), random(&[4], 3));
            let want = x.matmul(&w.transpose(0, 1).unwrap()).unwrap();
            let got = x.linear(&w, None).unwrap();
            assert_eq!(got.shape(), want.shape());
            let with_bias = x.linear(&w, Some(&b)).unwrap();
            for ((got, with_bias), (place, want)) in got
                .to_vec()
                .iter()
                .zip(with_bias.to_vec())
                .zip(want.to_vec().iter().enumerate())
            {
                assert!((got - want).abs() < 1e-13);
                assert!((with_bias - want - b.to_vec()[place % 4]).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn gradients_agree_with_differences() {
        let function = |x: &[Tensor<f64>]| Ok(x[0].linear(&x[1], Some(&x[2]))?.square().sum());
        let inputs = [random(&[2, 3, 5], 1), random(&[4, 5], 2), random(&[4], 3)];
        let worst = gradient_check::check(function, &inputs, 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn a_transposed_weight_and_input_are_read_where_they_lie() {
        let (x, w) = (random(&[5, 7], 1), random(&[5, 4], 2));
        let (x, w) = (x.transpose(0, 1).unwrap(), w.transpose(0, 1).unwrap());
        let want = x
            .contiguous()
            .linear(&w.contiguous(), None)
            .unwrap()
            .to_vec();
        for (got, want) in x.linear(&w, None).unwrap().to_vec().iter().zip(want) {
            assert!((got - want).abs() < 1e-13);
        }
    }
}
