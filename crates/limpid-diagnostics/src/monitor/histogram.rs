//! Numbers counted into buckets.

use crate::record::EpochHistogram;

/// How many buckets a histogram has: enough to see a shape, few enough to draw one an epoch.
const BUCKETS: usize = 40;

/// Counts finite numbers into 40 buckets of equal width between the least and the greatest.
///
/// # Example
/// ```
/// use limpid_diagnostics::monitor::histogram;
///
/// let counted = histogram(3, &[0.0, 0.1, 4.0, f64::NAN]);
/// assert_eq!((counted.counts[0], counted.counts[1], counted.counts[39]), (1, 1, 1));
/// assert_eq!(counted.edges[40], 4.0);
/// ```
pub fn histogram(epoch: u64, values: &[f64]) -> EpochHistogram {
    let (low, high) = range(values);
    if low > high {
        return EpochHistogram {
            epoch,
            ..EpochHistogram::default()
        };
    }
    // All equal: one bucket around the number, wide enough for its magnitude.
    let (low, high) = if low == high {
        let margin = low.abs().max(1e-6) * 0.5;
        (low - margin, high + margin)
    } else {
        (low, high)
    };
    let width = (high - low) / BUCKETS as f64;
    let edges = (0..BUCKETS)
        .map(|bucket| low + bucket as f64 * width)
        .chain([high])
        .collect();
    let mut counts = vec![0; BUCKETS];
    let per_width = width.recip();
    for &value in values.iter().filter(|value| value.is_finite()) {
        let bucket = ((value - low) * per_width) as usize;
        counts[bucket.min(BUCKETS - 1)] += 1;
    }
    EpochHistogram {
        epoch,
        edges,
        counts,
    }
}

/// The least and the greatest of the finite numbers; of none, infinity and its opposite.
fn range(values: &[f64]) -> (f64, f64) {
    /// As many numbers are looked at side by side.
    const LANES: usize = 8;
    let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let mut look = |lane: usize, value: f64| {
        // Infinities and NaN count as the bound that changes nothing.
        let counts = value.abs() < f64::INFINITY;
        let (under, over) = if counts {
            (value, value)
        } else {
            (f64::INFINITY, f64::NEG_INFINITY)
        };
        low[lane] = if under < low[lane] { under } else { low[lane] };
        high[lane] = if over > high[lane] { over } else { high[lane] };
    };
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in chunk.iter().enumerate() {
            look(lane, value);
        }
    }
    for (lane, &value) in rest.iter().enumerate() {
        look(lane, value);
    }
    (
        low.into_iter().fold(f64::INFINITY, f64::min),
        high.into_iter().fold(f64::NEG_INFINITY, f64::max),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_number_is_counted_once() {
        let values: Vec<f64> = (0..1000).map(|i| (f64::from(i) * 0.37).sin()).collect();
        let counted = histogram(0, &values);
        assert_eq!(counted.counts.iter().sum::<u64>(), 1000);
        assert!(counted.edges.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn equal_numbers_and_none_at_all_are_histograms_too() {
        assert_eq!(histogram(0, &[2.0; 7]).counts.iter().sum::<u64>(), 7);
        assert!(histogram(0, &[f64::NAN]).counts.is_empty());
    }
}
