//! The transforms of one line of a tile, and the matrices that they multiply by.
//!
//! A polynomial product is found from its values at as many points as it has coefficients: here 0,
//! a, -a, b, -b and infinity, with a = 5/8 and b = 3/2. The usual 1 and 2 lose twice as much in
//! rounding; all products of a and b that occur are exact in `f32`. A point and its negative share
//! their even and their odd part.
//!
//! # Source
//! Lavin and Gray, "Fast algorithms for convolutional neural networks" (CVPR 2016, arXiv
//! 1509.09308), section 4.1. Barabasz, Anderson, Soodhalter and Gregg, "Error analysis and improving
//! the accuracy of Winograd convolution for deep neural networks" (ACM TOMS 46(4), 2020), on points.

#![expect(unsafe_code, reason = "vector instructions are unsafe to call")]

use crate::Element;
use crate::kernel::lanes::Lanes;

/// Places of a tile of the result along one axis.
pub(super) const PLACES: usize = 4;
/// Taps of the kernel along one axis.
pub(super) const TAPS: usize = 3;
/// Numbers that a tile is transformed to along one axis.
pub(super) const POINTS: usize = PLACES + TAPS - 1;

const A: f64 = 0.625;
const B: f64 = 1.5;
const A2: f64 = A * A;
const B2: f64 = B * B;
/// The last but one coefficients of (x^2 - a^2) (x^2 - b^2).
const PRODUCT: f64 = A2 * B2;
const SUM: f64 = A2 + B2;
/// What the values of the kernel at 0, a and b are divided by.
const AT_ZERO: f64 = 1.0 / PRODUCT;
const AT_A: f64 = 1.0 / (2.0 * A2 * (A2 - B2));
const AT_B: f64 = 1.0 / (2.0 * B2 * (B2 - A2));

/// The transform of a line of `FROM` numbers into one of `TO`.
pub(super) trait Line<const FROM: usize, const TO: usize> {
    /// The matrix that the line is multiplied by.
    #[cfg(test)]
    const MATRIX: [[f64; FROM]; TO];

    /// The transformed lines, one in each lane.
    ///
    /// # Safety
    /// The processor must have the instructions of `V`.
    unsafe fn apply<E: Element, V: Lanes<E>>(line: [V; FROM]) -> [V; TO];
}

/// `x + factor * y`.
///
/// # Safety
/// As [`Line::apply`].
#[inline(always)]
unsafe fn plus<E: Element, V: Lanes<E>>(x: V, factor: f64, y: V) -> V {
    // SAFETY: the caller's promise.
    unsafe { V::splat(E::of(factor)).mul_add(y, x) }
}

/// `factor * x`.
///
/// # Safety
/// As [`Line::apply`].
#[inline(always)]
unsafe fn times<E: Element, V: Lanes<E>>(factor: f64, x: V) -> V {
    // SAFETY: the caller's promise.
    unsafe { plus::<E, V>(V::splat(E::zero()), factor, x) }
}

/// The image: each point's Lagrange polynomial without its denominator.
pub(super) struct Image;

impl Line<POINTS, POINTS> for Image {
    #[cfg(test)]
    const MATRIX: [[f64; POINTS]; POINTS] = [
        [PRODUCT, 0.0, -SUM, 0.0, 1.0, 0.0],
        [0.0, -A * B2, -B2, A, 1.0, 0.0],
        [0.0, A * B2, -B2, -A, 1.0, 0.0],
        [0.0, -B * A2, -A2, B, 1.0, 0.0],
        [0.0, B * A2, -A2, -B, 1.0, 0.0],
        [0.0, PRODUCT, 0.0, -SUM, 0.0, 1.0],
    ];

    #[inline(always)]
    unsafe fn apply<E: Element, V: Lanes<E>>(x: [V; POINTS]) -> [V; POINTS] {
        // SAFETY: the caller's promise.
        unsafe {
            let even = plus::<E, V>(x[4], -B2, x[2]);
            let odd = plus::<E, V>(x[3], -B2, x[1]);
            let even_b = plus::<E, V>(x[4], -A2, x[2]);
            let odd_b = plus::<E, V>(x[3], -A2, x[1]);
            [
                plus::<E, V>(plus::<E, V>(x[4], PRODUCT, x[0]), -SUM, x[2]),
                plus::<E, V>(even, A, odd),
                plus::<E, V>(even, -A, odd),
                plus::<E, V>(even_b, B, odd_b),
                plus::<E, V>(even_b, -B, odd_b),
                plus::<E, V>(plus::<E, V>(x[5], PRODUCT, x[1]), -SUM, x[3]),
            ]
        }
    }
}

/// The kernel: its values at the points, over the Lagrange polynomials' denominators.
pub(super) struct Kernel;

impl Line<TAPS, POINTS> for Kernel {
    #[cfg(test)]
    const MATRIX: [[f64; TAPS]; POINTS] = [
        [AT_ZERO, 0.0, 0.0],
        [AT_A, AT_A * A, AT_A * A2],
        [AT_A, AT_A * -A, AT_A * A2],
        [AT_B, AT_B * B, AT_B * B2],
        [AT_B, AT_B * -B, AT_B * B2],
        [0.0, 0.0, 1.0],
    ];

    #[inline(always)]
    unsafe fn apply<E: Element, V: Lanes<E>>(w: [V; TAPS]) -> [V; POINTS] {
        // SAFETY: the caller's promise.
        unsafe {
            let even = plus::<E, V>(times::<E, V>(AT_A, w[0]), AT_A * A2, w[2]);
            let even_b = plus::<E, V>(times::<E, V>(AT_B, w[0]), AT_B * B2, w[2]);
            [
                times::<E, V>(AT_ZERO, w[0]),
                plus::<E, V>(even, AT_A * A, w[1]),
                plus::<E, V>(even, AT_A * -A, w[1]),
                plus::<E, V>(even_b, AT_B * B, w[1]),
                plus::<E, V>(even_b, AT_B * -B, w[1]),
                w[2],
            ]
        }
    }
}

/// From products to places: sums over the points' powers.
pub(super) struct Places;

impl Line<POINTS, PLACES> for Places {
    #[cfg(test)]
    const MATRIX: [[f64; POINTS]; PLACES] = [
        [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
        [0.0, A, -A, B, -B, 0.0],
        [0.0, A2, A2, B2, B2, 0.0],
        [0.0, A * A2, -A * A2, B * B2, -B * B2, 1.0],
    ];

    #[inline(always)]
    unsafe fn apply<E: Element, V: Lanes<E>>(m: [V; POINTS]) -> [V; PLACES] {
        // SAFETY: the caller's promise.
        unsafe {
            let (sum, difference) = pair::<E, V>(m[1], m[2]);
            let (sum_b, difference_b) = pair::<E, V>(m[3], m[4]);
            let all = plus::<E, V>(sum, 1.0, sum_b);
            let cubes = plus::<E, V>(m[5], A * A2, difference);
            [
                plus::<E, V>(m[0], 1.0, all),
                plus::<E, V>(times::<E, V>(A, difference), B, difference_b),
                plus::<E, V>(times::<E, V>(A2, sum), B2, sum_b),
                plus::<E, V>(cubes, B * B2, difference_b),
            ]
        }
    }
}

/// Sum and difference.
///
/// # Safety
/// As [`Line::apply`].
#[inline(always)]
unsafe fn pair<E: Element, V: Lanes<E>>(x: V, y: V) -> (V, V) {
    // SAFETY: the caller's promise.
    unsafe { (plus::<E, V>(x, 1.0, y), plus::<E, V>(x, -1.0, y)) }
}

/// The transpose of [`Places`]: from the places' gradient to that of the products.
pub(super) struct Gradient;

impl Line<PLACES, POINTS> for Gradient {
    #[cfg(test)]
    const MATRIX: [[f64; PLACES]; POINTS] = [
        [1.0, 0.0, 0.0, 0.0],
        [1.0, A, A2, A * A2],
        [1.0, -A, A2, -A * A2],
        [1.0, B, B2, B * B2],
        [1.0, -B, B2, -B * B2],
        [0.0, 0.0, 0.0, 1.0],
    ];

    #[inline(always)]
    unsafe fn apply<E: Element, V: Lanes<E>>(g: [V; PLACES]) -> [V; POINTS] {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (plus::<E, V>(g[0], A2, g[2]), plus::<E, V>(g[1], A2, g[3]));
            let (even_b, odd_b) = (plus::<E, V>(g[0], B2, g[2]), plus::<E, V>(g[1], B2, g[3]));
            [
                g[0],
                plus::<E, V>(even, A, odd),
                plus::<E, V>(even, -A, odd),
                plus::<E, V>(even_b, B, odd_b),
                plus::<E, V>(even_b, -B, odd_b),
                g[3],
            ]
        }
    }
}

/// The transpose of [`Kernel`]: from the gradient of a transformed kernel to the kernel's.
pub(super) struct Taps;

impl Line<POINTS, TAPS> for Taps {
    #[cfg(test)]
    const MATRIX: [[f64; POINTS]; TAPS] = [
        [AT_ZERO, AT_A, AT_A, AT_B, AT_B, 0.0],
        [0.0, AT_A * A, AT_A * -A, AT_B * B, AT_B * -B, 0.0],
        [0.0, AT_A * A2, AT_A * A2, AT_B * B2, AT_B * B2, 1.0],
    ];

    #[inline(always)]
    unsafe fn apply<E: Element, V: Lanes<E>>(u: [V; POINTS]) -> [V; TAPS] {
        // SAFETY: the caller's promise.
        unsafe {
            let (sum, difference) = pair::<E, V>(u[1], u[2]);
            let (sum_b, difference_b) = pair::<E, V>(u[3], u[4]);
            let zero = plus::<E, V>(times::<E, V>(AT_ZERO, u[0]), AT_A, sum);
            let two = plus::<E, V>(u[5], AT_A * A2, sum);
            [
                plus::<E, V>(zero, AT_B, sum_b),
                plus::<E, V>(times::<E, V>(AT_A * A, difference), AT_B * B, difference_b),
                plus::<E, V>(two, AT_B * B2, sum_b),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::lanes::Vectors;

    fn check<L: Line<FROM, TO>, const FROM: usize, const TO: usize>() {
        for place in 0..FROM {
            let line: [f64; FROM] = std::array::from_fn(|at| f64::from(u8::from(at == place)));
            // SAFETY: every processor has the plain instructions; a register of them is read from
            // and written to arrays longer than it.
            let found = unsafe {
                let spread = line.map(|value| <f64 as Vectors>::Plain::splat(value));
                L::apply::<f64, <f64 as Vectors>::Plain>(spread).map(|lanes| {
                    let mut numbers = [0.0; 8];
                    lanes.store(numbers.as_mut_ptr());
                    numbers[0]
                })
            };
            for (row, found) in found.into_iter().enumerate() {
                assert!(
                    (found - L::MATRIX[row][place]).abs() < 1e-15,
                    "{row} {place}"
                );
            }
        }
    }

    #[test]
    fn lines_are_multiplied_by_their_matrices() {
        check::<Image, POINTS, POINTS>();
        check::<Kernel, TAPS, POINTS>();
        check::<Places, POINTS, PLACES>();
        check::<Gradient, PLACES, POINTS>();
        check::<Taps, POINTS, TAPS>();
    }

    #[test]
    fn the_matrices_make_a_correlation() {
        // y_p = sum over k of w_k x_(p + k), for every pair of a tap and an element.
        for (tap, element) in (0..TAPS).flat_map(|tap| (0..POINTS).map(move |it| (tap, it))) {
            for place in 0..PLACES {
                let found: f64 = (0..POINTS)
                    .map(|point| {
                        let product = Kernel::MATRIX[point][tap] * Image::MATRIX[point][element];
                        Places::MATRIX[place][point] * product
                    })
                    .sum();
                let want = f64::from(u8::from(element == place + tap));
                assert!(
                    (found - want).abs() < 1e-14,
                    "{tap} {element} {place}: {found}"
                );
            }
        }
    }
}
