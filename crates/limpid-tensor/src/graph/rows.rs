//! The gradient of a few rows of a table.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::row_index::RowIndex;
use crate::buffers;
use crate::layout::{Shape, count};
use crate::tensor::Elements;
use crate::{Element, Error, Result, Tensor};

/// The rows of a table that a gradient touches; all others are zero. A row may occur several times:
/// its gradients add up.
///
/// The gradients are either given one by one, or as multiples of rows of another tensor
/// ([`Rows::scaled`]): then nothing of the width of the table is written until somebody asks for
/// [`Rows::values`].
///
/// # Example
/// ```
/// use limpid_tensor::{Rows, Tensor};
///
/// let values = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2])?;
/// let rows = Rows::new(&[1000, 2], vec![7, 3, 7], values)?;
/// assert_eq!(rows.touched(), [3, 7]);
/// let mut sums = Vec::new();
/// rows.each_touched(0..2, |row, sum| sums.push((row, sum.to_vec())));
/// assert_eq!(sums, [(3, vec![3.0, 4.0]), (7, vec![6.0, 8.0])]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rows<E: Element> {
    shape: Shape,
    index: RowIndex,
    terms: Terms<E>,
}

/// What each use of a row adds to its gradient.
#[derive(Clone, Debug)]
enum Terms<E: Element> {
    /// `[uses, ...]`. Boxed, so that gradients that are not rows are moved in fewer bytes.
    Given(Box<Tensor<E>>),
    Scaled(Arc<Scaled<E>>),
}

/// The use number `i` adds `factors[i]` times the row `sources[i]` of `table`.
#[derive(Debug)]
struct Scaled<E: Element> {
    factors: Tensor<E>,
    sources: RowIndex,
    table: Tensor<E>,
    /// The same as they would be given, once somebody has asked.
    given: OnceLock<Tensor<E>>,
}

impl<E: Element> Scaled<E> {
    fn given(&self, shape: Shape) -> &Tensor<E> {
        self.given.get_or_init(|| {
            let width = count(&shape[1..]);
            let (factors, table) = (self.factors.elements(), self.table.elements());
            let mut data = buffers::take(factors.len() * width);
            let uses = factors.iter().zip(self.sources.rows());
            for (place, (&factor, &source)) in uses.enumerate() {
                let own = &mut data[place * width..][..width];
                for (own, &element) in own.iter_mut().zip(&table[source * width..]) {
                    *own = factor * element;
                }
            }
            Tensor::new(data, shape)
        })
    }
}

/// What is done with each row of a gradient; see [`Rows::each_touched_by`].
pub trait EachRow<E> {
    /// Takes the row number `row` and its gradient. To be marked `#[inline(always)]`.
    fn take(&mut self, row: usize, gradient: &[E]);
}

/// A closure as an [`EachRow`].
struct Closure<F>(F);

impl<E, F: FnMut(usize, &[E])> EachRow<E> for Closure<F> {
    #[inline(always)]
    fn take(&mut self, row: usize, gradient: &[E]) {
        (self.0)(row, gradient);
    }
}

/// The terms as they are read.
enum Read<'a, E: Element> {
    Given(Elements<'a, E>),
    Scaled {
        factors: Elements<'a, E>,
        sources: &'a [usize],
        table: Elements<'a, E>,
    },
}

/// Adds `of` each element of `term` to `sum`, or puts it there where it is the first.
#[inline(always)]
fn add_term<E: Element>(sum: &mut [E], term: &[E], further: bool, of: impl Fn(E) -> E) {
    if further {
        for (total, &element) in sum.iter_mut().zip(term) {
            *total += of(element);
        }
    } else {
        for (total, &element) in sum.iter_mut().zip(term) {
            *total = of(element);
        }
    }
}

impl<E: Element> Rows<E> {
    /// The gradient of a table of `shape` whose row `rows[i]` receives `values[i]`.
    ///
    /// # Errors
    /// A shape error unless `values` has the shape `[rows.len(), shape[1], ...]`; an index error
    /// when a row lies beyond the table.
    pub fn new(shape: &[usize], rows: impl Into<RowIndex>, values: Tensor<E>) -> Result<Self> {
        let index = rows.into();
        let fits = shape
            .split_first()
            .is_some_and(|(_, rest)| values.shape().split_first() == Some((&index.len(), rest)));
        if !fits {
            let rule = format!(
                "must be those of {} rows of the table {shape:?}",
                index.len()
            );
            return Err(Error::shape("row gradient", &[values.shape()], rule));
        }
        index.check(shape[0])?;
        Ok(Self {
            shape: Shape::from_slice(shape),
            index,
            terms: Terms::Given(Box::new(values.contiguous())),
        })
    }

    /// The gradient of a table of `shape` whose row `rows[i]` receives `factors[i]` times the row
    /// `sources[i]` of `table`.
    ///
    /// # Errors
    /// A shape error unless `rows`, `factors` and `sources` are equally long and the rows of
    /// `table` have the shape of those of the gradient; an index error when a row or a source does
    /// not exist.
    pub fn scaled(
        shape: &[usize],
        rows: impl Into<RowIndex>,
        factors: Tensor<E>,
        sources: impl Into<RowIndex>,
        table: Tensor<E>,
    ) -> Result<Self> {
        let (index, sources) = (rows.into(), sources.into());
        let alike = match (shape, table.shape()) {
            ([_, own @ ..], [_, given @ ..]) => own == given,
            _ => false,
        };
        if !alike || factors.shape() != [index.len()] || sources.len() != index.len() {
            let rule = format!(
                "must be one factor for each of {} rows of the table {shape:?}, and rows like its",
                index.len()
            );
            let shapes = [factors.shape(), &[sources.len()], table.shape()];
            return Err(Error::shape("row gradient", &shapes, rule));
        }
        index.check(shape[0])?;
        sources.check(table.shape()[0])?;
        Ok(Self {
            shape: Shape::from_slice(shape),
            index,
            terms: Terms::Scaled(Arc::new(Scaled {
                factors: factors.contiguous(),
                sources,
                table: table.contiguous(),
                given: OnceLock::new(),
            })),
        })
    }

    /// The shape of the whole table.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many elements a row has.
    pub fn width(&self) -> usize {
        count(&self.shape[1..])
    }

    /// Which rows are used, in the order in which they were.
    pub fn rows(&self) -> &[usize] {
        self.index.rows()
    }

    /// The same with what has been found out about its order, to be shared with another gradient.
    pub fn index(&self) -> &RowIndex {
        &self.index
    }

    /// Which rows are used, each once, ascending.
    pub fn touched(&self) -> &[usize] {
        self.index.touched()
    }

    /// What each use adds to its row, `[uses, ...]`.
    pub fn values(&self) -> &Tensor<E> {
        match &self.terms {
            Terms::Given(values) => values,
            Terms::Scaled(scaled) => scaled.given(self.shape_of(self.index.len())),
        }
    }

    /// Calls `each` with the touched rows number `part` and the sum of each one's gradients. Terms
    /// are added in the order of their use.
    ///
    /// # Panics
    /// When `part` reaches beyond the touched rows.
    pub fn each_touched(&self, part: Range<usize>, each: impl FnMut(usize, &[E])) {
        self.each_touched_by(part, &mut Closure(each));
    }

    /// As [`Rows::each_touched`], for a loop of [`simd`](crate::simd): what is done with a row
    /// becomes part of the loop, in the loop's instructions.
    ///
    /// # Panics
    /// As there.
    #[inline(always)]
    pub fn each_touched_by(&self, part: Range<usize>, each: &mut impl EachRow<E>) {
        let width = self.width();
        let terms = match &self.terms {
            Terms::Given(values) => Read::Given(values.elements()),
            Terms::Scaled(scaled) => Read::Scaled {
                factors: scaled.factors.elements(),
                sources: scaled.sources.rows(),
                table: scaled.table.elements(),
            },
        };
        let mut sum = buffers::take(width);
        for (row, places) in self.index.groups(part) {
            let found = match &terms {
                Read::Given(values) => match *places {
                    [only] => &values[only * width..][..width],
                    _ => {
                        for (nth, &place) in places.iter().enumerate() {
                            let term = &values[place * width..][..width];
                            add_term(&mut sum, term, nth > 0, |element| element);
                        }
                        &sum
                    }
                },
                Read::Scaled {
                    factors,
                    sources,
                    table,
                } => {
                    for (nth, &place) in places.iter().enumerate() {
                        let (factor, source) = (factors[place], sources[place]);
                        let term = &table[source * width..][..width];
                        add_term(&mut sum, term, nth > 0, |element| factor * element);
                    }
                    &sum[..]
                }
            };
            each.take(row, found);
        }
    }

    /// The same gradient with every row named once, ascending.
    #[must_use]
    pub fn coalesced(&self) -> Self {
        let touched = self.touched();
        let width = self.width();
        let mut data = buffers::take(touched.len() * width);
        let mut place = 0;
        self.each_touched(0..touched.len(), |_, sum| {
            data[place..place + width].copy_from_slice(sum);
            place += width;
        });
        let values = Tensor::new(data, self.shape_of(touched.len()));
        Self {
            shape: self.shape.clone(),
            index: buffers::copied(touched).into(),
            terms: Terms::Given(Box::new(values)),
        }
    }

    /// The gradient times `factor`.
    #[must_use]
    pub fn times(&self, factor: E) -> Self {
        let factor = factor.double();
        let terms = match &self.terms {
            Terms::Given(values) => Terms::Given(Box::new(values.mul_scalar(factor))),
            Terms::Scaled(scaled) => Terms::Scaled(Arc::new(Scaled {
                factors: scaled.factors.mul_scalar(factor),
                sources: scaled.sources.clone(),
                table: scaled.table.clone(),
                given: OnceLock::new(),
            })),
        };
        Self {
            shape: self.shape.clone(),
            index: self.index.clone(),
            terms,
        }
    }

    /// The same rows with other values.
    pub(super) fn with_values(self, change: impl FnOnce(&Tensor<E>) -> Tensor<E>) -> Self {
        let terms = Terms::Given(Box::new(change(self.values())));
        Self { terms, ..self }
    }

    /// Whether every element of the gradient is finite. Looks at what it is made of first, and at
    /// the sums only where they could overflow.
    pub fn is_finite(&self) -> bool {
        let terms = self.rows().len() as f64;
        let bound = match &self.terms {
            Terms::Given(values) => values.largest(),
            Terms::Scaled(scaled) => scaled.factors.largest() * scaled.table.largest(),
        };
        if bound * terms < E::max_value().double() {
            return true;
        }
        let mut finite = true;
        self.each_touched(0..self.touched().len(), |_, sum| {
            finite &= sum.iter().all(|element| element.is_finite());
        });
        finite
    }

    /// The gradient of the whole table, zeros included.
    pub fn to_dense(&self) -> Tensor<E> {
        let width = self.width();
        let mut data = buffers::zeroed(count(&self.shape));
        self.each_touched(0..self.touched().len(), |row, sum| {
            data[row * width..][..width].copy_from_slice(sum);
        });
        Tensor::new(data, self.shape.clone())
    }

    /// The sum of two gradients of the same table: the uses of one after those of the other.
    pub(super) fn plus(self, other: &Self) -> Self {
        let mut rows = self.rows().to_vec();
        rows.extend_from_slice(other.rows());
        let (own, others) = (self.values().elements(), other.values().elements());
        let mut data = buffers::take(own.len() + others.len());
        data[..own.len()].copy_from_slice(&own);
        data[own.len()..].copy_from_slice(&others);
        drop(own);
        let values = Tensor::new(data, self.shape_of(rows.len()));
        Self {
            index: RowIndex::from(rows),
            terms: Terms::Given(Box::new(values)),
            shape: self.shape,
        }
    }

    /// The shape of `length` rows.
    fn shape_of(&self, length: usize) -> Shape {
        let mut shape = self.shape.clone();
        shape[0] = length;
        shape
    }
}

/// Gradients are equal when they name the same rows in the same order and add the same to each.
impl<E: Element> PartialEq for Rows<E> {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.rows() == other.rows() && self.values() == other.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;
    use proptest::prelude::*;

    fn rows(rows: &[usize], values: &[f64]) -> Rows<f64> {
        let values = Tensor::from_vec(values.to_vec(), [rows.len(), 2]).unwrap();
        Rows::new(&[4, 2], rows.to_vec(), values).unwrap()
    }

    #[test]
    fn repeated_rows_add_up() {
        let gradient = rows(&[2, 0, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let dense = [3.0, 4.0, 0.0, 0.0, 6.0, 8.0, 0.0, 0.0];
        assert_eq!(gradient.to_dense().to_vec(), dense);
        let coalesced = gradient.coalesced();
        assert_eq!(coalesced.rows(), [0, 2]);
        assert_eq!(coalesced.to_dense().to_vec(), dense);
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        assert!(Rows::new(&[4, 2], vec![4], Tensor::<f32>::zeros([1, 2])).is_err());
        assert!(Rows::new(&[4, 2], vec![1], Tensor::<f32>::zeros([1, 3])).is_err());
        assert!(Rows::new(&[], vec![], Tensor::<f32>::zeros([0])).is_err());
        let scaled = |rows: Vec<usize>, factors: usize, sources: Vec<usize>, width: usize| {
            let (factors, table) = (Tensor::zeros([factors]), Tensor::zeros([3, width]));
            Rows::<f32>::scaled(&[4, 2], rows, factors, sources, table)
        };
        assert!(scaled(vec![3], 1, vec![2], 2).is_ok());
        assert!(scaled(vec![4], 1, vec![2], 2).is_err());
        assert!(scaled(vec![3], 1, vec![3], 2).is_err());
        assert!(scaled(vec![3], 2, vec![2], 2).is_err());
        assert!(scaled(vec![3], 1, vec![2, 2], 2).is_err());
        assert!(scaled(vec![3], 1, vec![2], 1).is_err());
    }

    #[test]
    fn sums_that_overflow_are_not_finite_though_their_terms_are() {
        let most = f64::MAX;
        assert!(rows(&[0, 1], &[most, 0.0, most, 0.0]).is_finite());
        assert!(!rows(&[1, 1], &[most, 0.0, most, 0.0]).is_finite());
        assert!(!rows(&[0], &[f64::NAN, 0.0]).is_finite());
        let scaled = |factor: f64, element: f64| {
            let factors = Tensor::<f64>::full([1], factor);
            let table = Tensor::full([1, 2], element);
            Rows::scaled(&[4, 2], vec![0], factors, vec![0], table).unwrap()
        };
        assert!(scaled(1e200, 1e100).is_finite());
        assert!(!scaled(1e200, 1e200).is_finite());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn multiples_of_rows_are_what_they_stand_for(
            uses in 0_usize..40, width in 0_usize..6, seed: u64
        ) {
            let mut generator = Stream::new(seed).generator();
            let mut draw = |below: usize| -> Vec<usize> {
                (0..uses).map(|_| (generator.unit() * below as f64) as usize).collect()
            };
            let (index, sources) = (draw(7), draw(3));
            let factors = Tensor::<f64>::standard_normal([uses], Stream::new(seed).fork("factors"));
            let table = Tensor::standard_normal([3, width], Stream::new(seed).fork("table"));
            let scaled =
                Rows::scaled(&[7, width], index.clone(), factors, sources, table).unwrap();
            let values = scaled.values().clone();
            let given = Rows::new(&[7, width], index.clone(), values.clone()).unwrap();
            prop_assert_eq!(&scaled, &given);
            let mut dense = vec![0.0; 7 * width];
            for (place, row) in index.iter().enumerate() {
                for column in 0..width {
                    dense[row * width + column] += values.to_vec()[place * width + column];
                }
            }
            prop_assert_eq!(scaled.to_dense().to_vec(), dense.clone());
            prop_assert_eq!(given.coalesced().to_dense().to_vec(), dense.clone());
            let doubled: Vec<f64> = dense.iter().map(|element| 2.0 * element).collect();
            prop_assert_eq!(scaled.times(2.0).to_dense().to_vec(), doubled.clone());
            prop_assert_eq!(given.times(2.0).to_dense().to_vec(), doubled.clone());
            prop_assert_eq!(scaled.plus(&given).rows().len(), 2 * uses);
        }
    }
}
