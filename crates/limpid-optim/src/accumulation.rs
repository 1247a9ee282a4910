//! The gradient of one step, gathered from several micro-batches.

use limpid_tensor::{Element, Gradients, Result};

use crate::setting;

/// The mean of the gradients of several micro-batches, each weighted by its rows: the gradient that
/// the loss's mean over all rows together would have.
///
/// ```text
/// mean = sum(rows_i * gradients_i) / sum(rows_i)
/// ```
/// Micro-batches may be of different sizes. Gradients of a few rows of a table stay that, and large
/// products stay factored while that takes less memory. A loss that sums over its rows needs no
/// weights: [`Gradients::plus`] adds its gradients up. Where a loss's mean has another divisor than
/// the rows, as with class weights or ignored items, that divisor is the weight.
///
/// # Example
/// ```
/// use limpid_optim::{Accumulation, Optimizer, Sgd};
/// use limpid_tensor::{Parameter, Tensor};
///
/// let mut weight = Parameter::new(Tensor::<f64>::ones([1]));
/// let mut optimizer = Optimizer::new(Sgd::new(), 0.5)?;
/// let mut accumulation = Accumulation::new();
/// // Batches of three rows and of one: weight * x, averaged over the rows.
/// for batch in [vec![1.0, 2.0, 3.0], vec![6.0]] {
///     let rows = batch.len();
///     let loss = weight.mul(&Tensor::from_vec(batch, [rows])?)?.mean();
///     accumulation.add(loss.backward()?, rows as f64)?;
/// }
/// assert_eq!(accumulation.weight(), 4.0);
/// // 1 - 0.5 * (1 + 2 + 3 + 6) / 4
/// optimizer.step(&mut weight, &accumulation.take())?;
/// assert_eq!(weight.to_vec(), [-0.5]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Accumulation<E: Element> {
    /// In the weight of the first micro-batch, so that equal ones are plainly added.
    sum: Gradients<E>,
    first: f64,
    weight: f64,
}

impl<E: Element> Accumulation<E> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            sum: Gradients::default(),
            first: 0.0,
            weight: 0.0,
        }
    }

    /// Adds the gradients of a micro-batch whose loss is the mean over `weight` rows.
    ///
    /// # Errors
    /// An argument error when the weight is not a finite number above 0; nothing is added then.
    pub fn add(&mut self, gradients: Gradients<E>, weight: f64) -> Result<()> {
        setting::positive("accumulation", "weight", weight)?;
        if self.weight == 0.0 {
            (self.sum, self.first, self.weight) = (gradients, weight, weight);
            return Ok(());
        }
        self.weight += weight;
        let share = weight / self.first;
        let sum = std::mem::take(&mut self.sum);
        self.sum = sum.plus(scaled(gradients, share));
        Ok(())
    }

    /// The rows that were added since the last mean was taken.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// The mean, after which there is nothing again. Of nothing it has no gradients.
    pub fn take(&mut self) -> Gradients<E> {
        let Self { sum, first, weight } = std::mem::replace(self, Self::new());
        if weight == 0.0 {
            return sum;
        }
        scaled(sum, first / weight)
    }
}

fn scaled<E: Element>(gradients: Gradients<E>, factor: f64) -> Gradients<E> {
    if factor == 1.0 {
        gradients
    } else {
        gradients.times(E::of(factor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Gradient, Parameter, Product, Rows, Stream, Tensor};

    fn draw(shape: &[usize], seed: u64) -> Tensor<f64> {
        Tensor::standard_normal(shape, Stream::new(seed))
    }

    #[test]
    fn uneven_batches_give_the_gradient_of_all_rows_together() {
        let weight = Parameter::new(draw(&[4, 3], 1));
        let input = draw(&[11, 3], 2);
        let loss = |from, rows| {
            let part = input.narrow(0, from, rows).unwrap();
            part.linear(&weight, None).unwrap().tanh().mean()
        };
        let mut accumulation = Accumulation::new();
        for (from, rows) in [(0, 4), (4, 4), (8, 3)] {
            let gradients = loss(from, rows).backward().unwrap();
            accumulation.add(gradients, rows as f64).unwrap();
        }
        let whole = loss(0, 11).backward().unwrap().tensor(&weight).unwrap();
        let found = accumulation.take().tensor(&weight).unwrap();
        let worst = found
            .sub(&whole)
            .unwrap()
            .abs()
            .amax(&[0, 1], false)
            .unwrap();
        assert!(worst.item().unwrap() < 1e-15, "{worst:?}");
        assert!(accumulation.take().is_empty() && accumulation.weight() == 0.0);
    }

    #[test]
    fn one_batch_keeps_its_bits() {
        let weight = Parameter::new(draw(&[5], 3));
        let gradients = || weight.square().sum().backward().unwrap();
        let mut accumulation = Accumulation::new();
        accumulation.add(gradients(), 7.0).unwrap();
        let found = accumulation.take().tensor(&weight).unwrap();
        assert_eq!(found, gradients().tensor(&weight).unwrap());
    }

    #[test]
    fn rows_and_products_stay_what_they_are() {
        let weight = Parameter::new(draw(&[50, 30], 4));
        let given = |gradient: Gradient<f64>| {
            let mut gradients = Gradients::default();
            gradients.set(&weight, gradient).unwrap();
            gradients
        };
        let rows =
            |row| Gradient::Rows(Rows::new(&[50, 30], vec![row], draw(&[1, 30], 5)).unwrap());
        let product = |seed| {
            let factors = Product::new(draw(&[4, 50], seed), draw(&[4, 30], seed + 1));
            Gradient::Product(factors.unwrap())
        };
        for (first, second) in [(rows(3), rows(8)), (product(10), product(20))] {
            let mut accumulation = Accumulation::new();
            accumulation.add(given(first.clone()), 3.0).unwrap();
            accumulation.add(given(second.clone()), 1.0).unwrap();
            let mean = accumulation.take();
            let found = mean.get(&weight).unwrap();
            assert!(!matches!(found, Gradient::Dense(_)));
            let (first, second) = (first.to_dense(), second.to_dense());
            let want = first
                .mul_scalar(0.75)
                .add(&second.mul_scalar(0.25))
                .unwrap();
            let worst = found.to_dense().sub(&want).unwrap().abs();
            assert!(worst.to_vec().iter().all(|it| *it < 1e-14));
        }
    }

    #[test]
    fn batches_without_rows_are_refused() {
        let mut accumulation = Accumulation::<f64>::new();
        for weight in [0.0, -1.0, f64::NAN] {
            let error = accumulation.add(Gradients::default(), weight).unwrap_err();
            assert!(error.to_string().contains("`weight`"), "{error}");
        }
        assert_eq!(accumulation.weight(), 0.0);
    }
}
