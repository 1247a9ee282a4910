#![doc = include_str!("../README.md")]

mod error;
pub mod prelude;

pub use error::{Error, Result};

#[doc(inline)]
pub use limpid_data as data;
#[doc(inline)]
pub use limpid_diagnostics as diagnostics;
#[doc(inline)]
pub use limpid_distributed as distributed;
#[doc(inline)]
pub use limpid_ensemble as ensemble;
#[doc(inline)]
pub use limpid_hpsearch as hpsearch;
#[doc(inline)]
pub use limpid_init as init;
#[doc(inline)]
pub use limpid_interop as interop;
#[doc(inline)]
pub use limpid_loss as loss;
#[doc(inline)]
pub use limpid_nn_layers as layers;
#[doc(inline)]
pub use limpid_optim as optim;
#[doc(inline)]
pub use limpid_preprocess as preprocess;
#[doc(inline)]
pub use limpid_recipe as recipe;
#[doc(inline)]
pub use limpid_tensor as tensor;
#[doc(inline)]
pub use limpid_tensor::{buffers, threads};
#[doc(inline)]
pub use limpid_train as train;
