//! Settings that many losses have, each written once.

/// `with_reduction`, for a loss with a field `reduction`.
macro_rules! with_reduction {
    () => {
        /// With another reduction.
        #[must_use]
        pub fn with_reduction(mut self, reduction: $crate::Reduction) -> Self {
            self.reduction = reduction;
            self
        }
    };
}
pub(crate) use with_reduction;

/// `with_weight`, for a loss with a field `weight` of one number for each class.
macro_rules! with_weight {
    () => {
        /// With a weight for each class.
        #[must_use]
        pub fn with_weight(mut self, weight: impl Into<Vec<f64>>) -> Self {
            self.weight = Some(weight.into());
            self
        }
    };
}
pub(crate) use with_weight;

/// `with_ignore_index`, for a loss with the fields `weight` and `ignore_index`, and what an item
/// weighs.
macro_rules! with_ignore_index {
    () => {
        /// Without the items of class `ignore_index`.
        #[must_use]
        pub fn with_ignore_index(mut self, ignore_index: usize) -> Self {
            self.ignore_index = Some(ignore_index);
            self
        }

        /// The weight of class `class`, 0 if it is ignored.
        fn weight_of(&self, class: usize) -> f64 {
            if Some(class) == self.ignore_index {
                return 0.0;
            }
            match &self.weight {
                Some(weight) => weight.get(class).copied().unwrap_or(0.0),
                None => 1.0,
            }
        }
    };
}
pub(crate) use with_ignore_index;

/// `with_label_smoothing`, for a loss with a field `label_smoothing`.
macro_rules! with_label_smoothing {
    () => {
        /// With this share of the target spread evenly over all classes.
        #[must_use]
        pub fn with_label_smoothing(mut self, label_smoothing: f64) -> Self {
            self.label_smoothing = label_smoothing;
            self
        }
    };
}
pub(crate) use with_label_smoothing;

/// `$with`, for a loss with a field `$field`, under the documentation that it is given.
macro_rules! setting {
    ($(#[$documentation:meta])* $with:ident, $field:ident: $Type:ty) => {
        $(#[$documentation])*
        #[must_use]
        pub fn $with(mut self, $field: $Type) -> Self {
            self.$field = $field;
            self
        }
    };
}
pub(crate) use setting;
