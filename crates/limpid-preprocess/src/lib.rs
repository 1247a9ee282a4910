//! Transforms that can be fitted on the training part of a split only.
#![doc = include_str!("../README.md")]

mod center;
mod column_map;
mod covariance;
mod discretize;
mod error;
mod matrix;
mod max_abs;
mod min_max;
mod pca;
mod pipeline;
mod quantile;
mod robust;
mod scope;
mod seen;
mod standardize;
mod transform;
mod zca;

pub use center::{Center, FittedCenter};
pub use discretize::{DiscretizeQuantile, DiscretizeUniform, FittedDiscretize};
pub use error::PreprocessError;
pub use max_abs::{FittedMaxAbs, MaxAbs};
pub use min_max::{FittedMinMax, MinMax};
pub use pca::{Components, FittedPca, Pca};
pub use pipeline::{FittedPipeline, FittedStep, Pipeline, Step};
pub use robust::{FittedRobust, Robust};
pub use scope::Scope;
pub use seen::{ColumnSummary, Seen};
pub use standardize::{FittedStandardize, Standardize};
pub use transform::{Fit, Inverse, Transform};
pub use zca::{FittedZca, Zca};
