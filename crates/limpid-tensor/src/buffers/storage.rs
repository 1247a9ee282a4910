//! The memory of one tensor.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::Pooled;
use super::pool::Pool;
use crate::kernel::aligned::Aligned;

/// A fixed number of numbers: what a tensor's elements lie in. It reads and writes like a slice.
///
/// One that was [taken](super::take) begins at a line of the cache, large ones at a large page, and returns its memory
/// to the pool when it is dropped. One made of a `Vec`
/// holds that vector, and gives it back to the allocator.
pub struct Storage<T: Pooled> {
    memory: Memory<T>,
    length: usize,
}

enum Memory<T: Pooled> {
    /// A single number needs no memory.
    One(T),
    Given(Vec<T>),
    /// As long as its size class; only the storage's length is used.
    Taken(Aligned<T>),
}

impl<T: Pooled> Storage<T> {
    pub(super) fn taken(length: usize) -> Self {
        let memory = match length {
            0 => Memory::Given(Vec::new()),
            1 => Memory::One(T::default()),
            _ => Memory::Taken(T::pool().take(length).unwrap_or_else(|| Pool::make(length))),
        };
        Self { memory, length }
    }

    pub(super) fn zeroed(length: usize) -> Self {
        let memory = match length {
            0 => Memory::Given(Vec::new()),
            1 => Memory::One(T::default()),
            _ => match T::pool().take(length) {
                Some(mut buffer) => {
                    buffer[..length].fill(T::default());
                    Memory::Taken(buffer)
                }
                // A new buffer is zeros already, and the system has not even touched them.
                None => Memory::Taken(Pool::make(length)),
            },
        };
        Self { memory, length }
    }

    /// One number.
    #[inline(always)]
    pub fn one(value: T) -> Self {
        Self {
            memory: Memory::One(value),
            length: 1,
        }
    }

    /// The number of one that was made for a single number.
    #[inline(always)]
    pub(super) fn single(&self) -> Option<T> {
        match self.memory {
            Memory::One(value) => Some(value),
            Memory::Given(_) | Memory::Taken(_) => None,
        }
    }

    /// The numbers as a vector: the one that this was made of, or else a copy.
    pub fn into_vec(mut self) -> Vec<T> {
        match &mut self.memory {
            Memory::Given(data) => std::mem::take(data),
            Memory::One(_) | Memory::Taken(_) => self.to_vec(),
        }
    }
}

impl<T: Pooled> Deref for Storage<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match &self.memory {
            Memory::One(value) => std::slice::from_ref(value),
            Memory::Given(data) => data,
            Memory::Taken(buffer) => &buffer[..self.length],
        }
    }
}

impl<T: Pooled> DerefMut for Storage<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.memory {
            Memory::One(value) => std::slice::from_mut(value),
            Memory::Given(data) => data,
            Memory::Taken(buffer) => &mut buffer[..self.length],
        }
    }
}

impl<T: Pooled> Drop for Storage<T> {
    fn drop(&mut self) {
        if let Memory::Taken(buffer) = &mut self.memory {
            T::pool().put(std::mem::take(buffer));
        }
    }
}

impl<T: Pooled> Clone for Storage<T> {
    fn clone(&self) -> Self {
        super::copied(self)
    }
}

impl<T: Pooled> From<Vec<T>> for Storage<T> {
    fn from(data: Vec<T>) -> Self {
        let length = data.len();
        Self {
            memory: Memory::Given(data),
            length,
        }
    }
}

/// From the pool, where the iterator knows its length.
impl<T: Pooled> FromIterator<T> for Storage<T> {
    fn from_iter<I: IntoIterator<Item = T>>(numbers: I) -> Self {
        let mut numbers = numbers.into_iter();
        let (least, most) = numbers.size_hint();
        if most != Some(least) {
            return Vec::from_iter(numbers).into();
        }
        let mut storage = Self::taken(least);
        let mut filled = 0;
        for (slot, number) in storage.iter_mut().zip(&mut numbers) {
            *slot = number;
            filled += 1;
        }
        let more = numbers.next();
        if filled == least && more.is_none() {
            return storage;
        }
        // The iterator did not tell the truth.
        let read = storage[..filled].iter().copied();
        Vec::from_iter(read.chain(more).chain(numbers)).into()
    }
}

impl<T: Pooled> AsRef<[T]> for Storage<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T: Pooled> PartialEq for Storage<T>
where
    T: PartialEq,
{
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Pooled> fmt::Debug for Storage<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffers::{take, zeroed};

    #[test]
    fn vectors_go_in_and_out_in_the_same_memory() {
        let data = vec![1.0_f32, 2.0];
        let address = data.as_ptr();
        let storage = Storage::from(data);
        assert_eq!(storage.as_ptr(), address);
        let vector = storage.into_vec();
        assert_eq!(vector.as_ptr(), address);
    }

    #[test]
    fn a_dropped_buffer_is_used_again() {
        // A length that no other test takes.
        const LENGTH: usize = 7_777_777;
        let mut first = take::<u32>(LENGTH);
        first.fill(9);
        let address = first.as_ptr();
        drop(first);
        let second = take::<u32>(LENGTH - 1);
        assert_eq!((second.as_ptr(), second.len()), (address, LENGTH - 1));
        drop(second);
        let third = zeroed::<u32>(LENGTH);
        assert_eq!(third.as_ptr(), address);
        assert!(third.iter().all(|&number| number == 0));
        assert_eq!(third.into_vec(), vec![0; LENGTH]);
        assert_eq!(take::<u32>(LENGTH).as_ptr(), address);
    }

    #[test]
    fn collecting_keeps_every_number_whatever_the_iterator_says() {
        struct Liar(usize, usize);
        impl Iterator for Liar {
            type Item = u8;
            fn next(&mut self) -> Option<u8> {
                self.0 = self.0.checked_sub(1)?;
                Some(self.0 as u8)
            }
            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.1, Some(self.1))
            }
        }
        for claimed in [0, 1, 2, 3, 4, 100] {
            let storage: Storage<u8> = Liar(3, claimed).collect();
            assert_eq!(*storage, [2, 1, 0], "{claimed}");
        }
        let some: Storage<u8> = (0..9).filter(|number| number % 4 == 0).collect();
        assert_eq!(*some, [0, 4, 8]);
    }

    #[test]
    fn no_numbers_and_one_number_need_no_memory() {
        assert!(take::<f64>(0).is_empty());
        assert!(take::<f64>(0).into_vec().is_empty());
        let mut one = zeroed::<f64>(1);
        one[0] += 2.5;
        assert_eq!(one.clone(), Storage::one(2.5));
        assert_eq!(one.into_vec(), [2.5]);
    }
}
