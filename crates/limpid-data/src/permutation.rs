//! Random orders.

use limpid_tensor::{Generator, Stream};
use rand::Rng;

/// The numbers `0..length` in an order drawn evenly from all orders (Durstenfeld 1964). The same
/// stream gives the same order on every machine.
///
/// # Example
/// ```
/// use limpid_tensor::Stream;
///
/// let mut order = limpid_data::permutation(5, &Stream::new(1));
/// order.sort();
/// assert_eq!(order, [0, 1, 2, 3, 4]);
/// ```
pub fn permutation(length: usize, stream: &Stream) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    let mut generator = stream.generator();
    for last in (1..length).rev() {
        order.swap(last, below(&mut generator, last + 1));
    }
    order
}

/// A number below `bound`: the upper half of a product of 128 bits (Lemire 2019). Its bias, at most
/// `bound / 2^64`, is beyond what any sample could show.
pub(crate) fn below(generator: &mut Generator, bound: usize) -> usize {
    let product = u128::from(generator.next_u64()) * bound as u128;
    (product >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_three_comes_about_as_often() {
        let mut counts = std::collections::BTreeMap::new();
        for seed in 0..6000_u64 {
            *counts
                .entry(permutation(3, &Stream::new(5).fork(seed)))
                .or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(
            counts.values().all(|&count| (880..1120).contains(&count)),
            "{counts:?}"
        );
    }

    #[test]
    fn orders_of_nothing_and_one_are_trivial() {
        assert_eq!(permutation(0, &Stream::new(1)), [0_usize; 0]);
        assert_eq!(permutation(1, &Stream::new(1)), [0]);
    }
}
