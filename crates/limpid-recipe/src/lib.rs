//! The craft of training end to end on a table, and the command limpid
