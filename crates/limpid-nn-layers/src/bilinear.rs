//! The layer of two inputs' products.

use limpid_init::{Fill, Uniform};
use limpid_tensor::{Element, Error, Parameter, Result, Stream, Tensor, count};

use crate::Parameters;

/// Each output a bilinear form of two inputs: y_k = x1^T W_k x2 + b_k. It takes two tensors and is
/// therefore no [`Module`](crate::Module); call [`Bilinear::apply`] from your own.
///
/// # Shapes
/// inputs: `[..., in1]` and `[..., in2]`, equal before the last dimension; weight: `[out, in1, in2]`;
/// bias: `[out]`; output: `[..., out]`.
///
/// # Source
/// Equals `torch.nn.Bilinear`.
///
/// # Example
/// ```
/// use limpid_nn_layers::Bilinear;
/// use limpid_tensor::{Stream, Tensor};
///
/// let layer = Bilinear::<f32>::new([2, 3], 4, Stream::new(7))?;
/// let output = layer.apply(&Tensor::ones([5, 2]), &Tensor::ones([5, 3]))?;
/// assert_eq!(output.shape(), [5, 4]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Parameters)]
pub struct Bilinear<E: Element> {
    /// `[out, in1, in2]`.
    pub weight: Parameter<E>,
    /// `[out]`.
    pub bias: Option<Parameter<E>>,
}

impl<E: Element> Bilinear<E> {
    /// From so many features of both inputs to so many; weight and bias uniform within
    /// 1 / sqrt(in1) of 0.
    ///
    /// # Errors
    /// An argument error when a size is 0.
    pub fn new([first, second]: [usize; 2], outputs: usize, stream: Stream) -> Result<Self> {
        let sizes = [("inputs", first), ("inputs", second), ("outputs", outputs)];
        for (name, size) in sizes {
            if size == 0 {
                return Err(Error::argument("bilinear", name, "at least 1", size));
            }
        }
        let bound = (first as f64).sqrt().recip();
        let even = Uniform::new(-bound, bound);
        let weight = even.tensor(&[outputs, first, second], stream.fork("weight"))?;
        let bias = even.tensor(&[outputs], stream.fork("bias"))?;
        Ok(Self {
            weight: Parameter::new(weight),
            bias: Some(Parameter::new(bias)),
        })
    }

    /// The same, without the bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self { bias: None, ..self }
    }

    /// The outputs for two inputs.
    ///
    /// # Errors
    /// A shape error when weight, bias and inputs do not fit.
    pub fn apply(&self, first: &Tensor<E>, second: &Tensor<E>) -> Result<Tensor<E>> {
        let shapes = [first.shape(), second.shape(), self.weight.shape()];
        let (Some((&wide, lead)), Some((&deep, other)), &[outputs, rows, columns]) = (
            first.shape().split_last(),
            second.shape().split_last(),
            shapes[2],
        ) else {
            let rule = "the inputs must have a dimension, the weight three";
            return Err(Error::shape("bilinear", &shapes, rule));
        };
        if lead != other || [wide, deep] != [rows, columns] {
            let rule = "must be [..., in1], [..., in2] and [out, in1, in2]";
            return Err(Error::shape("bilinear", &shapes, rule));
        }
        if let Some(bias) = self.bias.as_deref().filter(|it| it.shape() != [outputs]) {
            let shapes = [self.weight.shape(), bias.shape()];
            return Err(Error::shape(
                "bilinear",
                &shapes,
                "must be [out, in1, in2] and [out]",
            ));
        }
        let items = count(lead);
        let left = self.weight.permute(&[1, 0, 2])?;
        let left = left.reshape([rows, outputs * columns])?;
        let left = first.reshape([items, rows])?.matmul(&left)?;
        let left = left.reshape([items, outputs, columns])?;
        let right = second.reshape([items, 1, columns])?;
        let mut forms = left.mul(&right)?.sum_dim(&[-1], false)?;
        if let Some(bias) = self.bias.as_deref() {
            forms = forms.add(bias)?;
        }
        let mut shape = lead.to_vec();
        shape.push(outputs);
        forms.reshape(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use crate::{Context, Module};

    /// The layer of the first two and the last three features of one input.
    #[derive(Parameters)]
    #[parameters(element = f64)]
    struct Halves(#[parameters(flatten)] Bilinear<f64>);

    impl Module<f64> for Halves {
        fn forward(
            &self,
            input: &Tensor<f64>,
            _context: &mut Context<'_, f64>,
        ) -> Result<Tensor<f64>> {
            self.0
                .apply(&input.narrow(-1, 0, 2)?, &input.narrow(-1, 2, 3)?)
        }
    }

    #[test]
    fn the_contract_holds_for_every_rank() {
        for lead in [&[][..], &[4], &[2, 3], &[0], &[1]] {
            let (shape, want) = ([lead, &[5]].concat(), [lead, &[4]].concat());
            let input = Tensor::standard_normal(&shape, Stream::new(1));
            let build = |stream| Ok(Halves(Bilinear::new([2, 3], 4, stream)?));
            check_module(build, &input, &want).unwrap();
            let build = |stream| Ok(Halves(Bilinear::new([2, 3], 4, stream)?.without_bias()));
            check_module(build, &input, &want).unwrap();
        }
    }

    /// The figures are those of PyTorch 2.15.
    #[test]
    fn the_forms_are_those_of_the_reference() {
        let layer = Bilinear {
            weight: Parameter::new(Tensor::from_fn([2, 2, 3], |place| place as f64 - 5.0)),
            bias: Some(Parameter::new(
                Tensor::from_vec(vec![0.5, -1.0], [2]).unwrap(),
            )),
        };
        let first = Tensor::from_vec(vec![1.0, 2.0, -1.0, 3.0], [2, 2]).unwrap();
        let second = Tensor::from_vec(vec![2.0, 0.0, 1.0, 1.0, 1.0, -2.0], [2, 3]).unwrap();
        let found = layer.apply(&first, &second).unwrap();
        assert_eq!(found.to_vec(), [-20.5, 32.0, -5.5, -7.0]);
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let layer = Bilinear::<f32>::new([2, 3], 4, Stream::new(1)).unwrap();
        let error = |first: &[usize], second: &[usize]| {
            let outcome = layer.apply(&Tensor::zeros(first), &Tensor::zeros(second));
            outcome.unwrap_err().to_string()
        };
        let want = "bilinear: shapes [5, 3] and [5, 3] and [4, 2, 3]: \
             must be [..., in1], [..., in2] and [out, in1, in2]";
        assert_eq!(error(&[5, 3], &[5, 3]), want);
        assert!(error(&[5, 2], &[1, 3]).starts_with("bilinear"));
        assert!(error(&[], &[3]).starts_with("bilinear"));
        assert!(Bilinear::<f32>::new([2, 0], 4, Stream::new(1)).is_err());
    }
}
