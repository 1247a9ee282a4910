//! Small square blocks of numbers with rows and columns exchanged.

#![expect(unsafe_code, reason = "vector instructions take raw pointers")]

/// Exchanges rows and columns of the block at `from`, whose rows lie `from_row` apart, into the
/// block at `to`, whose rows lie `to_row` apart. The size of the block is that of the
/// [`Micro`](super::micro::Micro) that names the function.
///
/// # Safety
/// The processor has the instruction set of that `Micro`, and both blocks are valid, the second for
/// writing.
pub(crate) type Transpose<E> =
    unsafe fn(from: *const E, from_row: usize, to: *mut E, to_row: usize);

/// For any processor: a block of four.
///
/// # Safety
/// As [`Transpose`] says.
pub(super) unsafe fn portable<E: Copy>(from: *const E, from_row: usize, to: *mut E, to_row: usize) {
    for row in 0..4 {
        for column in 0..4 {
            // SAFETY: within the blocks that the caller promises.
            unsafe {
                let value = from.add(row * from_row + column).read();
                to.add(column * to_row + row).write(value);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{avx2_f32, avx2_f64};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// A block of eight with AVX2.
    ///
    /// # Safety
    /// As [`Transpose`](super::Transpose) says.
    #[target_feature(enable = "avx2")]
    pub(in super::super) unsafe fn avx2_f32(
        from: *const f32,
        from_row: usize,
        to: *mut f32,
        to_row: usize,
    ) {
        // SAFETY: all addresses are within the blocks that the caller promises.
        unsafe {
            let row: [__m256; 8] =
                std::array::from_fn(|index| _mm256_loadu_ps(from.add(index * from_row)));
            let pairs: [__m256; 8] = std::array::from_fn(|index| {
                let (a, b) = (row[index & !1], row[index | 1]);
                match index % 2 {
                    0 => _mm256_unpacklo_ps(a, b),
                    _ => _mm256_unpackhi_ps(a, b),
                }
            });
            let fours: [__m256; 8] = std::array::from_fn(|index| {
                let base = index / 4 * 4 + index % 4 / 2;
                let (a, b) = (pairs[base], pairs[base + 2]);
                match index % 2 {
                    0 => _mm256_shuffle_ps::<0b01_00_01_00>(a, b),
                    _ => _mm256_shuffle_ps::<0b11_10_11_10>(a, b),
                }
            });
            for index in 0..4 {
                let (a, b) = (fours[index], fours[index + 4]);
                let (low, high) = (
                    _mm256_permute2f128_ps::<0x20>(a, b),
                    _mm256_permute2f128_ps::<0x31>(a, b),
                );
                _mm256_storeu_ps(to.add(index * to_row), low);
                _mm256_storeu_ps(to.add((index + 4) * to_row), high);
            }
        }
    }

    /// A block of four with AVX2.
    ///
    /// # Safety
    /// As [`Transpose`](super::Transpose) says.
    #[target_feature(enable = "avx2")]
    pub(in super::super) unsafe fn avx2_f64(
        from: *const f64,
        from_row: usize,
        to: *mut f64,
        to_row: usize,
    ) {
        // SAFETY: all addresses are within the blocks that the caller promises.
        unsafe {
            let row: [__m256d; 4] =
                std::array::from_fn(|index| _mm256_loadu_pd(from.add(index * from_row)));
            let (a, b) = (
                _mm256_unpacklo_pd(row[0], row[1]),
                _mm256_unpackhi_pd(row[0], row[1]),
            );
            let (c, d) = (
                _mm256_unpacklo_pd(row[2], row[3]),
                _mm256_unpackhi_pd(row[2], row[3]),
            );
            _mm256_storeu_pd(to, _mm256_permute2f128_pd::<0x20>(a, c));
            _mm256_storeu_pd(to.add(to_row), _mm256_permute2f128_pd::<0x20>(b, d));
            _mm256_storeu_pd(to.add(2 * to_row), _mm256_permute2f128_pd::<0x31>(a, c));
            _mm256_storeu_pd(to.add(3 * to_row), _mm256_permute2f128_pd::<0x31>(b, d));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::simd;

    fn check<E: crate::Element>() {
        for &level in simd::Level::available() {
            let micro = simd::with(level, E::micro);
            let block = micro.block;
            let from: Vec<E> = (0..block * 20).map(|place| E::of(place as f64)).collect();
            let mut to = vec![E::zero(); block * 11];
            // SAFETY: the level is available, and both hold a block of eight at these distances.
            unsafe { (micro.transpose)(from.as_ptr(), 19, to.as_mut_ptr(), 11) };
            for row in 0..block {
                for column in 0..block {
                    assert_eq!(to[column * 11 + row], from[row * 19 + column], "{level:?}");
                }
            }
        }
    }

    #[test]
    fn blocks_are_transposed_at_every_level() {
        check::<f32>();
        check::<f64>();
    }
}
