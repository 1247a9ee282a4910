//! The state of one walk from a loss back to the leaves.

use super::gradients::Gradients;
use super::{Gradient, Node};
use crate::Element;

/// The operations whose gradients are not complete yet, and the gradients that are.
///
/// A result's number is greater than those of its inputs. So when the greatest pending node is
/// taken out, all that use it have been walked, and its gradient is complete.
pub(super) struct Walk<'graph, E: Element> {
    /// Every pending operation, ascending by number. Few are pending at a time.
    pending: Vec<Pending<'graph, E>>,
    pub(super) found: Gradients<E>,
}

struct Pending<'graph, E: Element> {
    id: u64,
    node: &'graph Node<E>,
    /// Absent only while it is added to.
    gradient: Option<Gradient<E>>,
}

impl<'graph, E: Element> Walk<'graph, E> {
    pub(super) fn new() -> Self {
        Self {
            pending: Vec::with_capacity(4),
            found: Gradients::default(),
        }
    }

    /// Adds to the gradient of `node`.
    pub(super) fn add(&mut self, node: &'graph Node<E>, gradient: Gradient<E>) {
        let id = node.id();
        if node.is_leaf() {
            self.found.add(id, gradient);
            return;
        }
        // Most operations were recorded after all that is pending.
        let above = self.pending.iter().rev();
        let above = above.take_while(|pending| pending.id > id).count();
        let at = self.pending.len() - above;
        match at
            .checked_sub(1)
            .and_then(|below| self.pending.get_mut(below))
        {
            Some(pending) if pending.id == id => {
                let own = pending.gradient.take();
                pending.gradient = own.map(|own| own.plus(gradient));
            }
            _ => {
                let gradient = Some(gradient);
                self.pending.insert(at, Pending { id, node, gradient });
            }
        }
    }

    /// The operation that was recorded last among those pending.
    pub(super) fn next(&mut self) -> Option<(&'graph Node<E>, Gradient<E>)> {
        let Pending { node, gradient, .. } = self.pending.pop()?;
        Some((node, gradient?))
    }
}
