//! The memory behind tensors: buffers that return to a pool when they are dropped, so that the steps
//! of a training loop work in the memory of the first.
//!
//! The pool frees nothing by itself while less than [`bound`] bytes lie idle; [`release`] frees all.

mod pool;
mod shared;
mod storage;

use std::fmt;

use crate::kernel::aligned::Zeroed;
use pool::{Pool, Reclaim};
pub(crate) use shared::Shared;
pub use storage::Storage;

mod sealed {
    pub trait Sealed {}
}

/// A plain number whose buffers are pooled: an element of tensors, an index, a flag.
pub trait Pooled: Default + fmt::Debug + Send + Sync + Zeroed + sealed::Sealed {
    #[doc(hidden)]
    fn pool() -> &'static Pool<Self>;
}

macro_rules! pooled {
    ($($number:ty),*) => {
        $(
            impl sealed::Sealed for $number {}

            impl Pooled for $number {
                fn pool() -> &'static Pool<Self> {
                    static POOL: Pool<$number> = Pool::new();
                    &POOL
                }
            }
        )*

        fn pools() -> impl IntoIterator<Item = &'static dyn Reclaim> {
            [$(<$number>::pool() as &dyn Reclaim),*]
        }
    };
}
pooled!(f32, f64, usize, u32, u8, bool);

/// Frees every idle buffer of every type.
pub fn release() {
    for pool in pools() {
        pool.release();
    }
}

/// `length` numbers of any value: those of whoever used the memory last.
///
/// # Example
/// ```
/// use limpid_tensor::{Tensor, buffers};
///
/// let mut squares = buffers::take::<f32>(3);
/// for (place, square) in squares.iter_mut().enumerate() {
///     *square = (place * place) as f32;
/// }
/// let tensor = Tensor::from_storage(squares, [3])?;
/// assert_eq!(tensor.to_vec(), [0.0, 1.0, 4.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub fn take<T: Pooled>(length: usize) -> Storage<T> {
    Storage::taken(length)
}

/// `length` zeros.
pub fn zeroed<T: Pooled>(length: usize) -> Storage<T> {
    Storage::zeroed(length)
}

/// `length` times `value`.
pub fn filled<T: Pooled>(length: usize, value: T) -> Storage<T> {
    let mut storage = take(length);
    storage.fill(value);
    storage
}

/// A copy of `numbers`.
pub fn copied<T: Pooled>(numbers: &[T]) -> Storage<T> {
    let mut storage = take(numbers.len());
    storage.copy_from_slice(numbers);
    storage
}

/// How many bytes may lie idle in the pool; 1 GiB unless it was [set](set_bound).
pub fn bound() -> usize {
    pool::bound()
}

/// Sets how many bytes may lie idle in the pool. Buffers that return beyond it replace those that
/// have been idle for longest; 0 turns the pool off.
pub fn set_bound(bytes: usize) {
    pool::set_bound(bytes);
}

/// What the pool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// The bytes that lie idle.
    pub idle_bytes: usize,
    /// How many buffers had to be allocated since the process started, because none was idle.
    pub made: usize,
}

/// What the pool holds at the moment.
pub fn statistics() -> Statistics {
    Statistics {
        idle_bytes: pool::idle_bytes(),
        made: pool::made(),
    }
}
