//! A product as it is asked for: its operands, what becomes of it, and from which side it is done.

#![expect(
    unsafe_code,
    reason = "the result is handed over as an address and distances"
)]

use super::pack::Strided;
use super::plan::{self, Parts};
use super::tiles::{Out, Whole};
use crate::kernel::{scaled, threads};
use crate::{Element, buffers};

/// Called with a row, a column, and the finished elements from there on along the row.
pub(crate) type Then<'a, E> = &'a (dyn Fn(usize, usize, &mut [E]) + Sync);

/// What becomes of a product: `keep * out + scale * product`, then `then`. With a `keep` of 0 the
/// old numbers are not read.
#[derive(Clone, Copy)]
pub(crate) struct Blend<'a, E> {
    pub(crate) scale: E,
    pub(crate) keep: E,
    pub(crate) then: Option<Then<'a, E>>,
}

impl<E: Element> Default for Blend<'_, E> {
    /// The product itself.
    fn default() -> Self {
        Self {
            scale: E::one(),
            keep: E::zero(),
            then: None,
        }
    }
}

/// `out = left * right` with `left` of `m` x `k`, `right` of `k` x `n` and `out` row-major,
/// contiguous, `m` x `n`. The sums run over `k` in an order that depends on the shape alone.
pub(crate) fn product<E: Element>(
    out: &mut [E],
    shape: (usize, usize, usize),
    left: Strided<'_, E>,
    right: Strided<'_, E>,
) {
    multiply(out, shape, left, right, Blend::default());
}

/// As [`product`], with a [`Blend`] of the product and what `out` holds.
pub(crate) fn multiply<E: Element>(
    out: &mut [E],
    (m, k, n): (usize, usize, usize),
    left: Strided<'_, E>,
    right: Strided<'_, E>,
    blend: Blend<'_, E>,
) {
    assert!(
        out.len() == m * n && left.holds(m, k) && right.holds(k, n),
        "a matrix product of {m} x {k} x {n} reaches beyond its slices"
    );
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        for (row, out) in out.chunks_exact_mut(n).enumerate() {
            for value in out.iter_mut() {
                *value = match blend.keep == E::zero() {
                    true => E::zero(),
                    false => blend.keep * *value,
                };
            }
            if let Some(then) = blend.then {
                then(row, 0, out);
            }
        }
        return;
    }
    let slabs = plan::slabs(m, k, n);
    match slabs > 1 {
        true => in_slabs(out, (m, k, n), left, right, blend, slabs),
        false => whole(out, (m, k, n), left, right, blend, false),
    }
}

/// Bytes of a result that no second-level cache holds.
const FAR: usize = scaled(1 << 21, 1 << 12);

/// The product from the cheaper side.
fn whole<E: Element>(
    out: &mut [E],
    (m, k, n): (usize, usize, usize),
    left: Strided<'_, E>,
    right: Strided<'_, E>,
    blend: Blend<'_, E>,
    slab: bool,
) {
    let micro = E::micro();
    let swapped = plan::swaps((m, k, n), &left, &right, &micro);
    let (shape, left, right, row, column) = match swapped {
        false => ((m, k, n), left, right, n, 1),
        true => ((n, k, m), right.transposed(), left.transposed(), 1, n),
    };
    let far = size_of_val(out) > FAR;
    let out = Out {
        start: out.as_mut_ptr(),
        row,
        column,
        far,
    };
    let whole = Whole {
        out,
        blend,
        micro,
        slab,
    };
    if let Some(width) = plan::strips(shape, &micro).filter(|_| !swapped) {
        // SAFETY: as below.
        return unsafe { in_strips(&whole, shape, left, right, width) };
    }
    // SAFETY: `out` is exclusive, and holds the shape at these distances; both operands hold theirs.
    unsafe { whole.multiply(shape, left, right) }
}

/// The columns in strips, one task each, so that each packs its own part of a right operand that no
/// cache would hold.
///
/// # Safety
/// As for [`Whole::multiply`].
unsafe fn in_strips<E: Element>(
    whole: &Whole<'_, E>,
    (rows, depth, columns): (usize, usize, usize),
    left: Strided<'_, E>,
    right: Strided<'_, E>,
    width: usize,
) {
    threads::run(columns.div_ceil(width), &|task| {
        let first = task * width;
        let shape = (rows, depth, width.min(columns - first));
        let shifted = |row: usize, column: usize, values: &mut [E]| {
            if let Some(then) = whole.blend.then {
                then(row, first + column, values);
            }
        };
        let then: Then<'_, E> = &shifted;
        let strip = Whole {
            out: whole.out.right(first),
            blend: Blend {
                then: whole.blend.then.map(|_| then),
                ..whole.blend
            },
            micro: whole.micro,
            slab: whole.slab,
        };
        // SAFETY: strips have no column in common, and lie within what the caller promises.
        unsafe { strip.multiply(shape, left, right.from(0, first)) }
    });
}

/// The inner dimension in pieces, one task each, whose products are added in their order.
fn in_slabs<E: Element>(
    out: &mut [E],
    (m, k, n): (usize, usize, usize),
    left: Strided<'_, E>,
    right: Strided<'_, E>,
    blend: Blend<'_, E>,
    slabs: usize,
) {
    let size = m * n;
    let parts = Parts::new(k, 1, k.div_ceil(slabs));
    let mut partial = buffers::take::<E>(parts.count * size);
    threads::chunks(
        &mut partial[..parts.count * size],
        size,
        |first, partial| {
            let slab = first / size;
            let range = parts.start(slab)..parts.start(slab + 1);
            let (left, right) = (left.from(0, range.start), right.from(range.start, 0));
            let shape = (m, range.len(), n);
            whole(partial, shape, left, right, Blend::default(), true);
        },
    );
    let (sums, others) = partial[..parts.count * size].split_at_mut(size);
    let others = &*others;
    let rows = (1_usize << 12).div_ceil(n);
    threads::chunks((&mut *out, sums), rows * n, |first, (out, sums)| {
        for other in others.chunks_exact(size) {
            let other = other[first..].iter();
            sums.iter_mut()
                .zip(other)
                .for_each(|(sum, &part)| *sum += part);
        }
        for (value, &sum) in out.iter_mut().zip(&*sums) {
            *value = match blend.keep == E::zero() {
                true => blend.scale * sum,
                false => blend.keep * *value + blend.scale * sum,
            };
        }
        if let Some(then) = blend.then {
            for (row, out) in out.chunks_exact_mut(n).enumerate() {
                then(first / n + row, 0, out);
            }
        }
    });
}
