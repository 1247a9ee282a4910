//! Several dimensions made one.

use limpid_tensor::{Element, Result, Tensor};

use crate::{Context, Module, Parameters};

/// Joins dimensions `start_dim` to `end_dim` into one; by default all but the first.
///
/// # Shapes
/// `[N, C, H, W]` becomes `[N, C * H * W]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Parameters)]
pub struct Flatten {
    /// The first dimension to join. The default is 1.
    pub start_dim: isize,
    /// The last dimension to join. The default is -1, the last.
    pub end_dim: isize,
}

impl Flatten {
    /// Joins `start_dim` to `end_dim`.
    pub fn new(start_dim: isize, end_dim: isize) -> Self {
        Self { start_dim, end_dim }
    }
}

impl Default for Flatten {
    fn default() -> Self {
        Self::new(1, -1)
    }
}

impl<E: Element> Module<E> for Flatten {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        input.flatten(self.start_dim, self.end_dim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;
    use limpid_tensor::Stream;

    #[test]
    fn the_contract_holds() {
        let input = Tensor::standard_normal([2, 3, 1, 2], Stream::new(1));
        check_module(|_| Ok(Flatten::default()), &input, &[2, 6]).unwrap();
        check_module(|_| Ok(Flatten::new(0, 1)), &input, &[6, 1, 2]).unwrap();
    }

    #[test]
    fn a_missing_dimension_is_named() {
        let error = Flatten::default()
            .predict(&Tensor::<f32>::zeros([3]))
            .unwrap_err();
        assert!(
            error.to_string().starts_with("flatten: dimension 1"),
            "{error}"
        );
    }
}
