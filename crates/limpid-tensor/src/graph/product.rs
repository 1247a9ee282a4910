//! The gradient of a weight as a product that has not been multiplied yet.

use std::sync::{Arc, OnceLock};

use crate::flops::add_products;
use crate::kernel::gemm::{self, Blend, Strided};
use crate::layout::Shape;
use crate::{Element, Error, Result, Tensor, buffers};

/// Gradients of fewer elements are multiplied at once: they stay in the cache until they are used.
const DEFERRED: usize = 1 << 22;

/// The gradient `left`^T `right` of a weight, as its factors.
///
/// A weight that takes part in a matrix product has such a gradient, with one row of the factors
/// for each row of the batch. Of a large weight it is larger than everything else of the step: who
/// only adds it to something ([`Product::add_to`]) need not write it down. All others ask for
/// [`Product::to_dense`], which multiplies once and keeps the result.
///
/// # Example
/// ```
/// use limpid_tensor::{Product, Tensor};
///
/// let left = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2])?;
/// let right = Tensor::from_vec(vec![1.0, 10.0], [2, 1])?;
/// let gradient = Product::new(left, right)?;
/// assert_eq!(gradient.to_dense().to_vec(), [31.0, 42.0]);
/// let mut weight = [100.0, 200.0];
/// gradient.add_to(&mut weight, 0.5, -1.0);
/// assert_eq!(weight, [19.0, 58.0]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Product<E: Element> {
    shape: Shape,
    factors: Arc<Factors<E>>,
}

#[derive(Debug)]
struct Factors<E: Element> {
    left: Tensor<E>,
    right: Tensor<E>,
    dense: OnceLock<Tensor<E>>,
}

impl<E: Element> Product<E> {
    /// The gradient `left`^T `right`, of shape `[m, n]` for factors `[k, m]` and `[k, n]`.
    ///
    /// # Errors
    /// A shape error when they are no matrices with equally many rows.
    pub fn new(left: Tensor<E>, right: Tensor<E>) -> Result<Self> {
        let (&[rows, m], &[others, n]) = (left.shape(), right.shape()) else {
            return Err(refused(&left, &right));
        };
        if rows != others {
            return Err(refused(&left, &right));
        }
        Ok(Self {
            shape: Shape::from_slice(&[m, n]),
            factors: Arc::new(Factors {
                left: left.contiguous(),
                right: right.contiguous(),
                dense: OnceLock::new(),
            }),
        })
    }

    /// Whether a product of this shape is worth being put off.
    pub(super) fn is_worth_it(&self) -> bool {
        self.shape[0] * self.shape[1] >= DEFERRED
    }

    /// The shape of the product.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The left factor, `[k, m]`, which is transposed in the product.
    pub fn left(&self) -> &Tensor<E> {
        &self.factors.left
    }

    /// The right factor, `[k, n]`.
    pub fn right(&self) -> &Tensor<E> {
        &self.factors.right
    }

    /// The product, multiplied the first time that somebody asks.
    pub fn to_dense(&self) -> Tensor<E> {
        let dense = self.factors.dense.get_or_init(|| {
            let mut data = buffers::take(self.shape[0] * self.shape[1]);
            self.multiply(&mut data, Blend::default());
            Tensor::new(data, self.shape.clone())
        });
        dense.clone()
    }

    /// `out = keep out + scale left^T right`.
    ///
    /// # Panics
    /// When `out` is not as long as the product.
    pub fn add_to(&self, out: &mut [E], keep: E, scale: E) {
        let blend = Blend {
            scale,
            keep,
            then: None,
        };
        self.multiply(out, blend);
    }

    fn multiply(&self, out: &mut [E], blend: Blend<'_, E>) {
        let (left, right) = (self.left().elements(), self.right().elements());
        let (k, m, n) = (self.left().shape()[0], self.shape[0], self.shape[1]);
        add_products(&[k, m, n]);
        let left = Strided::row_major(&left, m).transposed();
        gemm::multiply(out, (m, k, n), left, Strided::row_major(&right, n), blend);
    }

    /// The gradient times `factor`.
    #[must_use]
    pub fn times(&self, factor: E) -> Self {
        let (left, right) = (self.left(), self.right());
        let factor = factor.double();
        // The smaller one is the cheaper one to multiply.
        let (left, right) = if left.len() <= right.len() {
            (left.mul_scalar(factor), right.clone())
        } else {
            (left.clone(), right.mul_scalar(factor))
        };
        Self {
            shape: self.shape.clone(),
            factors: Arc::new(Factors {
                left,
                right,
                dense: OnceLock::new(),
            }),
        }
    }

    /// Whether the factors of both together are fewer elements than their product.
    pub(super) fn is_small_beside(&self, other: &Self) -> bool {
        let factors = [self.left(), self.right(), other.left(), other.right()];
        factors.map(Tensor::len).iter().sum::<usize>() < self.shape[0] * self.shape[1]
    }

    /// The sum of two products of one shape: the rows of one pair of factors below the other's.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let below = |own: &Tensor<E>, other: &Tensor<E>| {
            let mut data = buffers::take(own.len() + other.len());
            data[..own.len()].copy_from_slice(&own.elements());
            data[own.len()..].copy_from_slice(&other.elements());
            let mut shape = Shape::from_slice(own.shape());
            shape[0] += other.shape()[0];
            Tensor::new(data, shape)
        };
        Self {
            shape: self.shape.clone(),
            factors: Arc::new(Factors {
                left: below(self.left(), other.left()),
                right: below(self.right(), other.right()),
                dense: OnceLock::new(),
            }),
        }
    }

    /// Whether every element of the product is finite. Looks at the factors first, and multiplies
    /// only where the sums could overflow.
    pub fn is_finite(&self) -> bool {
        let terms = self.left().shape()[0] as f64;
        let bound = self.left().largest() * self.right().largest() * terms;
        bound < E::max_value().double() || self.to_dense().is_finite()
    }
}

fn refused<E: Element>(left: &Tensor<E>, right: &Tensor<E>) -> Error {
    let shapes = [left.shape(), right.shape()];
    let rule = "must be matrices with equally many rows";
    Error::shape("product gradient", &shapes, rule)
}

/// Gradients are equal when their products are.
impl<E: Element> PartialEq for Product<E> {
    fn eq(&self, other: &Self) -> bool {
        self.to_dense() == other.to_dense()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;
    use proptest::prelude::*;

    fn draw(shape: [usize; 2], seed: u64) -> Tensor<f64> {
        Tensor::standard_normal(shape, Stream::new(seed))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn adding_a_product_is_adding_what_it_stands_for(
            k in 0_usize..9, m in 0_usize..40, n in 0_usize..40, seed: u64
        ) {
            let (left, right) = (draw([k, m], seed), draw([k, n], seed ^ 1));
            let product = Product::new(left.clone(), right.clone()).unwrap();
            let dense = left.transpose(0, 1).unwrap().matmul(&right).unwrap();
            let near = |found: &[f64], want: &[f64]| {
                found.iter().zip(want).all(|(found, want)| (found - want).abs() < 1e-12)
            };
            prop_assert!(near(&product.to_dense().to_vec(), &dense.to_vec()));
            let halved: Vec<f64> = dense.to_vec().iter().map(|it| 0.5 * it).collect();
            prop_assert!(near(&product.times(0.5).to_dense().to_vec(), &halved));
            let weight = draw([m, n], seed ^ 2).to_vec();
            let want: Vec<f64> =
                weight.iter().zip(dense.to_vec()).map(|(w, g)| 0.75 * w - 0.1 * g).collect();
            let mut found = weight.clone();
            product.add_to(&mut found, 0.75, -0.1);
            prop_assert!(near(&found, &want));
            prop_assert!(product.is_finite());
        }
    }

    #[test]
    fn sums_of_products_stay_products_while_their_factors_are_smaller() {
        use crate::Gradient;
        let product =
            |k: usize, seed| Product::new(draw([k, 9], seed), draw([k, 7], seed ^ 1)).unwrap();
        let dense = |k, seed| product(k, seed).to_dense().to_vec();
        for (k, stays) in [(1, true), (2, false)] {
            let sum = Gradient::Product(product(2, 5)).plus(Gradient::Product(product(k, 6)));
            assert_eq!(matches!(sum, Gradient::Product(_)), stays, "{k}");
            let want = dense(2, 5).into_iter().zip(dense(k, 6)).map(|(a, b)| a + b);
            let found = sum.to_dense().to_vec();
            assert!(
                found
                    .iter()
                    .zip(want)
                    .all(|(found, want)| (found - want).abs() < 1e-12)
            );
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_found_in_factors_and_in_sums() {
        let product = |left: f64, right: f64| {
            Product::new(
                Tensor::<f64>::full([2, 3], left),
                Tensor::full([2, 1], right),
            )
            .unwrap()
        };
        assert!(product(1e200, 1e100).is_finite());
        assert!(product(1e200, 0.0).is_finite());
        assert!(!product(1e200, 1e200).is_finite());
        assert!(!product(f64::NAN, 0.0).is_finite());
        assert!(!product(f64::INFINITY, 1.0).is_finite());
    }

    #[test]
    fn factors_that_do_not_fit_are_refused() {
        assert!(Product::new(draw([2, 3], 1), draw([3, 2], 2)).is_err());
        assert!(Product::new(Tensor::<f32>::zeros([2]), Tensor::zeros([2, 2])).is_err());
    }
}
