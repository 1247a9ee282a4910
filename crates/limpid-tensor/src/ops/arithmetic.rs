//! Functions of one number.

use super::elementwise::elementwise;
use crate::{Element, Elementwise, Saved, Tensor, math};

elementwise! {
    /// -x.
    neg: Neg<E>, saves Nothing;
    value(x) = -x;
    backward(_saved, gradient) = -gradient;
}

elementwise! {
    /// |x|. The gradient at 0 and at NaN is 0.
    abs: Abs<E>, saves Input;
    value(x) = x.abs();
    backward(x, gradient) = if x > E::zero() {
        gradient
    } else if x < E::zero() {
        -gradient
    } else {
        E::zero()
    };
}

elementwise! {
    /// x^2.
    square: Square<E>, saves Input;
    value(x) = x * x;
    backward(x, gradient) = gradient * (x + x);
}

elementwise! {
    /// The square root. NaN below 0; the gradient at 0 is infinite.
    sqrt: Sqrt<E>, saves Output;
    value(x) = x.sqrt();
    backward(y, gradient) = gradient / (y + y);
}

elementwise! {
    /// 1/x.
    reciprocal: Reciprocal<E>, saves Output;
    value(x) = x.recip();
    backward(y, gradient) = -gradient * y * y;
}

elementwise! {
    /// e^x.
    exp: Exp<E>, saves Output;
    value(x) = math::exp(x);
    backward(y, gradient) = gradient * y;
}

elementwise! {
    /// The natural logarithm. -infinity at 0, NaN below.
    log: Log<E>, saves Input;
    value(x) = math::ln(x);
    backward(x, gradient) = gradient / x;
}

elementwise! {
    /// log(1 + x), exact for small x. -infinity at -1, NaN below.
    log1p: Log1p<E>, saves Input;
    value(x) = math::ln_1p(x);
    backward(x, gradient) = gradient / (E::one() + x);
}

elementwise! {
    /// The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.
    erf: Erf<E>, saves Input;
    value(x) = math::erf(x);
    backward(x, gradient) = gradient * E::of(std::f64::consts::FRAC_2_SQRT_PI) * math::exp(-x * x);
}

struct Clamp<E> {
    min: E,
    max: E,
}

impl<E: Element> Elementwise<E> for Clamp<E> {
    const NAME: &'static str = "clamp";
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn value(&self, x: E) -> E {
        // NaN fails both comparisons and passes through.
        let Self { min, max } = *self;
        let x = if x < min { min } else { x };
        if x > max { max } else { x }
    }

    #[inline(always)]
    fn backward(&self, x: E, gradient: E) -> E {
        let Self { min, max } = *self;
        // An infinite bound is none, and infinity not its end.
        let above = (x > min) | (min == E::neg_infinity());
        let below = (x < max) | (max == E::infinity());
        if above & below { gradient } else { E::zero() }
    }
}

impl<E: Element> Tensor<E> {
    /// The nearest number in `[min, max]`; `max` where the two cross. The gradient is 1 within the
    /// range and 0 at its ends and outside. NaN stays NaN, and its gradient is 0.
    #[must_use]
    pub fn clamp(&self, min: f64, max: f64) -> Self {
        self.apply(Clamp {
            min: E::of(min),
            max: E::of(max),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, gradient_check};

    fn positive() -> Tensor<f64> {
        Tensor::from_vec(vec![0.3, 1.7, 2.9, 0.05], [2, 2]).unwrap()
    }

    #[test]
    fn every_gradient_agrees_with_differences() {
        type Operation = fn(&Tensor<f64>) -> Tensor<f64>;
        let operations: [(&str, Operation); 10] = [
            ("neg", |x| x.neg()),
            ("abs", |x| x.neg().abs()),
            ("square", |x| x.square()),
            ("sqrt", |x| x.sqrt()),
            ("reciprocal", |x| x.reciprocal()),
            ("exp", |x| x.exp()),
            ("log", |x| x.log()),
            ("log1p", |x| x.log1p()),
            ("erf", |x| x.erf()),
            ("clamp", |x| x.clamp(0.1, 2.0)),
        ];
        for (name, operation) in operations {
            let function = |x: &[Tensor<f64>]| Ok(operation(&x[0]).square().sum());
            let worst = gradient_check::check(function, &[positive()], 1e-6).unwrap();
            assert!(worst.error < 1e-6, "{name}: {worst:?}");
        }
    }

    #[test]
    fn kinks_have_the_gradients_that_the_documentation_says() {
        let x = Tensor::<f64>::from_vec(vec![0.0, 1.0, f64::NAN], [3])
            .unwrap()
            .requires_grad();
        let abs = x
            .abs()
            .sum()
            .backward()
            .unwrap()
            .tensor(&x)
            .unwrap()
            .to_vec();
        assert_eq!(abs, [0.0, 1.0, 0.0]);
        let clamp = x.clamp(0.0, 0.5);
        assert!(clamp.to_vec()[2].is_nan());
        let gradient = clamp.sum().backward().unwrap().tensor(&x).unwrap();
        assert_eq!(gradient.to_vec(), [0.0; 3]);
        let infinite = Tensor::<f64>::full([1], f64::INFINITY).requires_grad();
        let open = infinite.clamp(0.5, f64::INFINITY);
        let gradient = open.sum().backward().unwrap().tensor(&infinite).unwrap();
        assert_eq!(gradient.to_vec(), [1.0]);
    }
}
