//! Runs in processes of their own that are killed, run out of disk or are interrupted.
#![cfg(unix)]

mod child;
mod disk;
#[cfg(feature = "ctrl-c")]
mod interrupt;
mod kill;
