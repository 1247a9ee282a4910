//! Memory that begins at a line of the cache, and, where it is large, at a large page.

#![expect(unsafe_code, reason = "memory is asked for and given back by hand")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::scaled;

/// Bytes of a line of the cache: a vector that crosses one is loaded twice.
const LINE: usize = 64;
/// Bytes of a large page, of which the processor finds many more without looking them up.
const PAGE: usize = scaled(1 << 21, 1 << 12);

/// A number all of whose bytes may be zero, which is 0 then.
///
/// # Safety
/// That must be so, and the number must need no more alignment than 16 bytes, and no drop.
pub unsafe trait Zeroed: Copy + 'static {}

macro_rules! zeroed {
    ($($number:ty),*) => {
        // SAFETY: plain numbers and flags.
        $(unsafe impl Zeroed for $number {})*
    };
}
zeroed!(f32, f64, usize, u32, u8, bool);

/// A fixed number of numbers.
#[derive(Debug)]
pub(crate) struct Aligned<T: Zeroed> {
    start: NonNull<T>,
    length: usize,
    /// How far the memory that was asked for reaches before `start`, in bytes.
    skipped: usize,
}

// SAFETY: it owns its numbers, as a `Vec` does.
unsafe impl<T: Zeroed + Send> Send for Aligned<T> {}
// SAFETY: as above.
unsafe impl<T: Zeroed + Sync> Sync for Aligned<T> {}

/// To which address `length` numbers are aligned.
fn alignment<T>(length: usize) -> usize {
    if length.saturating_mul(size_of::<T>()) >= 2 * PAGE {
        PAGE
    } else {
        LINE
    }
}

impl<T: Zeroed> Aligned<T> {
    /// What is asked for so that `length` numbers have an aligned place in it. Asked for like this,
    /// not by its alignment, the system hands out zeros that it has not touched yet.
    fn layout(length: usize) -> Layout {
        let bytes = length.checked_mul(size_of::<T>());
        let bytes = bytes.and_then(|bytes| bytes.checked_add(alignment::<T>(length)));
        let layout = bytes.and_then(|bytes| Layout::from_size_align(bytes, 16).ok());
        // As `Vec` does when it is asked for more than there is.
        layout.unwrap_or_else(|| handle_alloc_error(Layout::new::<T>()))
    }

    /// `length` zeros.
    pub(crate) fn zeros(length: usize) -> Self {
        if length == 0 {
            return Self::default();
        }
        let layout = Self::layout(length);
        // SAFETY: the layout is longer than nothing.
        let Some(memory) = NonNull::new(unsafe { alloc_zeroed(layout) }) else {
            handle_alloc_error(layout)
        };
        let alignment = alignment::<T>(length);
        let skipped = memory.as_ptr().addr().next_multiple_of(alignment) - memory.as_ptr().addr();
        // SAFETY: at most `alignment` bytes further there is room for the numbers.
        let start = unsafe { memory.add(skipped) };
        if alignment == PAGE {
            prefer_large_pages(start, length * size_of::<T>());
        }
        Self {
            start: start.cast(),
            length,
            skipped,
        }
    }
}

/// Asks the system for large pages; whether there are any, the numbers are the same.
fn prefer_large_pages(start: NonNull<u8>, bytes: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        use std::ffi::{c_int, c_void};
        const MADV_HUGEPAGE: c_int = 14;
        unsafe extern "C" {
            fn madvise(start: *mut c_void, bytes: usize, advice: c_int) -> c_int;
        }
        // SAFETY: the range is the caller's own memory, and the advice changes nothing that a
        // program could see.
        unsafe { madvise(start.as_ptr().cast(), bytes, MADV_HUGEPAGE) };
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (start, bytes);
}

/// No numbers.
impl<T: Zeroed> Default for Aligned<T> {
    fn default() -> Self {
        Self {
            start: NonNull::dangling(),
            length: 0,
            skipped: 0,
        }
    }
}

impl<T: Zeroed> Drop for Aligned<T> {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: this is what `zeros` was given, with the layout that it asked for.
            unsafe {
                let memory = self.start.cast::<u8>().sub(self.skipped);
                dealloc(memory.as_ptr(), Self::layout(self.length));
            }
        }
    }
}

impl<T: Zeroed> Deref for Aligned<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: so many numbers lie there, zeros (which `Zeroed` allows) or what was written over
        // them; of none, the address is aligned as theirs would be.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl<T: Zeroed> DerefMut for Aligned<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Zeroed + PartialEq + Default + std::fmt::Debug>(length: usize) {
        let numbers = Aligned::<T>::zeros(length);
        assert_eq!(numbers.len(), length);
        assert!(numbers.iter().all(|number| *number == T::default()));
        if length > 0 {
            assert!(
                numbers
                    .as_ptr()
                    .addr()
                    .is_multiple_of(alignment::<T>(length))
            );
        }
    }

    #[test]
    fn numbers_begin_at_a_line_and_many_of_them_at_a_page() {
        for length in [0, 1, 63, 1000] {
            check::<f32>(length);
            check::<f64>(length);
            check::<u8>(length);
            check::<bool>(length);
        }
        check::<f64>(2 * PAGE / 8 - 1);
        check::<f32>(2 * PAGE / 4);
        check::<u8>(2 * PAGE + 1);
    }

    #[test]
    fn what_is_written_stays() {
        let mut numbers = Aligned::<u32>::zeros(100);
        numbers[99] = 7;
        assert_eq!(numbers.iter().sum::<u32>(), 7);
        assert!(Aligned::<u32>::default().is_empty());
    }
}
