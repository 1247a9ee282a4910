//! Draws from a distribution over many classes, or over rows.

use crate::{Error, Generator, Result, Stream};

const NAME: &str = "alias_sampler";

/// A distribution over classes that is drawn from in constant time, however many classes there are.
/// Losses of very many classes take their noise from it, and a loader the rows that have weights.
///
/// Each class has a column of equal width, of which it keeps a part and leaves the rest to one other
/// class, its alias. A draw chooses a column and a height in it. The table is built in linear time and
/// takes 24 bytes for each class.
///
/// # Source
/// Walker 1977; Vose 1991. The power 3/4 of counts is that of Mikolov et al. 2013, section 2.2.
///
/// # Example
/// ```
/// use limpid_tensor::{AliasSampler, Stream};
///
/// let words = AliasSampler::unigram(&[16.0, 1.0, 0.0])?;
/// assert!((words.probability(0) - 8.0 / 9.0).abs() < 1e-15);
/// let drawn = words.sample(9000, Stream::new(7));
/// let rare = drawn.iter().filter(|&&class| class == 1).count();
/// assert!((900..1100).contains(&rare) && !drawn.contains(&2));
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AliasSampler {
    /// Which share of its column a class keeps.
    keep: Vec<f64>,
    /// Who has the rest.
    alias: Vec<usize>,
    probability: Vec<f64>,
}

impl AliasSampler {
    /// Classes with probabilities in proportion to `weights`.
    ///
    /// # Errors
    /// An argument error when a weight is negative or not finite, or none is above 0.
    pub fn new(weights: &[f64]) -> Result<Self> {
        let total: f64 = weights.iter().sum();
        if let Some(found) = weights.iter().find(|it| !(it.is_finite() && **it >= 0.0)) {
            let expected = "finite and not negative everywhere";
            return Err(Error::argument(NAME, "weights", expected, found));
        }
        if !(total.is_finite() && total > 0.0) {
            let expected = "above 0 somewhere, with a finite sum";
            return Err(Error::argument(NAME, "weights", expected, total));
        }
        let classes = weights.len();
        let probability: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
        let mut keep: Vec<f64> = probability.iter().map(|p| p * classes as f64).collect();
        let mut alias: Vec<usize> = (0..classes).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..classes).partition(|&class| keep[class] < 1.0);
        // The last come first: those that are never drawn must find somebody to leave their column to.
        small.sort_by(|&left, &right| keep[right].total_cmp(&keep[left]));
        while let (Some(&rich), Some(poor)) = (large.last(), small.pop()) {
            alias[poor] = rich;
            keep[rich] -= 1.0 - keep[poor];
            if keep[rich] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        // Only rounding leaves anybody here: they keep their column.
        for class in small.into_iter().chain(large) {
            keep[class] = 1.0;
        }
        Ok(Self {
            keep,
            alias,
            probability,
        })
    }

    /// Classes with probabilities in proportion to `counts` to the power 3/4, which lifts rare classes.
    ///
    /// # Errors
    /// As [`AliasSampler::new`].
    pub fn unigram(counts: &[f64]) -> Result<Self> {
        let lifted: Vec<f64> = counts.iter().map(|count| count.powf(0.75)).collect();
        Self::new(&lifted)
    }

    /// So many classes, all equally probable.
    ///
    /// # Errors
    /// An argument error without classes.
    pub fn uniform(classes: usize) -> Result<Self> {
        Self::new(&vec![1.0; classes])
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.probability.len()
    }

    /// How probable a class is; 0 for one that does not exist.
    pub fn probability(&self, class: usize) -> f64 {
        self.probability.get(class).copied().unwrap_or(0.0)
    }

    /// One class.
    pub fn draw(&self, generator: &mut Generator) -> usize {
        let classes = self.classes();
        let place = generator.unit() * classes as f64;
        let column = (place as usize).min(classes - 1);
        if place - (column as f64) < self.keep[column] {
            column
        } else {
            self.alias[column]
        }
    }

    /// So many classes, each drawn by itself.
    pub fn sample(&self, number: usize, stream: Stream) -> Vec<usize> {
        let mut generator = stream.generator();
        (0..number).map(|_| self.draw(&mut generator)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn columns_hold_what_the_weights_say(
            weights in proptest::collection::vec(prop_oneof![Just(0.0), 0.0..100.0_f64], 1..60)
        ) {
            prop_assume!(weights.iter().sum::<f64>() > 0.0);
            let sampler = AliasSampler::new(&weights).unwrap();
            let mut shares = vec![0.0; weights.len()];
            for (class, (&keep, &alias)) in sampler.keep.iter().zip(&sampler.alias).enumerate() {
                prop_assert!((0.0..=1.0).contains(&keep));
                shares[class] += keep / weights.len() as f64;
                shares[alias] += (1.0 - keep) / weights.len() as f64;
            }
            for (class, share) in shares.iter().enumerate() {
                prop_assert!((share - sampler.probability(class)).abs() < 1e-12);
                prop_assert!(weights[class] > 0.0 || *share == 0.0);
            }
        }
    }

    #[test]
    fn draws_follow_the_distribution() {
        let counts = [1.0, 2.0, 4.0, 0.0, 8.0, 500.0];
        let sampler = AliasSampler::unigram(&counts).unwrap();
        let drawn = sampler.sample(100_000, Stream::new(3));
        for class in 0..counts.len() {
            let found = drawn.iter().filter(|&&it| it == class).count() as f64;
            let expected = 1e5 * sampler.probability(class);
            // Four standard deviations.
            let error = (found - expected).abs();
            assert!(
                error <= 4.0 * expected.sqrt(),
                "{class}: {found}, {expected}"
            );
        }
        assert_eq!(drawn, sampler.sample(100_000, Stream::new(3)));
    }

    #[test]
    fn one_class_is_always_drawn_and_none_is_refused() {
        let one = AliasSampler::uniform(1).unwrap();
        assert_eq!(one.sample(3, Stream::new(1)), [0, 0, 0]);
        assert_eq!(one.sample(0, Stream::new(1)), []);
        for weights in [&[][..], &[0.0], &[1.0, -1.0], &[f64::NAN], &[f64::INFINITY]] {
            assert!(AliasSampler::new(weights).is_err(), "{weights:?}");
        }
    }
}
