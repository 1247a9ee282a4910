//! Scores of a few rows of a table, and what they cost.

use limpid_tensor::buffers::{self, Storage};
use limpid_tensor::simd::{self, Arithmetic, Level, Loop};
use limpid_tensor::{
    Backward, Element, Error, Gradient, InputGradients, Result, RowIndex, Rows, Tensor, math,
    table, threads,
};

use crate::lanes::{LANES, folded, padded};
use crate::log_sum_exp::LogSumExp;

/// The multiply-adds that are worth a task of their own.
const TASK: usize = 1 << 17;

/// Questions of items whether they belong to rows of a table, item after item.
#[derive(Clone, Debug)]
pub(crate) struct Questions<E: Element> {
    rows: Storage<usize>,
    /// The answers.
    yes: Storage<bool>,
    /// What each score is lowered by.
    shifts: Storage<E>,
    /// Where each item's questions end.
    ends: Storage<usize>,
    asked: usize,
    items: usize,
}

impl<E: Element> Questions<E> {
    /// Room for so many questions of so many items. All must be asked.
    pub(crate) fn new(questions: usize, items: usize) -> Self {
        Self {
            rows: buffers::zeroed(questions),
            yes: buffers::zeroed(questions),
            shifts: buffers::zeroed(questions),
            ends: buffers::zeroed(items),
            asked: 0,
            items: 0,
        }
    }

    /// Asks whether the current item belongs to `row`, by its score less `shift`.
    pub(crate) fn ask(&mut self, row: usize, yes: bool, shift: f64) {
        self.rows[self.asked] = row;
        self.yes[self.asked] = yes;
        self.shifts[self.asked] = E::of(shift);
        self.asked += 1;
    }

    /// Goes on to the next item.
    pub(crate) fn next_item(&mut self) {
        self.ends[self.items] = self.asked;
        self.items += 1;
    }

    pub(crate) fn rows(&self) -> &[usize] {
        &self.rows
    }
}

/// What an item's scores cost, given the answers.
pub(crate) trait Judge: Copy + Send + Sync {
    /// The loss; the scores become its derivatives by them. Within a loop.
    fn judge<E: Element, A: Arithmetic>(self, scores: &mut [E], yes: &[bool]) -> E;
}

/// The sum of -log sigmoid(s) for each yes and -log sigmoid(-s) for each no.
#[derive(Clone, Copy)]
pub(crate) struct Logistic;

impl Judge for Logistic {
    #[inline(always)]
    fn judge<E: Element, A: Arithmetic>(self, scores: &mut [E], yes: &[bool]) -> E {
        for (score, &yes) in scores.iter_mut().zip(yes) {
            *score = if yes { *score } else { -*score };
        }
        let mut sums = [E::zero(); LANES];
        for scores in scores.chunks_mut(LANES) {
            // What fills up the last block costs nothing.
            let right = padded(scores, E::infinity());
            let mut found = right;
            for ((sum, found), &right) in sums.iter_mut().zip(&mut found).zip(&right) {
                *sum += math::softplus(-right);
                *found = math::sigmoid(-right);
            }
            for (slope, &found) in scores.iter_mut().zip(&found) {
                *slope = found;
            }
        }
        for (slope, &yes) in scores.iter_mut().zip(yes) {
            *slope = if yes { -*slope } else { *slope };
        }
        folded(sums, |sum, other| sum + other)
    }
}

/// The cross-entropy of the first score, the item's own, among all of them.
#[derive(Clone, Copy)]
pub(crate) struct Softmax;

impl Judge for Softmax {
    #[inline(always)]
    fn judge<E: Element, A: Arithmetic>(self, scores: &mut [E], _yes: &[bool]) -> E {
        let Some(&own) = scores.first() else {
            return E::zero();
        };
        let logits = buffers::copied(scores);
        let log_sum = LogSumExp::within::<A>(&logits);
        log_sum.softmax(&logits, E::one(), scores);
        scores[0] -= E::one();
        log_sum.surprise(own)
    }
}

struct RowScoresBackward<E: Element> {
    name: &'static str,
    input: Tensor<E>,
    table: [usize; 2],
    rows: RowIndex,
    items: RowIndex,
    /// The derivative of each question's loss by its score.
    slopes: Storage<E>,
    /// The derivative of each item's loss by its input, where somebody wants it.
    input_slopes: Tensor<E>,
}

impl<E: Element> Backward<E> for RowScoresBackward<E> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        if inputs.wants(0) {
            let share = self.input_slopes.mul(&gradient.unsqueeze(-1)?)?;
            inputs.add(0, share);
        }
        if !inputs.wants(1) && !inputs.wants(2) {
            return Ok(());
        }
        let gradient = gradient.elements();
        let mut slopes = buffers::copied(&self.slopes);
        for (slope, &item) in slopes.iter_mut().zip(self.items.rows()) {
            *slope *= gradient[item];
        }
        let slopes = Tensor::from_storage(slopes, [self.slopes.len()])?;
        if inputs.wants(1) {
            let (rows, items) = (self.rows.clone(), self.items.clone());
            let input = self.input.clone();
            let share = Rows::scaled(&self.table, rows, slopes.clone(), items, input)?;
            inputs.add(1, Gradient::Rows(share));
        }
        if inputs.wants(2) {
            let share = Rows::new(&self.table[..1], self.rows.clone(), slopes)?;
            inputs.add(2, Gradient::Rows(share));
        }
        Ok(())
    }
}

/// What is worked out for a run of items.
struct Part<'a, E> {
    first_item: usize,
    first_question: usize,
    losses: &'a mut [E],
    slopes: &'a mut [E],
    /// Empty where nobody wants them.
    input_slopes: &'a mut [E],
}

/// What `judge` makes of each item's scores, weight[row] . input[item] + bias[row] - shift for every row
/// that was asked. The gradients of weight and bias are those rows.
///
/// Each row is read from memory once: what the item's input receives of it is added up while it is
/// still in the cache.
///
/// The caller has checked that the questions' rows exist and that there are as many items as rows
/// of the input.
pub(crate) fn row_scores<E: Element, J: Judge>(
    name: &'static str,
    input: &Tensor<E>,
    weight: &Tensor<E>,
    bias: &Tensor<E>,
    questions: Questions<E>,
    judge: J,
) -> Result<Tensor<E>> {
    let (items, width) = (input.shape()[0], weight.shape()[1]);
    let (inputs, weights, biases) = (input.elements(), weight.elements(), bias.elements());
    let mut losses = buffers::zeroed(items);
    let mut slopes = buffers::take(questions.rows.len());
    let wanted = input.wants_gradient();
    let mut input_slopes = buffers::zeroed(if wanted { items * width } else { 0 });

    let per_item = (questions.rows.len() * width).div_ceil(items.max(1)).max(1);
    let step = TASK.div_ceil(per_item);
    let mut parts = cut(
        &questions,
        step,
        width,
        &mut losses,
        &mut slopes,
        &mut input_slopes,
    );
    let level = simd::level();
    threads::chunks(parts.as_mut_slice(), 1, |_, parts| {
        for part in parts {
            level.run(Answer {
                level,
                part,
                questions: &questions,
                judge,
                width,
                inputs: &inputs,
                weights: &weights,
                biases: &biases,
            });
        }
    });
    drop(parts);

    let losses = Tensor::from_storage(losses, [items])?;
    let input_shape = if wanted { [items, width] } else { [0, width] };
    let input_slopes = Tensor::from_storage(input_slopes, input_shape)?;
    Ok(losses.recorded(&[input, weight, bias], || {
        let mut of = buffers::take(questions.rows.len());
        let mut first = 0;
        for (item, &end) in questions.ends.iter().enumerate() {
            of[first..end].fill(item);
            first = end;
        }
        RowScoresBackward {
            name,
            input: input.detach(),
            table: [weight.shape()[0], width],
            rows: questions.rows.into(),
            items: of.into(),
            slopes,
            input_slopes,
        }
    }))
}

/// Cuts the results into parts of `step` items each.
fn cut<'a, E: Element>(
    questions: &Questions<E>,
    step: usize,
    width: usize,
    mut losses: &'a mut [E],
    mut slopes: &'a mut [E],
    mut input_slopes: &'a mut [E],
) -> Vec<Part<'a, E>> {
    let mut parts = Vec::with_capacity(losses.len().div_ceil(step));
    let (mut first_item, mut first_question) = (0, 0);
    for ends in questions.ends.chunks(step) {
        let end = ends.last().copied().unwrap_or(first_question);
        let wide = (ends.len() * width).min(input_slopes.len());
        let (own, rest) = losses.split_at_mut(ends.len());
        let (own_slopes, rest_slopes) = slopes.split_at_mut(end - first_question);
        let (own_inputs, rest_inputs) = input_slopes.split_at_mut(wide);
        parts.push(Part {
            first_item,
            first_question,
            losses: own,
            slopes: own_slopes,
            input_slopes: own_inputs,
        });
        (losses, slopes, input_slopes) = (rest, rest_slopes, rest_inputs);
        first_item += ends.len();
        first_question = end;
    }
    parts
}

/// Answers the questions of some items.
struct Answer<'a, 'b, E: Element, J> {
    level: Level,
    part: &'a mut Part<'b, E>,
    questions: &'a Questions<E>,
    judge: J,
    width: usize,
    inputs: &'a [E],
    weights: &'a [E],
    biases: &'a [E],
}

impl<E: Element, J: Judge> Loop for Answer<'_, '_, E, J> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Part {
            first_item,
            first_question,
            losses,
            slopes,
            input_slopes,
        } = self.part;
        let width = self.width;
        let mut first = *first_question;
        for (offset, loss) in losses.iter_mut().enumerate() {
            let item = *first_item + offset;
            let end = self.questions.ends[item];
            let slopes = &mut slopes[first - *first_question..end - *first_question];
            let rows = &self.questions.rows[first..end];
            let yes = &self.questions.yes[first..end];
            let input = &self.inputs[item * width..][..width];
            let shifts = &self.questions.shifts[first..end];
            // The scores stand in the place of their slopes for a moment.
            let asked = &self.questions.rows[first..];
            table::products(self.level, input, self.weights, asked, slopes);
            for ((slope, &of), &shift) in slopes.iter_mut().zip(rows).zip(shifts) {
                *slope = *slope + self.biases[of] - shift;
            }
            *loss = self.judge.judge::<E, A>(slopes, yes);
            if let Some(sums) = input_slopes.get_mut(offset * width..(offset + 1) * width) {
                table::add_multiples(self.level, sums, self.weights, rows, slopes);
            }
            first = end;
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::Stream;

    fn draw(shape: &[usize], seed: u64) -> Tensor<f32> {
        Tensor::standard_normal(shape, Stream::new(seed))
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        same_for_all_threads(Logistic);
        same_for_all_threads(Softmax);
    }

    fn same_for_all_threads(judge: impl Judge) {
        let (items, width, rows) = (70, 67, 300);
        let total = (0..items).map(|item| (item * 13) % 100).sum();
        let mut questions = Questions::new(total, items);
        for item in 0..items {
            for question in 0..(item * 13) % 100 {
                questions.ask((item * 31 + question * 17) % rows, question % 3 == 0, 0.5);
            }
            questions.next_item();
        }
        let inputs = [
            draw(&[items, width], 1),
            draw(&[rows, width], 2),
            draw(&[rows], 3),
        ]
        .map(|input| input.mul_scalar(0.1).requires_grad());
        let run = |count| {
            threads::with(count, || {
                let [input, weight, bias] = &inputs;
                let losses =
                    row_scores("test", input, weight, bias, questions.clone(), judge).unwrap();
                let gradients = losses.sum().backward().unwrap();
                let parts = inputs
                    .each_ref()
                    .map(|it| gradients.tensor(it).unwrap().to_vec());
                (losses.to_vec(), parts)
            })
        };
        let one = run(1);
        for count in [2, 3, 4, 8] {
            assert!(run(count) == one, "{count} threads");
        }
    }
}
