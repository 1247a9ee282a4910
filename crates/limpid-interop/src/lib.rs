#![doc = include_str!("../README.md")]

mod atomic;
mod error;
mod number;
pub mod safetensors;

pub use atomic::{create_folder, remove_leftovers, write_atomically};
pub use error::InteropError;
