//! The walk from a loss back to the leaves.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use super::node::Inputs;
use super::walk::Walk;
use super::{Gradient, Gradients, Node};
use crate::layout::same;
use crate::{Element, Error, ErrorKind, Result, Tensor};

/// The backward half of an operation: what its inputs' gradients are, given its result's.
///
/// Anybody can write one: compute the result from the inputs' values, then call
/// [`Tensor::recorded`]. Whatever the backward half needs of the forward half it owns.
///
/// # Example
/// ```
/// use limpid_tensor::{Backward, Element, InputGradients, Result, Tensor};
///
/// /// x -> 3 x, with its own gradient.
/// struct Triple;
///
/// impl<E: Element> Backward<E> for Triple {
///     fn name(&self) -> &'static str {
///         "triple"
///     }
///
///     fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
///         inputs.add(0, gradient.mul_scalar(3.0));
///         Ok(())
///     }
/// }
///
/// let x = Tensor::from_vec(vec![1.0, 2.0], [2])?.requires_grad();
/// let y = x.detach().mul_scalar(3.0).recorded(&[&x], || Triple);
/// assert_eq!(y.sum().backward()?.tensor(&x).unwrap().to_vec(), [3.0, 3.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
pub trait Backward<E: Element>: Send + Sync + 'static {
    /// The operation's public name, for errors and drawings of the graph.
    fn name(&self) -> &'static str;

    /// Hands each input its share, by [`InputGradients::add`]. `gradient` has the shape of the
    /// operation's result.
    ///
    /// # Errors
    /// Whatever the tensor operations inside report.
    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()>;
}

/// Takes the gradients that a [`Backward`] hands to its inputs.
pub struct InputGradients<'a, E: Element> {
    receiver: &'a mut (dyn Receiver<E> + 'a),
}

/// Hides how long the graph lives from those who write backward halves.
trait Receiver<E: Element> {
    fn wants(&self, input: usize) -> bool;

    fn add(&mut self, input: usize, gradient: Gradient<E>);
}

/// Where the gradients of one node's inputs go.
struct Step<'graph, 'walk, E: Element> {
    node: &'graph Node<E>,
    walk: &'walk mut Walk<'graph, E>,
    outcome: Result<()>,
}

impl<E: Element> Receiver<E> for Step<'_, '_, E> {
    fn wants(&self, input: usize) -> bool {
        self.node.inputs.get(input).is_some_and(Option::is_some)
    }

    fn add(&mut self, input: usize, gradient: Gradient<E>) {
        let Some(Some(input)) = self.node.inputs.get(input) else {
            return;
        };
        if same(gradient.shape(), &input.layout.shape) {
            self.walk.add(input, gradient);
        } else if self.outcome.is_ok() {
            let shapes = [gradient.shape(), &input.layout.shape];
            let rule = "the backward half must give a gradient of its input's shape";
            self.outcome = Err(Error::shape(self.node.operation.name(), &shapes, rule));
        }
    }
}

impl<E: Element> InputGradients<'_, E> {
    /// Whether anybody asks for the gradient of input number `input`: if not, it need not be
    /// computed.
    pub fn wants(&self, input: usize) -> bool {
        self.receiver.wants(input)
    }

    /// Adds to the gradient of input number `input`; dropped where nobody asks for it.
    pub fn add(&mut self, input: usize, gradient: impl Into<Gradient<E>>) {
        self.receiver.add(input, gradient.into());
    }
}

impl<E: Element> fmt::Debug for InputGradients<'_, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("InputGradients")
            .finish_non_exhaustive()
    }
}

thread_local! {
    /// How many [`without_gradient`] calls this thread is inside of.
    static PAUSES: Cell<usize> = const { Cell::new(0) };
}

fn is_recording() -> bool {
    PAUSES.get() == 0
}

/// Runs `work` without recording: no result inside of it has a history, whatever its inputs want.
/// It holds for this thread and ends with `work`, also where that unwinds.
///
/// # Example
/// ```
/// use limpid_tensor::{Tensor, without_gradient};
///
/// let weight = Tensor::<f32>::ones([3]).requires_grad();
/// assert!(!without_gradient(|| weight.square()).wants_gradient());
/// assert!(weight.square().wants_gradient());
/// ```
pub fn without_gradient<R>(work: impl FnOnce() -> R) -> R {
    struct Pause;
    impl Drop for Pause {
        fn drop(&mut self) {
            PAUSES.set(PAUSES.get() - 1);
        }
    }
    PAUSES.set(PAUSES.get() + 1);
    let _pause = Pause;
    work()
}

impl<E: Element> Tensor<E> {
    /// This value as a new leaf of the graph: operations on the result are recorded, and
    /// [`Tensor::backward`] finds its gradient.
    #[must_use]
    pub fn requires_grad(&self) -> Self {
        Self {
            node: Some(Node::leaf(Arc::clone(&self.layout))),
            ..self.clone()
        }
    }

    /// Whether a gradient of this value, or through it, is wanted.
    pub fn wants_gradient(&self) -> bool {
        self.node.is_some()
    }

    /// Asks that [`Tensor::backward`] keeps the gradient of this result as well, though it is no
    /// leaf. Without effect on values that want no gradient.
    pub fn retain_gradient(&self) {
        if let Some(node) = &self.node {
            node.retain();
        }
    }

    /// Whether an operation on `inputs` is recorded.
    pub(crate) fn records(inputs: &[&Tensor<E>]) -> bool {
        inputs.iter().any(|input| input.node.is_some()) && is_recording()
    }

    /// This value as the result of an operation on `inputs`. When one of them wants a gradient,
    /// `operation` is called for the backward half and recorded.
    #[must_use]
    pub fn recorded<B: Backward<E>>(
        self,
        inputs: &[&Tensor<E>],
        operation: impl FnOnce() -> B,
    ) -> Self {
        if !Self::records(inputs) {
            return Self { node: None, ..self };
        }
        let mut nodes = Inputs::new();
        for input in inputs {
            nodes.push(input.node.clone());
        }
        let layout = Arc::clone(&self.layout);
        let node = Node::operation(layout, nodes, operation());
        Self {
            node: Some(node),
            ..self
        }
    }

    /// The gradients of this scalar with respect to every leaf that it depends on.
    ///
    /// The graph is left as it is: the walk can be repeated, and parts of the graph can be shared
    /// between losses.
    ///
    /// # Errors
    /// A no-gradient error when nothing that this value depends on wants a gradient; a shape error
    /// when it is no scalar.
    pub fn backward(&self) -> Result<Gradients<E>> {
        if self.len() != 1 {
            let rule = "must hold one element; use backward_from for other values";
            return Err(Error::shape("backward", &[self.shape()], rule));
        }
        self.backward_from(Tensor::ones(self.shape()))
    }

    /// The gradients of the sum of this value's elements, each weighted by `gradient`'s.
    ///
    /// # Errors
    /// A no-gradient error when nothing that this value depends on wants a gradient; a shape error
    /// when `gradient` has another shape, or when an operation returns a gradient of a wrong shape.
    pub fn backward_from(&self, gradient: Tensor<E>) -> Result<Gradients<E>> {
        let Some(root) = &self.node else {
            let reason = "the value does not depend on anything that wants one".to_owned();
            return Err(Error::new("backward", ErrorKind::NoGradient { reason }));
        };
        if !same(gradient.shape(), self.shape()) {
            let shapes = [gradient.shape(), self.shape()];
            return Err(Error::shape(
                "backward",
                &shapes,
                "gradient and value must have one shape",
            ));
        }
        let mut walk = Walk::new();
        walk.add(root, gradient.into());
        while let Some((node, gradient)) = walk.next() {
            let gradient = gradient.into_dense();
            if node.is_retained() {
                walk.found.add(node.id(), gradient.clone().into());
            }
            let mut step = Step {
                node,
                walk: &mut walk,
                outcome: Ok(()),
            };
            let mut inputs = InputGradients {
                receiver: &mut step,
            };
            node.operation.backward(gradient, &mut inputs)?;
            step.outcome?;
        }
        Ok(walk.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(values: &[f64]) -> Tensor<f64> {
        Tensor::from_vec(values.to_vec(), [values.len()]).unwrap()
    }

    #[test]
    fn branches_and_repeated_use_add_up() {
        let x = vector(&[3.0]).requires_grad();
        let y = x.square();
        let loss = y.mul(&x).unwrap().add(&y).unwrap().add(&x).unwrap().sum();
        assert_eq!(
            loss.backward().unwrap().tensor(&x).unwrap().to_vec(),
            [27.0 + 6.0 + 1.0]
        );
        assert_eq!(
            loss.backward().unwrap().tensor(&x).unwrap().to_vec(),
            [34.0]
        );
    }

    #[test]
    fn detached_parts_stop_the_walk() {
        let x = vector(&[2.0]).requires_grad();
        let loss = x.square().detach().mul(&x).unwrap().sum();
        assert_eq!(loss.backward().unwrap().tensor(&x).unwrap().to_vec(), [4.0]);
    }

    #[test]
    fn nothing_is_recorded_where_nobody_wants_a_gradient() {
        let x = vector(&[1.0, 2.0]);
        assert!(!x.square().wants_gradient());
        let error = x.sum().backward().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NoGradient { .. }));
    }

    #[test]
    fn a_retained_result_has_a_gradient_too() {
        let x = vector(&[1.0, 2.0]).requires_grad();
        let y = x.square();
        y.retain_gradient();
        let gradients = y.mul_scalar(5.0).sum().backward().unwrap();
        assert_eq!(gradients.tensor(&y).unwrap().to_vec(), [5.0, 5.0]);
        assert_eq!(gradients.len(), 2);
    }

    #[test]
    fn a_vector_needs_a_gradient_to_start_from() {
        let x = vector(&[1.0, 2.0]).requires_grad();
        assert!(x.square().backward().is_err());
        let gradients = x.square().backward_from(vector(&[1.0, 10.0])).unwrap();
        assert_eq!(gradients.tensor(&x).unwrap().to_vec(), [2.0, 40.0]);
        assert!(x.square().backward_from(vector(&[1.0])).is_err());
    }

    #[test]
    fn a_chain_of_a_million_operations_neither_walks_nor_drops_recursively() {
        let x = Tensor::<f32>::scalar(1.0).requires_grad();
        let mut y = x.clone();
        for _ in 0..1_000_000 {
            y = y.neg();
        }
        assert_eq!(
            y.backward().unwrap().tensor(&x).unwrap().item().unwrap(),
            1.0
        );
    }

    #[test]
    fn a_backward_half_of_the_wrong_shape_is_named() {
        struct Wrong;
        impl Backward<f64> for Wrong {
            fn name(&self) -> &'static str {
                "wrong"
            }
            fn backward(&self, _: Tensor<f64>, inputs: &mut InputGradients<'_, f64>) -> Result<()> {
                inputs.add(0, Tensor::zeros([3]));
                Ok(())
            }
        }
        let x = vector(&[1.0, 2.0]).requires_grad();
        let error = x
            .detach()
            .recorded(&[&x], || Wrong)
            .sum()
            .backward()
            .unwrap_err();
        assert_eq!(error.operation(), "wrong");
    }
}
