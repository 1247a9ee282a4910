//! Numbers as their sign, exponent and mantissa.

use num_traits::Float;

/// What the functions do with the bits of a number. Nothing here branches.
pub trait Binary: Float + 'static {
    /// Added to a number of at most half as many bits as the mantissa, it leaves that number,
    /// rounded to a whole one, in the last bits.
    const ROUND: Self;

    /// What the exponent and the mantissa are when numbers below the normal ones have been scaled
    /// by this power of two.
    const SCALE: Self;
    /// The exponent of `SCALE`.
    const SCALE_EXPONENT: Self;

    /// 2^(n + more) for `rounded` = ROUND + n, within the range of normal numbers.
    fn power(rounded: Self, more: i8) -> Self;

    /// Two numbers whose product is 2^n, for `rounded` = ROUND + n, though 2^n itself be out of
    /// range.
    fn power_in_two(rounded: Self) -> (Self, Self);

    /// A positive normal number as n and m in [sqrt(1/2), sqrt(2)) with 2^n m.
    fn split(self) -> (Self, Self);
}

macro_rules! binary {
    ($Float:ident, $Bits:ident, mantissa $mantissa:literal, bias $bias:literal, root $root:literal) => {
        impl Binary for $Float {
            const ROUND: Self = (3_u64 << ($mantissa - 1)) as Self;
            const SCALE: Self = (1_u64 << $mantissa) as Self;
            const SCALE_EXPONENT: Self = $mantissa as Self;

            #[inline(always)]
            fn power(rounded: Self, more: i8) -> Self {
                // The last bits of `ROUND` are zeros, and those of n come to be the exponent.
                let bias = ($bias as $Bits).wrapping_add(more as $Bits);
                Self::from_bits((rounded.to_bits() << $mantissa).wrapping_add(bias << $mantissa))
            }

            #[inline(always)]
            fn power_in_two(rounded: Self) -> (Self, Self) {
                let offset = Self::ROUND.to_bits().wrapping_sub(2 * $bias);
                let both = rounded.to_bits().wrapping_sub(offset);
                let one = both >> 1;
                let other = both.wrapping_sub(one);
                (
                    Self::from_bits(one << $mantissa),
                    Self::from_bits(other << $mantissa),
                )
            }

            #[inline(always)]
            fn split(self) -> (Self, Self) {
                const ONE: $Bits = $bias << $mantissa;
                // The bits of sqrt(1/2): mantissas from there on belong to the next exponent.
                const ROOT: $Bits = $root;
                let shifted = self.to_bits().wrapping_add(ONE - ROOT);
                let exponent = shifted >> $mantissa;
                // The exponent as the last bits of a number whose spacing is 1.
                let spacing = (1_u64 << $mantissa) as Self;
                let number = Self::from_bits(spacing.to_bits() | exponent);
                let mantissa = (shifted & ((1 << $mantissa) - 1)).wrapping_add(ROOT);
                (
                    number - (spacing + $bias as Self),
                    Self::from_bits(mantissa),
                )
            }
        }
    };
}

binary!(f32, u32, mantissa 23, bias 127, root 0x3f35_04f3);
binary!(f64, u64, mantissa 52, bias 1023, root 0x3fe6_a09e_667f_3bcd);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_exact() {
        for n in [-149, -127, -1, 0, 1, 64, 128] {
            let rounded = f32::ROUND + n as f32;
            let (one, other) = f32::power_in_two(rounded);
            assert_eq!(f64::from(one) * f64::from(other), 2.0_f64.powi(n));
            let (one, other) = f64::power_in_two(f64::ROUND + f64::from(n));
            assert_eq!(one * other, 2.0_f64.powi(n));
        }
        assert_eq!(f32::power(f32::ROUND + 128.0, -1), 2.0_f32.powi(127));
        assert_eq!(f64::power(f64::ROUND - 3.0, 1), 0.25);
    }

    #[test]
    fn numbers_split_about_one() {
        for x in [f32::MIN_POSITIVE, 0.7, 0.708, 1.0, 1.414, 1.415, f32::MAX] {
            let (n, m) = x.split();
            assert!((0.707..1.415).contains(&m), "{x}: {m}");
            assert_eq!(f64::from(m) * 2.0_f64.powf(f64::from(n)), f64::from(x));
            let (n, m) = f64::from(x).split();
            assert_eq!(m * 2.0_f64.powf(n), f64::from(x));
        }
    }
}
