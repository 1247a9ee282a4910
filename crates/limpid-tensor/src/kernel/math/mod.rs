//! Exponentials, logarithms and what is built of them, for loops over many numbers.
//!
//! The functions are free of branches, tables and calls, so that a loop of them becomes vector
//! instructions (see [`simd`](crate::simd)), eight or sixteen numbers at a time. Where they multiply
//! and add in one step, it is one that rounds once, whatever the processor, so their results are the
//! same bits on every one and at every level. On a processor of x86-64 that has no instruction for
//! it (AVX2 comes with one) the standard library imitates it, which is some ten times as slow.
//!
//! The error is below 2 units in the last place over the whole range, numbers below the normal ones
//! and infinities included; NaN stays NaN, and the sign of a zero is kept.
//!
//! # Example
//! ```
//! use limpid_tensor::math;
//!
//! assert_eq!(math::exp(0.0_f32), 1.0);
//! assert!((math::tanh(0.5_f64) - 0.5_f64.tanh()).abs() < 3e-16);
//! ```

mod binary;
mod erf;
mod exp;
mod log;
mod logistic;
mod power;
#[cfg(test)]
mod reference;
mod tanh;
mod trigonometric;

pub use erf::erf;
pub use exp::{exp, exp_m1};
pub use log::{ln, ln_1p};
pub use logistic::{sigmoid, softplus};
pub use power::Power;
pub use tanh::tanh;
pub use trigonometric::{cos, sin};

/// The constants of all functions for one type of number.
pub trait Constants:
    erf::ErfConstants
    + log::LogConstants
    + power::Powers
    + tanh::TanhConstants
    + trigonometric::Trigonometric
{
}
impl Constants for f32 {}
impl Constants for f64 {}

/// The polynomial with `coefficients`, that of x^0 first; at least one.
///
/// Short ones are Horner's chain. Each step of it waits for the one before, and the processor holds
/// only so many steps of other numbers meanwhile, so long ones are cut into cubics that are
/// evaluated side by side (Estrin 1960).
#[inline(always)]
fn polynomial<E: num_traits::Float>(x: E, coefficients: &[E]) -> E {
    if coefficients.len() < 8 {
        return horner(x, coefficients);
    }
    let (cubics, rest) = coefficients.as_chunks::<4>();
    let square = x * x;
    let fourth = square * square;
    let cubic = |&[a, b, c, d]: &[E; 4]| d.mul_add(x, c).mul_add(square, b.mul_add(x, a));
    let mut backwards = cubics.iter().rev();
    let mut total = match (rest.is_empty(), backwards.len()) {
        (true, 0) => E::zero(),
        (true, _) => backwards.next().map_or(E::zero(), cubic),
        (false, _) => horner(x, rest),
    };
    for coefficients in backwards {
        total = total.mul_add(fourth, cubic(coefficients));
    }
    total
}

#[inline(always)]
fn horner<E: num_traits::Float>(x: E, coefficients: &[E]) -> E {
    let mut backwards = coefficients.iter().rev();
    let mut total = backwards.next().map_or(E::zero(), |&greatest| greatest);
    for &coefficient in backwards {
        total = total.mul_add(x, coefficient);
    }
    total
}

/// The lesser of a number and a bound; NaN stays NaN.
#[inline(always)]
fn at_most<E: PartialOrd>(x: E, bound: E) -> E {
    if x > bound { bound } else { x }
}

/// The greater of a number and a bound; NaN stays NaN.
#[inline(always)]
fn at_least<E: PartialOrd>(x: E, bound: E) -> E {
    if x < bound { bound } else { x }
}
