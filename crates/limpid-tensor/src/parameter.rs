//! What a model is made of: parameters that are trained, buffers that are not, and the one walk
//! that finds both by path.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::graph::Node;
use crate::{Element, Error, Result, Tensor};

/// A value that training changes: a weight or a bias. It reads like the tensor that it holds.
///
/// Changing it makes a new value of the graph, so that a gradient of the old value cannot be
/// applied to the new one.
#[derive(Clone, Debug)]
pub struct Parameter<E: Element> {
    value: Tensor<E>,
    trainable: bool,
}

impl<E: Element> Parameter<E> {
    /// A trainable parameter that starts as `value`.
    pub fn new(value: Tensor<E>) -> Self {
        Self {
            value: value.contiguous().requires_grad(),
            trainable: true,
        }
    }

    /// The current value; operations on it are recorded while the parameter is trainable.
    pub fn value(&self) -> &Tensor<E> {
        &self.value
    }

    /// Whether training changes it.
    pub fn is_trainable(&self) -> bool {
        self.trainable
    }

    /// Freezes the parameter, or lets it be trained again. A frozen one has no gradient.
    pub fn set_trainable(&mut self, trainable: bool) {
        self.trainable = trainable;
        self.renew();
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// A shape error when the new value has another shape.
    pub fn set(&mut self, value: Tensor<E>) -> Result<()> {
        check_shape("set parameter", self.value.shape(), value.shape())?;
        self.value = value.contiguous();
        self.renew();
        Ok(())
    }

    /// Changes the elements where they lie, in row-major order. They are copied first only if
    /// somebody else still holds the old value, as a loss does that has not been dropped.
    pub fn update<R>(&mut self, change: impl FnOnce(&mut [E]) -> R) -> R {
        let result = change(elements_mut(&mut self.value));
        self.renew();
        result
    }

    /// The parameter as one pass reads it: its value changed by `change`, which is recorded, so that
    /// the gradient arrives at this parameter.
    ///
    /// # Errors
    /// Those of `change`; a shape error when it changes the shape.
    pub fn read_through(
        &self,
        change: impl FnOnce(&Tensor<E>) -> Result<Tensor<E>>,
    ) -> Result<Self> {
        let value = change(&self.value)?;
        check_shape("read parameter", self.value.shape(), value.shape())?;
        Ok(Self {
            value,
            trainable: self.trainable,
        })
    }

    fn renew(&mut self) {
        if self.trainable
            && let Some(node) = &mut self.value.node
            && Node::renew(node)
        {
            return;
        }
        let layout = &self.value.layout;
        self.value.node = self.trainable.then(|| Node::leaf(Arc::clone(layout)));
    }
}

/// A value that belongs to a model's state but is not trained, as running statistics are.
#[derive(Clone, Debug)]
pub struct Buffer<E: Element> {
    value: Tensor<E>,
    optional: bool,
}

impl<E: Element> Buffer<E> {
    /// A buffer that starts as `value`.
    pub fn new(value: Tensor<E>) -> Self {
        Self {
            value: value.contiguous(),
            optional: false,
        }
    }

    /// A buffer that starts as `value`, and stays as it is when a state without it is loaded: one
    /// that older files do not have.
    pub fn optional(value: Tensor<E>) -> Self {
        Self {
            optional: true,
            ..Self::new(value)
        }
    }

    /// Whether a state may lack it.
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// The current value.
    pub fn value(&self) -> &Tensor<E> {
        &self.value
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// A shape error when the new value has another shape.
    pub fn set(&mut self, value: Tensor<E>) -> Result<()> {
        check_shape("set buffer", self.value.shape(), value.shape())?;
        self.value = value.contiguous();
        Ok(())
    }
}

/// The elements of a tensor that is contiguous and fills its storage, to be changed in place.
fn elements_mut<E: Element>(value: &mut Tensor<E>) -> &mut [E] {
    let range = value.layout.offset..value.layout.offset + value.layout.count();
    &mut value.storage.make_mut()[range]
}

fn check_shape(operation: &'static str, own: &[usize], new: &[usize]) -> Result<()> {
    if own == new {
        return Ok(());
    }
    Err(Error::shape(
        operation,
        &[own, new],
        "the new value must have the shape of the old",
    ))
}

impl<E: Element> Deref for Parameter<E> {
    type Target = Tensor<E>;

    fn deref(&self) -> &Tensor<E> {
        &self.value
    }
}

impl<E: Element> Deref for Buffer<E> {
    type Target = Tensor<E>;

    fn deref(&self) -> &Tensor<E> {
        &self.value
    }
}

/// Where in a model a walk stands, as PyTorch's `state_dict` writes it: `blocks.2.conv.weight`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    text: String,
    starts: Vec<usize>,
}

impl Path {
    /// The path of the model itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// Steps into the child called `segment`.
    pub fn push(&mut self, segment: &str) {
        self.starts.push(self.text.len());
        if !self.text.is_empty() {
            self.text.push('.');
        }
        self.text.push_str(segment);
    }

    /// Steps back to the parent.
    pub fn pop(&mut self) {
        if let Some(start) = self.starts.pop() {
            self.text.truncate(start);
        }
    }

    /// The path as text, segments joined by dots.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Is shown every parameter and buffer of a model, in order.
pub trait Visitor<'a, E: Element> {
    /// Called for every parameter.
    fn parameter(&mut self, path: &Path, parameter: &'a Parameter<E>);

    /// Called for every buffer.
    fn buffer(&mut self, path: &Path, buffer: &'a Buffer<E>) {
        let _ = (path, buffer);
    }
}

/// Is handed every parameter and buffer of a model for change, in order.
pub trait VisitorMut<E: Element> {
    /// Called for every parameter.
    fn parameter(&mut self, path: &Path, parameter: &mut Parameter<E>);

    /// Called for every buffer.
    fn buffer(&mut self, path: &Path, buffer: &mut Buffer<E>) {
        let _ = (path, buffer);
    }
}

/// Anything that holds parameters and buffers. `#[derive(Parameters)]` of `limpid-derive` writes
/// it: fields in order, each under its name; a field that cannot be walked does not compile.
pub trait Parameters<E: Element> {
    /// Shows `visitor` everything below `path`, in the order of the fields.
    fn visit<'a>(&'a self, path: &mut Path, visitor: &mut dyn Visitor<'a, E>);

    /// Hands `visitor` everything below `path`, in the order of the fields.
    fn visit_mut(&mut self, path: &mut Path, visitor: &mut dyn VisitorMut<E>);
}

impl<E: Element> Parameters<E> for Parameter<E> {
    fn visit<'a>(&'a self, path: &mut Path, visitor: &mut dyn Visitor<'a, E>) {
        visitor.parameter(path, self);
    }

    fn visit_mut(&mut self, path: &mut Path, visitor: &mut dyn VisitorMut<E>) {
        visitor.parameter(path, self);
    }
}

impl<E: Element> Parameters<E> for Buffer<E> {
    fn visit<'a>(&'a self, path: &mut Path, visitor: &mut dyn Visitor<'a, E>) {
        visitor.buffer(path, self);
    }

    fn visit_mut(&mut self, path: &mut Path, visitor: &mut dyn VisitorMut<E>) {
        visitor.buffer(path, self);
    }
}

impl<E: Element, P: Parameters<E> + ?Sized> Parameters<E> for Box<P> {
    fn visit<'a>(&'a self, path: &mut Path, visitor: &mut dyn Visitor<'a, E>) {
        self.as_ref().visit(path, visitor);
    }

    fn visit_mut(&mut self, path: &mut Path, visitor: &mut dyn VisitorMut<E>) {
        self.as_mut().visit_mut(path, visitor);
    }
}

impl<E: Element, P: Parameters<E>> Parameters<E> for Option<P> {
    fn visit<'a>(&'a self, path: &mut Path, visitor: &mut dyn Visitor<'a, E>) {
        if let Some(inner) = self {
            inner.visit(path, visitor);
        }
    }

    fn visit_mut(&mut self, path: &mut Path, visitor: &mut dyn VisitorMut<E>) {
        if let Some(inner) = self {
            inner.visit_mut(path, visitor);
        }
    }
}

impl<E: Element, P: Parameters<E>> Parameters<E> for Vec<P> {
    fn visit<'a>(&'a self, path: &mut Path, visitor: &mut dyn Visitor<'a, E>) {
        for (index, inner) in self.iter().enumerate() {
            path.push(&index.to_string());
            inner.visit(path, visitor);
            path.pop();
        }
    }

    fn visit_mut(&mut self, path: &mut Path, visitor: &mut dyn VisitorMut<E>) {
        for (index, inner) in self.iter_mut().enumerate() {
            path.push(&index.to_string());
            inner.visit_mut(path, visitor);
            path.pop();
        }
    }
}

/// Settings hold no parameters: plain numbers and flags may stand among a layer's fields.
macro_rules! holds_nothing {
    ($($plain:ty),*) => {$(
        impl<E: Element> Parameters<E> for $plain {
            fn visit<'a>(&'a self, _: &mut Path, _: &mut dyn Visitor<'a, E>) {}
            fn visit_mut(&mut self, _: &mut Path, _: &mut dyn VisitorMut<E>) {}
        }
    )*};
}
holds_nothing!((), bool, usize, isize, u32, u64, i32, i64, f32, f64, String);

impl<E: Element, T> Parameters<E> for std::marker::PhantomData<T> {
    fn visit<'a>(&'a self, _: &mut Path, _: &mut dyn Visitor<'a, E>) {}
    fn visit_mut(&mut self, _: &mut Path, _: &mut dyn VisitorMut<E>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_grow_and_shrink() {
        let mut path = Path::root();
        path.push("blocks");
        path.push("2");
        assert_eq!(path.as_str(), "blocks.2");
        path.pop();
        path.push("weight");
        assert_eq!(path.to_string(), "blocks.weight");
        path.pop();
        path.pop();
        path.pop();
        assert_eq!(path.as_str(), "");
    }

    #[test]
    fn an_updated_parameter_has_no_gradient_left() {
        let mut weight = Parameter::new(Tensor::<f64>::ones([2]));
        let gradients = weight.square().sum().backward().unwrap();
        assert!(gradients.get(&weight).is_some());
        weight.update(|elements| elements[0] = 5.0);
        assert!(gradients.get(&weight).is_none());
        assert_eq!(weight.to_vec(), [5.0, 1.0]);
    }

    #[test]
    fn an_update_leaves_what_others_hold_alone() {
        let mut weight = Parameter::new(Tensor::<f64>::ones([2]));
        let before = weight.detach();
        weight.update(|elements| elements.fill(3.0));
        assert_eq!(before.to_vec(), [1.0, 1.0]);
        let address = weight.view().as_ptr();
        drop(before);
        weight.update(|elements| elements.fill(4.0));
        assert_eq!(weight.view().as_ptr(), address);
    }

    #[test]
    fn a_frozen_parameter_has_no_gradient() {
        let mut weight = Parameter::new(Tensor::<f64>::ones([2]));
        weight.set_trainable(false);
        assert!(weight.sum().backward().is_err());
        assert!(weight.set(Tensor::ones([3])).is_err());
    }
}
