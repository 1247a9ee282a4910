//! Transforms that can be fitted on the training part of a split only
