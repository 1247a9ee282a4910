//! Fewer points, same picture: what of a long series can be seen at a given width.

/// At most five points for each of `columns` columns of pixels: the first, the lowest, the highest
/// and the last, in their order, and one that is not finite where the column has one.
///
/// The envelope of the drawn line does not change, so a spike of one step among 10^5 stays visible.
/// Points are first brought into the order of their positions.
pub(super) fn thin(points: &[(f64, f64)], columns: usize) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = points
        .iter()
        .copied()
        .filter(|(at, _)| at.is_finite())
        .collect();
    points.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return points;
    };
    if points.len() <= 2 * columns {
        return points;
    }
    let width = ((last.0 - first.0) / columns.max(1) as f64).max(f64::MIN_POSITIVE);
    let start = first.0;
    let column = |at: f64| ((at - start) / width).floor().min(columns as f64 - 1.0);
    points
        .chunk_by(|left, right| column(left.0) == column(right.0))
        .flat_map(envelope)
        .collect()
}

/// The points of one column that can be seen.
fn envelope(column: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let finite: Vec<(usize, f64)> = column
        .iter()
        .enumerate()
        .filter(|(_, (_, value))| value.is_finite())
        .map(|(index, (_, value))| (index, *value))
        .collect();
    let by_value = |left: &&(usize, f64), right: &&(usize, f64)| left.1.total_cmp(&right.1);
    let kept = [
        finite.first(),
        finite.iter().min_by(by_value),
        finite.iter().max_by(by_value),
        finite.last(),
    ];
    let mut kept: Vec<usize> = kept
        .into_iter()
        .flatten()
        .map(|(index, _)| *index)
        .collect();
    kept.extend(column.iter().position(|(_, value)| !value.is_finite()));
    kept.sort_unstable();
    kept.dedup();
    kept.into_iter().map(|index| column[index]).collect()
}

/// The median of each of `columns` equal spans of positions, at the span's middle: the trend within
/// a noisy series. Medians, since a mean would follow a single spike.
pub(super) fn trend(points: &[(f64, f64)], columns: usize) -> Vec<(f64, f64)> {
    let finite = |(at, value): &&(f64, f64)| at.is_finite() && value.is_finite();
    let mut points: Vec<(f64, f64)> = points.iter().filter(finite).copied().collect();
    points.sort_by(|left, right| left.0.total_cmp(&right.0));
    let size = points.len().div_ceil(columns.max(1)).max(1);
    points
        .chunks(size)
        .map(|span| {
            let mut values: Vec<f64> = span.iter().map(|(_, value)| *value).collect();
            values.sort_by(f64::total_cmp);
            (span[span.len() / 2].0, values[values.len() / 2])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_points_keep_their_spike_and_their_gap() {
        let mut points: Vec<(f64, f64)> = (0..100_000)
            .map(|step| (f64::from(step), f64::from(step % 7)))
            .collect();
        points[54_321].1 = 1e6;
        points[77_777].1 = f64::NAN;
        let thinned = thin(&points, 500);
        assert!(thinned.len() <= 5 * 500, "{}", thinned.len());
        assert!(thinned.contains(&(54_321.0, 1e6)));
        assert_eq!(
            thinned.iter().filter(|(_, value)| value.is_nan()).count(),
            1
        );
        assert!(thinned.is_sorted_by(|left, right| left.0 <= right.0));
    }

    #[test]
    fn alternating_gaps_are_bounded_as_well() {
        let points: Vec<(f64, f64)> = (0..50_000)
            .map(|step| (f64::from(step), if step % 2 == 0 { 1.0 } else { f64::NAN }))
            .collect();
        assert!(thin(&points, 100).len() <= 500);
    }

    #[test]
    fn few_points_stay_as_they_are() {
        assert_eq!(
            thin(&[(2.0, 5.0), (1.0, 4.0)], 10),
            [(1.0, 4.0), (2.0, 5.0)]
        );
        assert_eq!(thin(&[], 10), []);
        assert_eq!(thin(&[(0.0, 1.0); 100], 10).len(), 2);
    }

    #[test]
    fn the_trend_ignores_a_spike() {
        let mut points: Vec<(f64, f64)> = (0..90).map(|step| (f64::from(step), 1.0)).collect();
        points[40].1 = 1e9;
        points[41].1 = f64::NAN;
        let trend = trend(&points, 10);
        assert!(trend.len() <= 10 && trend.iter().all(|(_, value)| *value == 1.0));
    }
}
