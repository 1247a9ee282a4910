//! What a recorded operation leaves behind.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use smallvec::SmallVec;

use super::Backward;
use crate::Element;
use crate::layout::Shape;

/// A value in the graph: a leaf, whose gradient is wanted for itself, or an operation's result.
pub(crate) struct Node<E: Element> {
    /// Grows with time, so that a result's is greater than those of all its inputs.
    pub(super) id: u64,
    pub(super) shape: Shape,
    pub(super) inputs: SmallVec<[Option<Arc<Node<E>>>; 2]>,
    /// Absent in a leaf.
    pub(super) operation: Option<Box<dyn Backward<E>>>,
    /// Whether the gradient of this result is to be kept, though it is no leaf.
    retained: AtomicBool,
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<E: Element> Node<E> {
    pub(crate) fn leaf(shape: Shape) -> Arc<Self> {
        Arc::new(Self {
            id: next_id(),
            shape,
            inputs: SmallVec::new(),
            operation: None,
            retained: AtomicBool::new(true),
        })
    }

    pub(super) fn operation(
        shape: Shape,
        inputs: SmallVec<[Option<Arc<Node<E>>>; 2]>,
        operation: Box<dyn Backward<E>>,
    ) -> Arc<Self> {
        let retained = AtomicBool::new(false);
        Arc::new(Self {
            id: next_id(),
            shape,
            inputs,
            operation: Some(operation),
            retained,
        })
    }

    pub(crate) fn is_leaf(&self) -> bool {
        self.operation.is_none()
    }

    pub(super) fn retain(&self) {
        self.retained.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_retained(&self) -> bool {
        self.retained.load(Ordering::Relaxed)
    }
}

/// A long chain of operations is taken apart in a loop: dropped link by link it would recurse as
/// deep as the chain is long, and overflow the stack.
impl<E: Element> Drop for Node<E> {
    fn drop(&mut self) {
        let mut loose: Vec<Arc<Self>> = self.inputs.drain(..).flatten().collect();
        while let Some(node) = loose.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                loose.extend(node.inputs.drain(..).flatten());
            }
        }
    }
}

impl<E: Element> fmt::Debug for Node<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self
            .operation
            .as_ref()
            .map_or("leaf", |operation| operation.name());
        write!(formatter, "{name}#{} {:?}", self.id, self.shape.as_slice())
    }
}
