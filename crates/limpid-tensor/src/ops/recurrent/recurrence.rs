//! A cell by name, and all that a run over a sequence can be given.

use super::gru::GruCell;
use super::lstm::LstmCell;
use super::rnn::{Relu, RnnCell, Tanh};
use super::{RecurrentWeights, sequence};
use crate::{Element, Error, Result, Tensor};

/// The recurrent cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecurrentCell {
    /// The plain recurrence with tanh; see [`Tensor::rnn_tanh`].
    RnnTanh,
    /// The same with max(0, x) in place of tanh, as `torch.nn.RNN` with `nonlinearity="relu"`.
    RnnRelu,
    /// The gated recurrent unit; see [`Tensor::gru`].
    Gru,
    /// Long short-term memory; see [`Tensor::lstm`].
    Lstm,
}

impl RecurrentCell {
    /// How many gates the weights hold.
    pub fn gates(self) -> usize {
        match self {
            Self::RnnTanh | Self::RnnRelu => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }
}

/// A cell with its weights, where it starts, and how far it runs.
#[derive(Clone, Copy, Debug)]
pub struct Recurrence<'a, E: Element> {
    /// The cell.
    pub cell: RecurrentCell,
    /// Its weights.
    pub weights: RecurrentWeights<'a, E>,
    /// The state before the first step, `[batch, hidden]`. The default is 0.
    pub h0: Option<&'a Tensor<E>>,
    /// The memory before the first step, `[batch, hidden]`, for a cell that has one. The default is
    /// 0.
    pub c0: Option<&'a Tensor<E>>,
    /// How many steps each item of the batch has, from 1 to `time`: state and memory of an item
    /// stay what they are after its last one, and the input that follows is not looked at. The
    /// default is all steps.
    pub lengths: Option<&'a [usize]>,
}

impl<'a, E: Element> Recurrence<'a, E> {
    /// From a state of 0 over all steps.
    pub fn new(cell: RecurrentCell, weights: RecurrentWeights<'a, E>) -> Self {
        Self {
            cell,
            weights,
            h0: None,
            c0: None,
            lengths: None,
        }
    }
}

impl<E: Element> Tensor<E> {
    /// The states of a cell after every step of a sequence. Those of the last step are the last
    /// ones of every item, whatever its length.
    ///
    /// # Shapes
    /// `self`: `[time, batch, in]`; result: `[time, batch, hidden]`.
    ///
    /// # Errors
    /// As [`Tensor::lstm`]; an argument error when lengths are out of range, and when a cell
    /// without a memory is given one.
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::{Recurrence, RecurrentCell, RecurrentWeights, Tensor};
    ///
    /// let weights = RecurrentWeights {
    ///     weight_ih: &Tensor::<f64>::ones([1, 1]),
    ///     weight_hh: &Tensor::ones([1, 1]),
    ///     bias_ih: None,
    ///     bias_hh: None,
    /// };
    /// let sums = Recurrence {
    ///     lengths: Some(&[3, 1]),
    ///     ..Recurrence::new(RecurrentCell::RnnRelu, weights)
    /// };
    /// let states = Tensor::ones([3, 2, 1]).recurrent(&sums)?;
    /// assert_eq!(states.to_vec(), [1.0, 1.0, 2.0, 1.0, 3.0, 1.0]);
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    pub fn recurrent(&self, recurrence: &Recurrence<'_, E>) -> Result<Self> {
        run(self, recurrence, false)
    }

    /// [`Tensor::recurrent`], and the last memory, `[batch, hidden]`.
    ///
    /// # Errors
    /// As [`Tensor::recurrent`]; an argument error when the cell has no memory.
    pub fn recurrent_with_memory(&self, recurrence: &Recurrence<'_, E>) -> Result<(Self, Self)> {
        let all = run(self, recurrence, true)?;
        let time = all.size(0)? - 1;
        Ok((all.narrow(0, 0, time)?, all.narrow(0, time, 1)?.squeeze(0)?))
    }
}

fn run<E: Element>(
    input: &Tensor<E>,
    recurrence: &Recurrence<'_, E>,
    ends_with_memory: bool,
) -> Result<Tensor<E>> {
    let cell = recurrence.cell;
    if cell != RecurrentCell::Lstm && (ends_with_memory || recurrence.c0.is_some()) {
        let found = format!("{cell:?}");
        let expected = "one that has a memory";
        return Err(Error::argument("recurrent", "cell", expected, found));
    }
    match cell {
        RecurrentCell::RnnTanh => sequence::<E, RnnCell<Tanh>>(input, recurrence, false),
        RecurrentCell::RnnRelu => sequence::<E, RnnCell<Relu>>(input, recurrence, false),
        RecurrentCell::Gru => sequence::<E, GruCell>(input, recurrence, false),
        RecurrentCell::Lstm => sequence::<E, LstmCell>(input, recurrence, ends_with_memory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, gradient_check};

    const CELLS: [RecurrentCell; 4] = [
        RecurrentCell::RnnTanh,
        RecurrentCell::RnnRelu,
        RecurrentCell::Gru,
        RecurrentCell::Lstm,
    ];

    const SIZES: [usize; 4] = [4, 3, 2, 5];

    /// Input, weights, bias, state and memory.
    fn operands(cell: RecurrentCell) -> Vec<Tensor<f64>> {
        let [time, batch, inputs, hidden] = SIZES;
        let rows = cell.gates() * hidden;
        let shapes: [&[usize]; 6] = [
            &[time, batch, inputs],
            &[rows, inputs],
            &[rows, hidden],
            &[rows],
            &[batch, hidden],
            &[batch, hidden],
        ];
        let draw = |(seed, shape)| Tensor::standard_normal(shape, Stream::new(seed));
        let count = if cell == RecurrentCell::Lstm { 6 } else { 5 };
        (1..).zip(shapes).map(draw).take(count).collect()
    }

    /// All states, with the last memory after them where there is one.
    fn run(
        cell: RecurrentCell,
        x: &[Tensor<f64>],
        lengths: Option<&[usize]>,
    ) -> Result<Tensor<f64>> {
        let weights = RecurrentWeights {
            weight_ih: &x[1],
            weight_hh: &x[2],
            bias_ih: Some(&x[3]),
            bias_hh: None,
        };
        let recurrence = Recurrence {
            h0: Some(&x[4]),
            c0: x.get(5),
            lengths,
            ..Recurrence::new(cell, weights)
        };
        if cell != RecurrentCell::Lstm {
            return x[0].recurrent(&recurrence);
        }
        let (states, memory) = x[0].recurrent_with_memory(&recurrence)?;
        Tensor::concat(&[&states, &memory.unsqueeze(0)?], 0)
    }

    #[test]
    fn from_its_length_on_an_item_stays_as_if_its_sequence_had_ended() {
        let (lengths, hidden) = ([2, 4, 1], SIZES[3]);
        for cell in CELLS {
            let x = operands(cell);
            let together = run(cell, &x, Some(&lengths)).unwrap();
            for (item, &length) in lengths.iter().enumerate() {
                let mut own: Vec<_> = x.clone();
                own[0] = x[0]
                    .narrow(0, 0, length)
                    .unwrap()
                    .narrow(1, item, 1)
                    .unwrap();
                for state in &mut own[4..] {
                    *state = state.narrow(0, item, 1).unwrap();
                }
                let alone = run(cell, &own, None).unwrap();
                let at = |of: &Tensor<f64>, step: usize, item: usize| {
                    let step = of.narrow(0, step, 1).unwrap().narrow(1, item, 1).unwrap();
                    step.reshape([hidden]).unwrap()
                };
                for step in 0..SIZES[0] {
                    let want = at(&alone, step.min(length - 1), 0);
                    assert_eq!(at(&together, step, item), want, "{cell:?}, step {step}");
                }
                if cell == RecurrentCell::Lstm {
                    assert_eq!(at(&together, SIZES[0], item), at(&alone, length, 0));
                }
            }
        }
    }

    #[test]
    fn gradients_under_lengths_agree_with_differences() {
        for cell in CELLS {
            let x = operands(cell);
            let shape = run(cell, &x, None).unwrap().shape().to_vec();
            let weights = Tensor::standard_normal(shape, Stream::new(9));
            let function =
                |x: &[Tensor<f64>]| Ok(run(cell, x, Some(&[2, 4, 1]))?.mul(&weights)?.sum());
            let worst = gradient_check::check(function, &x, 1e-5).unwrap();
            assert!(worst.error < 1e-6, "{cell:?}: {worst:?}");
        }
    }

    #[test]
    fn what_pads_an_item_is_not_looked_at() {
        for cell in CELLS {
            let mut x = operands(cell);
            let run = |x: &[Tensor<f64>]| {
                let leaves: Vec<_> = x.iter().map(Tensor::requires_grad).collect();
                let states = run(cell, &leaves, Some(&[4, 3, 4])).unwrap();
                let gradients = states.square().sum().backward().unwrap();
                let of = leaves.iter().map(|leaf| gradients.tensor(leaf).unwrap());
                (states.detach(), of.collect::<Vec<_>>())
            };
            let want = run(&x);
            let mut data = x[0].to_vec();
            data[(3 * 3 + 1) * 2] = f64::NAN;
            x[0] = Tensor::from_vec(data, x[0].shape()).unwrap();
            assert_eq!(run(&x), want, "{cell:?}");
        }
    }

    #[test]
    fn full_lengths_change_nothing() {
        for cell in CELLS {
            let x = operands(cell);
            let want = run(cell, &x, None).unwrap();
            assert_eq!(run(cell, &x, Some(&[4; 3])).unwrap(), want);
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let x = operands(RecurrentCell::Gru);
        for (lengths, found) in [
            (&[2, 0, 1][..], "[2, 0, 1]"),
            (&[2, 5, 1], "[2, 5, 1]"),
            (&[4; 2], "[4, 4]"),
        ] {
            let error = run(RecurrentCell::Gru, &x, Some(lengths)).unwrap_err();
            let want = format!(
                "gru: `lengths` must be from 1 to 4 for each of the 3 items, found {found}"
            );
            assert_eq!(error.to_string(), want);
        }
        let weights = RecurrentWeights {
            weight_ih: &x[1],
            weight_hh: &x[2],
            bias_ih: None,
            bias_hh: None,
        };
        let recurrence = Recurrence::new(RecurrentCell::Gru, weights);
        let error = x[0].recurrent_with_memory(&recurrence).unwrap_err();
        let want = "recurrent: `cell` must be one that has a memory, found Gru";
        assert_eq!(error.to_string(), want);
    }
}
