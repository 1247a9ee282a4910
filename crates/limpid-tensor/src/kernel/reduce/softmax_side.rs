//! Softmax and its logarithm of groups that stand side by side.

use super::extreme::extreme_side;
use super::side::{Room, SIDE, Side};
use super::softmax::ExpDistance;
use super::sum::{Same, sum_side};
use crate::kernel::elementwise::Zip;
use crate::{Element, math};

struct Less;

impl<E: Element> Zip<E, E, E> for Less {
    #[inline(always)]
    fn of(&self, x: E, less: E) -> E {
        x - less
    }
}

struct Ratio;

impl<E: Element> Zip<E, E, E> for Ratio {
    #[inline(always)]
    fn of(&self, x: E, total: E) -> E {
        x / total
    }
}

/// Changes the first `length` numbers of groups that stand side by side.
#[inline(always)]
fn change_side<E: Element>(
    room: &mut Room<E>,
    length: usize,
    side: &[E; SIDE],
    f: &impl Zip<E, E, E>,
) {
    for number in 0..length {
        for (x, &side) in opaque(room, number).iter_mut().zip(side) {
            *x = f.of(*x, side);
        }
    }
}

/// `room[number]`, of which the compiler does not see that the next number's is its neighbour: it
/// would make vectors of one lane of many numbers, and gather and scatter them.
#[inline(always)]
fn opaque<E>(room: &mut Room<E>, number: usize) -> &mut [E; SIDE] {
    &mut room[std::hint::black_box(number)]
}

/// The first `length` numbers of groups that stand side by side.
#[inline(always)]
fn all<E>(room: &Room<E>, length: usize) -> Side<'_, E> {
    let numbers = &room[..length];
    Side { numbers, step: 1 }
}

/// The softmax of groups that stand side by side, or its logarithm, in their place.
#[inline(always)]
pub(super) fn softmax_side<E: Element, const LOG: bool>(room: &mut Room<E>, length: usize) {
    let shift = extreme_side::<E, true>(all(room, length));
    if LOG {
        let mut total = sum_side(&ExpDistance, all(room, length), &shift);
        // A loop becomes vectors where `map` would not.
        for total in &mut total {
            *total = math::ln(*total);
        }
        change_side(room, length, &shift, &Less);
        change_side(room, length, &total, &Less);
    } else {
        change_side(room, length, &shift, &ExpDistance);
        let total = sum_side(&Same, all(room, length), &shift);
        change_side(room, length, &total, &Ratio);
    }
}

/// The gradient of groups that stand side by side becomes that of their input.
#[inline(always)]
pub(super) fn backward_side<E: Element, const LOG: bool>(
    y: &Room<E>,
    g: &mut Room<E>,
    length: usize,
) {
    if !LOG {
        for number in 0..length {
            for (g, &y) in opaque(g, number).iter_mut().zip(&y[number]) {
                *g *= y;
            }
        }
    }
    let total = sum_side(&Same, all(g, length), &y[0]);
    for number in 0..length {
        let g = opaque(g, number).iter_mut();
        for ((g, &y), &total) in g.zip(&y[number]).zip(&total) {
            let y = if LOG { math::exp(y) } else { y };
            *g -= y * total;
        }
    }
}
