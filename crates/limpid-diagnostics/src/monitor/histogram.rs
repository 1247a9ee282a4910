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
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
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
    for value in finite() {
        let bucket = ((value - low) / width) as usize;
        counts[bucket.min(BUCKETS - 1)] += 1;
    }
    EpochHistogram {
        epoch,
        edges,
        counts,
    }
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
