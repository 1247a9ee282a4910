//! A classifier over very many classes, trained against a few drawn ones.

use limpid_tensor::{
    Element, Error, Parameter, Parameters, Path, Result, Tensor, Visitor, VisitorMut,
};

use crate::class_rows::check_classes;
use crate::logistic_rows::{Questions, check_table, logistic_rows};
use crate::settings::with_reduction;
use crate::{Loss, Reduction, uninformed};

const NAME: &str = "negative_sampling";

/// The classes of a batch and the noise that was drawn for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithNoise {
    /// One class for each item.
    pub classes: Vec<usize>,
    /// The same number of noise classes for each item, `[N, K]` row by row.
    pub noise: Vec<usize>,
}

/// Negative sampling: -log sigmoid(s_y) - sum over noise classes k of log sigmoid(-s_k), with
/// s = weight times input plus bias of a class.
///
/// It takes the place of a model's last layer and its loss, and holds that layer's parameters. A step
/// costs 1 + K rows, however many classes there are. The scores are not those of a softmax.
///
/// # Shapes
/// Input `[N, D]`; weights `[C, D]`; biases `[C]`; one number per row, `[N]`.
///
/// # Gradient
/// For weights and biases only the rows of the classes that occur. A noise class that happens to be
/// the item's own counts as both.
///
/// # Uninformed
/// (1 + K) log 2 when all scores are 0. The floor is 0 (and is not reached where a noise class is the
/// item's own). No kinks.
///
/// # Source
/// Mikolov et al. 2013, equation 4.
///
/// # Example
/// ```
/// use limpid_loss::{Loss, NegativeSampling, WithNoise};
/// use limpid_tensor::Tensor;
///
/// let criterion = NegativeSampling::new(Tensor::zeros([1000, 4]), Tensor::zeros([1000]))?;
/// let target = WithNoise { classes: vec![7, 9], noise: vec![1, 2, 3, 4, 5, 6] };
/// let loss = criterion.forward(&Tensor::<f64>::ones([2, 4]), &target)?;
/// assert!((loss.item()? - 4.0 * 2.0_f64.ln()).abs() < 1e-14);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NegativeSampling<E: Element> {
    /// One row for each class, `[C, D]`.
    pub weight: Parameter<E>,
    /// One number for each class, `[C]`.
    pub bias: Parameter<E>,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl<E: Element> NegativeSampling<E> {
    /// Starting from these weights and biases.
    ///
    /// # Errors
    /// A shape error unless they are `[C, D]` and `[C]`.
    pub fn new(weight: Tensor<E>, bias: Tensor<E>) -> Result<Self> {
        Self::with_parameters(Parameter::new(weight), Parameter::new(bias))
    }

    /// As [`NegativeSampling::new`], with parameters that exist already.
    ///
    /// # Errors
    /// As there.
    pub fn with_parameters(weight: Parameter<E>, bias: Parameter<E>) -> Result<Self> {
        if weight.rank() != 2 || bias.shape() != &weight.shape()[..1] {
            let shapes = [weight.shape(), bias.shape()];
            return Err(Error::shape(
                NAME,
                &shapes,
                "must be weight [C, D] and bias [C]",
            ));
        }
        Ok(Self {
            weight,
            bias,
            reduction: Reduction::Mean,
        })
    }

    with_reduction!();

    /// How many noise classes each item has.
    fn noise_per_item(target: &WithNoise) -> Result<usize> {
        let items = target.classes.len();
        let number = target.noise.len() / items.max(1);
        if number * items == target.noise.len() {
            return Ok(number);
        }
        let shapes = [&[items][..], &[target.noise.len()]];
        Err(Error::shape(
            NAME,
            &shapes,
            "every item must have the same number of noise classes",
        ))
    }
}

impl<E: Element> Parameters<E> for NegativeSampling<E> {
    fn visit<'a>(&'a self, path: &mut Path, visitor: &mut dyn Visitor<'a, E>) {
        for (name, parameter) in [("weight", &self.weight), ("bias", &self.bias)] {
            path.push(name);
            visitor.parameter(path, parameter);
            path.pop();
        }
    }

    fn visit_mut(&mut self, path: &mut Path, visitor: &mut dyn VisitorMut<E>) {
        for (name, parameter) in [("weight", &mut self.weight), ("bias", &mut self.bias)] {
            path.push(name);
            visitor.parameter(path, parameter);
            path.pop();
        }
    }
}

impl<E: Element> Loss<E> for NegativeSampling<E> {
    type Target = WithNoise;

    fn name(&self) -> &'static str {
        NAME
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn per_item(&self, prediction: &Tensor<E>, target: &WithNoise) -> Result<Tensor<E>> {
        check_table(NAME, prediction, &self.weight, &self.bias)?;
        if target.classes.len() != prediction.shape()[0] {
            let shapes = [prediction.shape(), &[target.classes.len()]];
            return Err(Error::shape(
                NAME,
                &shapes,
                "one class per row must be given",
            ));
        }
        let number = Self::noise_per_item(target)?;
        let classes = self.weight.shape()[0];
        check_classes(NAME, &target.classes, classes, None)?;
        check_classes(NAME, &target.noise, classes, None)?;
        let items = target.classes.len();
        let mut questions = Questions::new(items * (1 + number), items);
        for (item, &class) in target.classes.iter().enumerate() {
            questions.ask(class, true);
            for &class in &target.noise[item * number..][..number] {
                questions.ask(class, false);
            }
            questions.next_item();
        }
        logistic_rows(NAME, prediction, &self.weight, &self.bias, questions)
    }

    fn expected_initial(&self, _outputs: usize, target: &WithNoise) -> Option<f64> {
        Self::noise_per_item(target).ok()?;
        let questions = target.classes.len() + target.noise.len();
        let total = questions as f64 * std::f64::consts::LN_2;
        uninformed::reduced(self, total, target.classes.len(), target)
    }

    fn expected_given(&self, prediction: &Tensor<E>, target: &WithNoise) -> Option<f64> {
        let number = Self::noise_per_item(target).ok()?;
        let prediction = prediction.detach();
        let (total, items) = uninformed::rotations(target.classes.len(), |order| {
            let classes = order.iter().map(|&item| target.classes[item]).collect();
            let noise = order
                .iter()
                .flat_map(|&item| &target.noise[item * number..][..number]);
            let noise = noise.copied().collect();
            self.per_item(&prediction, &WithNoise { classes, noise })
        })
        .ok()?;
        uninformed::reduced(self, total, items, target)
    }

    fn floor(&self, _outputs: usize, _target: &WithNoise) -> Option<f64> {
        Some(0.0)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Gradient, Stream, gradient_check};

    fn draw(shape: &[usize], seed: u64) -> Tensor<f64> {
        Tensor::standard_normal(shape, Stream::new(seed))
    }

    fn criterion() -> NegativeSampling<f64> {
        NegativeSampling::new(draw(&[20, 3], 1), draw(&[20], 2)).unwrap()
    }

    fn target() -> WithNoise {
        WithNoise {
            classes: vec![4, 19],
            noise: vec![0, 4, 7, 7],
        }
    }

    #[test]
    fn gradients_agree_with_differences() {
        let criterion = criterion();
        let function = |x: &[Tensor<f64>]| criterion.forward(&x[0], &target());
        let worst = gradient_check::check(function, &[draw(&[2, 3], 3)], 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    #[test]
    fn only_the_rows_that_were_asked_have_gradients() {
        let criterion = criterion();
        let loss = criterion.forward(&draw(&[2, 3], 3), &target()).unwrap();
        let gradients = loss.backward().unwrap();
        let Some(Gradient::Rows(rows)) = gradients.get(&criterion.weight) else {
            panic!("the gradient must be sparse");
        };
        assert_eq!(rows.rows(), [4, 0, 4, 19, 7, 7]);
    }

    #[test]
    fn zero_scores_cost_log_two_for_each_question() {
        let found = criterion().expected_initial(20, &target()).unwrap();
        assert!((found - 3.0 * 2f64.ln()).abs() < 1e-15);
        assert!(
            criterion()
                .expected_given(&draw(&[2, 3], 3), &target())
                .is_some()
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let x = draw(&[2, 3], 3);
        for (classes, noise) in [
            (vec![4], vec![1]),
            (vec![4, 20], vec![1, 2]),
            (vec![4, 5], vec![1, 20]),
            (vec![4, 5], vec![1, 2, 3]),
        ] {
            let target = WithNoise { classes, noise };
            assert!(criterion().forward(&x, &target).is_err(), "{target:?}");
        }
        assert!(NegativeSampling::<f64>::new(Tensor::zeros([3]), Tensor::zeros([3])).is_err());
    }
}
