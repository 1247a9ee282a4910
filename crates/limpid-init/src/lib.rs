#![doc = include_str!("../README.md")]

mod allow_symmetric;
mod constant;
mod fan;
mod he;
mod identity;
mod initializer;
mod lecun;
mod nonlinearity;
mod normal;
mod orthogonal;
mod output_prior;
mod sparse;
mod truncated_normal;
mod uniform;
mod xavier;

#[cfg(test)]
mod moments;

pub use allow_symmetric::AllowSymmetric;
pub use constant::Constant;
pub use fan::{Fan, FanMode};
pub use he::{HeNormal, HeUniform};
pub use identity::Identity;
pub use initializer::{Fill, Initializer};
pub use lecun::LecunNormal;
pub use nonlinearity::Nonlinearity;
pub use normal::Normal;
pub use orthogonal::Orthogonal;
pub use output_prior::OutputPrior;
pub use sparse::Sparse;
pub use truncated_normal::TruncatedNormal;
pub use uniform::Uniform;
pub use xavier::{XavierNormal, XavierUniform};
