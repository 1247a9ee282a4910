//! A parabola that goes on as a line.

use limpid_tensor::{Element, Elementwise, Saved};

/// r^2 / (2 `softness`) where |r| < `knee`, else `slope` (|r| - `knee` / 2): continuous, with its
/// derivative, where `slope` is `knee` / `softness`.
pub(crate) struct Bent<E> {
    pub(crate) knee: E,
    pub(crate) softness: E,
    pub(crate) slope: E,
}

impl<E: Element> Elementwise<E> for Bent<E> {
    const NAME: &'static str = "bent";
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn value(&self, r: E) -> E {
        let (size, half) = (r.abs(), E::of(0.5));
        if size < self.knee {
            half * r * r / self.softness
        } else {
            self.slope * (size - half * self.knee)
        }
    }

    #[inline(always)]
    fn backward(&self, r: E, gradient: E) -> E {
        if r.abs() < self.knee {
            gradient * r / self.softness
        } else if r == E::zero() {
            E::zero()
        } else {
            // NaN stays NaN.
            gradient * self.slope * r.signum()
        }
    }
}
