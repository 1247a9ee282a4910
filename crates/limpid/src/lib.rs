//! Training neural networks well on ordinary CPUs: the facade over limpid's crates
