//! Operations with one plain number.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::{Element, Elementwise, Saved, Tensor};

/// scale * x + shift.
struct Affine<E> {
    scale: E,
    shift: E,
}

impl<E: Element> Elementwise<E> for Affine<E> {
    const NAME: &'static str = "affine";
    const SAVED: Saved = Saved::Nothing;

    fn value(&self, x: E) -> E {
        x * self.scale + self.shift
    }

    fn backward(&self, _saved: E, gradient: E) -> E {
        gradient * self.scale
    }
}

impl<E: Element> Tensor<E> {
    /// x + shift.
    #[must_use]
    pub fn add_scalar(&self, shift: f64) -> Self {
        self.affine(1.0, shift)
    }

    /// x * scale.
    #[must_use]
    pub fn mul_scalar(&self, scale: f64) -> Self {
        self.affine(scale, 0.0)
    }

    /// x * scale + shift.
    #[must_use]
    pub fn affine(&self, scale: f64, shift: f64) -> Self {
        self.apply(Affine {
            scale: E::of(scale),
            shift: E::of(shift),
        })
    }
}

impl<E: Element> Add<f64> for &Tensor<E> {
    type Output = Tensor<E>;

    fn add(self, shift: f64) -> Tensor<E> {
        self.add_scalar(shift)
    }
}

impl<E: Element> Sub<f64> for &Tensor<E> {
    type Output = Tensor<E>;

    fn sub(self, shift: f64) -> Tensor<E> {
        self.add_scalar(-shift)
    }
}

impl<E: Element> Mul<f64> for &Tensor<E> {
    type Output = Tensor<E>;

    fn mul(self, scale: f64) -> Tensor<E> {
        self.mul_scalar(scale)
    }
}

impl<E: Element> Div<f64> for &Tensor<E> {
    type Output = Tensor<E>;

    fn div(self, divisor: f64) -> Tensor<E> {
        self.mul_scalar(1.0 / divisor)
    }
}

impl<E: Element> Neg for &Tensor<E> {
    type Output = Tensor<E>;

    fn neg(self) -> Tensor<E> {
        Tensor::neg(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::Tensor;

    #[test]
    fn operators_with_numbers_are_recorded() {
        let x = Tensor::<f64>::scalar(3.0).requires_grad();
        let y = &(&(&(&x * 2.0) + 1.0) / 7.0) - 4.0;
        assert_eq!(y.item().unwrap(), -3.0);
        let gradient = (-&y).backward().unwrap().tensor(&x).unwrap();
        assert!((gradient.item().unwrap() + 2.0 / 7.0).abs() < 1e-15);
    }
}
