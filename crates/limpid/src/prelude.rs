//! What nearly every program uses: `use limpid::prelude::*`.
//!
//! `Parameters` is both the trait and the derive macro that writes it.
//!
//! ```
//! use limpid::prelude::*;
//!
//! #[derive(Parameters)]
//! struct Scale<E: Element> {
//!     weight: Parameter<E>,
//! }
//!
//! impl<E: Element> Module<E> for Scale<E> {
//!     fn forward(
//!         &self,
//!         input: &Tensor<E>,
//!         _context: &mut Context<'_, E>,
//!     ) -> limpid::tensor::Result<Tensor<E>> {
//!         input.mul(&self.weight)
//!     }
//! }
//!
//! let scale = Scale { weight: Parameter::new(Tensor::<f32>::full([2], 3.0)) };
//! assert_eq!(scale.predict(&Tensor::ones([1, 2]))?.to_vec(), [3.0, 3.0]);
//! # Ok::<(), limpid::Error>(())
//! ```

pub use limpid_data::{Dataset, Loader, Split};
pub use limpid_loss::Loss;
pub use limpid_nn_layers::{Context, Module, Parameters};
pub use limpid_optim::{Optimizer, Schedule};
pub use limpid_preprocess::{Fit, Transform};
pub use limpid_tensor::{Element, Parameter, Parameters, Stream, Tensor};
