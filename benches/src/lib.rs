//! Benchmarks of limpid: whole training steps by the program `steps`, its pieces by criterion.

pub mod fill;
pub mod measure;
pub mod workloads;
