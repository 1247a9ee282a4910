//! Metrics that a confusion matrix tells.

use limpid_tensor::{Element, Result, Tensor};

use super::{Average, Better, Confusion, Metric, Score};

/// A metric that is a function of a [`Confusion`]: greater values are better.
macro_rules! of_confusion {
    ($name:ident { $($field:ident: $type:ty)? }, $of:ident, $title:expr) => {
        impl Score for $name {
            fn name(&self) -> String {
                $title(self)
            }

            fn better(&self) -> Better {
                Better::Greater
            }

            fn compute(&self) -> Option<f64> {
                self.confusion.$of($(self.$field)?)
            }

            fn merge(&mut self, other: &Self) -> Result<()> {
                self.confusion.merge(&other.confusion)
            }

            fn reset(&mut self) {
                self.confusion = Confusion::new();
            }

            fn state(&self) -> Option<Vec<u64>> {
                Some(self.confusion.state())
            }

            fn load(&mut self, state: &[u64]) -> bool {
                self.confusion.load(state)
            }
        }

        impl<E: Element> Metric<E, [usize]> for $name {
            fn update(&mut self, prediction: &Tensor<E>, target: &[usize]) -> Result<()> {
                $(let classes = prediction.shape().last().copied().unwrap_or(0);
                self.confusion.check_average(self.$field, classes)?;)?
                self.confusion.update(prediction, target)
            }
        }
    };
}

/// A metric without settings.
macro_rules! plain {
    ($(#[$documentation:meta])* $name:ident, $of:ident, $title:literal) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            confusion: Confusion,
        }

        impl $name {
            /// Nothing counted yet.
            pub fn new() -> Self {
                Self::default()
            }
        }

        of_confusion!($name {}, $of, |_: &Self| $title.to_owned());
    };
}

/// A metric that averages over classes.
macro_rules! averaged {
    ($(#[$documentation:meta])* $name:ident, $of:ident, $title:literal) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            average: Average,
            confusion: Confusion,
        }

        impl $name {
            /// Nothing counted yet, averaged so.
            pub fn new(average: Average) -> Self {
                Self {
                    average,
                    confusion: Confusion::new(),
                }
            }
        }

        of_confusion!($name { average: Average }, $of, |it: &Self| match it.average {
            Average::Macro => concat!("macro ", $title).to_owned(),
            Average::Micro => concat!("micro ", $title).to_owned(),
            Average::Weighted => concat!("weighted ", $title).to_owned(),
            Average::Of(class) => format!(concat!($title, " of class {}"), class),
        });
    };
}

plain! {
    /// The share of rows whose class has the greatest score; see [`Confusion::accuracy`].
    Accuracy, accuracy, "accuracy"
}
plain! {
    /// The mean of the classes' recalls; see [`Confusion::balanced_accuracy`].
    BalancedAccuracy, balanced_accuracy, "balanced accuracy"
}
plain! {
    /// Agreement beyond chance; see [`Confusion::cohen_kappa`].
    CohenKappa, cohen_kappa, "Cohen's kappa"
}
plain! {
    /// Matthews' correlation coefficient; see [`Confusion::matthews`].
    Matthews, matthews, "Matthews correlation"
}
averaged! {
    /// The averaged harmonic mean of precision and recall; see [`Confusion::f1`].
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::Tensor;
    /// use limpid_train::metric::{Average, F1, Metric, Score};
    ///
    /// let mut f1 = F1::new(Average::Macro);
    /// f1.update(&Tensor::<f64>::from_vec(vec![2.0, 0.0, 0.0, 2.0], [2, 2])?, &[0, 1][..])?;
    /// assert_eq!(f1.compute(), Some(1.0));
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    F1, f1, "F1"
}
averaged! {
    /// The averaged share of right ones among the rows taken for a class; see [`Confusion::precision`].
    Precision, precision, "precision"
}
averaged! {
    /// The averaged share of a class's rows that were taken for it; see [`Confusion::recall`].
    Recall, recall, "recall"
}

#[cfg(test)]
mod tests {
    use super::super::testing::{agrees, logits, targets};
    use super::*;

    #[test]
    fn metrics_equal_those_of_scikit_learn_in_any_batches() {
        // scikit-learn 1.9.1, of the argmax.
        agrees(&Accuracy::new(), 0.458_333_333_333_333_3);
        agrees(&BalancedAccuracy::new(), 0.4375);
        agrees(&CohenKappa::new(), 0.242_718_446_601_941_64);
        agrees(&Matthews::new(), 0.248_268_163_218_414_23);
        agrees(&F1::new(Average::Macro), 0.470_342_522_974_101_84);
        agrees(&F1::new(Average::Micro), 0.458_333_333_333_333_3);
        agrees(&F1::new(Average::Weighted), 0.478_975_215_817_321_05);
        agrees(&F1::new(Average::Of(1)), 0.222_222_222_222_222_2);
        agrees(&Precision::new(Average::Macro), 0.557_575_757_575_757_6);
        agrees(&Precision::new(Average::Weighted), 0.543_434_343_434_343_5);
        agrees(&Recall::new(Average::Macro), 0.4375);
        agrees(&Recall::new(Average::Weighted), 0.458_333_333_333_333_3);
    }

    #[test]
    fn a_class_that_does_not_exist_is_refused() {
        let mut f1 = F1::new(Average::Of(4));
        assert!(f1.update(&logits(), &targets()[..]).is_err());
        let name = f1.name();
        assert_eq!(name, "F1 of class 4");
    }
}
