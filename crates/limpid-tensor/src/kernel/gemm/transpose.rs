//! Small square blocks of numbers with rows and columns exchanged.

#![expect(unsafe_code, reason = "vector instructions take raw pointers")]

/// Exchanges rows and columns of the block at the start of `from`, whose rows lie `from_row` apart,
/// into the block at the start of `to`, whose rows lie `to_row` apart. The size of the block is the
/// kernel's.
///
/// # Panics
/// When a slice ends within the block.
pub(super) type Transpose<E> = fn(from: &[E], from_row: usize, to: &mut [E], to_row: usize);

/// For any processor: a block of four.
pub(super) fn portable<E: Copy>(from: &[E], from_row: usize, to: &mut [E], to_row: usize) {
    for row in 0..4 {
        for (column, &value) in from[row * from_row..][..4].iter().enumerate() {
            to[column * to_row + row] = value;
        }
    }
}

/// Whether a block of `size` fits.
#[cfg(target_arch = "x86_64")]
fn check(size: usize, from: usize, from_row: usize, to: usize, to_row: usize) {
    assert!(
        from >= (size - 1) * from_row + size && to >= (size - 1) * to_row + size,
        "a block of {size} reaches beyond its slice"
    );
}

/// A block of eight with AVX2.
#[cfg(target_arch = "x86_64")]
pub(super) fn avx2_f32(from: &[f32], from_row: usize, to: &mut [f32], to_row: usize) {
    check(8, from.len(), from_row, to.len(), to_row);
    // SAFETY: the table of kernels names this function for processors with AVX2 alone; the slices
    // hold the block.
    unsafe { x86::eight_f32(from.as_ptr(), from_row, to.as_mut_ptr(), to_row) }
}

/// A block of four with AVX2.
#[cfg(target_arch = "x86_64")]
pub(super) fn avx2_f64(from: &[f64], from_row: usize, to: &mut [f64], to_row: usize) {
    check(4, from.len(), from_row, to.len(), to_row);
    // SAFETY: as in `avx2_f32`.
    unsafe { x86::four_f64(from.as_ptr(), from_row, to.as_mut_ptr(), to_row) }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// # Safety
    /// The processor has AVX2, and both blocks are valid, the second for writing.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn eight_f32(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
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

    /// # Safety
    /// The processor has AVX2, and both blocks are valid, the second for writing.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn four_f64(from: *const f64, from_row: usize, to: *mut f64, to_row: usize) {
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
    use crate::kernel::gemm::micro::Multiply;
    use crate::simd;

    fn check<E: crate::Element>() {
        for &level in simd::Level::available() {
            let micro = simd::with(level, E::micro);
            let block = micro.block;
            let from: Vec<E> = (0..block * 20).map(|place| E::of(place as f64)).collect();
            let mut to = vec![E::zero(); block * 11];
            (micro.transpose)(&from, 19, &mut to, 11);
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
