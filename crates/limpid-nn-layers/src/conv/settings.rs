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

/// `with_stride` and `with_dilation`, for a configuration whose fields are a `$Step`.
macro_rules! with_steps {
    ($Step:ty) => {
        /// The same, moving this far.
        #[must_use]
        pub fn with_stride(self, stride: $Step) -> Self {
            Self { stride, ..self }
        }

        /// The same, with the kernel's elements this far apart.
        #[must_use]
        pub fn with_dilation(self, dilation: $Step) -> Self {
            Self { dilation, ..self }
        }
    };
}
pub(super) use with_steps;
