//! One dimension made anew: each of its places a weighted sum of a few places of the input.

use smallvec::SmallVec;

use crate::buffers;
use crate::layout::{Shape, count};
use crate::{Backward, Element, InputGradients, Result, Tensor};

/// What one place sees: places of the input, each with its weight.
pub(super) type Taps<E> = SmallVec<[(usize, E); 2]>;

struct AlongBackward<E: Element> {
    name: &'static str,
    shape: Shape,
    dim: usize,
    seen: Vec<Taps<E>>,
}

impl<E: Element> Backward<E> for AlongBackward<E> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let (length, inner) = (self.shape[self.dim], count(&self.shape[self.dim + 1..]));
        let mut data = buffers::zeroed::<E>(count(&self.shape));
        let from = gradient.elements();
        // Where there is nothing to add, any length of the parts will do.
        let parts = from.chunks_exact((self.seen.len() * inner).max(1));
        for (to, from) in data.chunks_exact_mut((length * inner).max(1)).zip(parts) {
            for (taps, from) in self.seen.iter().zip(from.chunks_exact(inner)) {
                for &(place, weight) in taps {
                    let to = &mut to[place * inner..][..inner];
                    for (total, &term) in to.iter_mut().zip(from) {
                        *total += weight * term;
                    }
                }
            }
        }
        inputs.add(0, Tensor::new(data, self.shape.clone()));
        Ok(())
    }
}

impl<E: Element> Tensor<E> {
    /// Dimension `dim` with one place for each of `seen`: the weighted sum of the slices that it
    /// sees, or `fill` where it sees none. All seen places and the dimension must exist.
    pub(super) fn along(
        &self,
        name: &'static str,
        dim: usize,
        seen: Vec<Taps<E>>,
        fill: E,
    ) -> Self {
        let mut shape: Shape = self.layout.shape.clone();
        let (length, inner) = (shape[dim], count(&shape[dim + 1..]));
        shape[dim] = seen.len();
        let mut data = buffers::filled(count(&shape), fill);
        let from = self.elements();
        let outer = count(&shape[..dim]);
        let parts = data.chunks_exact_mut((seen.len() * inner).max(1));
        for (outer, to) in (0..outer).zip(parts) {
            let from = &from[outer * length * inner..][..length * inner];
            for (taps, to) in seen.iter().zip(to.chunks_exact_mut(inner)) {
                let Some((&(place, weight), rest)) = taps.split_first() else {
                    continue;
                };
                let slice = |place: usize| &from[place * inner..][..inner];
                for (to, &from) in to.iter_mut().zip(slice(place)) {
                    *to = weight * from;
                }
                for &(place, weight) in rest {
                    for (to, &from) in to.iter_mut().zip(slice(place)) {
                        *to += weight * from;
                    }
                }
            }
        }
        Self::new(data, shape).recorded(&[self], || AlongBackward {
            name,
            shape: self.layout.shape.clone(),
            dim,
            seen,
        })
    }
}
