//! Memory asked for before it is needed.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "the instruction takes an address")
)]

/// Asks the memory for `numbers`, which are read soon. Costs an instruction for each 64 bytes, so it
/// pays for pieces that lie far apart, as rows of a large table do; pieces that follow each other
/// come by themselves. Does nothing on processors other than x86-64.
///
/// # Example
/// ```
/// let table = vec![0.5_f32; 1 << 20];
/// let mut total = 0.0;
/// let rows = [77, 3000, 12];
/// for (place, row) in rows.iter().enumerate() {
///     if let Some(next) = rows.get(place + 1) {
///         limpid_tensor::prefetch(&table[next * 256..][..256]);
///     }
///     total += table[row * 256..][..256].iter().sum::<f32>();
/// }
/// assert_eq!(total, 384.0);
/// ```
#[inline(always)]
pub fn prefetch<T>(numbers: &[T]) {
    rows(numbers.as_ptr(), (1, 0), numbers.len());
}

/// Asks the memory for `length` numbers from `address` on, in each of `rows` rows that lie `stride`
/// numbers apart: they are wanted near, but not at once.
#[inline(always)]
pub(super) fn rows<T>(address: *const T, (rows, stride): (usize, usize), length: usize) {
    for row in 0..rows {
        let start = address.wrapping_add(row * stride);
        for byte in (0..length * size_of::<T>()).step_by(64) {
            line(start.wrapping_byte_add(byte));
        }
    }
}

/// Asks the memory for the line of the cache at `address`, as [`rows`] does.
#[inline(always)]
pub(super) fn line<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: the instruction is part of every x86-64 processor, and may be given any address:
        // it reads nothing that the program could see.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast::<i8>()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
