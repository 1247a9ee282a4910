//! Rows that come more often than others.

use std::fmt;

use limpid_tensor::{AliasSampler, Stream};

use crate::{DataError, FingerprintBuilder};

/// A weight for each row of a part, by which [`Order::Weighted`](crate::Order::Weighted) draws.
///
/// # Source
/// With replacement Walker's and Vose's alias method, see [`AliasSampler`]; without, the exponential
/// keys of Efraimidis and Spirakis 2006: the rows with the least -log(u) / weight, in that order, which is as
/// if they had been drawn one by one, each by its share of the weights that were left.
///
/// # Example
/// ```
/// use limpid_data::RowWeights;
/// use limpid_tensor::Stream;
///
/// let weights = RowWeights::without_replacement(vec![1.0, 0.0, 8.0, 1.0])?;
/// let mut rows = weights.draw(&Stream::new(1));
/// rows.sort();
/// assert_eq!(rows, [0, 2, 3]);
/// # Ok::<(), limpid_data::DataError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct RowWeights {
    weights: Vec<f64>,
    /// `None` where a drawn row is not drawn again.
    with_replacement: Option<AliasSampler>,
    draws: usize,
}

impl RowWeights {
    /// Each draw is by itself: a row may come again. As many draws as there are rows.
    ///
    /// # Errors
    /// [`DataError::Setting`] when a weight is negative or not finite, or none is above 0.
    pub fn new(weights: impl Into<Vec<f64>>) -> Result<Self, DataError> {
        let weights = weights.into();
        Ok(Self {
            with_replacement: Some(sampler(&weights)?),
            draws: weights.len(),
            weights,
        })
    }

    /// No row comes twice in an epoch, and rows of greater weight come earlier. As many draws as
    /// there are rows of a weight above 0: ask for fewer, or the weights decide nothing but the order.
    ///
    /// # Errors
    /// As [`RowWeights::new`].
    pub fn without_replacement(weights: impl Into<Vec<f64>>) -> Result<Self, DataError> {
        let weights = weights.into();
        sampler(&weights)?;
        Ok(Self {
            with_replacement: None,
            draws: drawable(&weights),
            weights,
        })
    }

    /// With so many rows in an epoch.
    ///
    /// # Errors
    /// [`DataError::Setting`] when it is 0, or more than the rows of a weight above 0 and no row
    /// may come twice.
    pub fn with_draws(mut self, draws: usize) -> Result<Self, DataError> {
        let most = match self.with_replacement {
            Some(_) => usize::MAX,
            None => drawable(&self.weights),
        };
        if draws == 0 || draws > most {
            let expected = format!("from 1 to {most}");
            return Err(DataError::setting("draws", expected, draws));
        }
        self.draws = draws;
        Ok(self)
    }

    /// How many rows there are weights for.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there are none, which no constructor allows.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// How many rows an epoch has.
    pub fn draws(&self) -> usize {
        self.draws
    }

    /// The rows of an epoch.
    pub fn draw(&self, stream: &Stream) -> Vec<usize> {
        if let Some(sampler) = &self.with_replacement {
            return sampler.sample(self.draws, *stream);
        }
        let mut generator = stream.generator();
        let mut keys = Vec::with_capacity(self.weights.len());
        for (row, &weight) in self.weights.iter().enumerate() {
            // In (0, 1], so that its logarithm is finite; drawn for every row, so that one row's weight
            // does not shift the others' numbers.
            let uniform = 1.0 - generator.unit();
            if weight > 0.0 {
                keys.push((-uniform.ln() / weight, row));
            }
        }
        keys.sort_by(|(left, _), (right, _)| left.total_cmp(right));
        keys.truncate(self.draws);
        keys.into_iter().map(|(_, row)| row).collect()
    }
}

/// Shows the weights by their fingerprint, however many there are.
impl fmt::Debug for RowWeights {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let print = FingerprintBuilder::new();
        let print = self
            .weights
            .iter()
            .fold(print, |it, &weight| it.number(weight));
        formatter
            .debug_struct("RowWeights")
            .field("rows", &self.weights.len())
            .field("weights", &format_args!("{}", print.finish()))
            .field("with_replacement", &self.with_replacement.is_some())
            .field("draws", &self.draws)
            .finish()
    }
}

fn drawable(weights: &[f64]) -> usize {
    weights.iter().filter(|&&weight| weight > 0.0).count()
}

fn sampler(weights: &[f64]) -> Result<AliasSampler, DataError> {
    AliasSampler::new(weights).map_err(|_| {
        let expected = "finite weights from 0, one above 0, with a finite sum";
        let wrong = weights.iter().find(|it| !(it.is_finite() && **it >= 0.0));
        let found = wrong.map_or_else(|| format!("{weights:?}"), f64::to_string);
        DataError::setting("row weights", expected, found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHTS: [f64; 5] = [1.0, 2.0, 0.0, 4.0, 8.0];

    /// The distance of the counts from shares of `total`; 4 degrees of freedom less one for the row that
    /// never comes, of which 0.999 lies at 16.27.
    fn chi_square(counts: [f64; 5], shares: [f64; 5], total: f64) -> f64 {
        let cells = counts.iter().zip(shares).filter(|(_, share)| *share > 0.0);
        cells
            .map(|(count, share)| (count - share * total).powi(2) / (share * total))
            .sum()
    }

    #[test]
    fn draws_with_replacement_follow_the_weights() {
        let weights = RowWeights::new(WEIGHTS)
            .unwrap()
            .with_draws(30_000)
            .unwrap();
        let mut counts = [0.0; 5];
        weights
            .draw(&Stream::new(5))
            .iter()
            .for_each(|&row| counts[row] += 1.0);
        assert_eq!(counts[2], 0.0);
        let distance = chi_square(counts, WEIGHTS.map(|weight| weight / 15.0), 3e4);
        assert!(distance < 16.27, "{distance}");
    }

    #[test]
    fn draws_without_replacement_take_each_by_its_share_of_what_is_left() {
        let weights = RowWeights::without_replacement(WEIGHTS).unwrap();
        let (mut first, mut second) = ([0.0; 5], [0.0; 5]);
        for epoch in 0..20_000_usize {
            let rows = weights.draw(&Stream::new(7).fork(epoch));
            let mut sorted = rows.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 3, 4]);
            first[rows[0]] += 1.0;
            second[rows[1]] += 1.0;
        }
        let shares = WEIGHTS.map(|weight| weight / 15.0);
        // P(second = j) = sum over i != j of p_i p_j / (1 - p_i).
        let mut after = [0.0; 5];
        for (j, share) in after.iter_mut().enumerate() {
            let others = (0..5).filter(|&i| i != j);
            *share = others
                .map(|i| shares[i] * shares[j] / (1.0 - shares[i]))
                .sum();
        }
        for (counts, shares) in [(first, shares), (second, after)] {
            let distance = chi_square(counts, shares, 2e4);
            assert!(distance < 16.27, "{distance}");
        }
    }

    #[test]
    fn equal_streams_draw_equal_rows() {
        for weights in [
            RowWeights::new(WEIGHTS).unwrap(),
            RowWeights::without_replacement(WEIGHTS).unwrap(),
        ] {
            assert_eq!(weights.draw(&Stream::new(1)), weights.draw(&Stream::new(1)));
            let epochs = (0..8_u64).map(|seed| weights.draw(&Stream::new(seed)));
            assert!(
                epochs
                    .collect::<Vec<_>>()
                    .windows(2)
                    .any(|two| two[0] != two[1])
            );
        }
    }

    #[test]
    fn weights_that_say_nothing_are_refused() {
        for weights in [
            &[][..],
            &[0.0, 0.0],
            &[1.0, -1.0],
            &[f64::NAN],
            &[f64::INFINITY],
        ] {
            assert!(RowWeights::new(weights).is_err(), "{weights:?}");
            assert!(
                RowWeights::without_replacement(weights).is_err(),
                "{weights:?}"
            );
        }
        let once = RowWeights::without_replacement(WEIGHTS).unwrap();
        assert_eq!(
            once.clone()
                .with_draws(4)
                .unwrap()
                .draw(&Stream::new(1))
                .len(),
            4
        );
        let error = once.with_draws(5).unwrap_err().to_string();
        assert_eq!(error, "draws: expected from 1 to 4, found 5");
        assert!(RowWeights::new(WEIGHTS).unwrap().with_draws(0).is_err());
        assert_eq!(RowWeights::new([3.0]).unwrap().draw(&Stream::new(1)), [0]);
    }
}
