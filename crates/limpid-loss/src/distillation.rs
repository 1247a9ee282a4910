//! Learning from a teacher.

use limpid_tensor::{Element, Error, Result, Tensor, count};

use crate::class_rows::ClassRows;
use crate::cross_entropy_soft::against_shares;
use crate::log_sum_exp::{entropy, exponentials};
use crate::settings::with_reduction;
use crate::values::{check_positive, check_same_shape, check_share};
use crate::{CrossEntropy, Loss, Reduction, uninformed};

const NAME: &str = "distillation";

/// What a student is to learn: a teacher's logits and the classes themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Taught<E: Element> {
    /// The teacher's logits, of the shape of the student's.
    pub teacher: Tensor<E>,
    /// One class for each item.
    pub classes: Vec<usize>,
}

/// Distillation: alpha T^2 KL(teacher_T || student_T) + (1 - alpha) cross-entropy on the classes,
/// where `_T` is the softmax of logits divided by the temperature T.
///
/// # Shapes
/// Logits of the student and of the teacher `[C]`, `[N, C]` or `[N, C, d...]`, of one shape; one class
/// for each item; one number per item. The teacher receives no gradient.
///
/// # Gradient
/// alpha T (student_T - teacher_T) + (1 - alpha) (student - class): T^2 keeps the first part's size
/// when T changes.
///
/// # Uninformed
/// alpha T^2 (log C - entropy of teacher_T) + (1 - alpha) log C for zero logits. The floor is 0 where
/// alpha is 0 or 1; in between the two parts contradict each other and there is no closed form. No
/// kinks.
///
/// # Infinite logits
/// As of [`CrossEntropy`](crate::CrossEntropy): minus infinity is a probability of 0; plus infinity makes
/// the loss NaN, so that a network that has overflowed shows.
///
/// # Source
/// Hinton, Vinyals and Dean 2015, section 2.
///
/// # Example
/// ```
/// use limpid_loss::{Distillation, Loss, Taught};
/// use limpid_tensor::Tensor;
///
/// let teacher = Tensor::<f64>::from_vec(vec![2.0, -1.0], [1, 2])?;
/// let target = Taught { teacher: teacher.clone(), classes: vec![0] };
/// let loss = Distillation::new(4.0, 1.0).forward(&teacher, &target)?;
/// assert!(loss.item()?.abs() < 1e-14);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Distillation {
    /// What logits are divided by, above 0; usually 2 to 20.
    pub temperature: f64,
    /// The teacher's share, in [0, 1]; the classes have the rest.
    pub alpha: f64,
    /// How items become one number; by default their mean.
    pub reduction: Reduction,
}

impl Distillation {
    /// With this temperature and this share of the teacher, reduced to the mean.
    pub fn new(temperature: f64, alpha: f64) -> Self {
        Self {
            temperature,
            alpha,
            reduction: Reduction::Mean,
        }
    }

    with_reduction!();

    /// T^2 KL(teacher_T || student_T) per item, as cross-entropy less the teacher's entropy.
    fn divergence<E: Element>(
        &self,
        student: &Tensor<E>,
        teacher: &Tensor<E>,
    ) -> Result<Tensor<E>> {
        let scale = 1.0 / self.temperature;
        let student = ClassRows::new(NAME, &student.mul_scalar(scale))?;
        let teacher = ClassRows::new(NAME, &teacher.detach().mul_scalar(scale))?;
        let mut shares = teacher.rows.to_vec();
        let entropies = shares
            .chunks_exact_mut(student.classes)
            .map(|row| {
                exponentials(row);
                E::of(entropy(row.iter().map(|share| share.double())))
            })
            .collect();
        let items = student.rows.shape()[0];
        let entropies = Tensor::from_vec(entropies, [items])?;
        let divergence = against_shares(NAME, &student.rows, shares)?.sub(&entropies)?;
        student.shaped(&divergence.mul_scalar(self.temperature * self.temperature))
    }
}

impl<E: Element> Loss<E> for Distillation {
    type Target = Taught<E>;

    fn name(&self) -> &'static str {
        NAME
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn per_item(&self, prediction: &Tensor<E>, target: &Taught<E>) -> Result<Tensor<E>> {
        check_positive(NAME, "temperature", self.temperature)?;
        check_share(NAME, "alpha", self.alpha)?;
        check_same_shape(NAME, prediction, &target.teacher)?;
        let classes = CrossEntropy::new().per_item(prediction, &target.classes)?;
        // A part without a share is left out: where it is infinite, 0 of it would be NaN.
        if self.alpha == 0.0 {
            return Ok(classes);
        }
        let teacher = self.divergence(prediction, &target.teacher)?;
        if self.alpha == 1.0 {
            return Ok(teacher);
        }
        let teacher = teacher.mul_scalar(self.alpha);
        teacher.add(&classes.mul_scalar(1.0 - self.alpha))
    }

    fn expected_initial(&self, _outputs: usize, target: &Taught<E>) -> Option<f64> {
        let items = self
            .per_item(&Tensor::zeros(target.teacher.shape()), target)
            .ok()?;
        uninformed::reduced(self, uninformed::sum(&items), items.len(), target)
    }

    fn expected_given(&self, prediction: &Tensor<E>, target: &Taught<E>) -> Option<f64> {
        let &examples = target.teacher.shape().first()?;
        let prediction = prediction.detach();
        let (total, items) = uninformed::rotations(examples, |order| {
            self.per_item(&prediction, &target.reordered(order)?)
        })
        .ok()?;
        uninformed::reduced(self, total, items, target)
    }

    fn floor(&self, _outputs: usize, _target: &Taught<E>) -> Option<f64> {
        (self.alpha == 0.0 || self.alpha == 1.0).then_some(0.0)
    }

    fn has_kinks(&self) -> bool {
        false
    }
}

impl<E: Element> Taught<E> {
    /// The same examples in another order.
    fn reordered(&self, order: &[usize]) -> Result<Self> {
        let per_example = count(self.teacher.shape().get(2..).unwrap_or_default());
        let mut classes = Vec::with_capacity(self.classes.len());
        for &example in order {
            let range = example * per_example..(example + 1) * per_example;
            let Some(own) = self.classes.get(range) else {
                let shapes = [self.teacher.shape(), &[self.classes.len()]];
                return Err(Error::shape(
                    NAME,
                    &shapes,
                    "one class per item must be given",
                ));
            };
            classes.extend_from_slice(own);
        }
        Ok(Self {
            teacher: self.teacher.detach().index_select(0, order)?,
            classes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::{Stream, gradient_check};

    fn taught(shape: &[usize], classes: &[usize]) -> Taught<f64> {
        Taught {
            teacher: Tensor::standard_normal(shape, Stream::new(1)),
            classes: classes.to_vec(),
        }
    }

    #[test]
    fn gradients_agree_with_differences() {
        for alpha in [0.0, 0.3, 1.0] {
            for (shape, classes) in [(&[3, 4][..], &[0, 3, 1][..]), (&[1, 3, 2], &[2, 0])] {
                let target = taught(shape, classes);
                let loss = Distillation::new(2.0, alpha);
                let function = |x: &[Tensor<f64>]| loss.forward(&x[0], &target);
                let student = Tensor::standard_normal(shape, Stream::new(2));
                let worst = gradient_check::check(function, &[student], 1e-5).unwrap();
                assert!(worst.error < 1e-7, "{worst:?}");
            }
        }
    }

    #[test]
    fn who_repeats_the_teacher_has_nothing_to_learn_from_it() {
        let target = taught(&[3, 4], &[0, 3, 1]);
        let loss = Distillation::new(3.0, 1.0);
        let value = loss
            .forward(&target.teacher, &target)
            .unwrap()
            .item()
            .unwrap();
        assert!(value.abs() < 1e-13, "{value}");
        assert_eq!(loss.floor(4, &target), Some(0.0));
        assert_eq!(Distillation::new(3.0, 0.5).floor(4, &target), None);
        let given = loss.expected_given(&target.teacher, &target).unwrap();
        assert!(given > 0.1, "{given}");
    }

    #[test]
    fn wrong_settings_are_refused() {
        let target = taught(&[2, 3], &[0, 1]);
        let student = Tensor::zeros([2, 3]);
        for loss in [
            Distillation::new(0.0, 0.5),
            Distillation::new(f64::NAN, 0.5),
            Distillation::new(2.0, 1.5),
        ] {
            assert!(loss.forward(&student, &target).is_err());
        }
        let loss = Distillation::new(2.0, 0.5);
        assert!(loss.forward(&Tensor::zeros([2, 4]), &target).is_err());
        assert!(loss.forward(&student, &taught(&[2, 3], &[0])).is_err());
        assert_eq!(loss.expected_given(&student, &taught(&[2, 3], &[0])), None);
    }
}
