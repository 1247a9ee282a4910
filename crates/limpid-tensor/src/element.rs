//! The numbers that a tensor can hold.

use std::fmt::{Display, LowerExp};
use std::iter::Sum;

use num_traits::{Float, NumAssign};

use crate::buffers::Pooled;
use crate::kernel::gemm::Multiply;
use crate::kernel::lanes::Vectors;
use crate::kernel::math::{self, Constants};

/// A floating-point number that tensors compute with: `f32` or `f64`.
///
/// Settings are given as `f64` throughout limpid and rounded to the element type at the last
/// moment.
pub trait Element:
    Float + NumAssign + Sum + Display + LowerExp + Pooled + Vectors + Multiply + Constants
{
    /// The type's name in messages and files: `"f32"` or `"f64"`.
    const NAME: &'static str;

    /// The nearest number of this type.
    fn of(value: f64) -> Self;

    /// The same number in double precision.
    fn double(self) -> f64;

    /// The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.
    fn erf(self) -> Self;
}

impl Element for f32 {
    const NAME: &'static str = "f32";

    fn of(value: f64) -> Self {
        value as Self
    }

    fn double(self) -> f64 {
        f64::from(self)
    }

    fn erf(self) -> Self {
        math::erf(self)
    }
}

impl Element for f64 {
    const NAME: &'static str = "f64";

    fn of(value: f64) -> Self {
        value
    }

    fn double(self) -> f64 {
        self
    }

    fn erf(self) -> Self {
        math::erf(self)
    }
}
