//! Vectors of the instruction sets, as far as matrix products need them.

#![expect(unsafe_code, reason = "vector instructions take raw pointers")]

use crate::Element;

/// A vector of elements of one instruction set.
///
/// # Safety
/// Every function may only be called where the processor has the instruction set, and from a
/// function that is compiled for it, so that it is inlined; `load` and `store` only with an address
/// of [`Vector::LANES`] elements.
pub(super) trait Vector<E>: Copy {
    /// Elements of a vector.
    const LANES: usize;

    /// The elements from `from` on.
    unsafe fn load(from: *const E) -> Self;
    /// `value` in every lane.
    unsafe fn splat(value: E) -> Self;
    /// `a * b`.
    unsafe fn mul(a: Self, b: Self) -> Self;
    /// `a * b + c`.
    unsafe fn mul_add(a: Self, b: Self, c: Self) -> Self;
    /// Writes the elements from `to` on.
    unsafe fn store(to: *mut E, value: Self);
}

/// What every processor has: the compiler uses the vectors that the build allows.
#[derive(Clone, Copy)]
pub(super) struct Portable<E>([E; 4]);

impl<E: Element> Vector<E> for Portable<E> {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const E) -> Self {
        // SAFETY: the caller promises that many elements; an array is aligned as its element.
        Self(unsafe { from.cast::<[E; 4]>().read() })
    }

    #[inline(always)]
    unsafe fn splat(value: E) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    unsafe fn mul(a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|lane| a.0[lane] * b.0[lane]))
    }

    #[inline(always)]
    unsafe fn mul_add(a: Self, b: Self, c: Self) -> Self {
        // Where the instruction is missing, the function that imitates it would take a hundred
        // times as long.
        let fused = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
        Self(std::array::from_fn(|lane| match fused {
            true => a.0[lane].mul_add(b.0[lane], c.0[lane]),
            false => a.0[lane] * b.0[lane] + c.0[lane],
        }))
    }

    #[inline(always)]
    unsafe fn store(to: *mut E, value: Self) {
        // SAFETY: as in `load`, and nobody else touches them.
        unsafe { to.cast::<[E; 4]>().write(value.0) }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Vector;
    use std::arch::x86_64::*;

    macro_rules! vector {
        (
            $Register:ident of $lanes:literal $E:ident:
            $load:ident, $splat:ident, $mul:ident, $mul_add:ident, $store:ident
        ) => {
            impl Vector<$E> for $Register {
                const LANES: usize = $lanes;

                #[inline(always)]
                unsafe fn load(from: *const $E) -> Self {
                    // SAFETY: the caller promises the instruction set and the elements; the
                    // instruction asks for no alignment.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn splat(value: $E) -> Self {
                    // SAFETY: the caller promises the instruction set.
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                unsafe fn mul(a: Self, b: Self) -> Self {
                    // SAFETY: the caller promises the instruction set.
                    unsafe { $mul(a, b) }
                }

                #[inline(always)]
                unsafe fn mul_add(a: Self, b: Self, c: Self) -> Self {
                    // SAFETY: the caller promises the instruction set.
                    unsafe { $mul_add(a, b, c) }
                }

                #[inline(always)]
                unsafe fn store(to: *mut $E, value: Self) {
                    // SAFETY: as in `load`, and nobody else touches them.
                    unsafe { $store(to, value) }
                }
            }
        };
    }
    vector!(__m512 of 16 f32:
        _mm512_loadu_ps, _mm512_set1_ps, _mm512_mul_ps, _mm512_fmadd_ps, _mm512_storeu_ps);
    vector!(__m512d of 8 f64:
        _mm512_loadu_pd, _mm512_set1_pd, _mm512_mul_pd, _mm512_fmadd_pd, _mm512_storeu_pd);
    vector!(__m256 of 8 f32:
        _mm256_loadu_ps, _mm256_set1_ps, _mm256_mul_ps, _mm256_fmadd_ps, _mm256_storeu_ps);
    vector!(__m256d of 4 f64:
        _mm256_loadu_pd, _mm256_set1_pd, _mm256_mul_pd, _mm256_fmadd_pd, _mm256_storeu_pd);
}
