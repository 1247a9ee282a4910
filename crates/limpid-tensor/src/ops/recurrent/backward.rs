//! A sequence backward: through time, then the products of all steps at once.

use std::marker::PhantomData;

use super::cell::{BackwardRow, Cell};
use super::factor::Factor;
use super::forward::Run;
use super::{Sizes, slice};
use crate::buffers::{self, Storage};
use crate::kernel::gemm::{Strided, product};
use crate::kernel::steps;
use crate::layout::Shape;
use crate::simd::{self, Arithmetic, Loop};
use crate::{Backward, Element, InputGradients, Result, Tensor, threads};

/// The numbers of the operation's inputs.
const INPUT: usize = 0;
const WEIGHT_IH: usize = 1;
const WEIGHT_HH: usize = 2;
const BIAS_IH: usize = 3;
const BIAS_HH: usize = 4;
const H0: usize = 5;
const C0: usize = 6;

pub(super) struct RecurrentBackward<E: Element, C> {
    sizes: Sizes,
    input: Tensor<E>,
    weight_ih: Tensor<E>,
    weight_hh: Tensor<E>,
    lengths: Vec<usize>,
    run: Run<E>,
    cell: PhantomData<C>,
}

impl<E: Element, C> RecurrentBackward<E, C> {
    pub(super) fn new(
        sizes: Sizes,
        operands: [Tensor<E>; 7],
        lengths: Vec<usize>,
        run: Run<E>,
    ) -> Self {
        let [input, weight_ih, weight_hh, ..] = operands;
        Self {
            sizes,
            input,
            weight_ih,
            weight_hh,
            lengths,
            run,
            cell: PhantomData,
        }
    }
}

/// The gradients that the walk back through time finds.
struct Walked<E: Element> {
    /// Of the products, `[time * batch, columns * hidden]`, the rows [`apart`].
    columns: Storage<E>,
    /// Of the input, if wanted.
    input: Storage<E>,
    /// Of the state and the memory before the first step, `[batch, hidden]`.
    h0: Storage<E>,
    c0: Storage<E>,
    /// Of what is added to the products, `[columns * hidden]`.
    bias: Storage<E>,
}

/// Bytes of a line of the cache, and the distance of lines of which the nearest cache holds few.
const LINE: usize = 64;
const SAME_PLACE: usize = 1024;

/// How far rows of `width` lie apart, so that products read several rows without packing them: not
/// so that they fall on the same places of the cache.
fn apart<E>(width: usize) -> usize {
    match (width * size_of::<E>()).is_multiple_of(SAME_PLACE) {
        true => width + LINE / size_of::<E>(),
        false => width,
    }
}

impl<E: Element, C: Cell> RecurrentBackward<E, C> {
    fn walk(&self, gradient: &[E], wants_input: bool, wants_h0: bool) -> Walked<E> {
        let Sizes {
            time,
            batch,
            inputs,
            hidden,
        } = self.sizes;
        let to_input = wants_input.then(|| {
            let weight = Strided::row_major(slice(&self.weight_ih), inputs);
            Factor::new(weight, C::GATES * hidden, inputs)
        });
        let weight = slice(&self.weight_hh);
        let to_state = C::STATE.iter().map(|span| {
            let weight = Strided::row_major(&weight[span.gate * hidden * hidden..], hidden);
            (
                span.column * hidden,
                Factor::new(weight, span.gates * hidden, hidden),
            )
        });
        let to_state: Vec<_> = to_state.collect();

        let state = batch * hidden;
        let memory = usize::from(C::HAS_MEMORY);
        let mut dh = buffers::zeroed::<E>(state);
        let mut dc = buffers::zeroed::<E>(memory * state);
        let last_memory = &gradient[time * state..];
        if !last_memory.is_empty() {
            dc.copy_from_slice(last_memory);
        }
        let (width, saved_width) = (C::COLUMNS * hidden, C::SAVED * hidden);
        let apart = apart::<E>(width);
        let mut columns = buffers::take::<E>(time * batch * apart);
        let features = if wants_input { inputs } else { 0 };
        let mut input = buffers::take::<E>(time * batch * features);
        // Each block adds up in its first row.
        let mut sums = buffers::zeroed::<E>(batch * width);

        let (h, c, saved) = (slice(&self.run.h), &self.run.c[..], &self.run.saved[..]);
        let level = simd::level();
        let arrays = [
            (&mut columns[..], apart),
            (&mut input[..], features),
            (&mut dh[..], hidden),
            (&mut dc[..], memory * hidden),
            (&mut sums[..], width),
        ];
        let walk = || {
            steps::blocks(
                batch,
                self.sizes.block(),
                arrays,
                |rows, [mut columns, mut input, mut dh, mut dc, mut sums]| {
                    let (dh, dc, sums) = (dh.at(0), dc.at(0), sums.at(0));
                    for step in (0..time).rev() {
                        let columns = columns.at(step);
                        let first = step * batch + rows.start;
                        level.run(Step::<E, C> {
                            hidden,
                            ended: self.lengths.get(rows.clone()).unwrap_or(&[]),
                            step,
                            gradient: &gradient[first * hidden..],
                            saved: &saved[first * saved_width..],
                            h_before: &h[first * hidden..],
                            c_before: &c[first * memory * hidden..],
                            dh,
                            dc,
                            columns,
                            apart,
                            sums: &mut sums[..width],
                            cell: PhantomData,
                        });
                        let columns = Strided::row_major(columns, apart);
                        if let Some(factor) = &to_input {
                            factor.multiply(input.at(step), inputs, rows.len(), columns, false);
                        }
                        if step == 0 && !wants_h0 {
                            break;
                        }
                        let mut adds = C::KEEPS_STATE || !self.lengths.is_empty();
                        for (column, factor) in &to_state {
                            let left = columns.from(0, *column);
                            factor.multiply(dh, hidden, rows.len(), left, adds);
                            adds = true;
                        }
                    }
                },
            );
        };
        threads::with(self.sizes.threads::<C>(), walk);
        let mut bias = buffers::zeroed::<E>(width);
        for row in sums.chunks_exact(width) {
            bias.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
        }
        Walked {
            columns,
            input,
            h0: dh,
            c0: dc,
            bias,
        }
    }
}

impl<E: Element, C: Cell> Backward<E> for RecurrentBackward<E, C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let Sizes {
            time,
            batch,
            inputs: features,
            hidden,
        } = self.sizes;
        let gradient = gradient.contiguous();
        let [input, weight_ih, weight_hh, h0] =
            [INPUT, WEIGHT_IH, WEIGHT_HH, H0].map(|it| usize::from(inputs.wants(it)));
        let state_steps = time + h0 - 1 + time * weight_hh;
        self.sizes
            .count::<C>(time * (input + weight_ih), state_steps);
        let walked = self.walk(slice(&gradient), inputs.wants(INPUT), inputs.wants(H0));
        let tensor =
            |data: Storage<E>, shape: &[usize]| Tensor::new(data, Shape::from_slice(shape));
        let (rows, gates, width) = (time * batch, C::GATES * hidden, C::COLUMNS * hidden);
        let columns = Strided::row_major(&walked.columns, apart::<E>(width));

        if inputs.wants(INPUT) {
            inputs.add(INPUT, tensor(walked.input, &[time, batch, features]));
        }
        if inputs.wants(WEIGHT_IH) {
            let mut data = buffers::take::<E>(gates * features);
            let input = Strided::row_major(slice(&self.input), features);
            product(
                &mut data,
                (gates, rows, features),
                columns.transposed(),
                input,
            );
            inputs.add(WEIGHT_IH, tensor(data, &[gates, features]));
        }
        if inputs.wants(WEIGHT_HH) {
            let mut data = buffers::take::<E>(gates * hidden);
            let before = Strided::row_major(slice(&self.run.h), hidden);
            for span in C::STATE {
                let part = &mut data[span.gate * hidden * hidden..][..span.gates * hidden * hidden];
                let columns = columns.from(0, span.column * hidden).transposed();
                product(part, (span.gates * hidden, rows, hidden), columns, before);
            }
            inputs.add(WEIGHT_HH, tensor(data, &[gates, hidden]));
        }
        if inputs.wants(BIAS_IH) {
            inputs.add(
                BIAS_IH,
                tensor(buffers::copied(&walked.bias[..gates]), &[gates]),
            );
        }
        if inputs.wants(BIAS_HH) {
            let mut data = buffers::take::<E>(gates);
            for span in C::STATE {
                let length = span.gates * hidden;
                let from = &walked.bias[span.column * hidden..][..length];
                data[span.gate * hidden..][..length].copy_from_slice(from);
            }
            inputs.add(BIAS_HH, tensor(data, &[gates]));
        }
        if inputs.wants(H0) {
            inputs.add(H0, tensor(walked.h0, &[batch, hidden]));
        }
        if inputs.wants(C0) {
            inputs.add(C0, tensor(walked.c0, &[batch, hidden]));
        }
        Ok(())
    }
}

/// The cell backward in all rows of a block.
struct Step<'a, E, C> {
    hidden: usize,
    /// From which step on each row's state stays; empty where none does.
    ended: &'a [usize],
    step: usize,
    gradient: &'a [E],
    saved: &'a [E],
    h_before: &'a [E],
    c_before: &'a [E],
    dh: &'a mut [E],
    dc: &'a mut [E],
    columns: &'a mut [E],
    /// How far rows of the columns lie apart.
    apart: usize,
    sums: &'a mut [E],
    cell: PhantomData<C>,
}

impl<E: Element, C: Cell> Loop for Step<'_, E, C> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let (hidden, width) = (self.hidden, C::COLUMNS * self.hidden);
        let saved_width = C::SAVED * hidden;
        let memory = if C::HAS_MEMORY { hidden } else { 0 };
        for row in 0..self.dh.len() / hidden {
            let dh = &mut self.dh[row * hidden..][..hidden];
            let gradient = &self.gradient[row * hidden..][..hidden];
            dh.iter_mut().zip(gradient).for_each(|(dh, &g)| *dh += g);
            let columns = &mut self.columns[row * self.apart..][..width];
            if self.ended.get(row).is_some_and(|&end| self.step >= end) {
                columns.fill(E::zero());
                continue;
            }
            C::backward(BackwardRow {
                saved: &self.saved[row * saved_width..][..saved_width],
                h_before: &self.h_before[row * hidden..][..hidden],
                c_before: &self.c_before[row * memory..][..memory],
                dh: &mut *dh,
                dc: &mut self.dc[row * memory..][..memory],
                columns,
            });
            self.sums
                .iter_mut()
                .zip(&*columns)
                .for_each(|(sum, &x)| *sum += x);
            // Rows that have ended want theirs added to, so that all rows have theirs added to.
            if !C::KEEPS_STATE && !self.ended.is_empty() {
                dh.fill(E::zero());
            }
        }
    }
}
