//! A sequence that fills the space more evenly than chance.

use limpid_tensor::{Generator, Stream};

use super::Sampler;
use crate::assignment::Assignment;
use crate::error::Result;
use crate::history::History;
use crate::space::Space;

/// The randomised Halton sequence: axis `j` reads the number of the trial in base of the `j`-th
/// prime, its digits permuted at random, mirrored at the point.
///
/// ```text
/// i = sum_k d_k p^k,   u_j(i) = sum_k sigma_jk(d_k) p^-(k + 1)
/// ```
/// Every `p^m` trials in a row hit each of the `p^m` equal parts of the axis once, and axes do so
/// jointly; each trial alone is uniform. Independent random permutations `sigma_jk` for each digit
/// break the correlation that the plain sequence has between axes of large primes. The stream of
/// the study scrambles it; a study of another seed sees another sequence.
///
/// # Source
/// Halton (1960); Owen (2017), "A randomized Halton algorithm in R", arXiv 1706.02808.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Halton;

impl Sampler for Halton {
    fn name(&self) -> &'static str {
        "halton"
    }

    fn suggest(&self, space: &Space, history: &History, stream: Stream) -> Result<Assignment> {
        let scramble = stream.fork("halton");
        let mut units = Vec::new();
        for (axis, prime) in space.axes().iter().zip(primes()) {
            units.push((
                axis.name(),
                radical_inverse(history.next_number(), prime, scramble.fork(axis.name())),
            ));
        }
        space.assign(|axis| {
            let unit = units.iter().find(|(name, _)| *name == axis.name());
            Ok(axis.value_at(unit.map_or(0.5, |(_, unit)| *unit)))
        })
    }
}

/// `index` mirrored at the point in base `prime`, with permuted digits.
fn radical_inverse(mut index: usize, prime: usize, scramble: Stream) -> f64 {
    let (mut unit, mut weight, mut digit) = (0.0, 1.0 / prime as f64, 0_u64);
    // The leading zeros of the number are permuted as well, down to what `f64` resolves.
    while weight > f64::EPSILON / 2.0 {
        let place = permuted(index % prime, prime, &mut scramble.fork(digit).generator());
        unit += place as f64 * weight;
        weight /= prime as f64;
        index /= prime;
        digit += 1;
    }
    unit.min(1.0 - f64::EPSILON / 2.0)
}

/// Where a random permutation of `0..count` sends `item`.
fn permuted(item: usize, count: usize, generator: &mut Generator) -> usize {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, (generator.unit() * (last + 1) as f64) as usize);
    }
    order[item]
}

fn primes() -> impl Iterator<Item = usize> {
    (2_usize..).filter(|number| {
        (2..*number)
            .take_while(|factor| factor * factor <= *number)
            .all(|factor| number % factor != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_sampler, draws};

    #[test]
    fn it_keeps_the_contract() {
        check_sampler(&Halton).unwrap();
    }

    #[test]
    fn the_axes_have_the_primes_in_order() {
        assert_eq!(primes().take(6).collect::<Vec<_>>(), [2, 3, 5, 7, 11, 13]);
    }

    #[test]
    fn each_part_of_each_axis_is_hit_equally_often() {
        let space = Space::new()
            .uniform("a", 0.0, 1.0)
            .unwrap()
            .uniform("b", 0.0, 1.0)
            .unwrap();
        let points = draws(&Halton, &space, 36).unwrap();
        let mut hits = vec![0; 36];
        for point in &points {
            let cell = |axis, parts: f64| (point.float(axis).unwrap() * parts) as usize;
            hits[cell("a", 4.0) * 9 + cell("b", 9.0)] += 1;
        }
        // 36 = 2^2 * 3^2: one point in each cell of the four by nine.
        assert_eq!(hits, vec![1; 36]);
    }
}
