//! Settings that all convolutions have, each written once.

/// `with_groups`, `with_bias`, `with_nonlinearity` and `with_initializer`, for a configuration with
/// these fields.
macro_rules! with_filling {
    () => {
        /// The same, with this many groups.
        #[must_use]
        pub fn with_groups(self, groups: usize) -> Self {
            Self { groups, ..self }
        }

        /// The same, with a bias or without.
        #[must_use]
        pub fn with_bias(self, bias: bool) -> Self {
            Self { bias, ..self }
        }

        /// The same, before another activation.
        #[must_use]
        pub fn with_nonlinearity(self, nonlinearity: limpid_init::Nonlinearity) -> Self {
            Self {
                nonlinearity,
                ..self
            }
        }

        /// The same, with the weight filled by `initializer`.
        #[must_use]
        pub fn with_initializer(
            self,
            initializer: impl limpid_init::Initializer + 'static,
        ) -> Self {
            Self {
                initializer: Some(std::sync::Arc::new(initializer)),
                ..self
            }
        }
    };
}
pub(super) use with_filling;
