//! Metrics of how far predicted numbers lie from true ones.

use limpid_tensor::{Element, Result, Tensor};

use super::{Better, Metric, Regression, RegressionScores, Score};

/// A metric that is one of the scores of [`Regression`].
macro_rules! of_regression {
    ($(#[$documentation:meta])* $name:ident, $better:ident, $score:ident, $title:literal) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            sums: Regression,
        }

        impl $name {
            /// Nothing summed up yet.
            pub fn new() -> Self {
                Self::default()
            }
        }

        impl Score for $name {
            fn name(&self) -> String {
                $title.to_owned()
            }

            fn better(&self) -> Better {
                Better::$better
            }

            fn compute(&self) -> Option<f64> {
                let scores: Option<RegressionScores> = self.sums.scores().ok();
                scores.map(|scores| scores.$score)
            }

            fn merge(&mut self, other: &Self) -> Result<()> {
                self.sums.merge(&other.sums)
            }

            fn reset(&mut self) {
                self.sums = Regression::new();
            }

            fn state(&self) -> Option<Vec<u64>> {
                Some(self.sums.state())
            }

            fn load(&mut self, state: &[u64]) -> bool {
                self.sums.load(state)
            }
        }

        impl<E: Element> Metric<E, Tensor<E>> for $name {
            fn update(&mut self, prediction: &Tensor<E>, target: &Tensor<E>) -> Result<()> {
                self.sums.update(prediction, target)
            }
        }
    };
}

of_regression! {
    /// The mean absolute error, in the target's unit.
    ///
    /// # Example
    /// ```
    /// use limpid_tensor::Tensor;
    /// use limpid_train::metric::{Mae, Metric, Score};
    ///
    /// let mut metric = Mae::new();
    /// metric.update(&Tensor::<f64>::full([2, 1], 3.0), &Tensor::from_vec(vec![2.0, 6.0], [2, 1])?)?;
    /// assert_eq!(metric.compute(), Some(2.0));
    /// # Ok::<(), limpid_tensor::Error>(())
    /// ```
    Mae, Smaller, mae, "MAE"
}
of_regression! {
    /// The mean squared error.
    MeanSquaredError, Smaller, mse, "MSE"
}
of_regression! {
    /// The root of the mean squared error, in the target's unit; of several outputs the mean of their roots.
    Rmse, Smaller, rmse, "RMSE"
}
of_regression! {
    /// The share of the targets' variance that is explained, 1 - squared errors / scatter of the targets.
    R2, Greater, r2, "R2"
}
of_regression! {
    /// 1 - variance of the errors / variance of the targets: as [`R2`], but blind to a constant error.
    ExplainedVariance, Greater, explained_variance, "explained variance"
}
of_regression! {
    /// The mean of |error| / |target|, as a share: 0.1 is ten percent. Targets near 0 make it huge.
    Mape, Smaller, mape, "MAPE"
}

#[cfg(test)]
mod tests {
    use super::super::testing::{agrees_on_values, values};
    use super::*;

    #[test]
    fn metrics_equal_those_of_scikit_learn_in_any_batches() {
        // scikit-learn 1.9.1, the mean over two outputs.
        agrees_on_values(&Mae::new(), 0.484_368_458_139_571_13);
        agrees_on_values(&MeanSquaredError::new(), 0.324_822_427_528_543_9);
        agrees_on_values(&Rmse::new(), 0.554_487_390_893_610_5);
        agrees_on_values(&R2::new(), 0.951_593_705_115_496_6);
        agrees_on_values(&ExplainedVariance::new(), 0.957_484_569_484_506_6);
        agrees_on_values(&Mape::new(), 0.513_427_188_631_430_6);
    }

    #[test]
    fn outputs_that_differ_do_not_merge() {
        let (prediction, target) = values();
        let mut two = Mae::new();
        two.update(&prediction, &target).unwrap();
        let mut one = Mae::new();
        let column = |it: &Tensor<f64>| it.narrow(1, 0, 1).unwrap();
        one.update(&column(&prediction), &column(&target)).unwrap();
        assert!(one.merge(&two).is_err());
        let mut none = Mae::new();
        none.merge(&two).unwrap();
        assert_eq!(none, two);
    }
}
