//! The state of one walk from a loss back to the leaves.

use super::gradients::Gradients;
use super::{Gradient, Node};
use crate::Element;

/// The operations whose gradients are not complete yet, and the gradients that are.
///
/// A result's number is greater than those of its inputs. So when the greatest pending node is
/// taken out, all that use it have been walked, and its gradient is complete.
pub(super) struct Walk<'graph, E: Element> {
    /// Number and place of every pending operation, ascending. Few are pending at a time.
    order: Vec<(u64, usize)>,
    places: Vec<Option<(&'graph Node<E>, Gradient<E>)>>,
    free: Vec<usize>,
    pub(super) found: Gradients<E>,
}

impl<'graph, E: Element> Walk<'graph, E> {
    pub(super) fn new() -> Self {
        Self {
            order: Vec::with_capacity(4),
            places: Vec::with_capacity(4),
            free: Vec::with_capacity(4),
            found: Gradients::default(),
        }
    }

    /// Adds to the gradient of `node`.
    pub(super) fn add(&mut self, node: &'graph Node<E>, gradient: Gradient<E>) {
        if node.is_leaf() {
            self.found.add(node.id, gradient);
            return;
        }
        // Most operations were recorded after all that is pending.
        let above = self.order.iter().rev();
        let above = above.take_while(|(id, _)| *id > node.id).count();
        let at = self.order.len() - above;
        if let Some(&(id, place)) = at.checked_sub(1).and_then(|below| self.order.get(below))
            && id == node.id
        {
            if let Some((node, own)) = self.places[place].take() {
                self.places[place] = Some((node, own.plus(gradient)));
            }
            return;
        }
        let entry = Some((node, gradient));
        let place = match self.free.pop() {
            Some(place) => {
                self.places[place] = entry;
                place
            }
            None => {
                self.places.push(entry);
                self.places.len() - 1
            }
        };
        self.order.insert(at, (node.id, place));
    }

    /// The operation that was recorded last among those pending.
    pub(super) fn next(&mut self) -> Option<(&'graph Node<E>, Gradient<E>)> {
        let (_, place) = self.order.pop()?;
        self.free.push(place);
        self.places[place].take()
    }
}
