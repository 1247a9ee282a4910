//! The greatest absolute value.

use super::CHUNK;
use super::extreme::extreme_by;
use crate::simd::{self, Arithmetic, Loop};
use crate::{Element, buffers, threads};

struct Size<'a, E>(&'a [E]);

impl<E: Element> Loop for Size<'_, E> {
    type Output = E;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> E {
        extreme_by::<E, true>(self.0, E::abs)
    }
}

/// The greatest absolute value of `x`, NaN where there is one, 0 of no elements.
pub(crate) fn greatest_size<E: Element>(x: &[E]) -> E {
    let level = simd::level();
    let mut sizes = buffers::zeroed::<E>(x.len().div_ceil(CHUNK).max(1));
    threads::chunks(&mut sizes[..], 1, |chunk, size| {
        let part = x.chunks(CHUNK).nth(chunk).unwrap_or_default();
        size[0] = if part.is_empty() {
            E::zero()
        } else {
            level.run(Size(part))
        };
    });
    level.run(Size(&sizes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Level;

    #[test]
    fn the_greatest_size_is_found_wherever_it_stands() {
        for length in [0, 1, 31, 70, CHUNK, 2 * CHUNK + 5] {
            for &level in Level::available() {
                simd::with(level, || {
                    let mut x: Vec<f64> = (0..length).map(|at| (at as f64).sin()).collect();
                    assert!(greatest_size(&x) <= 1.0);
                    for at in [0, length / 2, length.saturating_sub(1)] {
                        let Some(place) = x.get_mut(at) else { continue };
                        *place = -7.0;
                        assert_eq!(greatest_size(&x), 7.0, "{length} {at}");
                        x[at] = f64::NEG_INFINITY;
                        assert_eq!(greatest_size(&x), f64::INFINITY, "{length} {at}");
                        x[at] = f64::NAN;
                        assert!(greatest_size(&x).is_nan(), "{length} {at}");
                        x[at] = 0.0;
                    }
                });
            }
        }
    }
}
