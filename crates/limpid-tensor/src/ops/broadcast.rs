//! Loops over tensors of different shapes, row by row, without repeating what is broadcast.

use crate::buffers::{self, Storage};
use crate::kernel::elementwise::{CHUNK, PARALLEL};
use crate::layout::{Layout, count};
use crate::{Element, Tensor, threads};

/// Calls `work` with parts of `out` that are whole rows of `length` elements, and the number of
/// each part's first row; on several threads where there is enough to do.
fn by_rows<E: Element>(out: &mut [E], length: usize, work: impl Fn(usize, &mut [E]) + Sync) {
    if out.is_empty() {
        return;
    }
    if out.len() < PARALLEL {
        work(0, out);
        return;
    }
    let rows = (CHUNK / length).max(1);
    threads::chunks(out, rows * length, |first, part| work(first / length, part));
}

/// `function` of every pair of elements of two tensors that broadcast to `shape`.
pub(super) fn zip_rows<E: Element>(
    left: &Tensor<E>,
    right: &Tensor<E>,
    shape: &[usize],
    function: impl Fn(E, E) -> E + Sync,
) -> Storage<E> {
    let mut out = buffers::take(count(shape));
    let (own, other) = (left.layout.broadcast(shape), right.layout.broadcast(shape));
    let ((length, s), (_, t)) = (own.row(), other.row());
    by_rows(&mut out, length, |first, out| {
        let places = own.rows_from(first).zip(other.rows_from(first));
        for (out, (a, b)) in out.chunks_exact_mut(length).zip(places) {
            let (x, y) = (&left.storage[a..], &right.storage[b..]);
            match (s, t) {
                (1, 1) => {
                    for (out, (&a, &b)) in out.iter_mut().zip(x[..length].iter().zip(&y[..length]))
                    {
                        *out = function(a, b);
                    }
                }
                (1, 0) => {
                    for (out, &a) in out.iter_mut().zip(&x[..length]) {
                        *out = function(a, y[0]);
                    }
                }
                (0, 1) => {
                    for (out, &b) in out.iter_mut().zip(&y[..length]) {
                        *out = function(x[0], b);
                    }
                }
                _ => {
                    for (place, out) in out.iter_mut().enumerate() {
                        *out = function(x[place * s], y[place * t]);
                    }
                }
            }
        }
    });
    out
}

/// Replaces every element of `own`, of `shape`, by `function` of it and of the element of `other`,
/// which broadcasts to that shape.
pub(super) fn zip_rows_in_place<E: Element>(
    own: &mut [E],
    shape: &[usize],
    other: &Tensor<E>,
    function: impl Fn(E, E) -> E + Sync,
) {
    let layout = other.layout.broadcast(shape);
    let (length, stride) = layout.row();
    by_rows(own, length, |first, own| {
        for (own, place) in own.chunks_exact_mut(length).zip(layout.rows_from(first)) {
            let y = &other.storage[place..];
            match stride {
                0 => {
                    for own in own {
                        *own = function(*own, y[0]);
                    }
                }
                1 => {
                    for (own, &b) in own.iter_mut().zip(&y[..length]) {
                        *own = function(*own, b);
                    }
                }
                _ => {
                    for (place, own) in own.iter_mut().enumerate() {
                        *own = function(*own, y[place * stride]);
                    }
                }
            }
        }
    });
}

/// `function` of every three elements of tensors of which the first two broadcast to the shape of
/// the third.
pub(super) fn zip3_rows<E: Element>(
    left: &Tensor<E>,
    right: &Tensor<E>,
    third: &Tensor<E>,
    function: impl Fn(E, E, E) -> E + Sync,
) -> Storage<E> {
    let shape = third.shape();
    let mut out = buffers::take(third.len());
    let layouts = [left, right].map(|tensor| tensor.layout.broadcast(shape));
    let [own, other]: &[Layout; 2] = &layouts;
    let ((length, s), (_, t), (_, u)) = (own.row(), other.row(), third.layout.row());
    by_rows(&mut out, length, |first, out| {
        let places = own.rows_from(first).zip(other.rows_from(first));
        let places = places.zip(third.layout.rows_from(first));
        for (out, ((a, b), c)) in out.chunks_exact_mut(length).zip(places) {
            let (x, y, z) = (&left.storage[a..], &right.storage[b..], &third.storage[c..]);
            if (s, t, u) == (1, 1, 1) {
                let terms = x[..length].iter().zip(&y[..length]).zip(&z[..length]);
                for (out, ((&a, &b), &c)) in out.iter_mut().zip(terms) {
                    *out = function(a, b, c);
                }
                continue;
            }
            for (place, out) in out.iter_mut().enumerate() {
                *out = function(x[place * s], y[place * t], z[place * u]);
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;

    #[test]
    fn rows_on_several_threads_give_what_one_gives() {
        let stream = Stream::new(1);
        let x = Tensor::<f64>::standard_normal([70, 30, 40], stream.fork("x"));
        let shapes: [&[usize]; 5] = [&[40], &[30, 1], &[70, 1, 1], &[70, 1, 40], &[1, 30, 40]];
        for shape in shapes {
            let y = Tensor::standard_normal(shape, stream.fork("y"));
            let whole = y.broadcast_to([70, 30, 40]).unwrap();
            let pairs = x.to_vec().into_iter().zip(whole.to_vec());
            let want: Vec<f64> = pairs.map(|(a, b)| a * 10.0 + b).collect();
            for count in [1, 3] {
                threads::with(count, || {
                    let got = zip_rows(&x, &y, x.shape(), |a, b| a * 10.0 + b);
                    assert_eq!(*got, *want);
                    let got = zip_rows(&y, &x, x.shape(), |b, a| a * 10.0 + b);
                    assert_eq!(*got, *want);
                    let mut own = x.to_vec();
                    zip_rows_in_place(&mut own, x.shape(), &y, |a, b| a * 10.0 + b);
                    assert_eq!(own, want);
                    let got = zip3_rows(&y, &x, &x, |b, a, c| a * 9.0 + b + c);
                    for (got, want) in got.iter().zip(&want) {
                        assert!((got - want).abs() < 1e-12);
                    }
                });
            }
        }
    }
}
