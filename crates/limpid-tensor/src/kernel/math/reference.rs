//! What the functions should give: the same functions in double precision for `f32`, and a table
//! for `f64`.
//!
//! The table holds, for each function, numbers of all sizes with the function's value there, as the
//! sum of two numbers of 64 bits, all as hexadecimal bits. It was made with mpmath 1.3 at 60 digits.

use crate::kernel::scaled;

const TABLE: &str = include_str!("reference.tsv");

/// The most that a function may be off, in units in the last place of the exact value.
const BOUND: f64 = 2.0;

/// How far `found` is from `exact`, in units in the last place of the latter as `f32`.
fn distance(found: f32, exact: f64) -> f64 {
    let nearest = exact as f32;
    if found == nearest || (found.is_nan() && nearest.is_nan()) {
        return (f64::from(found) - exact).abs().min(0.5);
    }
    // Infinity stands where the next number would be.
    let place = |x: f32| f64::from(x).clamp(-(2.0_f64.powi(128)), 2.0_f64.powi(128));
    let exponent = (nearest.abs().to_bits() >> 23).clamp(1, 254) as i32 - 127;
    (place(found) - exact).abs() / 2.0_f64.powi(exponent - 23)
}

/// The number of those from `first` in steps of `step` where `function` is furthest from `exact`,
/// and how far it is.
fn worst(
    first: u32,
    step: u32,
    function: impl Fn(f32) -> f32,
    exact: impl Fn(f64) -> f64,
) -> (f32, f64) {
    let mut worst = (0.0, 0.0);
    let mut next = Some(first);
    while let Some(bits) = next {
        let x = f32::from_bits(bits);
        let far = distance(function(x), exact(f64::from(x)));
        // A distance that is no number is the worst of all.
        if far.is_nan() || far > worst.1 {
            worst = (x, far);
        }
        next = bits.checked_add(step);
    }
    worst
}

/// Checks a thousandth of all numbers of 32 bits, evenly over all patterns.
pub(super) fn strided(name: &str, function: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) {
    let (x, far) = worst(0, scaled(1_021, 10_000_019) as u32, function, exact);
    assert!(
        far < BOUND,
        "{name} of {x:e}: {far} units in the last place"
    );
}

/// Checks all numbers of 32 bits.
pub(super) fn exhaustive(
    name: &str,
    function: impl Fn(f32) -> f32 + Copy + Send + Sync,
    exact: impl Fn(f64) -> f64 + Copy + Send + Sync,
) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u32;
    let (x, far) = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| scope.spawn(move || worst(part, threads, function, exact)))
            .collect();
        parts
            .into_iter()
            .map(|part| part.join().unwrap())
            .fold(
                (0.0, 0.0),
                |worst, found| if found.1 <= worst.1 { worst } else { found },
            )
    });
    println!("{name}: at most {far} units in the last place, at {x:e}");
    assert!(
        far < BOUND,
        "{name} of {x:e}: {far} units in the last place"
    );
}

/// Checks the numbers of the table.
pub(super) fn tabled(name: &str, function: impl Fn(f64) -> f64) {
    let mut count = 0;
    for line in TABLE.lines() {
        let mut fields = line.split('\t');
        if fields.next() != Some(name) {
            continue;
        }
        let mut number = || {
            let bits = u64::from_str_radix(fields.next().unwrap(), 16).unwrap();
            f64::from_bits(bits)
        };
        let (x, high, low) = (number(), number(), number());
        let found = function(x);
        let unit = high.abs().next_up() - high.abs();
        let far = if found == high {
            0.0
        } else {
            ((found - high) - low).abs() / unit
        };
        assert!(
            far < BOUND,
            "{name} of {x:e}: {far} units in the last place"
        );
        count += 1;
    }
    assert!(count > 50, "{name}: {count} numbers only");
}
