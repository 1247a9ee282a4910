//! Reverse-mode differentiation: operations that were recorded, walked backwards.
//!
//! The graph is made of immutable [`Node`]s that point from results to inputs. Walking it changes
//! nothing: gradients are a value, returned by [`Tensor::backward`](crate::Tensor::backward).

mod backward;
mod gradient;
mod gradients;
mod node;
mod product;
mod row_index;
mod rows;
mod walk;

pub use backward::{Backward, InputGradients, without_gradient};
pub use gradient::Gradient;
pub use gradients::Gradients;
pub(crate) use node::Node;
pub use product::Product;
pub use row_index::RowIndex;
pub use rows::{EachRow, Rows};
