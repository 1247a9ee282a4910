//! The examples of limpid: `cargo run --release --example digits`.
#![doc = include_str!("../../README.md")]
