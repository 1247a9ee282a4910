//! The examples of limpid.
