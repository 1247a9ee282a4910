//! Slices cut into parts that threads work on side by side.

#![expect(
    unsafe_code,
    reason = "parts of one exclusive slice are handed to several threads"
)]

use std::marker::PhantomData;
use std::ops::Range;

/// What can be cut into parts: a slice, an exclusive slice, or several of them side by side, which
/// are cut at the same places. The shortest decides how many elements there are.
pub trait Chunked: sealed::Sealed {
    /// What a task is given.
    type Part;

    /// The memory, without the promise that nobody else has it.
    #[doc(hidden)]
    type Memory: Memory<Part = Self::Part>;

    #[doc(hidden)]
    fn memory(self) -> Self::Memory;
}

mod sealed {
    pub trait Sealed {}
}

/// Memory whose parts can be handed to threads.
#[doc(hidden)]
pub trait Memory: Sync {
    /// What a task is given.
    type Part;

    /// The number of elements.
    fn len(&self) -> usize;

    /// The elements of `range`.
    ///
    /// # Safety
    /// `range` lies within the memory, and no part that overlaps it is alive.
    unsafe fn part(&self, range: Range<usize>) -> Self::Part;
}

impl<T> sealed::Sealed for &[T] {}

impl<'a, T: Sync> Chunked for &'a [T] {
    type Part = &'a [T];
    type Memory = &'a [T];

    fn memory(self) -> Self::Memory {
        self
    }
}

impl<'a, T: Sync> Memory for &'a [T] {
    type Part = &'a [T];

    fn len(&self) -> usize {
        <[T]>::len(self)
    }

    unsafe fn part(&self, range: Range<usize>) -> &'a [T] {
        &self[range]
    }
}

/// An exclusive slice taken apart.
#[doc(hidden)]
#[derive(Debug)]
pub struct Exclusive<'a, T> {
    start: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: the pointer is only used to make parts that do not overlap (the promise of
// `Memory::part`); each is an exclusive slice of its own, which may go to another thread as
// `T: Send`.
unsafe impl<T: Send> Sync for Exclusive<'_, T> {}

impl<T> sealed::Sealed for &mut [T] {}

impl<'a, T: Send> Chunked for &'a mut [T] {
    type Part = &'a mut [T];
    type Memory = Exclusive<'a, T>;

    fn memory(self) -> Self::Memory {
        Exclusive {
            start: self.as_mut_ptr(),
            len: <[T]>::len(self),
            slice: PhantomData,
        }
    }
}

impl<'a, T: Send> Memory for Exclusive<'a, T> {
    type Part = &'a mut [T];

    fn len(&self) -> usize {
        self.len
    }

    unsafe fn part(&self, range: Range<usize>) -> &'a mut [T] {
        // SAFETY: within the slice that this was made from, which is borrowed for `'a`, and no
        // overlapping part is alive, by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}

macro_rules! side_by_side {
    ($($Member:ident $place:tt),+) => {
        impl<$($Member: sealed::Sealed),+> sealed::Sealed for ($($Member,)+) {}

        impl<$($Member: Chunked),+> Chunked for ($($Member,)+) {
            type Part = ($($Member::Part,)+);
            type Memory = ($($Member::Memory,)+);

            fn memory(self) -> Self::Memory {
                ($(self.$place.memory(),)+)
            }
        }

        impl<$($Member: Memory),+> Memory for ($($Member,)+) {
            type Part = ($($Member::Part,)+);

            fn len(&self) -> usize {
                let mut shortest = usize::MAX;
                $(shortest = shortest.min(self.$place.len());)+
                shortest
            }

            unsafe fn part(&self, range: Range<usize>) -> Self::Part {
                // SAFETY: the range lies within the shortest, and the caller's promise holds for
                // each of them.
                unsafe { ($(self.$place.part(range.clone()),)+) }
            }
        }
    };
}
side_by_side!(A 0, B 1);
side_by_side!(A 0, B 1, C 2);
side_by_side!(A 0, B 1, C 2, D 3);
side_by_side!(A 0, B 1, C 2, D 3, F 4);

/// Cuts `data` into parts of `length` elements (the last may be shorter) and calls `work` with each
/// part and the place of its first element. The parts are shared by as many threads as
/// [`count`](super::count) says; a `length` of 0 is taken for 1.
///
/// # Panics
/// With the panic of a task.
pub fn chunks<D: Chunked>(data: D, length: usize, work: impl Fn(usize, D::Part) + Sync) {
    let memory = data.memory();
    let (total, length) = (memory.len(), length.max(1));
    super::run(total.div_ceil(length), &|task| {
        let first = task * length;
        // SAFETY: `run` calls with every task number once, and the ranges of different numbers do
        // not overlap; each ends within the memory.
        let part = unsafe { memory.part(first..(first + length).min(total)) };
        work(first, part);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_slices_side_by_side() {
        for (total, length) in [(0, 3), (1, 3), (7, 3), (9, 3), (100, 0)] {
            let x: Vec<usize> = (0..total).collect();
            let (mut y, mut z) = (vec![0; total], vec![0; total + 5]);
            crate::threads::with(3, || {
                chunks(
                    (x.as_slice(), y.as_mut_slice(), z.as_mut_slice()),
                    length,
                    |first, (x, y, z)| {
                        for (offset, x) in x.iter().enumerate() {
                            y[offset] = x * 2;
                            z[offset] = first + offset;
                        }
                    },
                );
            });
            assert!(y.iter().enumerate().all(|(place, y)| *y == 2 * place));
            assert_eq!(z[..total], x[..]);
        }
    }
}
