//! Short groups of numbers, many of them: turned so that they stand side by side, a group a lane.
//!
//! What one group takes beside its few numbers, the joining of lanes above all, is then shared by
//! all that stand side by side.

#![expect(unsafe_code, reason = "blocks are turned by vector instructions")]

use super::Reduction;
use crate::Element;
use crate::kernel::gemm::Micro;
use crate::simd::{Arithmetic, Loop};

/// How many groups stand side by side.
pub(crate) const SIDE: usize = 32;
/// The most numbers of a group that is worth turning.
pub(super) const SHORT: usize = 64;

/// Room for `SIDE` groups: number by number, and group by group within.
pub(super) type Room<E> = [[E; SIDE]; SHORT];

/// Some numbers of groups that stand side by side.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a, E> {
    /// From the first of these numbers on.
    pub(super) numbers: &'a [[E; SIDE]],
    /// How far they lie apart.
    pub(super) step: usize,
}

impl<'a, E> Side<'a, E> {
    #[inline(always)]
    pub(super) fn iter(self) -> impl Iterator<Item = &'a [E; SIDE]> {
        self.numbers.iter().step_by(self.step)
    }

    #[inline(always)]
    pub(super) fn len(self) -> usize {
        self.numbers.len().div_ceil(self.step)
    }
}

/// How blocks of numbers are turned with the instructions at hand.
#[derive(Clone, Copy)]
pub(super) struct Turn<E: 'static>(Micro<E>);

impl<E: Element> Turn<E> {
    /// For this thread's level.
    pub(super) fn new() -> Self {
        Self(E::micro())
    }

    /// Places `groups` groups of `size` numbers, which follow each other at the beginning of `x`,
    /// side by side.
    #[inline(always)]
    pub(super) fn there(self, x: &[E], (groups, size): (usize, usize), room: &mut Room<E>) {
        let block = self.0.block;
        assert!(groups <= SIDE && size.max(block) <= SHORT && groups * size <= x.len());
        let wide = size.max(block);
        let to = room.as_mut_ptr().cast::<E>();
        let mut turned = 0;
        while turned + block <= groups && (turned + block - 1) * size + wide <= x.len() {
            let mut done = 0;
            while done < size {
                // The last block may begin within the one before, or be wider than a group is long:
                // it then holds numbers of the next, which nobody looks at.
                let at = done.min(wide - block);
                // SAFETY: the last of the block's rows begins at `(turned + block - 1) * size + at`
                // and ends no later than `wide` after its group's beginning, within `x`; the room
                // has `SHORT` rows of `SIDE` numbers, at least `wide` and `groups`.
                unsafe {
                    let from = x.as_ptr().add(turned * size + at);
                    (self.0.transpose)(from, size, to.add(at * SIDE + turned), SIDE);
                }
                done = at + block;
            }
            turned += block;
        }
        for group in turned..groups {
            for (room, &x) in room.iter_mut().zip(&x[group * size..][..size]) {
                room[group] = x;
            }
        }
    }

    /// Writes `groups` groups of `size` numbers, which stand side by side, one after the other.
    #[inline(always)]
    pub(super) fn back(self, room: &Room<E>, (groups, size): (usize, usize), out: &mut [E]) {
        let block = self.0.block;
        assert!(groups <= SIDE && size <= SHORT && groups * size <= out.len());
        let from = room.as_ptr().cast::<E>();
        let mut turned = 0;
        while size >= block && turned + block <= groups {
            let mut done = 0;
            while done < size {
                let at = done.min(size - block);
                // SAFETY: the block's rows end within their groups, and these within `out`; the
                // room has more rows than a group has numbers, and `SIDE` numbers in each.
                unsafe {
                    let to = out.as_mut_ptr().add(turned * size + at);
                    (self.0.transpose)(from.add(at * SIDE + turned), SIDE, to, size);
                }
                done = at + block;
            }
            turned += block;
        }
        for group in turned..groups {
            for (out, room) in out[group * size..][..size].iter_mut().zip(room) {
                *out = room[group];
            }
        }
    }
}

/// The reduction of groups of `size` numbers, of which those of each of `inner` columns become one.
pub(super) struct SideBySide<'a, E: 'static, T, R> {
    /// From the first group on; more than the groups may follow.
    pub(super) x: &'a [E],
    pub(super) size: usize,
    pub(super) inner: usize,
    pub(super) turn: Turn<E>,
    pub(super) reduction: &'a R,
    pub(super) out: &'a mut [T],
}

impl<E: Element, T: Copy, R: Reduction<E, T>> Loop for SideBySide<'_, E, T, R> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Self { size, inner, .. } = self;
        let Some(&any) = self.out.first() else { return };
        let mut room = [[E::zero(); SIDE]; SHORT];
        let mut results = [any; SIDE];
        for (number, out) in self.out.chunks_mut(SIDE * inner).enumerate() {
            let groups = out.len() / inner;
            let x = &self.x[number * SIDE * size..];
            self.turn.there(x, (groups, size), &mut room);
            for place in 0..inner {
                let numbers = &room[place..size];
                let step = inner;
                self.reduction
                    .side_by_side(Side { numbers, step }, &mut results);
                for (out, &result) in out[place..].iter_mut().step_by(inner).zip(&results) {
                    *out = result;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::scaled;
    use crate::simd::{self, Level};
    use proptest::prelude::*;

    fn check<E: Element>(groups: usize, size: usize, behind: usize) {
        let x: Vec<E> = (0..groups * size + behind)
            .map(|at| E::of(at as f64))
            .collect();
        for &level in Level::available() {
            simd::with(level, || {
                let turn = Turn::<E>::new();
                let mut room = [[E::of(-1.0); SIDE]; SHORT];
                turn.there(&x, (groups, size), &mut room);
                for group in 0..groups {
                    for place in 0..size {
                        assert!(room[place][group] == x[group * size + place], "{level:?}");
                    }
                }
                let mut out = vec![E::of(-1.0); x.len()];
                turn.back(&room, (groups, size), &mut out);
                assert!(out[..groups * size] == x[..groups * size], "{level:?}");
                assert!(out[groups * size..].iter().all(|&x| x == E::of(-1.0)));
            });
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(scaled(64, 3) as u32))]
        #[test]
        fn groups_are_turned_there_and_back(
            groups in 0..=SIDE, size in 0..=SHORT, behind in 0_usize..9
        ) {
            check::<f32>(groups, size, behind);
            check::<f64>(groups, size, behind);
        }
    }

    #[test]
    fn groups_narrower_than_a_block_are_turned_to_the_last() {
        for size in 0..10 {
            check::<f32>(SIDE, size, 0);
            check::<f64>(SIDE, size, 0);
        }
    }
}
