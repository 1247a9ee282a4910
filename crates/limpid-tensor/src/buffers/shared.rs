//! The memory that tensors share.

use std::ops::Deref;
use std::sync::Arc;

use super::{Pooled, Storage};

/// What a tensor's elements lie in: memory that other tensors may look at as well, or a single number,
/// which every tensor has for itself, so that it needs no memory.
#[derive(Clone)]
pub(crate) enum Shared<T: Pooled> {
    One(T),
    Many(Arc<Storage<T>>),
}

impl<T: Pooled> Shared<T> {
    /// The numbers, to be changed: absent where another tensor looks at them too.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> Option<&mut [T]> {
        match self {
            Self::One(value) => Some(std::slice::from_mut(value)),
            Self::Many(storage) => Arc::get_mut(storage).map(|storage| &mut **storage),
        }
    }

    /// The numbers, to be changed: copied first where another tensor looks at them too.
    pub(crate) fn make_mut(&mut self) -> &mut [T] {
        match self {
            Self::One(value) => std::slice::from_mut(value),
            Self::Many(storage) => &mut *Arc::make_mut(storage),
        }
    }

    /// The numbers, copied where another tensor looks at them too.
    pub(crate) fn into_storage(self) -> Storage<T> {
        match self {
            Self::One(value) => Storage::one(value),
            Self::Many(storage) => Arc::unwrap_or_clone(storage),
        }
    }
}

impl<T: Pooled> From<Storage<T>> for Shared<T> {
    #[inline(always)]
    fn from(storage: Storage<T>) -> Self {
        match storage.single() {
            Some(value) => Self::One(value),
            None => Self::Many(Arc::new(storage)),
        }
    }
}

impl<T: Pooled> Deref for Shared<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(storage) => storage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_hold_is_changed_in_a_copy() {
        let mut first = Shared::from(Storage::from(vec![1.0, 2.0]));
        assert!(first.get_mut().is_some());
        let second = first.clone();
        assert!(first.get_mut().is_none());
        first.make_mut()[0] = 5.0;
        assert_eq!((&*first, &*second), (&[5.0, 2.0][..], &[1.0, 2.0][..]));
        assert_eq!(*second.into_storage(), [1.0, 2.0]);
    }

    #[test]
    fn a_single_number_is_nobody_elses() {
        let mut first = Shared::from(Storage::one(1.0));
        let second = first.clone();
        if let Some(own) = first.get_mut() {
            own[0] = 2.0;
        }
        first.make_mut()[0] += 1.0;
        assert_eq!((first[0], second[0]), (3.0, 1.0));
        assert_eq!(*first.into_storage(), [3.0]);
    }
}
