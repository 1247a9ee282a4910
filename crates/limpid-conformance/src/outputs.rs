//! What an operation gives back.

use std::collections::BTreeMap;

use limpid_tensor::{Element, Tensor};

use crate::values::Values;

/// One of an operation's outputs.
#[derive(Clone, Debug)]
pub enum Output<E: Element> {
    /// A tensor, that gradients may flow through.
    Tensor(Tensor<E>),
    /// Plain numbers.
    Values(Values),
}

impl<E: Element> From<Tensor<E>> for Output<E> {
    fn from(tensor: Tensor<E>) -> Self {
        Self::Tensor(tensor)
    }
}

impl<E: Element> From<Values> for Output<E> {
    fn from(values: Values) -> Self {
        Self::Values(values)
    }
}

impl<E: Element> Output<E> {
    /// The output's numbers.
    pub fn values(&self) -> Values {
        match self {
            Self::Values(values) => values.clone(),
            Self::Tensor(tensor) => plain(tensor),
        }
    }
}

/// A tensor's numbers, in double precision.
pub(crate) fn plain<E: Element>(tensor: &Tensor<E>) -> Values {
    let data = tensor.to_vec().into_iter().map(Element::double).collect();
    Values::float(tensor.shape(), data)
}

/// An operation's outputs by name.
#[derive(Clone, Debug)]
pub struct Outputs<E: Element>(BTreeMap<String, Output<E>>);

impl<E: Element> Outputs<E> {
    /// One output, called `output`, as most operations have it.
    pub fn single(output: impl Into<Output<E>>) -> Self {
        Self::named("output", output)
    }

    /// One output with a name of its own.
    pub fn named(name: impl Into<String>, output: impl Into<Output<E>>) -> Self {
        Self(BTreeMap::from([(name.into(), output.into())]))
    }

    /// These outputs and another one.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, output: impl Into<Output<E>>) -> Self {
        self.0.insert(name.into(), output.into());
        self
    }

    /// The output called `name`.
    pub fn get(&self, name: &str) -> Option<&Output<E>> {
        self.0.get(name)
    }
}
