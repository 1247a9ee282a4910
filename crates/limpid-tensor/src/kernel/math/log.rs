//! log x and log(1 + x).
//!
//! x = 2^n (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); with s = f / (2 + f),
//! log(1 + f) = 2 s + s R(s^2), where 2 s = f - s f and f is exact (as in the fdlibm library, Sun
//! Microsystems 1993). The polynomials for R(z) / z have the least greatest error (Remez' exchange).

use super::exp::ExpConstants;
use crate::Element;

use super::polynomial;

/// The constants of the logarithm for one type of number.
pub trait LogConstants: ExpConstants {
    /// R(z) / z for z up to 0.0295, as they are within [sqrt(1/2), sqrt(2)).
    const LOG: &'static [Self];
    /// The same for z up to 1/9, as they are within [1, 2].
    const LOG_WIDE: &'static [Self];
}

impl LogConstants for f32 {
    /// Error of R: 2^-36.
    const LOG: &'static [Self] = &[0.666_666_6, 0.400_003_37, 0.285_371_6, 0.235_851_73];
    /// Error of R: 2^-32.
    const LOG_WIDE: &'static [Self] = &[
        0.666_666_75,
        0.399_988_77,
        0.286_168_84,
        0.214_276_6,
        0.243_009_31,
    ];
}

impl LogConstants for f64 {
    /// Error of R: 2^-58.
    const LOG: &'static [Self] = &[
        0.666_666_666_666_673_5,
        0.399_999_999_994_070_15,
        0.285_714_287_442_572_05,
        0.222_221_983_656_201_3,
        0.181_835_758_808_972_54,
        0.153_137_363_173_756_65,
        0.147_992_714_571_153_23,
    ];
    /// Error of R: 2^-63.
    const LOG_WIDE: &'static [Self] = &[
        0.666_666_666_666_666_7,
        0.399_999_999_999_939_8,
        0.285_714_285_725_100_1,
        0.222_222_221_254_716_58,
        0.181_818_232_028_793_94,
        0.153_844_519_330_397_06,
        0.133_368_058_088_821,
        0.117_159_507_196_928,
        0.109_725_668_514_368_17,
        0.069_942_455_743_020_03,
        0.164_676_388_871_492_7,
    ];
}

/// n log 2 + log(1 + f) + c, with a small c.
#[inline(always)]
fn assembled<E: LogConstants>(n: E, f: E, c: E) -> E {
    let s = f / (E::TWO + f);
    let z = s * s;
    let half_square = E::HALF * f * f;
    let correction = z.mul_add(polynomial(z, E::LOG), half_square);
    let low = s.mul_add(correction, n.mul_add(E::LN_2_LOW, c));
    n.mul_add(E::LN_2_HIGH, f - (half_square - low))
}

/// The natural logarithm, for loops over many numbers. -infinity at 0, NaN below.
///
/// At most 0.83 units in the last place off in `f32`, at every number;
/// 0.84 is the most that was found in `f64`, among ten million.
#[inline(always)]
pub fn ln<E: Element>(x: E) -> E {
    let is_tiny = x < E::min_positive_value();
    let (scale, shift) = if is_tiny {
        (E::SCALE, E::SCALE_EXPONENT)
    } else {
        (E::one(), E::zero())
    };
    let (n, m) = (x * scale).split();
    let value = assembled(n - shift, m - E::one(), E::zero());
    let value = if x == E::infinity() { x } else { value };
    let value = if x == E::zero() {
        E::neg_infinity()
    } else {
        value
    };
    if x >= E::zero() { value } else { E::nan() }
}

/// log(1 + x), exact for small x, for loops over many numbers. -infinity at -1, NaN below.
///
/// At most 0.83 units in the last place off in `f32`, at every number;
/// 0.83 is the most that was found in `f64`, among ten million.
#[inline(always)]
pub fn ln_1p<E: Element>(x: E) -> E {
    let u = E::one() + x;
    let (n, m) = u.split();
    // What rounding took from 1 + x: its share of the logarithm is its share of u.
    let lost = if x > E::one() {
        E::one() - (u - x)
    } else {
        x - (u - E::one())
    };
    let (f, c) = if n == E::zero() {
        (x, E::zero())
    } else {
        (m - E::one(), lost / u)
    };
    let value = assembled(n, f, c);
    let value = if x == E::infinity() { x } else { value };
    let value = if u == E::zero() {
        E::neg_infinity()
    } else {
        value
    };
    let value = if u >= E::zero() { value } else { E::nan() };
    value.copysign(x)
}

/// `more` + log(1 + x) for x from 0 to 1.
#[inline(always)]
pub(super) fn ln_1p_unit<E: LogConstants>(x: E, more: E) -> E {
    let s = x / (E::TWO + x);
    let z = s * s;
    let half_square = E::HALF * x * x;
    let correction = z.mul_add(polynomial(z, E::LOG_WIDE), half_square);
    // The greatest term last: what comes before it is rounded the less.
    (more - s.mul_add(-correction, half_square)) + x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::math::reference::{exhaustive, strided, tabled};

    #[test]
    fn ln_is_within_two_units_in_the_last_place() {
        strided("ln", ln, f64::ln);
        tabled("ln", ln);
    }

    #[test]
    fn ln_1p_is_within_two_units_in_the_last_place() {
        strided("ln_1p", ln_1p, f64::ln_1p);
        tabled("ln_1p", ln_1p);
    }

    #[test]
    #[ignore = "all numbers of 32 bits take minutes"]
    fn both_are_so_at_every_number() {
        exhaustive("ln", ln, f64::ln);
        exhaustive("ln_1p", ln_1p, f64::ln_1p);
    }

    #[test]
    fn ends_and_zeros_are_exact() {
        assert_eq!(ln(0.0_f32), f32::NEG_INFINITY);
        assert_eq!(ln(-0.0_f64), f64::NEG_INFINITY);
        assert_eq!(ln(f64::INFINITY), f64::INFINITY);
        assert_eq!(ln(1.0_f32).to_bits(), 0);
        assert!(ln(-1.0_f32).is_nan() && ln(f64::NEG_INFINITY).is_nan());
        assert_eq!(ln_1p(-1.0_f32), f32::NEG_INFINITY);
        assert_eq!(ln_1p(f32::INFINITY), f32::INFINITY);
        assert_eq!(ln_1p(-0.0_f64).to_bits(), (-0.0_f64).to_bits());
        assert!(ln_1p(-1.5_f64).is_nan() && ln_1p(f32::NEG_INFINITY).is_nan());
    }
}
