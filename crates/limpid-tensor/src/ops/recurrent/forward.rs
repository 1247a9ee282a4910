//! A sequence forward.

use std::marker::PhantomData;

use super::cell::{Cell, ForwardRow};
use super::factor::Factor;
use super::{Sizes, slice};
use crate::buffers::{self, Storage};
use crate::kernel::gemm::Strided;
use crate::kernel::steps;
use crate::layout::{Layout, Shape};
use crate::simd::{self, Arithmetic, Loop};
use crate::{Element, Tensor, threads};

/// What a sequence leaves behind.
pub(super) struct Run<E: Element> {
    /// The state before the first step, then those after each, `[time + 1, batch, hidden]`; where
    /// the cell has a memory the last one of it follows.
    pub(super) h: Tensor<E>,
    /// The memory likewise, `[time + 1, batch, hidden]`; empty where the cell has none.
    pub(super) c: Storage<E>,
    /// The columns that the backward half needs, `[time, batch, saved * hidden]`; of one step only
    /// where there will be none.
    pub(super) saved: Storage<E>,
}

impl<E: Element> Run<E> {
    /// The states after every step, then the last memory if wanted.
    pub(super) fn result(&self, sizes: Sizes, ends_with_memory: bool) -> Tensor<E> {
        let mut layout = Layout::clone(&self.h.layout);
        layout.offset = sizes.batch * sizes.hidden;
        layout.shape[0] = sizes.time + usize::from(ends_with_memory);
        self.h.with_layout(layout)
    }
}

/// What the products lack, `[columns * hidden]`.
fn bias<E: Element, C: Cell>(hidden: usize, bias_ih: &[E], bias_hh: &[E]) -> Storage<E> {
    let mut bias = buffers::zeroed::<E>(C::COLUMNS * hidden);
    bias[..bias_ih.len()].copy_from_slice(bias_ih);
    if !bias_hh.is_empty() {
        for span in C::STATE {
            let from = &bias_hh[span.gate * hidden..][..span.gates * hidden];
            let to = &mut bias[span.column * hidden..];
            to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
        }
    }
    bias
}

/// Runs over all steps. `operands` are the inputs of the operation, each contiguous, those that are
/// absent empty. Where there are `lengths`, a row's state stays from its length on.
pub(super) fn forward<E: Element, C: Cell>(
    sizes: Sizes,
    operands: &[Tensor<E>; 7],
    lengths: &[usize],
    keeps: bool,
) -> Run<E> {
    let Sizes {
        time,
        batch,
        inputs,
        hidden,
    } = sizes;
    let [input, weight_ih, weight_hh, bias_ih, bias_hh, h0, c0] = operands.each_ref().map(slice);
    let bias = bias::<E, C>(hidden, bias_ih, bias_hh);
    sizes.count::<C>(time, time);
    let from_input = Factor::new(
        Strided::row_major(weight_ih, inputs).transposed(),
        inputs,
        C::GATES * hidden,
    );
    let from_state = C::STATE.iter().map(|span| {
        let weight = &weight_hh[span.gate * hidden * hidden..];
        let weight = Strided::row_major(weight, hidden).transposed();
        (span, Factor::new(weight, hidden, span.gates * hidden))
    });
    let from_state: Vec<_> = from_state.collect();

    let state = batch * hidden;
    let begin = |steps: usize, from: &[E]| {
        let mut all = buffers::take::<E>(steps * state);
        let (first, _) = all.split_at_mut(state.min(steps * state));
        match from.is_empty() {
            true => first.fill(E::zero()),
            false => first.copy_from_slice(from),
        }
        all
    };
    let memory = usize::from(C::HAS_MEMORY);
    let mut h = begin(time + 1 + memory, h0);
    let mut c = begin(memory * (time + 1), c0);
    let width = C::SAVED * hidden;
    let mut saved = buffers::take::<E>(if keeps { time } else { 1 } * batch * width);

    let level = simd::level();
    let arrays = [
        (&mut h[..], hidden),
        (&mut c[..], memory * hidden),
        (&mut saved[..], width),
    ];
    let walk = || {
        steps::blocks(
            batch,
            sizes.block(),
            arrays,
            |rows, [mut h, mut c, mut saved]| {
                for step in 0..time {
                    let saved = saved.at(if keeps { step } else { 0 });
                    let x = &input[(step * batch + rows.start) * inputs..][..rows.len() * inputs];
                    let x = Strided::row_major(x, inputs);
                    from_input.multiply(saved, width, rows.len(), x, false);
                    let (h_before, h) = h.with_before(step + 1);
                    for (span, factor) in &from_state {
                        let left = Strided::row_major(h_before, hidden);
                        let out = &mut saved[span.column * hidden..];
                        factor.multiply(out, width, rows.len(), left, span.adds);
                    }
                    let (c_before, c) = c.with_before(step + 1);
                    level.run(Step::<E, C> {
                        hidden,
                        ended: lengths.get(rows.clone()).unwrap_or(&[]),
                        step,
                        saved,
                        bias: &bias,
                        h_before,
                        c_before,
                        h,
                        c,
                        cell: PhantomData,
                    });
                }
            },
        );
    };
    threads::with(sizes.threads::<C>(), walk);
    if C::HAS_MEMORY {
        h[(time + 1) * state..].copy_from_slice(&c[time * state..]);
    }
    let shape = Shape::from_slice(&[time + 1 + memory, batch, hidden]);
    Run {
        h: Tensor::new(h, shape),
        c,
        saved,
    }
}

/// The cell in all rows of a block.
struct Step<'a, E, C> {
    hidden: usize,
    /// From which step on each row's state stays; empty where none does.
    ended: &'a [usize],
    step: usize,
    saved: &'a mut [E],
    bias: &'a [E],
    h_before: &'a [E],
    c_before: &'a [E],
    h: &'a mut [E],
    c: &'a mut [E],
    cell: PhantomData<C>,
}

impl<E: Element, C: Cell> Loop for Step<'_, E, C> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let (hidden, width) = (self.hidden, C::SAVED * self.hidden);
        let memory = if C::HAS_MEMORY { hidden } else { 0 };
        for row in 0..self.h.len() / hidden {
            let h_before = &self.h_before[row * hidden..][..hidden];
            let c_before = &self.c_before[row * memory..][..memory];
            let h = &mut self.h[row * hidden..][..hidden];
            let c = &mut self.c[row * memory..][..memory];
            if self.ended.get(row).is_some_and(|&end| self.step >= end) {
                h.copy_from_slice(h_before);
                c.copy_from_slice(c_before);
                continue;
            }
            C::forward(ForwardRow {
                saved: &mut self.saved[row * width..][..width],
                bias: self.bias,
                h_before,
                c_before,
                h,
                c,
            });
        }
    }
}
