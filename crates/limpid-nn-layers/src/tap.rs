//! Observers of what flows between layers.

use limpid_tensor::{Element, Tensor};

/// One run of one layer, as an observer sees it.
#[derive(Debug)]
pub struct Observation<'a, E: Element> {
    /// The layer's path, as in the parameter walk: `blocks.2.act`.
    pub path: &'a str,
    /// The layer's kind: `Relu`.
    pub kind: &'static str,
    /// What went in.
    pub input: &'a Tensor<E>,
    /// What came out. [`Tensor::retain_gradient`] on it makes its gradient part of what `backward`
    /// returns.
    pub output: &'a Tensor<E>,
    /// The floating-point operations of the products that it took, as
    /// [`count_flops`](limpid_tensor::count_flops) counts them; those of its children included.
    pub flops: u64,
}

/// Sees the output of every layer that is run by [`Context::call`](crate::Context::call), without
/// the layer knowing.
pub trait Tap<E: Element> {
    /// Called after each layer's forward pass; children before their parents.
    fn observe(&mut self, observation: &Observation<'_, E>);
}

impl<E: Element, F: FnMut(&Observation<'_, E>)> Tap<E> for F {
    fn observe(&mut self, observation: &Observation<'_, E>) {
        self(observation);
    }
}
