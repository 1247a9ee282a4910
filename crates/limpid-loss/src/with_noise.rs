//! Classes that are told from noise.

use limpid_tensor::{Element, Error, Result, Stream, Tensor};

use crate::class_rows::check_classes;
use crate::row_scores::{Judge, Questions, check_table, row_scores};
use crate::{AliasSampler, uninformed};

/// The classes of a batch and the noise that was drawn for it, as [`WithNoise::drawn`] draws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithNoise {
    /// One class for each item.
    pub classes: Vec<usize>,
    /// The same number of noise classes for each item, `[N, K]` row by row.
    pub noise: Vec<usize>,
}

impl WithNoise {
    /// A batch's classes with `per_item` noise classes for each, drawn from `stream`.
    pub fn drawn(
        noise: &AliasSampler,
        classes: impl Into<Vec<usize>>,
        per_item: usize,
        stream: Stream,
    ) -> Self {
        let classes = classes.into();
        let noise = noise.sample(classes.len() * per_item, stream);
        Self { classes, noise }
    }

    /// How many noise classes each item has.
    pub(crate) fn noise_per_item(&self, operation: &'static str) -> Result<usize> {
        let items = self.classes.len();
        let number = self.noise.len() / items.max(1);
        if number * items == self.noise.len() {
            return Ok(number);
        }
        let shapes = [&[items][..], &[self.noise.len()]];
        let rule = "every item must have the same number of noise classes";
        Err(Error::shape(operation, &shapes, rule))
    }

    /// The same items in another order.
    fn reordered(&self, order: &[usize], number: usize) -> Self {
        let own = |&item: &usize| &self.noise[item * number..][..number];
        Self {
            classes: order.iter().map(|&item| self.classes[item]).collect(),
            noise: order.iter().flat_map(own).copied().collect(),
        }
    }
}

/// The table of a classifier over very many classes, and what a score is lowered by before it is
/// judged: `shift` is given the item's own class and the class that is scored.
pub(crate) struct Table<'a, E: Element, S> {
    pub(crate) name: &'static str,
    pub(crate) weight: &'a Tensor<E>,
    pub(crate) bias: &'a Tensor<E>,
    pub(crate) shift: S,
}

impl<E: Element, S: Fn(usize, Class) -> f64> Table<'_, E, S> {
    /// The loss of each item against its noise.
    pub(crate) fn losses<J: Judge>(
        &self,
        judge: J,
        input: &Tensor<E>,
        target: &WithNoise,
    ) -> Result<Tensor<E>> {
        check_table(self.name, input, self.weight, self.bias)?;
        if target.classes.len() != input.shape()[0] {
            let shapes = [input.shape(), &[target.classes.len()]];
            let rule = "one class per row must be given";
            return Err(Error::shape(self.name, &shapes, rule));
        }
        let number = target.noise_per_item(self.name)?;
        let classes = self.weight.shape()[0];
        check_classes(self.name, &target.classes, classes, None)?;
        check_classes(self.name, &target.noise, classes, None)?;
        let items = target.classes.len();
        let mut questions = Questions::new(items * (1 + number), items);
        for (item, &own) in target.classes.iter().enumerate() {
            let mut ask = |class: usize, place: Class| {
                let shift = (self.shift)(own, place);
                // What is never noise cannot be weighed against it.
                if shift == f64::NEG_INFINITY {
                    let expected = "of classes that are drawn as noise";
                    return Err(Error::argument(self.name, "target", expected, class));
                }
                questions.ask(class, matches!(place, Class::Own), shift);
                Ok(())
            };
            ask(own, Class::Own)?;
            for &class in &target.noise[item * number..][..number] {
                ask(class, Class::Noise(class))?;
            }
            questions.next_item();
        }
        row_scores(self.name, input, self.weight, self.bias, questions, judge)
    }

    /// The sum of the items where all scores are 0, as they are of rows without width.
    pub(crate) fn of_zero_scores<J: Judge>(&self, judge: J, target: &WithNoise) -> Option<f64> {
        let classes = self.weight.shape()[0];
        let table = Table {
            name: self.name,
            weight: &Tensor::<f64>::zeros([classes, 0]),
            bias: &Tensor::zeros([classes]),
            shift: &self.shift,
        };
        let input = Tensor::zeros([target.classes.len(), 0]);
        let items = table.losses(judge, &input, target).ok()?;
        Some(uninformed::sum(&items))
    }
}

/// A class that is scored for an item.
#[derive(Clone, Copy)]
pub(crate) enum Class {
    /// The item's own.
    Own,
    /// Noise.
    Noise(usize),
}

/// The logarithm of how often a class is to be expected among `number` draws.
pub(crate) fn log_expected(noise: &AliasSampler, number: usize, class: usize) -> f64 {
    (number as f64 * noise.probability(class)).ln()
}

/// The sum of the items and their number, over all rotations of the target.
pub(crate) fn all_pairs<E: Element>(
    operation: &'static str,
    target: &WithNoise,
    losses: impl Fn(&WithNoise) -> Result<Tensor<E>>,
) -> Option<(f64, usize)> {
    let number = target.noise_per_item(operation).ok()?;
    let rotated = |order: &[usize]| losses(&target.reordered(order, number));
    uninformed::rotations(target.classes.len(), rotated).ok()
}

/// Checks weights `[C, D]` and biases `[C]`, and that `noise`, where there is some, is over C classes.
pub(crate) fn check_class_table<E: Element>(
    operation: &'static str,
    weight: &Tensor<E>,
    bias: &Tensor<E>,
    noise: Option<&AliasSampler>,
) -> Result<()> {
    if weight.rank() != 2 || bias.shape() != &weight.shape()[..1] {
        let shapes = [weight.shape(), bias.shape()];
        let rule = "must be weight [C, D] and bias [C]";
        return Err(Error::shape(operation, &shapes, rule));
    }
    match noise {
        Some(noise) if noise.classes() != weight.shape()[0] => {
            let shapes = [weight.shape(), &[noise.classes()]];
            let rule = "the noise must be over as many classes as there are";
            Err(Error::shape(operation, &shapes, rule))
        }
        _ => Ok(()),
    }
}

/// `new` and `with_parameters` of a loss that knows its noise, with the defaults of its settings.
macro_rules! made_with_noise {
    ($name:expr $(, $setting:ident: $default:expr)*) => {
        /// Starting from these weights and biases, with noise that is drawn from `noise`.
        ///
        /// # Errors
        /// A shape error unless they are `[C, D]` and `[C]`, and the noise is over C classes.
        pub fn new(
            weight: limpid_tensor::Tensor<E>,
            bias: limpid_tensor::Tensor<E>,
            noise: $crate::AliasSampler,
        ) -> limpid_tensor::Result<Self> {
            let parameter = limpid_tensor::Parameter::new;
            Self::with_parameters(parameter(weight), parameter(bias), noise)
        }

        /// As `new`, with parameters that exist already.
        ///
        /// # Errors
        /// As there.
        pub fn with_parameters(
            weight: limpid_tensor::Parameter<E>,
            bias: limpid_tensor::Parameter<E>,
            noise: $crate::AliasSampler,
        ) -> limpid_tensor::Result<Self> {
            $crate::with_noise::check_class_table($name, &weight, &bias, Some(&noise))?;
            Ok(Self {
                weight,
                bias,
                noise,
                $($setting: $default,)*
                reduction: $crate::Reduction::Mean,
            })
        }
    };
}
pub(crate) use made_with_noise;

/// What losses against noise have in common, inside their `impl Loss`: `$table` makes their [`Table`]
/// for a number of noise classes per item, `$judge` judges its scores.
macro_rules! loss_against_noise {
    ($Element:ident, $name:expr, $judge:expr) => {
        type Target = $crate::WithNoise;

        fn name(&self) -> &'static str {
            $name
        }

        fn reduction(&self) -> $crate::Reduction {
            self.reduction
        }

        fn per_item(
            &self,
            prediction: &limpid_tensor::Tensor<$Element>,
            target: &$crate::WithNoise,
        ) -> limpid_tensor::Result<limpid_tensor::Tensor<$Element>> {
            let number = target.noise_per_item($name)?;
            self.table(number).losses($judge, prediction, target)
        }

        fn expected_initial(&self, _outputs: usize, target: &$crate::WithNoise) -> Option<f64> {
            let number = target.noise_per_item($name).ok()?;
            let total = self.table(number).of_zero_scores($judge, target)?;
            $crate::uninformed::reduced(self, total, target.classes.len(), target)
        }

        fn expected_given(
            &self,
            prediction: &limpid_tensor::Tensor<$Element>,
            target: &$crate::WithNoise,
        ) -> Option<f64> {
            let prediction = prediction.detach();
            let losses = |target: &$crate::WithNoise| self.per_item(&prediction, target);
            let (total, items) = $crate::with_noise::all_pairs($name, target, losses)?;
            $crate::uninformed::reduced(self, total, items, target)
        }

        fn floor(&self, _outputs: usize, _target: &$crate::WithNoise) -> Option<f64> {
            Some(0.0)
        }

        fn has_kinks(&self) -> bool {
            false
        }
    };
}
pub(crate) use loss_against_noise;

#[cfg(test)]
pub(crate) mod testing {
    use limpid_tensor::{Element, Gradient, Parameter, Stream, Tensor, gradient_check};

    use super::WithNoise;
    use crate::Loss;

    /// Numbers that PyTorch can be given as well: sin(k), k = 0, 1, 2...
    pub(crate) fn sines<E: Element>(shape: &[usize], first: usize) -> Tensor<E> {
        Tensor::from_fn(shape, |place| ((first + place) as f64).sin())
    }

    /// Two items, of which one meets its own class as noise.
    pub(crate) fn target() -> WithNoise {
        WithNoise {
            classes: vec![4, 9],
            noise: vec![0, 4, 3, 7, 7, 2],
        }
    }

    /// Checks the loss, the gradient of the input and the sums of the gradients of weight and bias of
    /// two items of `sines([2, 3], 0)`, and that only the rows that were asked have gradients.
    pub(crate) fn agrees<L: Loss<f64, Target = WithNoise>>(
        loss: &L,
        [weight, bias]: [&Parameter<f64>; 2],
        expected: &[f64],
    ) {
        let input = sines::<f64>(&[2, 3], 0).requires_grad();
        let value = loss.forward(&input, &target()).unwrap();
        let gradients = value.backward().unwrap();
        let mut found = vec![value.item().unwrap()];
        found.extend(gradients.tensor(&input).unwrap().to_vec());
        for parameter in [weight, bias] {
            let Some(Gradient::Rows(rows)) = gradients.get(parameter) else {
                panic!("the gradient must be sparse");
            };
            assert_eq!(rows.rows(), [4, 0, 4, 3, 9, 7, 7, 2]);
            let dense = rows.to_dense();
            found.push(dense.sum().item().unwrap());
            found.push(dense.square().sum().item().unwrap());
        }
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-13, "{found}, {expected}");
        }
        assert_eq!(found.len(), expected.len());
        let function = |x: &[Tensor<f64>]| loss.forward(&x[0], &target());
        let inputs = [Tensor::standard_normal([2, 3], Stream::new(3))];
        let worst = gradient_check::check(function, &inputs, 1e-5).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }

    /// Checks that targets which do not fit ten classes and two items are refused.
    pub(crate) fn refuses<L: Loss<f64, Target = WithNoise>>(loss: &L) {
        let x = sines::<f64>(&[2, 3], 0);
        for (classes, noise) in [
            (vec![4], vec![1]),
            (vec![4, 10], vec![1, 2]),
            (vec![4, 5], vec![1, 10]),
            (vec![4, 5], vec![1, 2, 3]),
        ] {
            let target = WithNoise { classes, noise };
            assert!(loss.forward(&x, &target).is_err(), "{target:?}");
        }
        assert!(loss.forward(&Tensor::zeros([2, 4]), &target()).is_err());
    }
}
