//! The cells against their definitions, composed of small operations.

use proptest::prelude::*;

use super::{Recurrence, RecurrentCell, RecurrentWeights};
use crate::kernel::scaled;
use crate::{Element, Result, Stream, Tensor, gradient_check, simd, threads, without_gradient};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Lstm,
    Gru,
    Rnn,
    Relu,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Lstm, Self::Gru, Self::Rnn, Self::Relu];

    fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
            Self::Rnn | Self::Relu => 1,
        }
    }

    /// Input, weights, biases and states for these sizes.
    fn operands<E: Element>(self, [time, batch, inputs, hidden]: [usize; 4]) -> Vec<Tensor<E>> {
        let rows = self.gates() * hidden;
        let shapes: [&[usize]; 7] = [
            &[time, batch, inputs],
            &[rows, inputs],
            &[rows, hidden],
            &[rows],
            &[rows],
            &[batch, hidden],
            &[batch, hidden],
        ];
        let draw = |(seed, shape)| Tensor::standard_normal(shape, Stream::new(seed));
        (1..)
            .zip(shapes)
            .map(draw)
            .take(self.operand_count())
            .collect()
    }

    fn operand_count(self) -> usize {
        if self == Self::Lstm { 7 } else { 6 }
    }

    /// The states of all steps, with the last memory after them.
    fn fused<E: Element>(self, x: &[Tensor<E>]) -> Result<Tensor<E>> {
        let weights = RecurrentWeights {
            weight_ih: &x[1],
            weight_hh: &x[2],
            bias_ih: Some(&x[3]),
            bias_hh: Some(&x[4]),
        };
        match self {
            Self::Lstm => {
                let (states, h, c) = x[0].lstm_with_memory(&weights, Some([&x[5], &x[6]]))?;
                // The last state counts twice in what is made of the result.
                Tensor::concat(&[&states, &h.unsqueeze(0)?, &c.unsqueeze(0)?], 0)
            }
            Self::Gru => x[0].gru(&weights, Some(&x[5])),
            Self::Rnn => x[0].rnn_tanh(&weights, Some(&x[5])),
            Self::Relu => x[0].recurrent(&Recurrence {
                h0: Some(&x[5]),
                ..Recurrence::new(RecurrentCell::RnnRelu, weights)
            }),
        }
    }

    /// The same by definition.
    fn composed<E: Element>(self, x: &[Tensor<E>]) -> Result<Tensor<E>> {
        let hidden = x[2].shape()[1];
        let (mut h, mut c) = (x[5].clone(), x[x.len() - 1].clone());
        let mut states = Vec::new();
        for step in 0..x[0].shape()[0] {
            let now = x[0].narrow(0, step, 1)?.squeeze(0)?;
            let from_input = now.matmul(&x[1].transpose(0, 1)?)?.add(&x[3])?;
            let from_state = h.matmul(&x[2].transpose(0, 1)?)?.add(&x[4])?;
            let part = |all: &Tensor<E>, gate: usize| all.narrow(1, gate * hidden, hidden);
            let sum = |gate| part(&from_input, gate)?.add(&part(&from_state, gate)?);
            h = match self {
                Self::Lstm => {
                    let (i, f, o) = (sum(0)?.sigmoid(), sum(1)?.sigmoid(), sum(3)?.sigmoid());
                    c = f.mul(&c)?.add(&i.mul(&sum(2)?.tanh())?)?;
                    o.mul(&c.tanh())?
                }
                Self::Gru => {
                    let (r, z) = (sum(0)?.sigmoid(), sum(1)?.sigmoid());
                    let gated = r.mul(&part(&from_state, 2)?)?;
                    let n = part(&from_input, 2)?.add(&gated)?.tanh();
                    n.add(&z.mul(&h.sub(&n)?)?)?
                }
                Self::Rnn => sum(0)?.tanh(),
                Self::Relu => sum(0)?.relu(),
            };
            states.push(h.clone());
        }
        if self == Self::Lstm {
            states.extend([h, c]);
        }
        Tensor::stack(&states.iter().collect::<Vec<_>>(), 0)
    }
}

/// The result, and the gradients of a weighted sum of it.
fn with_gradients<E: Element>(
    operands: &[Tensor<E>],
    function: impl Fn(&[Tensor<E>]) -> Result<Tensor<E>>,
) -> Vec<Tensor<E>> {
    let leaves: Vec<_> = operands.iter().map(Tensor::requires_grad).collect();
    let result = function(&leaves).unwrap();
    let weights = Tensor::standard_normal(result.shape(), Stream::new(99));
    let gradients = result.mul(&weights).unwrap().sum().backward().unwrap();
    let gradient = |leaf| gradients.tensor(leaf).unwrap();
    std::iter::once(result.detach())
        .chain(leaves.iter().map(gradient))
        .collect()
}

fn assert_close<E: Element>(got: &[Tensor<E>], want: &[Tensor<E>], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (number, (got, want)) in got.iter().zip(want).enumerate() {
        assert_eq!(got.shape(), want.shape());
        let scale = 1.0
            + want
                .to_vec()
                .iter()
                .fold(0.0, |most, x| x.abs().double().max(most));
        for (g, w) in got.to_vec().into_iter().zip(want.to_vec()) {
            let difference = (g - w).double().abs();
            assert!(
                difference <= tolerance * scale,
                "{number}: {g} instead of {w}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(scaled(24, 2) as u32))]

    #[test]
    fn results_and_gradients_are_those_of_the_definition(
        time in 1_usize..5,
        batch in 0_usize..20,
        inputs in 1_usize..7,
        hidden in 1_usize..21,
    ) {
        for kind in Kind::ALL {
            let operands = kind.operands::<f64>([time, batch, inputs, hidden]);
            let got = with_gradients(&operands, |x| kind.fused(x));
            let want = with_gradients(&operands, |x| kind.composed(x));
            assert_close(&got, &want, 1e-12);
        }
    }
}

#[test]
fn long_and_wide_sequences_are_those_of_the_definition() {
    for kind in Kind::ALL {
        // Wider than one piece of the inner dimension, and shared by threads.
        let sizes = [3, scaled(33, 9), scaled(530, 40), scaled(140, 12)];
        let operands = kind.operands::<f32>(sizes);
        let small: Vec<_> = operands.iter().map(|x| x.mul_scalar(0.05)).collect();
        let got = with_gradients(&small, |x| kind.fused(x));
        let want = with_gradients(&small, |x| kind.composed(x));
        assert_close(&got, &want, 3e-5);
    }
}

#[test]
fn gradients_agree_with_differences() {
    for kind in Kind::ALL {
        let operands = kind.operands::<f64>([3, 2, 3, 5]);
        let function = |x: &[Tensor<f64>]| Ok(kind.fused(x)?.square().sum());
        let worst = gradient_check::check(function, &operands, 1e-5).unwrap();
        assert!(worst.error < 1e-6, "{kind:?}: {worst:?}");
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    for kind in Kind::ALL {
        let operands = kind.operands::<f32>([7, 37, 19, 50]);
        let run = |count| threads::with(count, || with_gradients(&operands, |x| kind.fused(x)));
        let alone = run(1);
        for count in [2, 3, 4, 8] {
            assert_eq!(run(count), alone, "{kind:?} by {count} threads");
        }
    }
}

#[test]
fn every_level_agrees_with_the_definition() {
    for &level in simd::Level::available() {
        for kind in Kind::ALL {
            let operands = kind.operands::<f32>([3, 9, 4, 19]);
            let got = simd::with(level, || with_gradients(&operands, |x| kind.fused(x)));
            let want = with_gradients(&operands, |x| kind.composed(x));
            assert_close(&got, &want, 1e-5);
        }
    }
}

#[test]
fn states_and_biases_that_are_absent_are_zero() {
    let x = Kind::Lstm.operands::<f64>([4, 3, 2, 5]);
    let weights = RecurrentWeights {
        weight_ih: &x[1],
        weight_hh: &x[2],
        bias_ih: None,
        bias_hh: Some(&x[4]),
    };
    let got = x[0].lstm(&weights, None).unwrap();
    let mut whole = x.clone();
    for absent in [3, 5, 6] {
        whole[absent] = Tensor::zeros(whole[absent].shape());
    }
    let want = Kind::Lstm.fused(&whole).unwrap().narrow(0, 0, 4).unwrap();
    assert_eq!(got, want);
}

#[test]
fn views_are_as_good_as_copies() {
    for kind in Kind::ALL {
        let operands = kind.operands::<f64>([4, 3, 2, 5]);
        let views: Vec<_> = operands
            .iter()
            .map(|x| {
                Tensor::stack(&[x, x], -1)
                    .unwrap()
                    .narrow(-1, 1, 1)
                    .unwrap()
            })
            .map(|x| x.squeeze(-1).unwrap())
            .collect();
        let got = with_gradients(&views, |x| kind.fused(x));
        assert_eq!(got, with_gradients(&operands, |x| kind.fused(x)));
    }
}

#[test]
fn gradients_that_nobody_wants_are_not_made() {
    for kind in Kind::ALL {
        let operands = kind.operands::<f64>([3, 2, 3, 5]);
        let all = with_gradients(&operands, |x| kind.fused(x));
        for wanted in 0..operands.len() {
            let got = with_gradients(&operands[wanted..=wanted], |x| {
                let mut operands = operands.clone();
                operands[wanted] = x[0].clone();
                kind.fused(&operands)
            });
            assert_eq!(got, [all[0].clone(), all[wanted + 1].clone()]);
        }
    }
}

#[test]
fn nothing_is_kept_where_nobody_wants_a_gradient() {
    for kind in Kind::ALL {
        let operands = kind.operands::<f32>([5, 9, 3, 5]);
        let leaves: Vec<_> = operands.iter().map(Tensor::requires_grad).collect();
        let recorded = kind.fused(&leaves).unwrap();
        let plain = without_gradient(|| kind.fused(&leaves)).unwrap();
        assert!(recorded.wants_gradient() && !plain.wants_gradient());
        assert_eq!(recorded, plain);
    }
}

#[test]
fn a_walk_back_can_be_repeated() {
    let x = Kind::Lstm.operands::<f64>([3, 2, 3, 5]);
    let leaves: Vec<_> = x.iter().map(Tensor::requires_grad).collect();
    let loss = Kind::Lstm.fused(&leaves).unwrap().square().sum();
    let first = loss.backward().unwrap();
    let second = loss.backward().unwrap();
    for leaf in &leaves {
        assert_eq!(first.tensor(leaf), second.tensor(leaf));
    }
}

#[test]
fn numbers_that_are_none_stay_so() {
    let mut operands = Kind::Gru.operands::<f32>([2, 1, 2, 3]);
    operands[0] = Tensor::full([2, 1, 2], f64::NAN);
    let states = Kind::Gru.fused(&operands).unwrap();
    assert!(states.to_vec().iter().all(|x| x.is_nan()));
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let x = Kind::Lstm.operands::<f32>([3, 2, 4, 5]);
    let weights = RecurrentWeights {
        weight_ih: &x[1],
        weight_hh: &x[2],
        bias_ih: None,
        bias_hh: None,
    };
    let message = |input: &Tensor<f32>, weights: &RecurrentWeights<'_, f32>| {
        input.lstm(weights, None).unwrap_err().to_string()
    };
    assert_eq!(
        message(&Tensor::zeros([3, 4]), &weights),
        "lstm: shape [3, 4]: must be [time, batch, in]"
    );
    assert_eq!(
        message(&Tensor::zeros([0, 2, 4]), &weights),
        "lstm: shape [0, 2, 4]: must have at least one step of time and one feature"
    );
    assert_eq!(
        message(&Tensor::zeros([3, 2, 6]), &weights),
        "lstm: shapes [3, 2, 6] and [20, 4]: the input's weight must be [20, 6]"
    );
    let turned = RecurrentWeights {
        weight_hh: &Tensor::zeros([5, 20]),
        ..weights
    };
    assert_eq!(
        message(&x[0], &turned),
        "lstm: shape [5, 20]: the state's weight must be [4 * hidden, hidden]"
    );
    let short = RecurrentWeights {
        bias_hh: Some(&Tensor::zeros([5])),
        ..weights
    };
    assert_eq!(
        message(&x[0], &short),
        "lstm: shape [5]: the bias must be [20]"
    );
    let states = [&Tensor::zeros([2, 5]), &Tensor::zeros([1, 5])];
    let error = x[0].lstm(&weights, Some(states)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "lstm: shapes [3, 2, 4] and [1, 5]: the state must be [2, 5]"
    );
}
