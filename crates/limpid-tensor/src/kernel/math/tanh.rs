//! The hyperbolic tangent.
//!
//! x + x^3 P(x^2) / Q(x^2) below 0.625, 1 - 2 / (e^2x + 1) above (Cody and Waite 1980, chapter 13;
//! the coefficients in double precision are those of the Cephes library, Moshier 1995). Both are a
//! sum with one quotient, which is divided once.

use super::exp::{ExpConstants, exp_normal};
use crate::Element;

use super::{at_most, polynomial};

/// The constants of the hyperbolic tangent for one type of number.
pub trait TanhConstants: ExpConstants {
    /// P.
    const TANH_ABOVE: &'static [Self];
    /// Q.
    const TANH_BELOW: &'static [Self];
    /// Where the two formulas meet.
    const TANH_MIDDLE: Self;
    /// From here on it is 1 when rounded.
    const TANH_GREATEST: Self;
}

impl TanhConstants for f32 {
    /// Error: 2^-28.
    const TANH_ABOVE: &'static [Self] = &[
        -0.333_332_84,
        0.133_314_91,
        -0.053_743_497,
        0.020_650_588,
        -0.005_717_045,
    ];
    const TANH_BELOW: &'static [Self] = &[1.0];
    const TANH_MIDDLE: Self = 0.625;
    const TANH_GREATEST: Self = 10.0;
}

impl TanhConstants for f64 {
    const TANH_ABOVE: &'static [Self] = &[
        -1.614_687_684_417_084_5e3,
        -9.928_772_310_019_185e1,
        -9.643_991_794_250_523e-1,
    ];
    const TANH_BELOW: &'static [Self] = &[
        4.844_063_053_251_255e3,
        2.235_488_390_601_004_5e3,
        1.128_116_784_916_329_3e2,
        1.0,
    ];
    const TANH_MIDDLE: Self = 0.625;
    const TANH_GREATEST: Self = 20.0;
}

/// The hyperbolic tangent, for loops over many numbers.
#[inline(always)]
pub fn tanh<E: Element>(x: E) -> E {
    let size = at_most(x.abs(), E::TANH_GREATEST);
    let square = size * size;
    let (start, above, below) = if size < E::TANH_MIDDLE {
        let above = size * square * polynomial(square, E::TANH_ABOVE);
        (size, above, polynomial(square, E::TANH_BELOW))
    } else {
        (E::one(), -E::TWO, exp_normal(size + size) + E::one())
    };
    (start + above / below).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::math::reference::{exhaustive, strided, tabled};

    #[test]
    fn tanh_is_within_two_units_in_the_last_place() {
        strided("tanh", tanh, f64::tanh);
        tabled("tanh", tanh);
    }

    #[test]
    #[ignore = "all numbers of 32 bits take minutes"]
    fn it_is_so_at_every_number() {
        exhaustive("tanh", tanh, f64::tanh);
    }

    #[test]
    fn ends_and_zeros_are_exact() {
        assert_eq!(tanh(f32::INFINITY), 1.0);
        assert_eq!(tanh(f64::NEG_INFINITY), -1.0);
        assert_eq!(tanh(-0.0_f32).to_bits(), (-0.0_f32).to_bits());
    }
}
