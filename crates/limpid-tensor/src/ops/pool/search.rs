//! The largest element of each window, looked for one by one, and where it lies.

use ndarray::ArrayD;

use super::max::{SHARED, by_planes};
use super::window::{batched, image_of};
use crate::buffers::{self, Storage};
use crate::kernel::pool::largest;
use crate::kernel::threads;
use crate::layout::{Shape, count};
use crate::{Backward, Element, Error, InputGradients, Result, Tensor};

/// The place of what a dilated window found that steps over the whole image.
const NOWHERE: u32 = u32::MAX;

struct MaxPoolBackward {
    name: &'static str,
    shape: Shape,
    /// Where in its plane each element of the result came from.
    places: Storage<u32>,
}

impl<E: Element> Backward<E> for MaxPoolBackward {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, gradient: Tensor<E>, inputs: &mut InputGradients<'_, E>) -> Result<()> {
        let mut data = buffers::zeroed(count(&self.shape));
        let (g, plane) = (gradient.elements(), self.shape[2] * self.shape[3]);
        let results = g.len().checked_div(count(&self.shape[..2])).unwrap_or(0);
        by_planes(&mut data, plane, |first, data| {
            for (index, plane) in (first..).zip(data.chunks_exact_mut(plane)) {
                let own = index * results..(index + 1) * results;
                for (&place, &term) in self.places[own.clone()].iter().zip(&g[own]) {
                    if place != NOWHERE {
                        plane[place as usize] += term;
                    }
                }
            }
        });
        inputs.add(0, Tensor::new(data, self.shape.clone()));
        Ok(())
    }
}

/// The largest elements of windows, `[N, C, H, W]`.
pub(super) struct Found<E: Element> {
    data: Storage<E>,
    shape: Shape,
    /// Where in its plane each element came from.
    places: Storage<u32>,
}

impl<E: Element> Found<E> {
    /// What was found, as the result of the operation `name` on `input`.
    pub(super) fn recorded(self, name: &'static str, input: &Tensor<E>) -> Tensor<E> {
        let Self {
            data,
            shape,
            places,
        } = self;
        Tensor::new(data, shape).recorded(&[input], || MaxPoolBackward {
            name,
            shape: input.layout.shape.clone(),
            places,
        })
    }
}

/// What `find` finds in `[N, C, H, W]`, also for an image without a batch, with its places.
pub(super) fn with_indices<E: Element>(
    name: &'static str,
    input: &Tensor<E>,
    find: impl FnOnce(&Tensor<E>) -> Result<Found<E>>,
) -> Result<(Tensor<E>, ArrayD<usize>)> {
    let place = |place: &u32| match *place {
        NOWHERE => usize::MAX,
        place => place as usize,
    };
    let mut places = Vec::new();
    let pooled = batched(input, |input| {
        let found = find(input)?;
        places = found.places.iter().map(place).collect();
        Ok(found.recorded(name, input))
    })?;
    match ArrayD::from_shape_vec(pooled.shape(), places) {
        Ok(places) => Ok((pooled, places)),
        Err(_) => Err(Error::shape(
            name,
            &[pooled.shape()],
            "must have one place each",
        )),
    }
}

/// The largest elements of windows: `seen` says which rows (axis 0) or columns (axis 1) the window
/// at a place sees.
pub(super) fn search<E: Element, S: Iterator<Item = usize>>(
    name: &'static str,
    input: &Tensor<E>,
    [down, across]: [usize; 2],
    seen: impl Fn(usize, usize) -> S + Sync,
) -> Result<Found<E>> {
    let [height, width] = image_of(name, input.shape())?;
    let x = input.elements();
    let mut shape = input.layout.shape.clone();
    (shape[2], shape[3]) = (down, across);
    let mut data = buffers::take(count(&shape));
    let mut places = buffers::take(data.len());
    let work = |first: usize, (data, places): (&mut [E], &mut [u32])| {
        for (index, (data, place)) in (first..).zip(data.iter_mut().zip(places)) {
            let plane = &x[index / (down * across) * height * width..][..height * width];
            let at = index % (down * across);
            let columns = || seen(1, at % across);
            let window = seen(0, at / across)
                .flat_map(|row| columns().map(move |column| row * width + column));
            (*data, *place) = match largest(plane, window) {
                Some(chosen) => (plane[chosen], chosen as u32),
                None => (E::neg_infinity(), NOWHERE),
            };
        }
    };
    let together = match data.len() < SHARED / 4 {
        true => data.len().max(1),
        false => SHARED / 16,
    };
    threads::chunks((&mut data[..], &mut places[..]), together, work);
    Ok(Found {
        data,
        shape,
        places,
    })
}
