//! Idle buffers, by length, waiting to be used again.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::Pooled;
use crate::kernel::aligned::{Aligned, Zeroed};

/// Threads are spread over this many parts of a pool, so that they seldom wait for each other.
const SHARDS: usize = 8;
/// The shortest buffer, in elements.
const SHORTEST: usize = 64;
/// Longer buffers than this many elements are never pooled.
const LONGEST: usize = 1 << 40;
/// How many bytes may lie idle unless somebody says otherwise: 1 GiB.
const DEFAULT_BOUND: usize = 1 << 30;

static BOUND: AtomicUsize = AtomicUsize::new(DEFAULT_BOUND);
/// Counts how often the bound was met: a clock for how long buffers have been idle.
static EPOCH: AtomicUsize = AtomicUsize::new(0);
static IDLE_BYTES: AtomicUsize = AtomicUsize::new(0);
static MADE: AtomicUsize = AtomicUsize::new(0);

pub(super) fn bound() -> usize {
    BOUND.load(Ordering::Relaxed)
}

pub(super) fn set_bound(bytes: usize) {
    BOUND.store(bytes, Ordering::Relaxed);
}

pub(super) fn idle_bytes() -> usize {
    IDLE_BYTES.load(Ordering::Relaxed)
}

pub(super) fn made() -> usize {
    MADE.load(Ordering::Relaxed)
}

/// The idle buffers of one element type. Every one is initialised over its whole length, which is
/// that of its size class.
#[derive(Debug)]
pub struct Pool<T: Zeroed> {
    shards: [Mutex<Shard<T>>; SHARDS],
}

#[derive(Debug)]
struct Shard<T: Zeroed> {
    classes: Vec<Class<T>>,
}

#[derive(Debug)]
struct Class<T: Zeroed> {
    idle: Vec<Aligned<T>>,
    /// The epoch in which a buffer of this class was last put or taken.
    used: usize,
}

/// The size class of buffers of `length` elements, and its length. There are four in an octave: at
/// most a fifth of a buffer lies waste.
fn class(length: usize) -> (usize, usize) {
    if length <= SHORTEST {
        return (0, SHORTEST);
    }
    let octave = (length - 1).ilog2();
    let quarter = (length - 1) >> (octave - 2);
    let octaves = (octave - SHORTEST.ilog2()) as usize;
    (octaves * 4 + quarter - 3, (quarter + 1) << (octave - 2))
}

fn shard_of_this_thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    let shard = SHARD.get();
    if shard != usize::MAX {
        return shard;
    }
    let shard = THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS;
    SHARD.set(shard);
    shard
}

fn lock<T: Zeroed>(shard: &Mutex<Shard<T>>) -> MutexGuard<'_, Shard<T>> {
    // Nothing panics while a shard is locked.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Pooled> Shard<T> {
    fn take(&mut self, class: usize) -> Option<Aligned<T>> {
        let class = self.classes.get_mut(class)?;
        let buffer = class.idle.pop()?;
        class.used = EPOCH.load(Ordering::Relaxed);
        IDLE_BYTES.fetch_sub(size_of_val(&*buffer), Ordering::Relaxed);
        Some(buffer)
    }

    fn oldest(&mut self) -> Option<&mut Class<T>> {
        let classes = self.classes.iter_mut();
        classes
            .filter(|class| !class.idle.is_empty())
            .min_by_key(|class| class.used)
    }
}

/// A pool whatever its element type.
pub(super) trait Reclaim: Sync {
    /// When the buffers that have been idle for longest were last used.
    fn oldest(&self) -> Option<usize>;

    /// Frees one of those.
    fn free_oldest(&self);

    /// Frees every idle buffer.
    fn release(&self);
}

/// Frees what has been idle for longest until no more bytes are idle than the bound allows.
fn reclaim() {
    EPOCH.fetch_add(1, Ordering::Relaxed);
    while idle_bytes() > bound() {
        let pools = super::pools().into_iter();
        let aged = pools.filter_map(|pool| Some((pool.oldest()?, pool)));
        match aged.min_by_key(|&(used, _)| used) {
            Some((_, pool)) => pool.free_oldest(),
            None => return,
        }
    }
}

impl<T: Pooled> Pool<T> {
    pub(super) const fn new() -> Self {
        Self {
            shards: [const {
                Mutex::new(Shard {
                    classes: Vec::new(),
                })
            }; SHARDS],
        }
    }

    /// An idle buffer of at least `length` elements.
    pub(super) fn take(&self, length: usize) -> Option<Aligned<T>> {
        let (class, _) = class(length);
        let own = shard_of_this_thread();
        if let Some(buffer) = lock(&self.shards[own]).take(class) {
            return Some(buffer);
        }
        // What this thread needs may have been dropped by another.
        (1..SHARDS).find_map(|step| match self.shards[(own + step) % SHARDS].try_lock() {
            Ok(mut shard) => shard.take(class),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(class),
            Err(TryLockError::WouldBlock) => None,
        })
    }

    /// A new buffer of at least `length` zeros.
    pub(super) fn make(length: usize) -> Aligned<T> {
        MADE.fetch_add(1, Ordering::Relaxed);
        let (_, whole) = class(length);
        Aligned::zeros(if length > LONGEST { length } else { whole })
    }

    /// Takes back a buffer that this pool has made.
    pub(super) fn put(&self, buffer: Aligned<T>) {
        let bytes = size_of_val(&*buffer);
        if bytes > bound() || buffer.len() > LONGEST {
            return;
        }
        let (class, whole) = class(buffer.len());
        debug_assert_eq!(buffer.len(), whole);
        // Counted first, so that a buffer is never taken out before it was counted in.
        let idle = IDLE_BYTES.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.shelve(class, buffer);
        if idle > bound() {
            reclaim();
        }
    }

    fn shelve(&self, class: usize, buffer: Aligned<T>) {
        let mut shard = lock(&self.shards[shard_of_this_thread()]);
        while shard.classes.len() <= class {
            let (idle, used) = (Vec::new(), 0);
            shard.classes.push(Class { idle, used });
        }
        let class = &mut shard.classes[class];
        class.used = EPOCH.load(Ordering::Relaxed);
        class.idle.push(buffer);
    }
}

impl<T: Pooled> Reclaim for Pool<T> {
    fn oldest(&self) -> Option<usize> {
        let shards = self.shards.iter();
        let ages = shards.filter_map(|shard| Some(lock(shard).oldest()?.used));
        ages.min()
    }

    fn free_oldest(&self) {
        let Some(used) = self.oldest() else { return };
        for shard in &self.shards {
            if let Some(class) = lock(shard).oldest()
                && class.used <= used
                && let Some(buffer) = class.idle.pop()
            {
                IDLE_BYTES.fetch_sub(size_of_val(&*buffer), Ordering::Relaxed);
                return;
            }
        }
    }

    fn release(&self) {
        for shard in &self.shards {
            let classes = std::mem::take(&mut lock(shard).classes);
            let idle = classes.iter().flat_map(|class| &class.idle);
            let bytes = idle.map(|buffer| size_of_val(&**buffer)).sum();
            IDLE_BYTES.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_its_lengths_and_wastes_little() {
        let mut last = (0, SHORTEST);
        for length in 1..100_000 {
            let own = class(length);
            assert!(own.1 >= length);
            assert!(own == last || own.0 == last.0 + 1, "{length}");
            assert!(
                length <= SHORTEST || (own.1 - length) * 5 <= own.1,
                "{length}"
            );
            assert_eq!(class(own.1), own);
            last = own;
        }
    }

    #[test]
    fn what_one_thread_puts_another_takes() {
        static POOL: Pool<u8> = Pool::new();
        let buffer = Pool::<u8>::make(1000);
        let address = buffer.as_ptr() as usize;
        std::thread::spawn(move || POOL.put(buffer)).join().unwrap();
        let taken = POOL.take(900).unwrap();
        assert_eq!(taken.as_ptr() as usize, address);
        assert!(POOL.take(900).is_none());
    }

    #[test]
    fn released_buffers_are_gone() {
        static POOL: Pool<u8> = Pool::new();
        POOL.put(Pool::<u8>::make(1000));
        POOL.release();
        assert!(POOL.take(1000).is_none());
    }
}
