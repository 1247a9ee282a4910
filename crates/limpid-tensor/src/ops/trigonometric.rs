//! Sine and cosine.

use crate::{Element, Elementwise, Saved, Tensor, math};

/// Up to here the vector loops hold.
const GREATEST: f64 = 1e6;

#[inline(always)]
fn is_moderate<E: Element>(x: E) -> bool {
    x.abs() <= E::of(GREATEST)
}

struct Sin;

impl<E: Element> Elementwise<E> for Sin {
    const NAME: &'static str = "sin";
    const SAVED: Saved = Saved::Input;
    const GUARDED: bool = true;

    #[inline(always)]
    fn value(&self, x: E) -> E {
        math::sin(x)
    }

    #[inline(always)]
    fn backward(&self, x: E, gradient: E) -> E {
        gradient * math::cos(x)
    }

    #[inline(always)]
    fn holds(&self, x: E) -> bool {
        is_moderate(x)
    }

    fn value_anywhere(&self, x: E) -> E {
        x.sin()
    }

    fn backward_anywhere(&self, x: E, gradient: E) -> E {
        gradient * x.cos()
    }
}

struct Cos;

impl<E: Element> Elementwise<E> for Cos {
    const NAME: &'static str = "cos";
    const SAVED: Saved = Saved::Input;
    const GUARDED: bool = true;

    #[inline(always)]
    fn value(&self, x: E) -> E {
        math::cos(x)
    }

    #[inline(always)]
    fn backward(&self, x: E, gradient: E) -> E {
        -gradient * math::sin(x)
    }

    #[inline(always)]
    fn holds(&self, x: E) -> bool {
        is_moderate(x)
    }

    fn value_anywhere(&self, x: E) -> E {
        x.cos()
    }

    fn backward_anywhere(&self, x: E, gradient: E) -> E {
        -gradient * x.sin()
    }
}

impl<E: Element> Tensor<E> {
    /// The sine; x in radians.
    #[must_use]
    pub fn sin(&self) -> Self {
        self.apply(Sin)
    }

    /// The cosine; x in radians.
    #[must_use]
    pub fn cos(&self) -> Self {
        self.apply(Cos)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, gradient_check};

    #[test]
    fn every_gradient_agrees_with_differences() {
        let x = Tensor::from_vec(vec![0.3, -1.7, 2.9, 40.05], [2, 2]).unwrap();
        let sine = |x: &[Tensor<f64>]| Ok(x[0].sin().square().sum());
        let cosine = |x: &[Tensor<f64>]| Ok(x[0].cos().square().sum());
        for worst in [
            gradient_check::check(sine, std::slice::from_ref(&x), 1e-6),
            gradient_check::check(cosine, std::slice::from_ref(&x), 1e-6),
        ] {
            let worst = worst.unwrap();
            assert!(worst.error < 1e-6, "{worst:?}");
        }
    }

    #[test]
    fn huge_numbers_among_others_are_right_and_change_none_of_them() {
        let numbers: Vec<f64> = (0..700)
            .map(|place| f64::from(place) * 0.37 - 90.0)
            .collect();
        let mut with_huge = numbers.clone();
        with_huge[300] = 1e22;
        with_huge[301] = f64::INFINITY;
        let run = |x: &[f64]| {
            let x = Tensor::from_vec(x.to_vec(), [x.len()])
                .unwrap()
                .requires_grad();
            let gradients = x.sin().add(&x.cos()).unwrap().sum().backward().unwrap();
            (
                x.sin().to_vec(),
                x.cos().to_vec(),
                gradients.tensor(&x).unwrap().to_vec(),
            )
        };
        let (want, found) = (run(&numbers), run(&with_huge));
        let pairs = [(want.0, found.0), (want.1, found.1), (want.2, found.2)];
        let (sine, cosine) = (1e22_f64.sin(), 1e22_f64.cos());
        for ((want, found), exact) in pairs.into_iter().zip([sine, cosine, cosine - sine]) {
            assert!((found[300] - exact).abs() < 1e-15 && found[301].is_nan());
            assert_eq!((&found[..300], &found[302..]), (&want[..300], &want[302..]));
        }
    }
}
