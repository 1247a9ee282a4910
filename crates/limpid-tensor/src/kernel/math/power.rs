//! x^y for many x and one y.
//!
//! 2^(y log2 x). In double precision log2 x is the sum of two numbers, exact to 2^-65, since what is
//! lost of the product's whole digits is missing in the result's; what rounding takes from a product
//! is had by a second one that is added before it is rounded (Dekker 1971). In single precision all
//! is done in double precision. The polynomials have the least greatest error (Remez' exchange).

use super::binary::Binary;
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
        let power = f64::from(exponent) * s.mul_add(curve, n);
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
        (r.mul_add(curve, 1.0) * f64::power(rounded, 0)) as Self
    }
}

/// log2 x as the sum of two numbers.
#[inline(always)]
fn log2(x: f64) -> (f64, f64) {
    /// 2 / log 2 and 1/3, each as the sum of two numbers.
    const SCALE: (f64, f64) = (2.885_390_081_777_926_8, 4.071_054_748_186_206_6e-17);
    const THIRD: (f64, f64) = (1.0 / 3.0, 1.850_371_707_708_594e-17);
    let (n, m) = x.split();
    // s = (m - 1) / (m + 1) as the sum of two numbers.
    let (above, below) = (m - 1.0, m + 1.0);
    let below_rest = m - (below - 1.0);
    let inverse = 1.0 / below;
    let s = above * inverse;
    let s_rest = inverse * s.mul_add(-below_rest, s.mul_add(-below, above));
    // log m = 2 s (1 + t) with t = s^2 / 3 + s^4 R(s^2); error of s^4 R: 2^-57.6 of it.
    let square = s * s;
    let square_rest = (s + s).mul_add(s_rest, s.mul_add(s, -square));
    let curve = polynomial(
        square,
        &[
            0.2,
            0.142_857_142_857_146_85,
            0.111_111_111_108_274_44,
            0.090_909_091_677_982_02,
            0.076_922_974_713_664_79,
            0.066_674_028_402_981_17,
            0.058_531_059_707_316_896,
            0.058_617_077_925_741_52,
        ],
    );
    let third = square * THIRD.0;
    let third_rest = square_rest.mul_add(
        THIRD.0,
        square.mul_add(THIRD.1, square.mul_add(THIRD.0, -third)),
    );
    let tail = square * square * curve;
    let t = third + tail;
    let t_rest = (third - t) + tail + third_rest;
    let product = s * t;
    let product_rest = s.mul_add(t_rest, s_rest.mul_add(t, s.mul_add(t, -product)));
    let half = s + product;
    let half_rest = (s - half) + product + (s_rest + product_rest);
    let log = half * SCALE.0;
    let log_rest = half_rest.mul_add(SCALE.0, half.mul_add(SCALE.1, half.mul_add(SCALE.0, -log)));
    let whole = n + log;
    (whole, (n - whole) + log + log_rest)
}

impl Powers for f64 {
    #[inline(always)]
    fn raised(x: Self, exponent: Self) -> Self {
        let (first, second) = log2(x);
        let product = exponent * first;
        let rest = exponent.mul_add(second, exponent.mul_add(first, -product));
        // From 1100 on, and below, the result is infinite or 0 whatever the rest.
        let product = at_most(at_least(product, -1100.0), 1100.0);
        let rounded = product + Self::ROUND;
        let r = (product - (rounded - Self::ROUND)) + rest;
        // (2^r - 1 - r log 2) / r^2; error of 2^r: 2^-58.
        let curve = polynomial(
            r,
            &[
                0.240_226_506_959_101_33,
                0.055_504_108_664_821_69,
                0.009_618_129_107_593_541,
                0.001_333_355_814_638_621_8,
                0.000_154_035_304_578_792_78,
                1.525_273_386_305_475_8e-5,
                1.321_543_489_466_956_8e-6,
                1.017_804_776_639_761_7e-7,
                7.073_849_688_249_923e-9,
                4.457_243_903_693_337e-10,
            ],
        );
        let value = r.mul_add(r.mul_add(curve, std::f64::consts::LN_2), 1.0);
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
    /// At most 0.56 units in the last place off in `f32`, for the exponent 2.2 at every number from
    /// 2^-18 to 2^18; 1.04 the most that was found in `f64` for it, among ten million.
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
