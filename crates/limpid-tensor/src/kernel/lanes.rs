//! Vectors of numbers, as the register tiles of matrix products and convolutions hold them.

#![expect(unsafe_code, reason = "vector instructions take raw pointers")]

/// A register of numbers.
///
/// # Safety
/// `load` and `store` must touch `COUNT` consecutive elements, and `load_part` no more than it was
/// told to.
pub(super) unsafe trait Lanes<E>: Copy {
    /// How many numbers it holds.
    const COUNT: usize;

    /// The same number everywhere.
    ///
    /// # Safety
    /// The processor must have the instructions; this holds for every function here.
    unsafe fn splat(value: E) -> Self;

    /// The numbers at `from`.
    ///
    /// # Safety
    /// `COUNT` numbers must be readable at `from`.
    unsafe fn load(from: *const E) -> Self;

    /// The first `count` numbers at `from`, fewer than `COUNT`, and zeros.
    ///
    /// # Safety
    /// `count` numbers must be readable at `from`.
    unsafe fn load_part(from: *const E, count: usize) -> Self;

    /// Writes the numbers to `to`.
    ///
    /// # Safety
    /// `COUNT` numbers must be writable at `to`.
    unsafe fn store(self, to: *mut E);

    /// `self * factor + term`.
    ///
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;

    /// The sum of the numbers.
    ///
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn sum(self) -> E;
}

/// The registers of an element type.
pub trait Vectors: Sized {
    /// For processors that nothing is known of.
    #[expect(private_bounds, reason = "the trait is sealed with its element types")]
    type Plain: Lanes<Self>;

    /// 256 bits.
    #[cfg(target_arch = "x86_64")]
    #[expect(private_bounds, reason = "the trait is sealed with its element types")]
    type Long: Lanes<Self>;

    /// 512 bits.
    #[cfg(target_arch = "x86_64")]
    #[expect(private_bounds, reason = "the trait is sealed with its element types")]
    type Longest: Lanes<Self>;
}

/// 128 bits as an array, left to the compiler.
#[derive(Clone, Copy, Debug)]
pub struct Plain<E, const COUNT: usize>([E; COUNT]);

macro_rules! plain {
    ($element:ty, $count:literal) => {
        // SAFETY: reads and writes are those of an array of `COUNT` elements, or of `count`.
        unsafe impl Lanes<$element> for Plain<$element, $count> {
            const COUNT: usize = $count;

            #[inline(always)]
            unsafe fn splat(value: $element) -> Self {
                Self([value; $count])
            }

            #[inline(always)]
            unsafe fn load(from: *const $element) -> Self {
                // SAFETY: the caller's promise; an array is no more aligned than its elements.
                Self(unsafe { from.cast::<[$element; $count]>().read() })
            }

            #[inline(always)]
            unsafe fn load_part(from: *const $element, count: usize) -> Self {
                let mut lanes = [0.0; $count];
                for (lane, value) in lanes.iter_mut().take(count).enumerate() {
                    // SAFETY: `lane` is below `count`, and the caller's promise.
                    *value = unsafe { from.add(lane).read() };
                }
                Self(lanes)
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $element) {
                // SAFETY: the caller's promise; an array is no more aligned than its elements.
                unsafe { to.cast::<[$element; $count]>().write(self.0) };
            }

            #[inline(always)]
            unsafe fn mul_add(mut self, factor: Self, term: Self) -> Self {
                for lane in 0..$count {
                    // Where there is no such instruction the fused form is a slow function.
                    self.0[lane] = if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
                        self.0[lane].mul_add(factor.0[lane], term.0[lane])
                    } else {
                        self.0[lane] * factor.0[lane] + term.0[lane]
                    };
                }
                self
            }

            #[inline(always)]
            unsafe fn sum(self) -> $element {
                self.0.iter().sum()
            }
        }
    };
}
plain!(f32, 4);
plain!(f64, 2);

#[cfg(not(target_arch = "x86_64"))]
impl Vectors for f32 {
    type Plain = Plain<f32, 4>;
}

#[cfg(not(target_arch = "x86_64"))]
impl Vectors for f64 {
    type Plain = Plain<f64, 2>;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Lanes, Plain, Vectors};
    use std::arch::x86_64::*;

    impl Vectors for f32 {
        type Plain = Plain<f32, 4>;
        type Long = __m256;
        type Longest = __m512;
    }

    impl Vectors for f64 {
        type Plain = Plain<f64, 2>;
        type Long = __m256d;
        type Longest = __m512d;
    }

    /// Eight ones behind which come eight zeros: any number of leading ones can be cut out.
    static MASK: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

    /// The functions of a register; `part` and `sum` are the two that no one instruction does.
    macro_rules! lanes {
        (
            $Register:ident of $count:literal $element:ident:
            $splat:ident $load:ident $store:ident $mul_add:ident,
            part($from:ident, $length:ident) = $part:expr,
            sum($register:ident) = $sum:expr
        ) => {
            // SAFETY: the instructions read and write the whole register, masked ones only where
            // the mask says so.
            unsafe impl Lanes<$element> for $Register {
                const COUNT: usize = $count;

                #[inline(always)]
                unsafe fn splat(value: $element) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                unsafe fn load(from: *const $element) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn load_part($from: *const $element, $length: usize) -> Self {
                    // SAFETY: the caller's promise; no more than `COUNT` lanes are masked in, and
                    // those without a mask are not read.
                    unsafe { $part }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut $element) {
                    // SAFETY: the caller's promise.
                    unsafe { $store(to, self) }
                }

                #[inline(always)]
                unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $mul_add(self, factor, term) }
                }

                #[inline(always)]
                unsafe fn sum(self) -> $element {
                    let $register = self;
                    // SAFETY: the caller's promise.
                    unsafe { $sum }
                }
            }
        };
    }

    lanes!(
        __m256 of 8 f32: _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_fmadd_ps,
        part(from, count) = {
            // Eight of `MASK`'s sixteen numbers, from 8 - count on.
            let mask = _mm256_loadu_si256(MASK.as_ptr().add(8 - count.min(8)).cast());
            _mm256_maskload_ps(from, mask)
        },
        sum(eight) = {
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    );
    lanes!(
        __m256d of 4 f64: _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_fmadd_pd,
        part(from, count) = {
            // Eight of `MASK`'s sixteen numbers, from 8 - 2 count on: two for each element.
            let mask = _mm256_loadu_si256(MASK.as_ptr().add(8 - 2 * count.min(4)).cast());
            _mm256_maskload_pd(from, mask)
        },
        sum(four) = {
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    );
    lanes!(
        __m512 of 16 f32: _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_fmadd_ps,
        part(from, count) =
            _mm512_maskz_loadu_ps(((1_u32 << count.min(16)) - 1) as __mmask16, from),
        sum(all) = _mm512_reduce_add_ps(all)
    );
    lanes!(
        __m512d of 8 f64: _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_fmadd_pd,
        part(from, count) = _mm512_maskz_loadu_pd(((1_u32 << count.min(8)) - 1) as __mmask8, from),
        sum(all) = _mm512_reduce_add_pd(all)
    );
}
