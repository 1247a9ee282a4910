//! What a recorded operation leaves behind.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use super::{Backward, InputGradients};
use crate::layout::Layout;
use crate::{Element, Result, Tensor};

/// A value in the graph: a leaf, whose gradient is wanted for itself, or an operation's result.
/// The operation lies within the node, so that one allocation holds both: of up to 120 bytes, where
/// it keeps nothing. Larger ones take the allocator longer.
pub(crate) struct Node<E: Element, O: ?Sized = dyn Backward<E>> {
    /// The number, above the marks.
    state: AtomicU64,
    pub(super) layout: Arc<Layout>,
    pub(super) inputs: Inputs<E>,
    pub(super) operation: O,
}

/// The nodes of an operation's inputs, where they want gradients.
pub(super) type Inputs<E> = SmallVec<[Option<Arc<Node<E>>>; 3]>;

/// What stands in a leaf for the operation.
struct Leaf;

impl<E: Element> Backward<E> for Leaf {
    fn name(&self) -> &'static str {
        "leaf"
    }

    fn backward(&self, _: Tensor<E>, _: &mut InputGradients<'_, E>) -> Result<()> {
        Ok(())
    }
}

/// The mark of a leaf.
const LEAF: u64 = 1;
/// The mark of an operation whose result's gradient is to be kept, though it is no leaf.
const RETAINED: u64 = 2;
const MARKS: u32 = 2;

/// The next number, with `marks`.
fn next(marks: u64) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    (NEXT.fetch_add(1, Ordering::Relaxed) << MARKS) | marks
}

impl<E: Element> Node<E> {
    pub(crate) fn leaf(layout: Arc<Layout>) -> Arc<Self> {
        Arc::new(Node {
            state: AtomicU64::new(next(LEAF)),
            layout,
            inputs: SmallVec::new(),
            operation: Leaf,
        })
    }

    pub(super) fn operation<B: Backward<E>>(
        layout: Arc<Layout>,
        inputs: Inputs<E>,
        operation: B,
    ) -> Arc<Self> {
        Arc::new(Node {
            state: AtomicU64::new(next(0)),
            layout,
            inputs,
            operation,
        })
    }

    /// Makes a leaf stand for a new value; false where somebody else holds it.
    pub(crate) fn renew(node: &mut Arc<Self>) -> bool {
        match Arc::get_mut(node) {
            Some(node) if node.is_leaf() => {
                *node.state.get_mut() = next(LEAF);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn is_leaf(&self) -> bool {
        self.state.load(Ordering::Relaxed) & LEAF != 0
    }

    pub(super) fn retain(&self) {
        self.state.fetch_or(RETAINED, Ordering::Relaxed);
    }

    pub(super) fn is_retained(&self) -> bool {
        self.state.load(Ordering::Relaxed) & RETAINED != 0
    }
}

impl<E: Element, O: ?Sized> Node<E, O> {
    /// Grows with time, so that a result's is greater than those of all its inputs.
    pub(super) fn id(&self) -> u64 {
        self.state.load(Ordering::Relaxed) >> MARKS
    }
}

/// A long chain of operations is taken apart in a loop: dropped link by link it would recurse as
/// deep as the chain is long, and overflow the stack.
impl<E: Element, O: ?Sized> Drop for Node<E, O> {
    fn drop(&mut self) {
        let mut loose = SmallVec::new();
        loosen(&mut self.inputs, &mut loose);
        while let Some(mut node) = loose.pop() {
            // A node that ends here has lost its inputs before, so that its own drop goes no deeper.
            if let Some(node) = Arc::get_mut(&mut node) {
                loosen(&mut node.inputs, &mut loose);
            }
        }
    }
}

/// Lets go of inputs; those that nobody else holds and that have inputs themselves go to `loose`.
fn loosen<E: Element>(inputs: &mut Inputs<E>, loose: &mut SmallVec<[Arc<Node<E>>; 4]>) {
    for input in inputs.iter_mut() {
        if let Some(node) = input.take()
            && !node.inputs.is_empty()
            // Where another holder lets go at this moment, the drop goes one deeper.
            && Arc::strong_count(&node) == 1
        {
            loose.push(node);
        }
    }
}

impl<E: Element, O: Backward<E> + ?Sized> fmt::Debug for Node<E, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, shape) = (self.operation.name(), self.layout.shape.as_slice());
        write!(formatter, "{name}#{} {shape:?}", self.id())
    }
}
