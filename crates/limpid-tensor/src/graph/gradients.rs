//! All gradients of one walk, as a value.

use std::collections::BTreeMap;

use super::Gradient;
use crate::{Element, Error, Result, Tensor};

/// The gradients that one [`Tensor::backward`] found, by the value that they belong to.
///
/// A value that the loss does not depend on, or that wants no gradient, has none here. Gradients
/// belong to the value at the time of the walk: a parameter that has been updated since is a new
/// value, so that no gradient is applied twice.
#[derive(Clone, Debug, Default)]
pub struct Gradients<E: Element> {
    by_node: BTreeMap<u64, Gradient<E>>,
}

impl<E: Element> Gradients<E> {
    pub(super) fn insert(&mut self, id: u64, gradient: Gradient<E>) {
        self.by_node.insert(id, gradient);
    }

    /// The gradient of `of`, if it was found.
    pub fn get(&self, of: &Tensor<E>) -> Option<&Gradient<E>> {
        self.by_node.get(&of.node.as_ref()?.id)
    }

    /// The gradient of `of` as one tensor, if it was found.
    pub fn tensor(&self, of: &Tensor<E>) -> Option<Tensor<E>> {
        self.get(of).map(Gradient::to_dense)
    }

    /// Puts `gradient` in the place of the one that was found for `of`, as clipping does.
    ///
    /// # Errors
    /// A no-gradient error when `of` wants none; a shape error when the shapes differ.
    pub fn set(&mut self, of: &Tensor<E>, gradient: impl Into<Gradient<E>>) -> Result<()> {
        let gradient = gradient.into();
        let Some(node) = &of.node else {
            let reason = "the value wants none".to_owned();
            return Err(Error::new("set", crate::ErrorKind::NoGradient { reason }));
        };
        if gradient.shape() != of.shape() {
            let shapes = [gradient.shape(), of.shape()];
            return Err(Error::shape(
                "set",
                &shapes,
                "gradient and value must have one shape",
            ));
        }
        self.by_node.insert(node.id, gradient);
        Ok(())
    }

    /// Adds the gradients of another walk to these, as over the micro-batches of one step.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        for (id, gradient) in other.by_node {
            let sum = match self.by_node.remove(&id) {
                Some(own) => own.plus(gradient),
                None => gradient,
            };
            self.by_node.insert(id, sum);
        }
        self
    }

    /// How many values have a gradient.
    pub fn len(&self) -> usize {
        self.by_node.len()
    }

    /// Whether no value has a gradient.
    pub fn is_empty(&self) -> bool {
        self.by_node.is_empty()
    }
}
