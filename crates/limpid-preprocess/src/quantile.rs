//! Quantiles of columns.

use limpid_data::{Features, Train};

use crate::PreprocessError;

/// How a quantile that falls between two numbers is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// On the line through them at `(count - 1) q` (Hyndman and Fan 1996, type 7).
    Line,
    /// The upper one, or their mean where `count q` is whole (Hyndman and Fan 1996, type 2).
    Mean,
}

/// The columns, each sorted. Quantiles need all numbers, so this takes as much memory as the rows.
pub(crate) fn sorted_columns<D: Features>(
    train: &Train<D>,
) -> Result<Vec<Vec<f64>>, PreprocessError> {
    let mut columns = vec![Vec::new(); train.width()];
    train.blocks(&mut |block| {
        for (column, numbers) in columns.iter_mut().zip(block.columns()) {
            column.extend(numbers.iter().copied());
        }
    })?;
    columns
        .iter_mut()
        .for_each(|column| column.sort_by(f64::total_cmp));
    Ok(columns)
}

/// The quantile of sorted numbers at `q` in `[0, 1]`; 0 where there are none.
pub(crate) fn quantile(sorted: &[f64], q: f64, between: Between) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let count = sorted.len() as f64;
    let place = match between {
        Between::Line => (count - 1.0) * q,
        Between::Mean => count * q - 1.0,
    };
    let low = place.floor();
    let weight = match between {
        Between::Line => place - low,
        Between::Mean if place > low => 1.0,
        Between::Mean => 0.5,
    };
    let at = |index: f64| sorted[(index.max(0.0) as usize).min(last)];
    let (below, above) = (at(low), at(low + 1.0));
    // From the nearer end, as NumPy does, so that a weight of 1 gives the upper number exactly.
    if weight < 0.5 {
        below + (above - below) * weight
    } else {
        above - (above - below) * (1.0 - weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_two_and_seven_differ_as_published() {
        let numbers = [1.0, 2.0, 4.0, 8.0];
        let line = |q| quantile(&numbers, q, Between::Line);
        assert_eq!(
            [line(0.0), line(0.25), line(0.5), line(1.0)],
            [1.0, 1.75, 3.0, 8.0]
        );
        let mean = |q| quantile(&numbers, q, Between::Mean);
        assert_eq!(
            [mean(0.0), mean(0.25), mean(0.3), mean(1.0)],
            [1.0, 1.5, 2.0, 8.0]
        );
    }

    #[test]
    fn one_number_is_all_its_quantiles() {
        for q in [0.0, 0.3, 1.0] {
            assert_eq!(quantile(&[7.0], q, Between::Line), 7.0);
            assert_eq!(quantile(&[7.0], q, Between::Mean), 7.0);
        }
    }
}
