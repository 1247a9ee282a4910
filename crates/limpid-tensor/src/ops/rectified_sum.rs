//! A sum and its rectifier in one pass.

use super::activation::Relu;
use crate::kernel::elementwise as kernel;
use crate::layout::Shape;
use crate::{Backward, Element, Elementwise, InputGradients, Result, Tensor};

struct RectifiedSumBackward<E: Element> {
    output: Tensor<E>,
    left: Shape,
    right: Shape,
}

impl<E: Element> Backward<E> for RectifiedSumBackward<E> {
    fn name(&self) -> &'static str {
        "add_relu"
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let gradient = gradient.rectified_by(&self.output);
        if inputs.wants(0) {
            inputs.add(0, gradient.sum_to(&self.left)?);
        }
        if inputs.wants(1) {
            inputs.add(1, gradient.sum_to(&self.right)?);
        }
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// [`Tensor::relu`] of [`Tensor::add`], bit for bit, in one pass over memory.
    ///
    /// # Shapes
    /// Broadcast.
    ///
    /// # Errors
    /// A shape error when the shapes do not broadcast.
    pub fn add_relu(&self, other: &Self) -> Result<Self> {
        let value = self.zip_broadcast(other, "add_relu", |a, b| Relu.value(a + b))?;
        let output = value.clone();
        Ok(value.recorded(&[self, other], || RectifiedSumBackward {
            output,
            left: self.layout.shape.clone(),
            right: other.layout.shape.clone(),
        }))
    }

    /// This gradient of a rectifier's `output`, as it is handed on: in its own memory where nobody
    /// else holds it.
    pub(crate) fn rectified_by(mut self, output: &Self) -> Self {
        let output = output.elements();
        if let Some(own) = self.own_elements_mut() {
            kernel::zip_in_place(own, &output, |g, y| Relu.backward(y, g));
            return self;
        }
        let data = kernel::zip(&self.elements(), &output, |g, y| Relu.backward(y, g));
        Self::new(data, self.layout.shape.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, gradient_check};

    #[test]
    fn gradients_agree_with_differences_for_shapes_that_broadcast() {
        for (left, right) in [
            (&[3, 4][..], &[3, 4][..]),
            (&[3, 1], &[4]),
            (&[4], &[2, 3, 4]),
        ] {
            let inputs = [
                Tensor::<f64>::standard_normal(left, Stream::new(1)),
                Tensor::standard_normal(right, Stream::new(2)),
            ];
            let function = |x: &[Tensor<f64>]| Ok(x[0].add_relu(&x[1])?.square().sum());
            let worst = gradient_check::check(function, &inputs, 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{left:?} {right:?}: {worst:?}");
            let apart = inputs[0].add(&inputs[1]).unwrap().relu();
            assert_eq!(inputs[0].add_relu(&inputs[1]).unwrap(), apart);
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let error = Tensor::<f32>::zeros([2]).add_relu(&Tensor::zeros([3]));
        assert_eq!(error.unwrap_err().operation(), "add_relu");
    }
}
