//! e^x and e^x - 1.
//!
//! x = n log 2 + r with a whole n and |r| at most half of log 2 (Cody and Waite 1980); e^r is a
//! polynomial, and 2^n a matter of bits. The polynomials have the least greatest error over that
//! range (Remez' exchange).

use super::binary::Binary;
use crate::Element;

use super::{at_least, at_most, polynomial};

/// The constants of the exponential for one type of number.
pub trait ExpConstants: Binary {
    /// 1 / log 2.
    const LOG2_E: Self;
    /// log 2, cut so short that its product with any exponent is exact.
    const LN_2_HIGH: Self;
    /// log 2 less `LN_2_HIGH`.
    const LN_2_LOW: Self;
    /// (e^r - 1 - r) / r^2.
    const EXP: &'static [Self];
    /// Up to here e^x is 0 when rounded, and from the second on infinite.
    const EXP_RANGE: (Self, Self);
    /// Up to here e^x - 1 is -1 when rounded.
    const EXP_M1_LEAST: Self;
    /// 1/2.
    const HALF: Self;
    /// 2.
    const TWO: Self;
}

impl ExpConstants for f32 {
    const LOG2_E: Self = std::f32::consts::LOG2_E;
    const LN_2_HIGH: Self = 0.693_359_4;
    const LN_2_LOW: Self = -2.121_944_4e-4;
    /// Error of e^r: 2^-28.
    const EXP: &'static [Self] = &[
        0.499_999_94,
        0.166_665_21,
        0.041_668_39,
        0.008_368_745,
        0.001_381_453_9,
    ];
    const EXP_RANGE: (Self, Self) = (-104.0, 89.0);
    const EXP_M1_LEAST: Self = -17.5;
    const HALF: Self = 0.5;
    const TWO: Self = 2.0;
}

impl ExpConstants for f64 {
    const LOG2_E: Self = std::f64::consts::LOG2_E;
    const LN_2_HIGH: Self = 6.931_471_803_691_238e-1;
    const LN_2_LOW: Self = 1.908_214_929_270_587_8e-10;
    /// Error of e^r: 2^-58.
    const EXP: &'static [Self] = &[
        0.500_000_000_000_001_1,
        0.166_666_666_666_664_1,
        0.041_666_666_666_529_725,
        0.008_333_333_333_494_982,
        0.001_388_888_894_376_022_5,
        1.984_126_950_576_761_8e-4,
        2.480_149_294_935_911e-5,
        2.755_758_680_797_183_3e-6,
        2.763_030_634_758_801e-7,
        2.500_001_784_611_935_7e-8,
    ];
    const EXP_RANGE: (Self, Self) = (-746.0, 710.0);
    const EXP_M1_LEAST: Self = -38.0;
    const HALF: Self = 0.5;
    const TWO: Self = 2.0;
}

/// `ROUND` + n, and e^r - 1.
#[inline(always)]
fn reduced<E: ExpConstants>(x: E) -> (E, E) {
    let rounded = x.mul_add(E::LOG2_E, E::ROUND);
    let n = rounded - E::ROUND;
    // The first difference is exact; the second enters the greatest term without being rounded.
    let (high, low) = (n.mul_add(-E::LN_2_HIGH, x), n * E::LN_2_LOW);
    let r = high - low;
    let excess = high + (r * r).mul_add(polynomial(r, E::EXP), -low);
    (rounded, excess)
}

/// e^x where it is a normal number.
#[inline(always)]
pub(super) fn exp_normal<E: ExpConstants>(x: E) -> E {
    let (rounded, excess) = reduced(x);
    (E::one() + excess) * E::power(rounded, 0)
}

/// e^x for x up to 88 (`f32`) or 709 (`f64`).
#[inline(always)]
pub(super) fn exp_below<E: ExpConstants>(x: E) -> E {
    let (rounded, excess) = reduced(at_least(x, E::EXP_RANGE.0));
    let (one, other) = E::power_in_two(rounded);
    (E::one() + excess) * one * other
}

/// e^x, for loops over many numbers. Infinite above 88.7 (`f32`) or 709.8 (`f64`).
///
/// At most 0.88 units in the last place off in `f32`, at every number;
/// 0.93 is the most that was found in `f64`, among ten million.
#[inline(always)]
pub fn exp<E: Element>(x: E) -> E {
    exp_below(at_most(x, E::EXP_RANGE.1))
}

/// e^x - 1, exact for small x, for loops over many numbers.
///
/// At most 1.57 units in the last place off in `f32`, at every number;
/// 1.56 is the most that was found in `f64`, among ten million.
#[inline(always)]
pub fn exp_m1<E: Element>(x: E) -> E {
    let (_, greatest) = E::EXP_RANGE;
    let (rounded, excess) = reduced(at_most(at_least(x, E::EXP_M1_LEAST), greatest));
    // Half of 2^n, as 2^n itself may be out of range where the result is not.
    let half = E::power(rounded, -1);
    let value = half.mul_add(excess, half - E::HALF) * E::TWO;
    // Halves of the smallest numbers would be rounded.
    if x.abs() < E::epsilon() * E::HALF * E::HALF {
        x
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::math::reference::{exhaustive, strided, tabled};

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        strided("exp", exp, f64::exp);
        tabled("exp", exp);
    }

    #[test]
    fn exp_m1_is_within_two_units_in_the_last_place() {
        strided("exp_m1", exp_m1, f64::exp_m1);
        tabled("exp_m1", exp_m1);
    }

    #[test]
    #[ignore = "all numbers of 32 bits take minutes"]
    fn both_are_so_at_every_number() {
        exhaustive("exp", exp, f64::exp);
        exhaustive("exp_m1", exp_m1, f64::exp_m1);
    }

    #[test]
    fn ends_and_zeros_are_exact() {
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(f64::NEG_INFINITY), 0.0);
        assert_eq!((exp(0.0_f32), exp(-0.0_f64)), (1.0, 1.0));
        assert_eq!(exp_m1(f32::NEG_INFINITY), -1.0);
        assert_eq!(exp_m1(f64::INFINITY), f64::INFINITY);
        assert_eq!(exp_m1(-0.0_f32).to_bits(), (-0.0_f32).to_bits());
    }
}
