//! The benches of limpid.
