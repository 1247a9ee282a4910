//! x^y for many x and one y.
//!
//! 2^(y log2 x). In double precision log2 x is the sum of two numbers, exact to 2^-70 (as in the
//! fdlibm library, Sun Microsystems 1993, of which the coefficients are), since what is lost of the
//! product's whole digits is missing in the result's. In single precision all is done in double
//! precision, with short polynomials of the least greatest error (Remez' exchange).

use super::binary::Binary;
use super::exp::ExpConstants;
use super::{at_least, at_most, polynomial};
use crate::Element;

/// x^y for one type of number.
pub trait Powers: Binary {
    /// x^y for a positive normal x.
    fn raised(x: Self, exponent: Self) -> Self;
}

impl Powers for f32 {
    #[inline(always)]
    fn raised(x: Self, exponent: Self) -> Self {
        let (n, m) = f64::from(x).split();
        let s = (m - 1.0) / (m + 1.0);
        let square = s * s;
        // log m = 2 s + s R(s^2) over log 2; error of R: 2^-36.
        let curve = polynomial(
            square,
            &[
                2.0 * std::f64::consts::LOG2_E,
                0.961_796_679_064_722_9,
                0.577_082_883_810_266_3,
                0.411_704_172_387_043,
                0.340_262_132_991_963_4,
            ],
        );
        let power = f64::from(exponent) * (n + s * curve);
        // From 200 on, and below, the result is infinite or 0.
        let power = at_most(at_least(power, -200.0), 200.0);
        let rounded = power + f64::ROUND;
        let r = power - (rounded - f64::ROUND);
        // 2^r; error: 2^-28.
        let curve = polynomial(
            r,
            &[
                std::f64::consts::LN_2,
                0.240_226_511_557_236_8,
                0.055_503_614_587_254_58,
                0.009_618_022_339_480_49,
                0.001_339_055_139_750_471_5,
                1.547_197_384_059_470_3e-4,
            ],
        );
        ((1.0 + r * curve) * f64::power(rounded, 0)) as Self
    }
}

/// The number without the second half of its bits.
#[inline(always)]
fn high(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & 0xffff_ffff_0000_0000)
}

/// log2 x as a number of few digits and the rest.
#[inline(always)]
fn log2(x: f64) -> (f64, f64) {
    // x = 2^n m with m in [sqrt(3)/2, sqrt(3)).
    const ONE: u64 = 1023 << 52;
    const ROOT: u64 = 0x3feb_b67a_e858_4caa;
    let shifted = x.to_bits().wrapping_add(ONE - ROOT);
    let spacing = (1_u64 << 52) as f64;
    let n = f64::from_bits(spacing.to_bits() | (shifted >> 52)) - (spacing + 1023.0);
    let m = f64::from_bits((shifted & ((1 << 52) - 1)).wrapping_add(ROOT));
    // log m = log(middle) + log(m / middle), where the quotient is near 1.
    let upper = m > 1.224_744_871_391_589;
    let middle = if upper { 1.5 } else { 1.0 };
    let (log_high, log_low) = if upper {
        (5.849_624_872_207_642e-1, 1.350_039_202_129_749e-8)
    } else {
        (0.0, 0.0)
    };
    // s = (m - middle) / (m + middle) = s_high + s_low; log(m / middle) = 2 s + 2/3 s^3 + ...
    let u = m - middle;
    let v = 1.0 / (m + middle);
    let s = u * v;
    let s_high = high(s);
    let t_high = high(m + middle);
    let t_low = m - (t_high - middle);
    let s_low = v * ((u - s_high * t_high) - s_high * t_low);
    let square = s * s;
    let r = square
        * square
        * polynomial(
            square,
            &[
                5.999_999_999_999_946e-1,
                4.285_714_285_785_502e-1,
                3.333_333_298_183_774_3e-1,
                2.727_281_238_085_34e-1,
                2.306_607_457_755_617_5e-1,
                2.069_750_178_003_384_2e-1,
            ],
        )
        + s_low * (s_high + s);
    let square = s_high * s_high;
    let t_high = high(3.0 + square + r);
    let t_low = r - ((t_high - 3.0) - square);
    let u = s_high * t_high;
    let v = s_low * t_high + t_low * s;
    let p_high = high(u + v);
    let p_low = v - (p_high - u);
    // 2 / (3 log 2) as a number of few digits and the rest.
    let z_high = 9.617_967_009_544_373e-1 * p_high;
    let z_low = -7.028_461_650_952_758e-9 * p_high + p_low * 9.617_966_939_259_756e-1 + log_low;
    let first = high(((z_high + z_low) + log_high) + n);
    (first, z_low - (((first - n) - log_high) - z_high))
}

impl Powers for f64 {
    #[inline(always)]
    fn raised(x: Self, exponent: Self) -> Self {
        let (first, second) = log2(x);
        let y = high(exponent);
        let z_low = (exponent - y) * first + exponent * second;
        // From 1100 on, and below, the result is infinite or 0 whatever the rest.
        let z_high = at_most(at_least(y * first, -1100.0), 1100.0);
        let rounded = (z_low + z_high) + Self::ROUND;
        let whole = z_high - (rounded - Self::ROUND);
        let t = high(z_low + whole);
        let u = t * 6.931_471_824_645_996e-1;
        let v = (z_low - (t - whole)) * std::f64::consts::LN_2 - t * 1.904_654_299_957_768e-9;
        let r = u + v;
        let lost = v - (r - u);
        let square = r * r;
        let value = 1.0 + (r + (square * polynomial(r, Self::EXP) + (lost + r * lost)));
        let (one, other) = Self::power_in_two(rounded);
        value * one * other
    }
}

/// x^y for many x and one y.
///
/// # Example
/// ```
/// use limpid_tensor::math::Power;
///
/// let cube_root = Power::new(1.0_f64 / 3.0);
/// assert!((cube_root.of(8.0) - 2.0).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Power<E> {
    exponent: E,
    /// By what |x|^y is multiplied for negative x.
    negative: E,
    /// Of 0, and whether it has the sign of the 0.
    zero: E,
    signed: bool,
    /// Whether the exponent is one for [`Powers::raised`].
    moderate: bool,
}

impl<E: Element> Power<E> {
    /// Of this exponent.
    pub fn new(exponent: E) -> Self {
        let two = E::one() + E::one();
        let whole = exponent.trunc() == exponent;
        let odd = whole && (exponent / two).trunc() != exponent / two;
        let negative = match (whole, odd) {
            (_, true) => -E::one(),
            (true, _) => E::one(),
            _ => E::nan(),
        };
        let zero = if exponent < E::zero() {
            E::infinity()
        } else {
            E::zero()
        };
        Self {
            exponent,
            negative,
            zero,
            signed: odd,
            moderate: exponent != E::zero() && exponent.abs() <= E::of(1e9),
        }
    }

    /// Whether [`of`](Self::of) holds for x: it does but for infinities, NaN and numbers below the
    /// normal ones, and exponents that are 0 or beyond 10^9.
    #[inline(always)]
    pub fn holds(&self, x: E) -> bool {
        let size = x.abs();
        let normal = size >= E::min_positive_value() && size <= E::max_value();
        self.moderate & (normal | (size == E::zero()))
    }

    /// x^y, for loops over many numbers, where it [holds](Self::holds). NaN where x is negative and
    /// y no whole number.
    ///
    /// At most 0.56 units in the last place off in `f32`, for the exponents -1.5 and 2.2 at every
    /// number from 2^-18 to 2^18; 1.00 is the most that was found in `f64`, among thousands.
    #[inline(always)]
    pub fn of(&self, x: E) -> E {
        let value = E::raised(x.abs(), self.exponent);
        let value = if x < E::zero() {
            value * self.negative
        } else {
            value
        };
        let zero = if self.signed {
            self.zero.copysign(x)
        } else {
            self.zero
        };
        if x == E::zero() { zero } else { value }
    }

    /// x^y, whatever x: the standard library's, which is slow.
    pub fn anywhere(&self, x: E) -> E {
        x.powf(self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::math::reference::{exhaustive, strided, tabled};

    fn everywhere<E: Element>(exponent: E) -> impl Fn(E) -> E + Copy + Sync {
        let power = Power::new(exponent);
        move |x| {
            if power.holds(x) {
                power.of(x)
            } else {
                power.anywhere(x)
            }
        }
    }

    #[test]
    fn powers_are_within_two_units_in_the_last_place() {
        for y in [-17.0_f32, -1.5, -0.3, 0.5, 1.0, 2.2, 5.0, 24.0] {
            strided("pow", everywhere(y), move |x| x.powf(f64::from(y)));
        }
        for y in [-17.0, -1.5, 0.3, 2.2, 5.0, 100.1] {
            tabled(&format!("pow {y}"), everywhere(y));
        }
    }

    #[test]
    #[ignore = "all numbers of 32 bits take minutes"]
    fn they_are_so_at_every_number() {
        for y in [-1.5_f32, 2.2] {
            exhaustive("pow", everywhere(y), move |x| x.powf(f64::from(y)));
        }
    }

    #[test]
    fn ends_signs_and_zeros_are_those_of_the_standard_library() {
        let ends = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            2.0,
            -2.0,
            1e-310,
            f64::MAX,
            f64::MIN_POSITIVE,
        ];
        let rest = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        for y in [
            -1e300,
            -1e9,
            -3.0,
            -2.0,
            -0.5,
            0.0,
            0.5,
            1.0,
            2.0,
            3.0,
            1e9,
            f64::NAN,
        ] {
            for x in ends.into_iter().chain(rest) {
                let (found, want) = (everywhere(y)(x), x.powf(y));
                let same = found.to_bits() == want.to_bits()
                    || (found.is_nan() && want.is_nan())
                    || (found - want).abs() <= 2.0 * f64::EPSILON * want.abs();
                assert!(same, "{x:e}^{y:e}: {found:e}, not {want:e}");
                let (x, y) = (x as f32, y as f32);
                let (found, want) = (everywhere(y)(x), x.powf(y));
                let same = found == want || (found.is_nan() && want.is_nan());
                assert!(
                    same && found.is_sign_negative() == want.is_sign_negative() || found.is_nan()
                );
            }
        }
    }
}
