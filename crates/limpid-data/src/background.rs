//! Batches that threads make ahead of their use.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};

use limpid_tensor::{Element, Tensor, threads};

use crate::epoch::{Epoch, Plan};
use crate::{DataError, TargetKind, Visible};

/// How many batches may wait for each worker.
const AHEAD: usize = 2;

/// The batches of an epoch, made by threads ahead of their use; see
/// [`Epoch::in_background`]. After an error there is no further batch.
pub struct Background<'a, P: Visible, K: TargetKind, E: Element> {
    work: Arc<Work<'a, P, K, E>>,
    /// The batch that comes next.
    next: usize,
    /// After the last batch, or the one that failed.
    end: usize,
    workers: usize,
}

type Made<K, E> = Result<(Tensor<E>, <K as TargetKind>::Batch<E>), DataError>;

/// What the caller and the workers share.
struct Work<'a, P: Visible, K: TargetKind, E: Element> {
    plan: Plan<'a, P, K>,
    /// How many batches may be claimed and not taken yet.
    ahead: usize,
    desk: Mutex<Desk<Made<K, E>>>,
    made: Condvar,
    room: Condvar,
}

struct Desk<M> {
    /// The batch that a worker takes on next.
    claimed: usize,
    /// The batch that the caller takes next.
    taken: usize,
    /// Batches that wait for the caller, by number.
    waiting: BTreeMap<usize, M>,
    stopped: bool,
}

impl<'a, P: Visible, K: TargetKind, E: Element> Background<'a, P, K, E> {
    pub(crate) fn start<'scope>(
        epoch: Epoch<'a, P, K, E>,
        scope: &'scope Scope<'scope, '_>,
        workers: usize,
    ) -> Result<Self, DataError>
    where
        'a: 'scope,
        P: 'scope,
    {
        let next = epoch.next;
        let end = epoch.plan.batches();
        // More workers than batches would have nothing to do.
        let workers = workers.min(end - next);
        let work = Arc::new(Work {
            plan: epoch.plan,
            ahead: AHEAD * workers,
            desk: Mutex::new(Desk {
                claimed: next,
                taken: next,
                waiting: BTreeMap::new(),
                stopped: false,
            }),
            made: Condvar::new(),
            room: Condvar::new(),
        });
        // Dropped on an error, so that the workers that were started stop.
        let started = Self {
            work,
            next,
            end,
            workers,
        };
        for worker in 0..workers {
            let work = Arc::clone(&started.work);
            let name = format!("loader {worker}");
            let thread = thread::Builder::new().name(name);
            // The team of threads is the step's: while a worker had it, the step would be alone.
            let serve = move || threads::with(1, || work.serve(end));
            let outcome = thread.spawn_scoped(scope, serve);
            outcome.map_err(|error| DataError::Worker {
                batch: next,
                problem: format!("no thread could be started: {error}"),
            })?;
        }
        Ok(started)
    }
}

impl<P: Visible, K: TargetKind, E: Element> Work<'_, P, K, E> {
    fn desk(&self) -> MutexGuard<'_, Desk<Made<K, E>>> {
        // Nothing panics while the desk is locked.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker's life: makes batches until all are claimed, or nobody wants more.
    fn serve(&self, end: usize) {
        loop {
            let full = |desk: &mut Desk<_>| {
                !desk.stopped && desk.claimed < end && desk.claimed >= desk.taken + self.ahead
            };
            let desk = self.room.wait_while(self.desk(), full);
            let mut desk = desk.unwrap_or_else(PoisonError::into_inner);
            if desk.stopped || desk.claimed >= end {
                return;
            }
            let batch = desk.claimed;
            desk.claimed += 1;
            drop(desk);
            let made = self.make(batch);
            self.desk().waiting.insert(batch, made);
            self.made.notify_all();
        }
    }

    fn make(&self, batch: usize) -> Made<K, E> {
        let attempt = AssertUnwindSafe(|| self.plan.make(batch));
        catch_unwind(attempt).map_err(|panic| DataError::Worker {
            batch,
            problem: message(panic.as_ref()),
        })
    }

    /// Waits for the batch and leaves its room to the next.
    fn take(&self, batch: usize) -> Made<K, E> {
        let mut desk = self.desk();
        let made = loop {
            match desk.waiting.remove(&batch) {
                Some(made) => break made,
                None => desk = self.made.wait(desk).unwrap_or_else(PoisonError::into_inner),
            }
        };
        desk.taken = batch + 1;
        drop(desk);
        self.room.notify_one();
        made
    }

    fn stop(&self) {
        let mut desk = self.desk();
        desk.stopped = true;
        desk.waiting.clear();
        drop(desk);
        self.room.notify_all();
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

impl<P: Visible, K: TargetKind, E: Element> Iterator for Background<'_, P, K, E> {
    type Item = Made<K, E>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let made = match self.workers {
            0 => self.work.make(self.next),
            _ => self.work.take(self.next),
        };
        self.next += 1;
        if made.is_err() {
            self.end = self.next;
            self.work.stop();
        }
        Some(made)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.next;
        // Fewer where one fails.
        (left.min(1), Some(left))
    }
}

impl<P: Visible, K: TargetKind, E: Element> Drop for Background<'_, P, K, E> {
    fn drop(&mut self) {
        self.work.stop();
    }
}

impl<P: Visible, K: TargetKind, E: Element> fmt::Debug for Background<'_, P, K, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Background")
            .field("next", &self.next)
            .field("end", &self.end)
            .field("workers", &self.workers)
            .finish()
    }
}

#[cfg(test)]
mod tests;
