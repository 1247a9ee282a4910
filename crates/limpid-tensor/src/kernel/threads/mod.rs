//! How many threads share a piece of work, and the sharing itself.
//!
//! One team of threads serves the whole process. It takes one piece of work at a time: a call from
//! within another, or from a second thread meanwhile, is done by its caller alone. So training runs
//! side by side do not fight for the processor.
//!
//! Work is cut by its shape, never by the number of threads, so that a result has the same bits
//! however many share it.
//!
//! # Example
//! ```
//! use limpid_tensor::threads;
//!
//! let mut squares = vec![0; 10_000];
//! threads::chunks(squares.as_mut_slice(), 1_000, |first, part| {
//!     for (offset, square) in part.iter_mut().enumerate() {
//!         *square = (first + offset).pow(2);
//!     }
//! });
//! assert_eq!(squares[9_999], 9_999 * 9_999);
//! assert_eq!(threads::with(1, threads::count), 1);
//! ```

mod chunks;
mod team;

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use chunks::{Chunked, chunks};

/// 0 until somebody sets it.
static SET: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// 0 outside of [`with`].
    static HERE: Cell<usize> = const { Cell::new(0) };
}

/// Has work shared by `count` threads from now on, in the whole process; 0 means as many as the
/// system grants, which is the default.
pub fn set(count: usize) {
    SET.store(count, Ordering::Relaxed);
}

/// How many threads share the work of this thread: what [`with`] says, else what [`set`] said,
/// else as many as the system grants (its affinity mask and the quota of its control group
/// included).
pub fn count() -> usize {
    static GRANTED: OnceLock<usize> = OnceLock::new();
    match (HERE.get(), SET.load(Ordering::Relaxed)) {
        (0, 0) => *GRANTED
            .get_or_init(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
        (0, set) => set,
        (here, _) => here,
    }
}

/// Runs `work`, with what it does on this thread shared by `count` threads (0: as set for the
/// process).
pub fn with<R>(count: usize, work: impl FnOnce() -> R) -> R {
    struct Before(usize);
    impl Drop for Before {
        fn drop(&mut self) {
            HERE.set(self.0);
        }
    }
    let _before = Before(HERE.replace(count));
    work()
}

/// Calls `work` with every number below `tasks`, in any order, by as many threads as [`count`]
/// says, and comes back when all have been done. A hand-over costs one to two microseconds while
/// the team is awake and some tens when it sleeps: hand over only what is worth it.
///
/// # Panics
/// With the panic of a task, once all threads have stopped.
pub fn run(tasks: usize, work: &(dyn Fn(usize) + Sync)) {
    let threads = count().min(tasks);
    if threads < 2 || !team::share(threads, tasks, work) {
        (0..tasks).for_each(work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn every_task_is_done_once_whoever_does_it() {
        for threads in [1, 2, 3, 8] {
            for tasks in [0, 1, 2, 7, 1_000] {
                let done: Vec<_> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                with(threads, || {
                    run(tasks, &|task| {
                        done[task].fetch_add(1, Ordering::Relaxed);
                    });
                });
                assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn work_within_work_is_done() {
        let total = AtomicUsize::new(0);
        with(4, || {
            run(10, &|_| {
                run(10, &|task| {
                    total.fetch_add(task, Ordering::Relaxed);
                });
            });
        });
        assert_eq!(total.into_inner(), 450);
    }

    #[test]
    fn many_leaders_at_once_get_their_work_done() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let total = AtomicUsize::new(0);
                        with(3, || {
                            run(5, &|task| {
                                total.fetch_add(task, Ordering::Relaxed);
                            });
                        });
                        assert_eq!(total.into_inner(), 10);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_goes_on() {
        let outcome = std::panic::catch_unwind(|| {
            with(3, || run(100, &|task| assert_ne!(task, 50, "task fifty")));
        });
        assert!(outcome.is_err());
        let total = AtomicUsize::new(0);
        with(3, || {
            run(100, &|task| {
                total.fetch_add(task, Ordering::Relaxed);
            });
        });
        assert_eq!(total.into_inner(), 4_950);
    }

    #[test]
    fn the_number_of_threads_holds_for_the_work_inside_alone() {
        let before = count();
        assert_eq!(with(5, || with(2, count)), 2);
        assert_eq!(count(), before);
    }
}
