//! All gradients of one walk, as a value.

use super::Gradient;
use crate::{Element, Error, Result, Tensor};

/// Room that is made with the first gradient.
const FIRST: usize = 16;

/// The gradients that one [`Tensor::backward`] found, by the value that they belong to.
///
/// A value that the loss does not depend on, or that wants no gradient, has none here. Gradients
/// belong to the value at the time of the walk: a parameter that has been updated since is a new
/// value, so that no gradient is applied twice.
#[derive(Clone, Debug, Default)]
pub struct Gradients<E: Element> {
    /// Number of each value's node and place of its gradient, ascending.
    order: Vec<(u64, usize)>,
    places: Vec<Option<Gradient<E>>>,
}

impl<E: Element> Gradients<E> {
    /// Adds to the gradient of the node number `id`.
    pub(super) fn add(&mut self, id: u64, gradient: Gradient<E>) {
        self.put(id, gradient, Gradient::plus);
    }

    /// Puts `joined` of the old and the new gradient in the place of the old, if there is one.
    fn put(
        &mut self,
        id: u64,
        gradient: Gradient<E>,
        joined: impl FnOnce(Gradient<E>, Gradient<E>) -> Gradient<E>,
    ) {
        match self.order.binary_search_by_key(&id, |&(own, _)| own) {
            Ok(at) => {
                let slot = &mut self.places[self.order[at].1];
                *slot = Some(match slot.take() {
                    Some(own) => joined(own, gradient),
                    None => gradient,
                });
            }
            Err(at) => {
                if self.order.capacity() == 0 {
                    self.order.reserve(FIRST);
                    self.places.reserve(FIRST);
                }
                self.order.insert(at, (id, self.places.len()));
                self.places.push(Some(gradient));
            }
        }
    }

    /// The gradient of `of`, if it was found.
    pub fn get(&self, of: &Tensor<E>) -> Option<&Gradient<E>> {
        let id = of.node.as_ref()?.id();
        let at = self.order.binary_search_by_key(&id, |&(own, _)| own).ok()?;
        self.places[self.order[at].1].as_ref()
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
        self.put(node.id(), gradient, |_, new| new);
        Ok(())
    }

    /// Adds the gradients of another walk to these, as over the micro-batches of one step.
    #[must_use]
    pub fn plus(mut self, mut other: Self) -> Self {
        for (id, place) in other.order {
            if let Some(gradient) = other.places[place].take() {
                self.add(id, gradient);
            }
        }
        self
    }

    /// These gradients times `factor`, as what a micro-batch counts for in a step.
    #[must_use]
    pub fn times(mut self, factor: E) -> Self {
        for gradient in self.places.iter_mut().flatten() {
            *gradient = gradient.times(factor);
        }
        self
    }

    /// How many values have a gradient.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether no value has a gradient.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
