#![doc = include_str!("../README.md")]

mod choice;
mod compare;
mod error;
mod fit;
mod folder;
mod mlp;
mod parts;
mod road;
mod search;
mod settings;

pub use choice::Choice;
pub use error::RecipeError;
pub use folder::RunFolder;
pub use mlp::Mlp;
pub use parts::Parts;
pub use road::{Arrival, Road};
pub use settings::Settings;
