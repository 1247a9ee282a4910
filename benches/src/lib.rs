//! Benchmarks of limpid's main pieces, by criterion: `cargo bench`, or `cargo bench --bench matmul`.
