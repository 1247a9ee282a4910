//! Loops written once, compiled for several instruction sets, and chosen among at run time.
//!
//! A program built for any x86-64 processor may use 128-bit registers only. Here the same Rust loop
//! is compiled three times, for 128-bit, 256-bit (AVX2) and 512-bit (AVX-512) registers, and what
//! the processor at hand has decides which runs. On other processors there is one version, for what
//! the build allows: NEON on 64-bit ARM.
//!
//! Write the loop as a [`Loop`] over slices, with everything in it `#[inline(always)]`, and let
//! [`run`] choose. The compiler turns plain loops over slices into vector instructions when every
//! step of them is arithmetic or a comparison that selects one of two numbers; bounds checks, early
//! exits and calls stop it.
//!
//! Addition, multiplication, division and square root give the same bits at every level, so a loop
//! of these does as well. [`Arithmetic::mul_add`] does not.
//!
//! # Example
//! ```
//! use limpid_tensor::simd::{self, Arithmetic, Loop};
//!
//! /// y += a x
//! struct Axpy<'a> {
//!     a: f32,
//!     x: &'a [f32],
//!     y: &'a mut [f32],
//! }
//!
//! impl Loop for Axpy<'_> {
//!     type Output = ();
//!
//!     #[inline(always)]
//!     fn run<A: Arithmetic>(self) {
//!         for (y, &x) in self.y.iter_mut().zip(self.x) {
//!             *y = A::mul_add(self.a, x, *y);
//!         }
//!     }
//! }
//!
//! let mut y = vec![1.0; 100];
//! simd::run(Axpy { a: 2.0, x: &[3.0; 100], y: &mut y });
//! assert_eq!(y, [7.0; 100]);
//! ```

#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "a function compiled for more instructions than the build allows is unsafe to call"
    )
)]

use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;

use crate::Element;

mod sealed {
    pub trait Sealed {}
}

/// The arithmetic in which the levels differ.
pub trait Arithmetic: sealed::Sealed + Copy + Send + Sync + 'static {
    /// Whether [`mul_add`](Arithmetic::mul_add) rounds once, at the end.
    const FUSED: bool;

    /// a * b + c: one instruction that rounds once where the processor has it, else two that round
    /// twice, never a call of a slow function that imitates the one instruction. So its last bit
    /// depends on the level.
    fn mul_add<E: Element>(a: E, b: E, c: E) -> E;
}

/// Multiplication and addition in one instruction.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    expect(
        dead_code,
        reason = "for processors that are known to have the instruction"
    )
)]
struct Fused;

/// Multiplication, then addition.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    any(target_arch = "aarch64", target_feature = "fma"),
    expect(
        dead_code,
        reason = "for builds that do not know of a fused instruction"
    )
)]
struct Separate;

impl sealed::Sealed for Fused {}
impl sealed::Sealed for Separate {}

impl Arithmetic for Fused {
    const FUSED: bool = true;

    #[inline(always)]
    fn mul_add<E: Element>(a: E, b: E, c: E) -> E {
        a.mul_add(b, c)
    }
}

impl Arithmetic for Separate {
    const FUSED: bool = false;

    #[inline(always)]
    fn mul_add<E: Element>(a: E, b: E, c: E) -> E {
        a * b + c
    }
}

/// The arithmetic of what the build allows without asking the processor.
#[cfg(any(target_arch = "aarch64", target_feature = "fma"))]
type Baseline = Fused;
#[cfg(not(any(target_arch = "aarch64", target_feature = "fma")))]
type Baseline = Separate;

/// A loop to be compiled for every level.
pub trait Loop {
    /// What the loop leaves behind.
    type Output;

    /// Runs the loop. Must be marked `#[inline(always)]`, as must all that it calls for each
    /// element: what is not inlined is compiled for the least level.
    fn run<A: Arithmetic>(self) -> Self::Output;
}

/// A set of instructions that this processor has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Level(Instructions);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instructions {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// What the build allows without asking the processor.
    pub const PORTABLE: Self = Self(Instructions::Portable);

    /// The levels that this processor has, the least first.
    pub fn available() -> &'static [Self] {
        static AVAILABLE: OnceLock<Vec<Level>> = OnceLock::new();
        AVAILABLE.get_or_init(detect)
    }

    /// The greatest level that this processor has.
    pub fn best() -> Self {
        Self::available().last().copied().unwrap_or(Self::PORTABLE)
    }

    /// Which instructions they are, for kernels that are written for each.
    pub(crate) fn instructions(self) -> Instructions {
        self.0
    }

    /// Runs `work` as compiled for this level.
    pub fn run<L: Loop>(self, work: L) -> L::Output {
        match self.0 {
            Instructions::Portable => work.run::<Baseline>(),
            // SAFETY: a `Level` of these instructions is made by `detect` alone, after it has seen
            // that the processor has them.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => unsafe { avx2(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => unsafe { avx512(work) },
        }
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

fn detect() -> Vec<Level> {
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(unused_mut, reason = "one level only")
    )]
    let mut levels = vec![Level::PORTABLE];
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx2") && has!("fma") && has!("bmi1") && has!("bmi2") && has!("lzcnt") {
            levels.push(Level(Instructions::Avx2));
            let wide = has!("avx512f") && has!("avx512bw") && has!("avx512cd");
            if wide && has!("avx512dq") && has!("avx512vl") {
                levels.push(Level(Instructions::Avx512));
            }
        }
    }
    levels
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt")]
fn avx2<L: Loop>(work: L) -> L::Output {
    work.run::<Fused>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
fn avx512<L: Loop>(work: L) -> L::Output {
    work.run::<Fused>()
}

thread_local! {
    /// The level that [`with`] asks for.
    static CHOSEN: Cell<Option<Level>> = const { Cell::new(None) };
}

/// The level at which this thread's loops run: the greatest, or what [`with`] asks for.
pub fn level() -> Level {
    CHOSEN.get().unwrap_or_else(Level::best)
}

/// Runs `work` at this thread's level. Threads that are handed a part of the work have a level of
/// their own: give them the caller's `level()`, and let them call [`Level::run`].
pub fn run<L: Loop>(work: L) -> L::Output {
    level().run(work)
}

/// Calls `work` with all loops of this thread at `level`, and those that the tensors' operations
/// hand to other threads on its behalf. For tests that compare the levels.
///
/// # Example
/// ```
/// use limpid_tensor::{Tensor, simd};
///
/// let x = Tensor::<f32>::full([100], 0.5);
/// let portable = simd::with(simd::Level::PORTABLE, || x.tanh());
/// assert_eq!(x.tanh(), portable);
/// ```
pub fn with<R>(level: Level, work: impl FnOnce() -> R) -> R {
    struct Restore(Option<Level>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CHOSEN.set(self.0);
        }
    }
    let _restore = Restore(CHOSEN.replace(Some(level)));
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Dot<'a>(&'a [f64], &'a [f64]);

    impl Loop for Dot<'_> {
        type Output = (f64, bool);

        #[inline(always)]
        fn run<A: Arithmetic>(self) -> (f64, bool) {
            let pairs = self.0.iter().zip(self.1);
            let total = pairs.fold(0.0, |total, (&x, &y)| A::mul_add(x, y, total));
            (total, A::FUSED)
        }
    }

    #[test]
    fn every_level_computes_the_same() {
        let x: Vec<f64> = (0..100).map(f64::from).collect();
        for &level in Level::available() {
            assert_eq!(level.run(Dot(&x, &x)).0, 328_350.0, "{level:?}");
        }
    }

    #[test]
    fn a_fused_level_rounds_once() {
        // (1 + u)(1 - u) - 1 is -u^2, and 0 when the product is rounded first.
        let u = f64::EPSILON;
        for &level in Level::available() {
            let (rest, fused) = level.run(Dot(&[-1.0, 1.0 + u], &[1.0, 1.0 - u]));
            let want = if fused { -u * u } else { rest };
            assert_eq!(rest, want, "{level:?}");
            assert!(fused || rest.abs() <= u, "{level:?}");
        }
    }

    #[test]
    fn a_chosen_level_ends_with_its_work() {
        assert_eq!(level(), Level::best());
        let inside = with(Level::PORTABLE, || {
            let unwound = std::panic::catch_unwind(|| with(Level::best(), || panic!("inside")));
            assert!(unwound.is_err());
            level()
        });
        assert_eq!(inside, Level::PORTABLE);
        assert_eq!(level(), Level::best());
    }
}
