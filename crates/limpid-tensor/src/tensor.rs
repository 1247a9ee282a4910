//! The tensor: an immutable array that remembers how it was made when somebody wants its gradient.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use rand_distr::{Distribution, StandardNormal};

use crate::buffers::{self, Shared, Storage};
use crate::graph::Node;
use crate::layout::{Layout, Shape, count, owned};
use crate::{Element, Error, Result, Stream};

/// An immutable array of dynamic rank, cheap to clone.
///
/// An operation records itself only when one of its inputs wants a gradient; see
/// [`Tensor::requires_grad`], [`Tensor::backward`] and [`Parameter`](crate::Parameter).
///
/// # Example
/// ```
/// use limpid_tensor::Tensor;
///
/// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0], [3])?.requires_grad();
/// let loss = x.square().sum();
/// let gradients = loss.backward()?;
/// assert_eq!(gradients.tensor(&x).unwrap().to_vec(), [2.0, 4.0, 6.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor<E: Element> {
    pub(crate) storage: Shared<E>,
    /// Shared with the tensors of the same shape that were made of this one: to hand on an address is
    /// quicker than to copy it.
    pub(crate) layout: Arc<Layout>,
    pub(crate) node: Option<Arc<Node<E>>>,
}

impl<E: Element> Tensor<E> {
    #[inline]
    pub(crate) fn new(data: impl Into<Storage<E>>, shape: Shape) -> Self {
        let data = data.into();
        debug_assert_eq!(data.len(), count(&shape));
        Self {
            storage: data.into(),
            layout: Arc::new(Layout::contiguous(shape)),
            node: None,
        }
    }

    /// A tensor of this one's shape whose elements are `data` in row-major order.
    #[inline]
    pub(crate) fn like(&self, data: Storage<E>) -> Self {
        debug_assert_eq!(data.len(), self.len());
        if !self.layout.is_plain() {
            return Self::new(data, owned(self.shape()));
        }
        Self {
            storage: data.into(),
            layout: Arc::clone(&self.layout),
            node: None,
        }
    }

    /// A tensor of `shape` whose elements are `data` in row-major order. Nothing is copied.
    ///
    /// # Errors
    /// A shape error when `data` does not hold as many elements as `shape`.
    pub fn from_vec(data: Vec<E>, shape: impl AsRef<[usize]>) -> Result<Self> {
        let shape = shape.as_ref();
        if data.len() != count(shape) {
            let rule = format!("holds {} elements, {} were given", count(shape), data.len());
            return Err(Error::shape("from_vec", &[shape], rule));
        }
        Ok(Self::new(data, Shape::from_slice(shape)))
    }

    /// A tensor of `shape` whose elements lie in `storage` in row-major order. Nothing is copied.
    ///
    /// # Errors
    /// A shape error when `storage` does not hold as many elements as `shape`.
    pub fn from_storage(storage: Storage<E>, shape: impl AsRef<[usize]>) -> Result<Self> {
        let shape = shape.as_ref();
        if storage.len() != count(shape) {
            let (needed, given) = (count(shape), storage.len());
            let rule = format!("holds {needed} elements, {given} were given");
            return Err(Error::shape("from_storage", &[shape], rule));
        }
        Ok(Self::new(storage, Shape::from_slice(shape)))
    }

    /// A tensor of rank 0.
    pub fn scalar(value: f64) -> Self {
        Self::of(E::of(value))
    }

    /// A tensor of rank 0 with an element as it is.
    pub(crate) fn of(value: E) -> Self {
        Self::new(Storage::one(value), Shape::new())
    }

    /// A tensor of `shape` that holds `value` everywhere.
    pub fn full(shape: impl AsRef<[usize]>, value: f64) -> Self {
        let shape = shape.as_ref();
        let data = buffers::filled(count(shape), E::of(value));
        Self::new(data, Shape::from_slice(shape))
    }

    /// A tensor of zeros.
    pub fn zeros(shape: impl AsRef<[usize]>) -> Self {
        let shape = shape.as_ref();
        Self::new(buffers::zeroed(count(shape)), Shape::from_slice(shape))
    }

    /// A tensor of ones.
    pub fn ones(shape: impl AsRef<[usize]>) -> Self {
        Self::full(shape, 1.0)
    }

    /// The identity matrix of `size` rows.
    pub fn eye(size: usize) -> Self {
        Self::from_fn([size, size], |place| {
            if place / size == place % size {
                1.0
            } else {
                0.0
            }
        })
    }

    /// A tensor of `shape` whose `n`-th element in row-major order is `value(n)`.
    pub fn from_fn(shape: impl AsRef<[usize]>, mut value: impl FnMut(usize) -> f64) -> Self {
        let shape = shape.as_ref();
        let data = (0..count(shape)).map(|place| E::of(value(place)));
        Self::new(data.collect::<Storage<E>>(), Shape::from_slice(shape))
    }

    /// Draws every element from the normal distribution with mean 0 and standard deviation 1.
    pub fn standard_normal(shape: impl AsRef<[usize]>, stream: Stream) -> Self {
        let mut generator = stream.generator();
        Self::from_fn(shape, |_| StandardNormal.sample(&mut generator))
    }

    /// Draws every element evenly from `[low, high)`.
    pub fn uniform(shape: impl AsRef<[usize]>, low: f64, high: f64, stream: Stream) -> Self {
        let mut generator = stream.generator();
        Self::from_fn(shape, |_| low + (high - low) * generator.unit())
    }

    /// The length of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.layout.shape.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.layout.count()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length of dimension `dim`; negative dimensions count from the end.
    ///
    /// # Errors
    /// A dimension error when there is none.
    pub fn size(&self, dim: isize) -> Result<usize> {
        let dim = crate::layout::resolve_dim("size", dim, self.rank())?;
        Ok(self.shape().get(dim).copied().unwrap_or(1))
    }

    /// The one element of a tensor that holds exactly one.
    ///
    /// # Errors
    /// A shape error when it holds none or several.
    pub fn item(&self) -> Result<E> {
        if self.len() != 1 {
            return Err(Error::shape(
                "item",
                &[self.shape()],
                "must hold exactly one element",
            ));
        }
        Ok(self.storage[self.layout.offset])
    }

    /// The elements in row-major order.
    pub fn to_vec(&self) -> Vec<E> {
        self.elements().into_vec()
    }

    /// The elements in row-major order, where they lie so in memory.
    pub fn as_slice(&self) -> Option<&[E]> {
        let range = self.layout.offset..self.layout.offset + self.len();
        self.layout.is_contiguous().then(|| &self.storage[range])
    }

    /// The elements in row-major order: borrowed where they lie so in memory, copied otherwise.
    pub fn elements(&self) -> Elements<'_, E> {
        match self.as_slice() {
            Some(slice) => Elements::Borrowed(slice),
            None => Elements::Copied(self.copied()),
        }
    }

    /// A copy of the elements in row-major order.
    fn copied(&self) -> Storage<E> {
        let mut data = buffers::take(self.len());
        let (length, stride) = self.layout.row();
        // There are no rows where there are no elements.
        for (to, row) in data.chunks_exact_mut(length.max(1)).zip(self.layout.rows()) {
            let from = &self.storage[row..];
            match stride {
                1 => to.copy_from_slice(&from[..length]),
                0 => to.fill(from[0]),
                _ => {
                    for (to, &from) in to.iter_mut().zip(from.iter().step_by(stride)) {
                        *to = from;
                    }
                }
            }
        }
        data
    }

    /// The same values without their history: no gradient flows through the result.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self {
            storage: self.storage.clone(),
            layout: Arc::clone(&self.layout),
            node: None,
        }
    }

    /// The same values, laid out in row-major order, without history.
    pub(crate) fn contiguous(&self) -> Self {
        if self.layout.is_contiguous() {
            return self.detach();
        }
        Self::new(self.copied(), self.layout.shape.clone())
    }

    /// The elements in row-major order, to be changed in place: absent where somebody else holds
    /// them too.
    pub(crate) fn own_elements_mut(&mut self) -> Option<&mut [E]> {
        if !self.layout.is_contiguous() {
            *self = self.contiguous();
        }
        let range = self.layout.offset..self.layout.offset + self.layout.count();
        self.storage.get_mut().map(|storage| &mut storage[range])
    }

    /// The elements in row-major order, in the tensor's own memory where nobody else holds it.
    pub(crate) fn into_storage(self) -> Storage<E> {
        if self.layout.offset == 0
            && self.layout.is_contiguous()
            && self.storage.len() == self.len()
        {
            self.storage.into_storage()
        } else {
            self.copied()
        }
    }

    /// The same storage seen with another layout, without history.
    pub(crate) fn with_layout(&self, layout: Layout) -> Self {
        Self {
            storage: self.storage.clone(),
            layout: Arc::new(layout),
            node: None,
        }
    }

    /// Whether every element is finite.
    pub fn is_finite(&self) -> bool {
        self.elements().iter().all(|value| value.is_finite())
    }

    /// The same values in another element type, without history.
    pub fn cast<F: Element>(&self) -> Tensor<F> {
        let elements = self.elements();
        let data = elements.iter().map(|value| F::of(value.double()));
        Tensor::new(data.collect::<Storage<F>>(), self.layout.shape.clone())
    }
}

/// The elements of a tensor in row-major order, from [`Tensor::elements`]. It reads like a slice.
#[derive(Debug)]
pub enum Elements<'a, E: Element> {
    /// In the tensor's own memory.
    Borrowed(&'a [E]),
    /// Brought into that order.
    Copied(Storage<E>),
}

impl<E: Element> Elements<'_, E> {
    /// The elements as a vector of their own.
    pub fn into_vec(self) -> Vec<E> {
        match self {
            Self::Borrowed(slice) => slice.to_vec(),
            Self::Copied(storage) => storage.into_vec(),
        }
    }

    /// The elements in memory of their own, from the pool.
    pub fn into_storage(self) -> Storage<E> {
        match self {
            Self::Borrowed(slice) => buffers::copied(slice),
            Self::Copied(storage) => storage,
        }
    }
}

impl<E: Element> Deref for Elements<'_, E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        match self {
            Self::Borrowed(slice) => slice,
            Self::Copied(storage) => storage,
        }
    }
}

impl<E: Element> fmt::Debug for Tensor<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let history = match &self.node {
            None => "",
            Some(node) if node.is_leaf() => ", requires grad",
            Some(_) => ", has history",
        };
        write!(formatter, "Tensor<{}>{:?}{history} ", E::NAME, self.shape())?;
        fmt::Debug::fmt(&self.view(), formatter)
    }
}

impl<E: Element> fmt::Display for Tensor<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.view(), formatter)
    }
}

/// Tensors are equal when their shapes and their elements are; how they were made does not matter.
impl<E: Element> PartialEq for Tensor<E> {
    fn eq(&self, other: &Self) -> bool {
        self.shape() == other.shape() && *self.elements() == *other.elements()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_of_the_wrong_length_is_refused() {
        let error = Tensor::from_vec(vec![1.0_f32; 5], [2, 3]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "from_vec: shape [2, 3]: holds 6 elements, 5 were given"
        );
    }

    #[test]
    fn only_single_elements_are_items() {
        assert_eq!(Tensor::<f64>::scalar(2.5).item().unwrap(), 2.5);
        assert_eq!(Tensor::<f64>::full([1, 1], 3.0).item().unwrap(), 3.0);
        assert!(Tensor::<f64>::zeros([0]).item().is_err());
        assert!(Tensor::<f64>::zeros([2]).item().is_err());
    }

    #[test]
    fn normal_draws_have_the_moments_of_the_normal_distribution() {
        let x = Tensor::<f64>::standard_normal([100_000], Stream::new(5)).to_vec();
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.len() as f64;
        assert!(
            mean.abs() < 0.015 && (variance - 1.0).abs() < 0.02,
            "{mean} {variance}"
        );
    }

    #[test]
    fn casting_rounds_to_the_nearest() {
        let x = Tensor::<f64>::scalar(0.1).cast::<f32>();
        assert_eq!(x.item().unwrap(), 0.1_f32);
    }
}
