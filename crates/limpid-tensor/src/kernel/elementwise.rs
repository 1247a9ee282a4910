//! One number in, one number out, at every place of a slice: in vector instructions, and on several
//! threads where there is enough to do.
//!
//! Short functions are given as closures. What a loop calls must be inlined to become vector
//! instructions, and of a long closure the compiler may think better; those are given as types that
//! implement [`Map`] or [`Zip`], to the functions whose names end in `by`.

use crate::buffers::{self, Pooled, Storage};
use crate::kernel::scaled;
use crate::simd::{self, Arithmetic, Loop};
use crate::threads;

/// Fewer elements than this are not worth handing to other threads.
pub(crate) const PARALLEL: usize = scaled(1 << 16, 1 << 9);
/// What one task works on; small enough for the second-level cache.
pub(crate) const CHUNK: usize = scaled(1 << 14, 1 << 7);

/// As many numbers are looked at together for some where a function does not hold.
const GUARDED: usize = 256;

/// A function of one number.
pub(crate) trait Map<A, B>: Sync {
    /// Whether there are numbers where `of` does not hold.
    const GUARDED: bool = false;

    /// Its value. To be marked `#[inline(always)]`.
    fn of(&self, a: A) -> B;

    /// Whether `of` holds. To be marked `#[inline(always)]`.
    fn holds(&self, _a: A) -> bool {
        true
    }

    /// Its value where `of` does not hold.
    fn anywhere(&self, a: A) -> B {
        self.of(a)
    }
}

/// A function of two numbers.
pub(crate) trait Zip<A, B, C>: Sync {
    /// Whether there are numbers where `of` does not hold.
    const GUARDED: bool = false;

    /// Its value. To be marked `#[inline(always)]`.
    fn of(&self, a: A, b: B) -> C;

    /// Whether `of` holds, which the second number tells. To be marked `#[inline(always)]`.
    fn holds(&self, _b: B) -> bool {
        true
    }

    /// Its value where `of` does not hold.
    fn anywhere(&self, a: A, b: B) -> C {
        self.of(a, b)
    }
}

/// A closure as a [`Map`] or [`Zip`].
struct Closure<F>(F);

impl<A, B, F: Fn(A) -> B + Sync> Map<A, B> for Closure<F> {
    #[inline(always)]
    fn of(&self, a: A) -> B {
        (self.0)(a)
    }
}

impl<A, B, C, F: Fn(A, B) -> C + Sync> Zip<A, B, C> for Closure<F> {
    #[inline(always)]
    fn of(&self, a: A, b: B) -> C {
        (self.0)(a, b)
    }
}

// The loops are functions of their own because the compiler knows of a function's parameters, and
// not of a structure's fields, that what is written overlaps with nothing that is read.

#[inline(always)]
fn map_loop<A: Copy, B, F: Map<A, B>>(f: &F, out: &mut [B], x: &[A]) {
    if !F::GUARDED {
        return map_part(f, out, x);
    }
    for (out, x) in out.chunks_mut(GUARDED).zip(x.chunks(GUARDED)) {
        if all_hold(x, |a| f.holds(a)) {
            map_part(f, out, x);
        } else {
            for (out, &a) in out.iter_mut().zip(x) {
                *out = if f.holds(a) { f.of(a) } else { f.anywhere(a) };
            }
        }
    }
}

#[inline(always)]
fn map_part<A: Copy, B>(f: &impl Map<A, B>, out: &mut [B], x: &[A]) {
    for (out, &a) in out.iter_mut().zip(x) {
        *out = f.of(a);
    }
}

/// Whether `holds` holds for all, without an early end.
#[inline(always)]
fn all_hold<A: Copy>(x: &[A], holds: impl Fn(A) -> bool) -> bool {
    x.iter().fold(true, |all, &a| all & holds(a))
}

#[inline(always)]
fn map_in_place_loop<A: Copy, F: Map<A, A>>(f: &F, x: &mut [A]) {
    if !F::GUARDED {
        return map_in_place_part(f, x);
    }
    for x in x.chunks_mut(GUARDED) {
        if all_hold(x, |a| f.holds(a)) {
            map_in_place_part(f, x);
        } else {
            for a in x {
                *a = if f.holds(*a) {
                    f.of(*a)
                } else {
                    f.anywhere(*a)
                };
            }
        }
    }
}

#[inline(always)]
fn map_in_place_part<A: Copy>(f: &impl Map<A, A>, x: &mut [A]) {
    for a in x {
        *a = f.of(*a);
    }
}

#[inline(always)]
fn zip_loop<A: Copy, B: Copy, C, F: Zip<A, B, C>>(f: &F, out: &mut [C], x: &[A], y: &[B]) {
    if !F::GUARDED {
        return zip_part(f, out, x, y);
    }
    let parts = x.chunks(GUARDED).zip(y.chunks(GUARDED));
    for (out, (x, y)) in out.chunks_mut(GUARDED).zip(parts) {
        if all_hold(y, |b| f.holds(b)) {
            zip_part(f, out, x, y);
        } else {
            for (out, (&a, &b)) in out.iter_mut().zip(x.iter().zip(y)) {
                *out = if f.holds(b) {
                    f.of(a, b)
                } else {
                    f.anywhere(a, b)
                };
            }
        }
    }
}

#[inline(always)]
fn zip_part<A: Copy, B: Copy, C>(f: &impl Zip<A, B, C>, out: &mut [C], x: &[A], y: &[B]) {
    for (out, (&a, &b)) in out.iter_mut().zip(x.iter().zip(y)) {
        *out = f.of(a, b);
    }
}

#[inline(always)]
fn zip_in_place_loop<A: Copy, B: Copy, F: Zip<A, B, A>>(f: &F, x: &mut [A], y: &[B]) {
    if !F::GUARDED {
        return zip_in_place_part(f, x, y);
    }
    for (x, y) in x.chunks_mut(GUARDED).zip(y.chunks(GUARDED)) {
        if all_hold(y, |b| f.holds(b)) {
            zip_in_place_part(f, x, y);
        } else {
            for (a, &b) in x.iter_mut().zip(y) {
                *a = if f.holds(b) {
                    f.of(*a, b)
                } else {
                    f.anywhere(*a, b)
                };
            }
        }
    }
}

#[inline(always)]
fn zip_in_place_part<A: Copy, B: Copy>(f: &impl Zip<A, B, A>, x: &mut [A], y: &[B]) {
    for (a, &b) in x.iter_mut().zip(y) {
        *a = f.of(*a, b);
    }
}

struct MapLoop<'a, A, B, F>(&'a F, &'a mut [B], &'a [A]);

impl<A: Copy, B, F: Map<A, B>> Loop for MapLoop<'_, A, B, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Arithmetic>(self) {
        map_loop(self.0, self.1, self.2);
    }
}

struct MapInPlaceLoop<'a, A, F>(&'a F, &'a mut [A]);

impl<A: Copy, F: Map<A, A>> Loop for MapInPlaceLoop<'_, A, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Arithmetic>(self) {
        map_in_place_loop(self.0, self.1);
    }
}

struct ZipLoop<'a, A, B, C, F>(&'a F, &'a mut [C], &'a [A], &'a [B]);

impl<A: Copy, B: Copy, C, F: Zip<A, B, C>> Loop for ZipLoop<'_, A, B, C, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Arithmetic>(self) {
        zip_loop(self.0, self.1, self.2, self.3);
    }
}

struct ZipInPlaceLoop<'a, A, B, F>(&'a F, &'a mut [A], &'a [B]);

impl<A: Copy, B: Copy, F: Zip<A, B, A>> Loop for ZipInPlaceLoop<'_, A, B, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Arithmetic>(self) {
        zip_in_place_loop(self.0, self.1, self.2);
    }
}

/// `f` of every element.
pub(crate) fn map<A: Copy + Sync, B: Pooled>(x: &[A], f: impl Fn(A) -> B + Sync) -> Storage<B> {
    map_by(x, &Closure(f))
}

/// `f` of every element.
#[inline]
pub(crate) fn map_by<A: Copy + Sync, B: Pooled, F: Map<A, B>>(x: &[A], f: &F) -> Storage<B> {
    match *x {
        [a] => Storage::one(map_one(f, a)),
        _ => map_many(x, f),
    }
}

/// The function of a single number, which is not worth a choice of instructions.
#[inline(always)]
fn map_one<A: Copy, B, F: Map<A, B>>(f: &F, a: A) -> B {
    match !F::GUARDED || f.holds(a) {
        true => f.of(a),
        false => f.anywhere(a),
    }
}

fn map_many<A: Copy + Sync, B: Pooled>(x: &[A], f: &impl Map<A, B>) -> Storage<B> {
    let level = simd::level();
    let mut out = buffers::take(x.len());
    if x.len() < PARALLEL {
        level.run(MapLoop(f, &mut out, x));
    } else {
        threads::chunks((&mut *out, x), CHUNK, |_, (out, x)| {
            level.run(MapLoop(f, out, x));
        });
    }
    out
}

/// Replaces every element of `x` by `f` of it.
pub(crate) fn map_in_place<A: Pooled>(x: &mut [A], f: impl Fn(A) -> A + Sync) {
    map_in_place_by(x, &Closure(f));
}

/// Replaces every element of `x` by `f` of it.
pub(crate) fn map_in_place_by<A: Pooled>(x: &mut [A], f: &impl Map<A, A>) {
    if let [a] = x {
        *a = map_one(f, *a);
        return;
    }
    let level = simd::level();
    if x.len() < PARALLEL {
        level.run(MapInPlaceLoop(f, x));
    } else {
        threads::chunks(x, CHUNK, |_, x| level.run(MapInPlaceLoop(f, x)));
    }
}

/// `f` of every pair of elements at the same place.
pub(crate) fn zip<A: Copy + Sync, B: Copy + Sync, C: Pooled>(
    x: &[A],
    y: &[B],
    f: impl Fn(A, B) -> C + Sync,
) -> Storage<C> {
    zip_by(x, y, &Closure(f))
}

/// `f` of every pair of elements at the same place.
pub(crate) fn zip_by<A: Copy + Sync, B: Copy + Sync, C: Pooled>(
    x: &[A],
    y: &[B],
    f: &impl Zip<A, B, C>,
) -> Storage<C> {
    let level = simd::level();
    let mut out = buffers::take(x.len());
    if x.len() < PARALLEL {
        level.run(ZipLoop(f, &mut out, x, y));
    } else {
        threads::chunks((&mut *out, x, y), CHUNK, |_, (out, x, y)| {
            level.run(ZipLoop(f, out, x, y));
        });
    }
    out
}

/// Replaces every element of `x` by `f` of it and of the element of `y` at the same place.
pub(crate) fn zip_in_place<A: Copy + Send + Sync, B: Copy + Sync>(
    x: &mut [A],
    y: &[B],
    f: impl Fn(A, B) -> A + Sync,
) {
    zip_in_place_by(x, y, &Closure(f));
}

/// Replaces every element of `x` by `f` of it and of the element of `y` at the same place.
pub(crate) fn zip_in_place_by<A: Copy + Send + Sync, B: Copy + Sync>(
    x: &mut [A],
    y: &[B],
    f: &impl Zip<A, B, A>,
) {
    let level = simd::level();
    if x.len() < PARALLEL {
        level.run(ZipInPlaceLoop(f, x, y));
    } else {
        threads::chunks((x, y), CHUNK, |_, (x, y)| {
            level.run(ZipInPlaceLoop(f, x, y));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Level;

    #[test]
    fn every_length_level_and_number_of_threads_gives_the_same() {
        for length in [
            0,
            1,
            7,
            8,
            31,
            65,
            PARALLEL - 1,
            PARALLEL,
            PARALLEL + CHUNK + 7,
        ] {
            let x: Vec<f64> = (0..length).map(|i| i as f64).collect();
            let y: Vec<f64> = x.iter().map(|a| a * 0.5).collect();
            let shifted: Vec<f64> = (1..=length).map(|i| i as f64).collect();
            for &level in Level::available() {
                for count in [1, 3] {
                    simd::with(level, || {
                        threads::with(count, || {
                            assert_eq!(*map(&x, |a| a + 1.0), *shifted);
                            assert!(zip(&x, &y, |a, b| a - 2.0 * b).iter().all(|&c| c == 0.0));
                            let mut z = x.clone();
                            zip_in_place(&mut z, &y, |a, b| a - b);
                            assert_eq!(z, y);
                            map_in_place(&mut z, |a| a * 2.0);
                            assert_eq!(z, x);
                        });
                    });
                }
            }
        }
    }
}
