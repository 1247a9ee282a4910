//! Yes-and-no questions to a few rows of a table.

use limpid_tensor::{Backward, Element, Error, Gradient, InputGradients, Result, Rows, Tensor};

use crate::softplus::{sigmoid, softplus};

/// One question: whether item `item` belongs to row `row`, and the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) item: usize,
    pub(crate) row: usize,
    pub(crate) yes: bool,
}

struct LogisticRowsBackward<E: Element> {
    name: &'static str,
    input: Tensor<E>,
    weight: Tensor<E>,
    questions: Vec<Question>,
    /// The derivative of each question's loss by its score.
    slopes: Vec<E>,
}

impl<E: Element> Backward<E> for LogisticRowsBackward<E> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let width = self.weight.shape()[1];
        let gradient = gradient.elements();
        let pairs = self.questions.iter().zip(&self.slopes);
        let slopes: Vec<E> = pairs
            .map(|(it, &slope)| slope * gradient[it.item])
            .collect();
        if inputs.wants(0) {
            let weight = self.weight.elements();
            let mut data = vec![E::zero(); self.input.len()];
            for (it, &slope) in self.questions.iter().zip(&slopes) {
                let row = &weight[it.row * width..][..width];
                for (x, &weight) in data[it.item * width..][..width].iter_mut().zip(row) {
                    *x += slope * weight;
                }
            }
            inputs.add(0, Tensor::from_vec(data, self.input.shape())?);
        }
        let rows: Vec<usize> = self.questions.iter().map(|it| it.row).collect();
        let table = self.weight.shape();
        if inputs.wants(1) {
            let input = self.input.elements();
            let mut data = Vec::with_capacity(rows.len() * width);
            for (it, &slope) in self.questions.iter().zip(&slopes) {
                data.extend(input[it.item * width..][..width].iter().map(|&x| slope * x));
            }
            let values = Tensor::from_vec(data, [rows.len(), width])?;
            inputs.add(1, Gradient::Rows(Rows::new(table, rows.clone(), values)?));
        }
        if inputs.wants(2) {
            let count = slopes.len();
            let values = Tensor::from_vec(slopes, [count])?;
            inputs.add(2, Gradient::Rows(Rows::new(&table[..1], rows, values)?));
        }
        Ok(())
    }
}

/// The sum of each item's questions: -log sigmoid(s) for a yes, -log sigmoid(-s) for a no, with the
/// score s = weight[row] . input[item] + bias[row]. The gradients of weight and bias are the rows
/// that were asked.
///
/// The caller has checked that the questions' items and rows exist.
pub(crate) fn logistic_rows<E: Element>(
    name: &'static str,
    input: &Tensor<E>,
    weight: &Tensor<E>,
    bias: &Tensor<E>,
    questions: Vec<Question>,
) -> Result<Tensor<E>> {
    let (items, width) = (input.shape()[0], weight.shape()[1]);
    let (inputs, weights, biases) = (input.elements(), weight.elements(), bias.elements());
    let mut losses = vec![E::zero(); items];
    let mut slopes = Vec::with_capacity(questions.len());
    for it in &questions {
        let x = &inputs[it.item * width..][..width];
        let row = &weights[it.row * width..][..width];
        let products = x.iter().zip(row).map(|(&x, &weight)| x * weight);
        let score = products.sum::<E>() + biases[it.row];
        let sign = if it.yes { E::one() } else { -E::one() };
        losses[it.item] += softplus(-sign * score);
        slopes.push(-sign * sigmoid(-sign * score));
    }
    let losses = Tensor::from_vec(losses, [items])?;
    Ok(
        losses.recorded(&[input, weight, bias], || LogisticRowsBackward {
            name,
            input: input.detach(),
            weight: weight.detach(),
            questions,
            slopes,
        }),
    )
}

/// Checks that input `[N, D]`, weight `[R, D]` and bias `[R]` fit.
pub(crate) fn check_table<E: Element>(
    name: &'static str,
    input: &Tensor<E>,
    weight: &Tensor<E>,
    bias: &Tensor<E>,
) -> Result<()> {
    let fits = match (input.shape(), weight.shape(), bias.shape()) {
        ([_, own], [rows, width], [biases]) => own == width && rows == biases,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let shapes = [input.shape(), weight.shape(), bias.shape()];
    Err(Error::shape(
        name,
        &shapes,
        "must be input [N, D], weight [R, D] and bias [R]",
    ))
}
