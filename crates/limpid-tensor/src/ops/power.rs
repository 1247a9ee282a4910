//! Powers.

use crate::math::Power;
use crate::{Element, Elementwise, Saved, Tensor};

/// x^N for a small N, by multiplication.
struct Whole<const N: i32>;

#[inline(always)]
fn whole<E: Element>(x: E, exponent: i32) -> E {
    let square = x * x;
    let power = match exponent.unsigned_abs() {
        0 => E::one(),
        1 => x,
        2 => square,
        3 => square * x,
        _ => square * square,
    };
    if exponent < 0 { power.recip() } else { power }
}

impl<E: Element, const N: i32> Elementwise<E> for Whole<N> {
    const NAME: &'static str = "pow";
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn value(&self, x: E) -> E {
        whole(x, N)
    }

    #[inline(always)]
    fn backward(&self, x: E, gradient: E) -> E {
        // x^0 is constant, also where x^-1 is not finite.
        if N == 0 {
            return E::zero();
        }
        gradient * E::of(f64::from(N)) * whole(x, N - 1)
    }
}

/// 1 / sqrt(x), also at -0 and -infinity as of the root and not as of the power, as in PyTorch.
struct InverseRoot<E> {
    /// x^(-3/2).
    slope: Power<E>,
}

impl<E: Element> Elementwise<E> for InverseRoot<E> {
    const NAME: &'static str = "pow";
    const SAVED: Saved = Saved::Input;
    const GUARDED: bool = true;

    #[inline(always)]
    fn value(&self, x: E) -> E {
        x.sqrt().recip()
    }

    #[inline(always)]
    fn backward(&self, x: E, gradient: E) -> E {
        gradient * E::of(-0.5) * self.slope.of(x)
    }

    #[inline(always)]
    fn holds(&self, x: E) -> bool {
        self.slope.holds(x)
    }

    fn backward_anywhere(&self, x: E, gradient: E) -> E {
        gradient * E::of(-0.5) * self.slope.anywhere(x)
    }
}

/// x^(3/2), whose derivative has a root.
struct ThreeHalves<E>(Power<E>);

impl<E: Element> Elementwise<E> for ThreeHalves<E> {
    const NAME: &'static str = "pow";
    const SAVED: Saved = Saved::Input;
    const GUARDED: bool = true;

    #[inline(always)]
    fn value(&self, x: E) -> E {
        self.0.of(x)
    }

    #[inline(always)]
    fn backward(&self, x: E, gradient: E) -> E {
        gradient * E::of(1.5) * x.sqrt()
    }

    #[inline(always)]
    fn holds(&self, x: E) -> bool {
        self.0.holds(x)
    }

    fn value_anywhere(&self, x: E) -> E {
        self.0.anywhere(x)
    }
}

struct Pow<E> {
    exponent: E,
    value: Power<E>,
    /// x^(exponent - 1).
    slope: Power<E>,
}

impl<E: Element> Elementwise<E> for Pow<E> {
    const NAME: &'static str = "pow";
    const SAVED: Saved = Saved::Input;
    const GUARDED: bool = true;

    #[inline(always)]
    fn value(&self, x: E) -> E {
        self.value.of(x)
    }

    #[inline(always)]
    fn backward(&self, x: E, gradient: E) -> E {
        gradient * self.exponent * self.slope.of(x)
    }

    #[inline(always)]
    fn holds(&self, x: E) -> bool {
        self.value.holds(x) & self.slope.holds(x)
    }

    fn value_anywhere(&self, x: E) -> E {
        self.value.anywhere(x)
    }

    fn backward_anywhere(&self, x: E, gradient: E) -> E {
        gradient * self.exponent * self.slope.anywhere(x)
    }
}

impl<E: Element> Tensor<E> {
    /// x^exponent. NaN where x is negative and the exponent no whole number. With exponent 1/2 it is
    /// [`Tensor::sqrt`], with -1/2 its reciprocal, also at -infinity: NaN.
    #[must_use]
    pub fn pow(&self, exponent: f64) -> Self {
        match exponent {
            -3.0 => self.apply(Whole::<-3>),
            -2.0 => self.apply(Whole::<-2>),
            -1.0 => self.apply(Whole::<-1>),
            -0.5 => self.apply(InverseRoot {
                slope: Power::new(E::of(-1.5)),
            }),
            0.0 => self.apply(Whole::<0>),
            0.5 => self.sqrt(),
            1.0 => self.apply(Whole::<1>),
            1.5 => self.apply(ThreeHalves(Power::new(E::of(1.5)))),
            2.0 => self.apply(Whole::<2>),
            3.0 => self.apply(Whole::<3>),
            4.0 => self.apply(Whole::<4>),
            _ => self.apply(Pow {
                exponent: E::of(exponent),
                value: Power::new(E::of(exponent)),
                slope: Power::new(E::of(exponent - 1.0)),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, gradient_check};

    const EXPONENTS: [f64; 15] = [
        -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 1.7, 2.0, 3.0, 4.0, 5.0, 8.0,
    ];

    #[test]
    fn every_gradient_agrees_with_differences() {
        let x = Tensor::from_vec(vec![0.3, 1.7, 2.9, 0.8], [2, 2]).unwrap();
        for exponent in EXPONENTS {
            let function = |x: &[Tensor<f64>]| Ok(x[0].pow(exponent).sum());
            let worst = gradient_check::check(function, std::slice::from_ref(&x), 1e-6).unwrap();
            assert!(worst.error < 1e-6, "{exponent}: {worst:?}");
        }
    }

    #[test]
    fn numbers_of_all_kinds_have_the_powers_of_the_standard_library() {
        let kinds = [0.0, -0.0, 1e-40, -1e-40, 2.5, -2.5, f32::INFINITY, f32::NAN];
        let x: Vec<f32> = (0..600).map(|place| kinds[place * place % 8]).collect();
        for exponent in EXPONENTS {
            if exponent == -0.5 {
                continue;
            }
            let tensor = Tensor::from_vec(x.clone(), [600]).unwrap();
            for (found, x) in tensor.pow(exponent).to_vec().iter().zip(&x) {
                let want = x.powf(exponent as f32);
                let close = (found - want).abs() <= 3e-7 * want.abs();
                let same = found.to_bits() == want.to_bits() || (found.is_nan() && want.is_nan());
                assert!(close || same, "{x:e}^{exponent}: {found:e}, not {want:e}");
            }
        }
    }

    /// The numbers are those of PyTorch 2.15.
    #[test]
    fn halves_of_exponents_are_roots_at_the_ends() {
        let infinity = f64::INFINITY;
        let cases = [
            (
                -0.5,
                [f64::NAN, 0.0, -infinity, infinity, f64::NAN],
                [-0.0, -0.0, -infinity, -infinity, f64::NAN],
            ),
            (
                1.5,
                [infinity, infinity, 0.0, 0.0, f64::NAN],
                [f64::NAN, infinity, -0.0, 0.0, f64::NAN],
            ),
        ];
        for (exponent, values, slopes) in cases {
            let x = vec![-infinity, infinity, -0.0, 0.0, -1.0];
            let x = Tensor::<f64>::from_vec(x, [5]).unwrap().requires_grad();
            let y = x.pow(exponent);
            let gradients = y.sum().backward().unwrap();
            let found = [y.to_vec(), gradients.tensor(&x).unwrap().to_vec()];
            for (found, want) in found.into_iter().flatten().zip([values, slopes].concat()) {
                assert!(
                    found == want || (found.is_nan() && want.is_nan()),
                    "{found}, {want}"
                );
            }
        }
    }

    #[test]
    fn powers_of_zero_are_constant() {
        let x = Tensor::<f64>::zeros([1]).requires_grad();
        let y = x.pow(0.0);
        assert_eq!(y.item().unwrap(), 1.0);
        assert_eq!(
            y.backward().unwrap().tensor(&x).unwrap().item().unwrap(),
            0.0
        );
    }
}
