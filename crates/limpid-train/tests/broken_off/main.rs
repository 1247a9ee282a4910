//! Runs in processes of their own that are killed, run out of disk or are interrupted.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "what the tests stand on fails the test")]

mod child;
mod disk;
#[cfg(feature = "ctrl-c")]
mod interrupt;
mod kill;
