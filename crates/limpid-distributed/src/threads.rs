//! Workers that are threads of one process.

use std::sync::{Arc, Barrier, Mutex, PoisonError};

use limpid_tensor::{Element, Error, Result};

use crate::Communicator;

/// Communicators for `size` threads (at least one), in the order of their ranks: hand one to each.
pub fn group<E: Element>(size: usize) -> Vec<ThreadWorker<E>> {
    let size = size.max(1);
    let table = Arc::new(Table {
        seats: Mutex::new(vec![Vec::new(); size]),
        barrier: Barrier::new(size),
    });
    (0..size)
        .map(|rank| ThreadWorker {
            rank,
            size,
            table: Arc::clone(&table),
        })
        .collect()
}

/// One thread's communicator, made by [`group`].
#[derive(Debug)]
pub struct ThreadWorker<E: Element> {
    rank: usize,
    size: usize,
    table: Arc<Table<E>>,
}

/// Where the workers lay what they bring, each at its own seat.
#[derive(Debug)]
struct Table<E> {
    seats: Mutex<Vec<Vec<E>>>,
    barrier: Barrier,
}

impl<E: Element> Communicator<E> for ThreadWorker<E> {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn sum(&self, values: &mut [E]) -> Result<()> {
        // A worker that panicked elsewhere leaves whole vectors behind: a poisoned lock is sound.
        let lock = || {
            self.table
                .seats
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        lock()[self.rank] = values.to_vec();
        self.table.barrier.wait();
        let outcome = {
            let seats = lock();
            let lengths: Vec<usize> = seats.iter().map(Vec::len).collect();
            if lengths.iter().all(|&length| length == values.len()) {
                for (place, value) in values.iter_mut().enumerate() {
                    *value = seats
                        .iter()
                        .fold(E::zero(), |total, seat| total + seat[place]);
                }
                Ok(())
            } else {
                let rule = "every worker must bring the same number of values";
                Err(Error::shape("sum over workers", &[&lengths], rule))
            }
        };
        // Nobody lays down the next values before everybody has read these.
        self.table.barrier.wait();
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<R: Send>(size: usize, work: impl Fn(ThreadWorker<f32>) -> R + Sync) -> Vec<R> {
        let work = &work;
        std::thread::scope(|scope| {
            let workers: Vec<_> = group(size)
                .into_iter()
                .map(|worker| scope.spawn(move || work(worker)))
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap())
                .collect()
        })
    }

    #[test]
    fn sums_have_the_same_bits_at_every_worker_and_every_time() {
        let rounds = run(4, |worker| {
            let mut bits = Vec::new();
            for round in 0..50 {
                let mut values = [0.1 * (worker.rank() as f32 + 1.0), 1e-8, round as f32];
                worker.sum(&mut values).unwrap();
                bits.push(values.map(f32::to_bits));
            }
            bits
        });
        assert!(rounds.windows(2).all(|pair| pair[0] == pair[1]));
        let want: f32 = [0.1_f32, 0.2, 0.3, 0.4]
            .iter()
            .enumerate()
            .fold(0.0, |total, (rank, _)| total + 0.1 * (rank as f32 + 1.0));
        assert_eq!(rounds[0][0][0], want.to_bits());
    }

    #[test]
    fn workers_that_bring_unlike_numbers_are_all_told() {
        let outcomes = run(3, |worker| {
            worker.sum(&mut vec![1.0; 1 + worker.rank() / 2])
        });
        assert!(outcomes.iter().all(Result::is_err));
    }
}
