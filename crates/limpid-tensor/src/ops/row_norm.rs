//! Normalisation of rows: what the root of the mean square and the standard deviation have in
//! common.

use crate::buffers::Storage;
use crate::kernel::reduce::{
    Rows, normalised_rows, normalised_rows_backward, normalised_rows_sums,
};
use crate::layout::{Shape, count};
use crate::{Backward, Element, Error, InputGradients, Result, Tensor, buffers};

/// What is made of rows.
pub(super) struct RowNorm<'a, E: Element> {
    pub(super) name: &'static str,
    /// Whether a row's mean is taken away first.
    pub(super) centred: bool,
    pub(super) weight: Option<&'a Tensor<E>>,
    pub(super) bias: Option<&'a Tensor<E>>,
    pub(super) eps: f64,
}

struct RowNormBackward<E: Element> {
    name: &'static str,
    centred: bool,
    eps: f64,
    input: Tensor<E>,
    length: usize,
    weight: Option<Tensor<E>>,
    bias: Option<Shape>,
    /// Mean and scale of every row.
    rows: Storage<E>,
}

impl<E: Element> Backward<E> for RowNormBackward<E> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let x = self.input.elements();
        let (rows, _) = self.rows.as_chunks();
        let weight = self.weight.as_ref();
        let place = 1 + usize::from(weight.is_some());
        let wants_weight = weight.is_some() && inputs.wants(1);
        let wants_bias = self.bias.is_some() && inputs.wants(place);
        if wants_weight || wants_bias {
            let sums = normalised_rows_sums(&x, &gradient.elements(), self.length, rows);
            let (along, plain) = sums.split_at(self.length);
            if let Some(weight) = weight.filter(|_| wants_weight) {
                let shape = Shape::from_slice(weight.shape());
                inputs.add(1, Tensor::new(buffers::copied(along), shape));
            }
            if let Some(shape) = self.bias.as_ref().filter(|_| wants_bias) {
                inputs.add(place, Tensor::new(buffers::copied(plain), shape.clone()));
            }
        }
        if !inputs.wants(0) {
            return Ok(());
        }
        let weight = weight.map(Tensor::elements);
        let kind = Rows {
            length: self.length,
            centred: self.centred,
            eps: self.eps,
            weight: weight.as_deref(),
            bias: None,
        };
        // In the gradient's own memory where nobody else holds it.
        let mut g = gradient.into_storage();
        normalised_rows_backward(&x, kind, rows, &mut g);
        inputs.add(0, Tensor::new(g, self.input.layout.shape.clone()));
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// Normalised over the last dimensions, which must be `shape`, as `norm` says.
    pub(super) fn norm_of_rows(&self, shape: &[usize], norm: &RowNorm<'_, E>) -> Result<Self> {
        let name = norm.name;
        let length = count(shape);
        if shape.is_empty() || length == 0 {
            let rule = "the normalised dimensions must be one or more, none of length 0";
            return Err(Error::shape(name, &[shape], rule));
        }
        let Some(lead) = self.shape().strip_suffix(shape) else {
            let rule = format!("the last dimensions must be {shape:?}");
            return Err(Error::shape(name, &[self.shape()], rule));
        };
        for (what, numbers) in [("weight", norm.weight), ("bias", norm.bias)] {
            if let Some(numbers) = numbers.filter(|numbers| numbers.shape() != shape) {
                let rule = format!("the {what} must be {shape:?}");
                return Err(Error::shape(name, &[numbers.shape()], rule));
            }
        }
        let mut rows = buffers::take(2 * count(lead));
        let mut data = buffers::take(self.len());
        let [weight, bias] = [norm.weight, norm.bias].map(|it| it.map(Self::elements));
        let kind = Rows {
            length,
            centred: norm.centred,
            eps: norm.eps,
            weight: weight.as_deref(),
            bias: bias.as_deref(),
        };
        let (singles, _) = rows.as_chunks_mut();
        normalised_rows(&self.elements(), kind, singles, &mut data);
        let value = Self::new(data, Shape::from_slice(self.shape()));
        let inputs = [Some(self), norm.weight, norm.bias];
        let inputs: Vec<&Self> = inputs.into_iter().flatten().collect();
        Ok(value.recorded(&inputs, || RowNormBackward {
            name,
            centred: norm.centred,
            eps: norm.eps,
            input: self.contiguous(),
            length,
            weight: norm.weight.map(Self::detach),
            bias: norm.bias.map(|bias| Shape::from_slice(bias.shape())),
            rows,
        }))
    }
}
