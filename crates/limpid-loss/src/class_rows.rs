//! Scores of classes, one row per item.

use limpid_tensor::{Element, Error, Result, Shape, Tensor};

/// What losses of classes have in common, inside their `impl Loss`: a model that knows nothing gives all
/// classes one score, and a perfect one pays nothing.
macro_rules! loss_of_classes {
    ($Element:ident, $name:expr) => {
        $crate::class_rows::loss_of_classes!($Element, $name, but_for_the_initial);

        fn expected_initial(&self, outputs: usize, target: &[usize]) -> Option<f64> {
            $crate::uninformed::same_for_all_classes::<Self>(self, outputs, 0.0, target)
        }
    };
    ($Element:ident, $name:expr, but_for_the_initial) => {
        type Target = [usize];

        fn name(&self) -> &'static str {
            $name
        }

        fn reduction(&self) -> $crate::Reduction {
            self.reduction
        }

        fn expected_given(
            &self,
            prediction: &limpid_tensor::Tensor<$Element>,
            target: &[usize],
        ) -> Option<f64> {
            $crate::uninformed::all_pairs_of_classes(self, prediction, target)
        }

        fn floor(&self, _outputs: usize, _target: &[usize]) -> Option<f64> {
            Some(0.0)
        }
    };
}
pub(crate) use loss_of_classes;

/// Scores `[items, classes]` and the shape that the items have among themselves.
#[derive(Debug)]
pub(crate) struct ClassRows<E: Element> {
    pub(crate) rows: Tensor<E>,
    pub(crate) classes: usize,
    pub(crate) item_shape: Shape,
}

impl<E: Element> ClassRows<E> {
    /// Takes `[C]`, `[N, C]` or `[N, C, d...]` apart; classes lie in dimension 1, or 0 if it is
    /// the only one.
    pub(crate) fn new(operation: &'static str, scores: &Tensor<E>) -> Result<Self> {
        let shape = scores.shape();
        let rank = shape.len();
        let dim = match rank {
            0 => {
                let rule = "must have a dimension of classes: [C], [N, C] or [N, C, d...]";
                return Err(Error::shape(operation, &[shape], rule));
            }
            1 => 0,
            _ => 1,
        };
        let classes = shape[dim];
        if classes == 0 {
            return Err(Error::shape(
                operation,
                &[shape],
                "must hold a class or more",
            ));
        }
        let mut item_shape = Shape::from_slice(shape);
        item_shape.remove(dim);
        let items = limpid_tensor::count(&item_shape);
        let last = if rank > 2 {
            let order: Vec<isize> = std::iter::once(0)
                .chain(2..rank as isize)
                .chain(std::iter::once(1))
                .collect();
            scores.permute(&order)?
        } else {
            scores.clone()
        };
        Ok(Self {
            rows: last.reshape([items, classes])?,
            classes,
            item_shape,
        })
    }

    /// As [`ClassRows::new`], and checks that there is one class per item, and that it exists or is
    /// `ignored`.
    pub(crate) fn for_classes(
        operation: &'static str,
        scores: &Tensor<E>,
        target: &[usize],
        ignored: Option<usize>,
    ) -> Result<Self> {
        let it = Self::new(operation, scores)?;
        let items = limpid_tensor::count(&it.item_shape);
        if target.len() != items {
            let rule = format!("{items} classes must be given, one per item");
            return Err(Error::shape(
                operation,
                &[scores.shape(), &[target.len()]],
                rule,
            ));
        }
        check_classes(operation, target, it.classes, ignored)?;
        Ok(it)
    }

    /// Gives the items the shape that they have among themselves.
    pub(crate) fn shaped(&self, items: &Tensor<E>) -> Result<Tensor<E>> {
        items.reshape(&self.item_shape)
    }
}

/// Checks that every class is below `classes`, or `ignored`.
pub(crate) fn check_classes(
    operation: &'static str,
    target: &[usize],
    classes: usize,
    ignored: Option<usize>,
) -> Result<()> {
    let wrong = |class: &&usize| **class >= classes && Some(**class) != ignored;
    match target.iter().find(wrong) {
        Some(&class) => Err(Error::index(operation, "class", class, classes)),
        None => Ok(()),
    }
}

/// Checks class weights: one per class, finite and not negative.
pub(crate) fn check_weights(
    operation: &'static str,
    weight: Option<&[f64]>,
    classes: usize,
) -> Result<()> {
    let Some(weight) = weight else { return Ok(()) };
    if weight.len() != classes {
        let rule = format!("must hold one weight for each of {classes} classes");
        return Err(Error::shape(operation, &[&[weight.len()]], rule));
    }
    match weight.iter().find(|it| !(it.is_finite() && **it >= 0.0)) {
        Some(found) => {
            let expected = "finite and not negative everywhere";
            Err(Error::argument(operation, "weight", expected, found))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_move_to_the_end() {
        let scores = Tensor::<f64>::from_fn([2, 3, 2], |place| place as f64);
        let it = ClassRows::new("loss", &scores).unwrap();
        assert_eq!(it.rows.shape(), [4, 3]);
        assert_eq!(it.rows.to_vec()[..6], [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
        assert_eq!(it.item_shape.as_slice(), [2, 2]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let scores = Tensor::<f64>::zeros([2, 3]);
        assert!(ClassRows::new("loss", &Tensor::<f64>::scalar(1.0)).is_err());
        assert!(ClassRows::new("loss", &Tensor::<f64>::zeros([2, 0])).is_err());
        assert!(ClassRows::for_classes("loss", &scores, &[0], None).is_err());
        assert!(ClassRows::for_classes("loss", &scores, &[0, 9], Some(9)).is_ok());
        let error = ClassRows::for_classes("loss", &scores, &[0, 3], None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "loss: class 3 is out of range: there are 3"
        );
        assert!(check_weights("loss", Some(&[1.0, f64::NAN]), 2).is_err());
        assert!(check_weights("loss", Some(&[1.0]), 2).is_err());
    }
}
