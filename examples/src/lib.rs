//! The examples of limpid: `cargo run --release --example digits`.
