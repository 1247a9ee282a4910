//! The Gaussian error linear unit.

use limpid_tensor::{Element, Result, Tensor};

use crate::{Context, Module, Parameters};

/// How the normal distribution function is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GeluForm {
    /// By the error function.
    #[default]
    Exact,
    /// By tanh of a cubic, as GPT-2 has it.
    Tanh,
}

/// x * Phi(x), with Phi the distribution function of the normal distribution.
///
/// See [`Tensor::gelu`] and [`Tensor::gelu_tanh`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Parameters)]
pub struct Gelu {
    /// Exact, or by tanh. The default is exact.
    #[parameters(skip)]
    pub form: GeluForm,
}

impl Gelu {
    /// In this form.
    pub fn new(form: GeluForm) -> Self {
        Self { form }
    }
}

impl<E: Element> Module<E> for Gelu {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        Ok(match self.form {
            GeluForm::Exact => input.gelu(),
            GeluForm::Tanh => input.gelu_tanh(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check_module;

    #[test]
    fn the_contract_holds_and_the_forms_differ_by_little() {
        let input = Tensor::<f64>::from_vec(vec![-4.1, -0.6, 0.4, 1.7], [4]).unwrap();
        let values = [GeluForm::Exact, GeluForm::Tanh].map(|form| {
            check_module(|_| Ok(Gelu::new(form)), &input, &[4]).unwrap();
            Gelu::new(form)
                .predict(&Tensor::<f64>::scalar(1.0))
                .unwrap()
                .item()
                .unwrap()
        });
        assert!(f64::abs(values[0] - 0.841_344_7) < 1e-6, "{values:?}");
        assert!(f64::abs(values[1] - 0.841_192) < 1e-6, "{values:?}");
    }
}
