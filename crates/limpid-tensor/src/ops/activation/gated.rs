//! Activations that multiply their input with a smooth gate.

use crate::ops::elementwise::elementwise;
use crate::{Element, Elementwise, Saved, Tensor, math};

elementwise! {
    /// x * sigmoid(x), also called swish.
    ///
    /// # Source
    /// Elfwing et al. 2018, "Sigmoid-weighted linear units"; Ramachandran et al. 2017.
    silu: Silu<E>, saves Input;
    value(x) = x * math::sigmoid(x);
    backward(x, gradient) = {
        let gate = math::sigmoid(x);
        gradient * gate * (E::one() + x * (E::one() - gate))
    };
}

elementwise! {
    /// x * tanh(softplus(x)).
    ///
    /// # Source
    /// Misra 2019, "Mish: a self regularized non-monotonic activation function", equation 1.
    mish: Mish<E>, saves Input;
    value(x) = x * mish_gate(x);
    backward(x, gradient) = {
        let gate = mish_gate(x);
        gradient * (gate + x * math::sigmoid(x) * (E::one() - gate * gate))
    };
}

/// tanh(log(1 + e^x)): a fraction of e^-|x|, which never overflows.
#[inline(always)]
fn mish_gate<E: Element>(x: E) -> E {
    let two = E::of(2.0);
    let e = math::exp(-x.abs());
    let (above, rest) = if x > E::zero() {
        (E::one() + two * e, two * e * e)
    } else {
        (e * (e + two), two)
    };
    above / (above + rest)
}

elementwise! {
    /// The Gaussian error linear unit, x * Phi(x), with the exact normal distribution function.
    ///
    /// # Source
    /// Hendrycks and Gimpel 2016, "Gaussian error linear units", section 2.
    gelu: Gelu<E>, saves Input;
    value(x) = x * normal_distribution(x);
    backward(x, gradient) = {
        let density = math::exp(-x * x * E::of(0.5)) * E::of(ROOT_HALF_OVER_PI_HALVED);
        gradient * (normal_distribution(x) + x * density)
    };
}

/// 1 / sqrt(2 pi).
const ROOT_HALF_OVER_PI_HALVED: f64 = 0.398_942_280_401_432_7;
/// sqrt(2 / pi).
const ROOT_TWO_OVER_PI: f64 = 0.797_884_560_802_865_4;
const GELU_CUBIC: f64 = 0.044_715;

#[inline(always)]
fn normal_distribution<E: Element>(x: E) -> E {
    E::of(0.5) * (E::one() + math::erf(x * E::of(std::f64::consts::FRAC_1_SQRT_2)))
}

struct GeluTanh;

impl<E: Element> Elementwise<E> for GeluTanh {
    const NAME: &'static str = "gelu_tanh";
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn value(&self, x: E) -> E {
        let inner = E::of(ROOT_TWO_OVER_PI) * (x + E::of(GELU_CUBIC) * x * x * x);
        E::of(0.5) * x * (E::one() + math::tanh(inner))
    }

    #[inline(always)]
    fn backward(&self, x: E, gradient: E) -> E {
        let inner = E::of(ROOT_TWO_OVER_PI) * (x + E::of(GELU_CUBIC) * x * x * x);
        let tanh = math::tanh(inner);
        let slope = E::of(ROOT_TWO_OVER_PI) * (E::one() + E::of(3.0 * GELU_CUBIC) * x * x);
        let gate = E::of(0.5) * (E::one() + tanh);
        gradient * (gate + E::of(0.5) * x * (E::one() - tanh * tanh) * slope)
    }
}

impl<E: Element> Tensor<E> {
    /// The Gaussian error linear unit with tanh in place of the error function:
    /// x/2 * (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
    #[must_use]
    pub fn gelu_tanh(&self) -> Self {
        self.apply(GeluTanh)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, gradient_check};

    #[test]
    fn every_gradient_agrees_with_differences() {
        type Operation = fn(&Tensor<f64>) -> Tensor<f64>;
        let operations: [(&str, Operation); 4] = [
            ("silu", |x| x.silu()),
            ("mish", |x| x.mish()),
            ("gelu", |x| x.gelu()),
            ("gelu_tanh", |x| x.gelu_tanh()),
        ];
        let x = Tensor::from_vec(vec![-3.0, -0.4, 0.3, 2.5], [4]).unwrap();
        for (name, operation) in operations {
            let function = |x: &[Tensor<f64>]| Ok(operation(&x[0]).square().sum());
            let worst = gradient_check::check(function, std::slice::from_ref(&x), 1e-5).unwrap();
            assert!(worst.error < 1e-7, "{name}: {worst:?}");
        }
    }
}
