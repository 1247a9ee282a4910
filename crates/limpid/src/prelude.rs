//! What nearly every program uses: `use limpid::prelude::*`.

pub use limpid_data::{Dataset, Loader, Split};
pub use limpid_loss::Loss;
pub use limpid_nn_layers::{Context, Module, Parameters};
pub use limpid_optim::{Optimizer, Schedule};
pub use limpid_preprocess::{Fit, Transform};
pub use limpid_tensor::{Element, Parameter, Stream, Tensor};
