//! Products against their definition.

use proptest::prelude::*;

use super::{Blend, Packed, Strided, multiply, product};
use crate::kernel::scaled;
use crate::{Element, Stream, simd, threads};

fn numbers<E: Element>(count: usize, seed: u64) -> Vec<E> {
    let mut generator = Stream::new(seed).generator();
    (0..count).map(|_| E::of(generator.unit() - 0.5)).collect()
}

/// A `rows` x `columns` matrix in `data`: by columns or by rows, with a gap after each.
fn matrix<E>(
    data: &[E],
    rows: usize,
    columns: usize,
    by_columns: bool,
    gap: usize,
) -> Strided<'_, E> {
    let (row_stride, column_stride) = match by_columns {
        true => (1, rows + gap),
        false => (columns + gap, 1),
    };
    Strided {
        data,
        offset: 3,
        row_stride,
        column_stride,
    }
}

fn at<E: Element>(matrix: &Strided<'_, E>, row: usize, column: usize) -> f64 {
    matrix.data[matrix.offset + row * matrix.row_stride + column * matrix.column_stride].double()
}

fn check<E: Element>(
    (m, k, n): (usize, usize, usize),
    by_columns: (bool, bool),
    gap: usize,
    tolerance: f64,
) {
    let length = |rows: usize, columns: usize| 3 + (rows + gap) * (columns + gap);
    let (a, b) = (numbers::<E>(length(m, k), 1), numbers::<E>(length(k, n), 2));
    let left = matrix(&a, m, k, by_columns.0, gap);
    let right = matrix(&b, k, n, by_columns.1, gap);
    let before = numbers::<E>(m * n, 3);
    let want: Vec<f64> = (0..m * n)
        .map(|place| {
            (0..k)
                .map(|l| at(&left, place / n, l) * at(&right, l, place % n))
                .sum()
        })
        .collect();
    let bound = tolerance * (k as f64).sqrt().max(1.0);
    let mut out = vec![E::nan(); m * n];
    product(&mut out, (m, k, n), left, right);
    for (place, (out, want)) in out.iter().zip(&want).enumerate() {
        assert!(
            (out.double() - want).abs() < bound,
            "{m}x{k}x{n} at {place}: {out} {want}"
        );
    }
    let then = |row: usize, column: usize, values: &mut [E]| {
        for (offset, value) in values.iter_mut().enumerate() {
            *value += E::of((row * n + column + offset) as f64);
        }
    };
    let blend = Blend {
        scale: E::of(-2.0),
        keep: E::of(0.5),
        then: Some(&then),
    };
    let mut out = before.clone();
    multiply(&mut out, (m, k, n), left, right, blend);
    for (place, (out, want)) in out.iter().zip(&want).enumerate() {
        let want = 0.5 * before[place].double() - 2.0 * want + place as f64;
        let bound = 2.0 * bound + tolerance * place as f64;
        assert!(
            (out.double() - want).abs() < bound,
            "{m}x{k}x{n} at {place}: {out} {want}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(scaled(60, 3) as u32))]

    #[test]
    fn products_agree_with_the_definition_at_every_level(
        m in 0_usize..30, k in 0_usize..40, n in 0_usize..60, a: bool, b: bool, gap in 0_usize..3
    ) {
        for &level in simd::Level::available() {
            simd::with(level, || {
                check::<f64>((m, k, n), (a, b), gap, 1e-14);
                check::<f32>((m, k, n), (a, b), gap, 1e-5);
            });
        }
    }
}

#[test]
fn products_cut_into_blocks_tasks_and_slabs_agree_with_the_definition() {
    for by_columns in [(false, false), (false, true), (true, false), (true, true)] {
        if cfg!(miri) {
            check::<f64>((9, 66, 7), by_columns, 1, 1e-13);
            check::<f32>((3, 257, 5), by_columns, 0, 1e-5);
            check::<f32>((5, 20, 60), by_columns, 0, 1e-5);
            continue;
        }
        check::<f64>((301, 67, 250), by_columns, 0, 1e-13);
        check::<f64>((67, 130, 601), by_columns, 1, 1e-13);
        check::<f64>((70, 2_500, 65), by_columns, 0, 1e-13);
        check::<f32>((9, 5_000, 130), by_columns, 0, 1e-5);
        check::<f32>((33, 70, 16_001), by_columns, 0, 1e-5);
        check::<f32>((1, 300, 4_000), by_columns, 0, 1e-5);
        check::<f32>((4_000, 300, 1), by_columns, 0, 1e-5);
        // Results that no cache holds.
        check::<f32>((43, 20, 14_001), by_columns, 0, 1e-5);
        check::<f32>((14_001, 20, 43), by_columns, 2, 1e-5);
    }
}

#[test]
fn a_single_step_is_multiplied_whatever_its_stride() {
    let (m, n) = (scaled(37, 9), scaled(48, 26));
    let (a, b) = (numbers::<f32>(m, 1), numbers::<f32>(n, 2));
    for row_stride in [0, 1, 7] {
        let right = Strided {
            row_stride,
            ..Strided::row_major(&b, n)
        };
        let mut out = vec![0.0; m * n];
        product(&mut out, (m, 1, n), Strided::row_major(&a, 1), right);
        for (place, &out) in out.iter().enumerate() {
            assert_eq!(out, a[place / n] * b[place % n]);
        }
    }
}

#[test]
fn a_packed_operand_gives_the_bits_of_the_product() {
    let (m, k, n) = (scaled(37, 9), scaled(65, 35), scaled(100, 26));
    let (a, b) = (numbers::<f32>(m * k, 1), numbers::<f32>(k * n, 2));
    let (left, right) = (Strided::row_major(&a, k), Strided::row_major(&b, n));
    let mut want = vec![0.0; m * n];
    product(&mut want, (m, k, n), left, right);
    let mut out = vec![0.0; m * (n + 7)];
    Packed::new(right, k, n).multiply(&mut out, n + 7, m, left, Blend::default());
    for (out, want) in out.chunks(n + 7).zip(want.chunks(n)) {
        assert_eq!(&out[..n], want);
        assert_eq!(out[n..], [0.0; 7]);
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let shapes = match cfg!(miri) {
        true => [(20, 9, 30), (5, 260, 6), (13, 40, 14)],
        false => [(300, 70, 500), (64, 9_000, 100), (130, 2_000, 140)],
    };
    for (m, k, n) in shapes {
        let (a, b) = (numbers::<f32>(m * k, 1), numbers::<f32>(k * n, 2));
        let run = |count: usize, by_columns: bool| {
            let mut out = vec![0.0; m * n];
            let left = matrix(&a, m, k, false, 0).from(0, 0);
            let right = matrix(&b, k, n, by_columns, 0);
            let (left, right) = (
                Strided { offset: 0, ..left },
                Strided { offset: 0, ..right },
            );
            threads::with(count, || product(&mut out, (m, k, n), left, right));
            out
        };
        for by_columns in [false, true] {
            let one = run(1, by_columns);
            for count in [2, 3, 4, 8] {
                assert_eq!(one, run(count, by_columns), "{m}x{k}x{n} by {count}");
            }
        }
    }
}
