//! The runner of reference cases
