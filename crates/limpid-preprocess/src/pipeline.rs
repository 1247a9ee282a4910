//! Transforms one after the other.

use limpid_data::{Features, RowMap, Train};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::{
    Center, DiscretizeQuantile, DiscretizeUniform, Fit, FittedCenter, FittedDiscretize,
    FittedMaxAbs, FittedMinMax, FittedPca, FittedRobust, FittedStandardize, FittedZca, MaxAbs,
    MinMax, Pca, PreprocessError, Robust, Seen, Standardize, Transform, Zca,
};

macro_rules! steps {
    ($($name:ident, $recipe:ident, $fitted:ident, $text:literal;)*) => {
        /// A recipe of a pipeline.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Step {
            $(#[doc = concat!("See [`", stringify!($recipe), "`].")] $name($recipe),)*
        }

        /// What was fitted by a [`Step`].
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum FittedStep {
            $(#[doc = concat!("See [`", stringify!($fitted), "`].")] $name($fitted),)*
        }

        $(impl From<$recipe> for Step {
            fn from(recipe: $recipe) -> Self {
                Self::$name(recipe)
            }
        })*

        impl Step {
            /// The recipe's name, as a run's record has it.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $text,)*
                }
            }
        }

        impl Fit for Step {
            type Fitted = FittedStep;

            fn fit<D: Features>(&self, train: &Train<D>) -> Result<FittedStep, PreprocessError> {
                match self {
                    $(Self::$name(recipe) => recipe.fit(train).map(FittedStep::$name),)*
                }
            }
        }

        impl RowMap for FittedStep {
            fn input_width(&self) -> usize {
                match self {
                    $(Self::$name(fitted) => fitted.input_width(),)*
                }
            }

            fn output_width(&self) -> usize {
                match self {
                    $(Self::$name(fitted) => fitted.output_width(),)*
                }
            }

            fn map_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
                match self {
                    $(Self::$name(fitted) => fitted.map_block(rows),)*
                }
            }
        }

        impl Transform for FittedStep {
            fn seen(&self) -> &Seen {
                match self {
                    $(Self::$name(fitted) => fitted.seen(),)*
                }
            }
        }
    };
}

steps! {
    Center, Center, FittedCenter, "center";
    Standardize, Standardize, FittedStandardize, "standardize";
    MinMax, MinMax, FittedMinMax, "min_max";
    MaxAbs, MaxAbs, FittedMaxAbs, "max_abs";
    Robust, Robust, FittedRobust, "robust";
    Pca, Pca, FittedPca, "pca";
    Zca, Zca, FittedZca, "zca";
    DiscretizeUniform, DiscretizeUniform, FittedDiscretize, "discretize_uniform";
    DiscretizeQuantile, DiscretizeQuantile, FittedDiscretize, "discretize_quantile";
}

/// Recipes in order, each fitted on what the ones before it make of the training part. Without a
/// step, rows stay as they are.
///
/// # Example
/// ```
/// use limpid_data::{RowMap, Split, classics};
/// use limpid_preprocess::{Components, Fit, Pca, Pipeline, Standardize};
///
/// let train = Split::train_only(classics::wine()?)?;
/// let recipe = Pipeline::new().then(Standardize::default()).then(Pca::new(Components::Count(5)));
/// let fitted = recipe.fit(&train)?;
/// assert_eq!((fitted.input_width(), fitted.output_width()), (13, 5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Pipeline {
    /// The recipes, first to last.
    pub steps: Vec<Step>,
}

impl Pipeline {
    /// Without a step.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more recipe at the end.
    #[must_use]
    pub fn then(mut self, step: impl Into<Step>) -> Self {
        self.steps.push(step.into());
        self
    }
}

/// A fitted [`Pipeline`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedPipeline {
    steps: Vec<FittedStep>,
    seen: Seen,
}

impl FittedPipeline {
    /// What was fitted, first to last.
    pub fn steps(&self) -> &[FittedStep] {
        &self.steps
    }
}

impl Fit for Pipeline {
    type Fitted = FittedPipeline;

    fn fit<D: Features>(&self, train: &Train<D>) -> Result<FittedPipeline, PreprocessError> {
        let mut fitted = FittedPipeline {
            seen: Seen::of("pipeline", 1, train)?,
            steps: Vec::new(),
        };
        for step in &self.steps {
            let next = step.fit(&train.through(&fitted)?)?;
            fitted.steps.push(next);
        }
        Ok(fitted)
    }
}

impl RowMap for FittedPipeline {
    fn input_width(&self) -> usize {
        self.seen.columns.len()
    }

    fn output_width(&self) -> usize {
        self.steps
            .last()
            .map_or(self.input_width(), RowMap::output_width)
    }

    fn map_block(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        self.steps
            .iter()
            .fold(rows.to_owned(), |rows, step| step.map_block(rows.view()))
    }
}

impl Transform for FittedPipeline {
    fn seen(&self) -> &Seen {
        &self.seen
    }
}

#[cfg(test)]
mod tests {
    use limpid_data::{Split, classics};

    use super::*;
    use crate::Components;

    #[test]
    fn steps_are_fitted_on_what_comes_before_them() {
        let wine = Split::train_only(classics::wine().unwrap()).unwrap();
        let whole = Pipeline::new()
            .then(Standardize::default())
            .then(Pca::default());
        let whole = whole
            .fit(&wine)
            .unwrap()
            .transform(wine.features())
            .unwrap();
        let first = Standardize::default()
            .fit(&wine)
            .unwrap()
            .transform_part(&wine)
            .unwrap();
        let second = Pca::default()
            .fit(&first)
            .unwrap()
            .transform_part(&first)
            .unwrap();
        assert!(
            (&whole - &second.features())
                .iter()
                .all(|error| error.abs() < 1e-10)
        );
    }

    #[test]
    fn a_pipeline_without_steps_changes_nothing() {
        let wine = Split::train_only(classics::wine().unwrap()).unwrap();
        let fitted = Pipeline::new().fit(&wine).unwrap();
        assert_eq!(fitted.transform(wine.features()).unwrap(), wine.features());
    }

    #[test]
    fn recipe_and_fitted_pipeline_are_read_as_they_were_saved() {
        let wine = Split::train_only(classics::wine().unwrap()).unwrap();
        let recipe = Pipeline::new()
            .then(MinMax::default())
            .then(Zca::default())
            .then(Pca::new(Components::Count(3)));
        let text = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Pipeline>(&text).unwrap(), recipe);
        let fitted = recipe.fit(&wine).unwrap();
        let text = serde_json::to_string(&fitted).unwrap();
        let again: FittedPipeline = serde_json::from_str(&text).unwrap();
        let (want, got) = (
            fitted.transform(wine.features()).unwrap(),
            again.transform(wine.features()).unwrap(),
        );
        assert!((&want - &got).iter().all(|error| error.abs() < 1e-9));
    }

    #[test]
    fn an_error_of_a_step_is_the_pipelines() {
        let wine = Split::train_only(classics::wine().unwrap()).unwrap();
        let recipe = Pipeline::new()
            .then(Pca::new(Components::Count(2)))
            .then(Pca::new(Components::Count(3)));
        assert!(matches!(
            recipe.fit(&wine),
            Err(PreprocessError::Setting { .. })
        ));
    }
}
