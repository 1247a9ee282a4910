//! Distributions of activations and gradients per layer, as ridges: one outline an epoch.

use crate::figure::Shown;
use crate::record::{EpochHistogram, LayerHistory, RunRecord};

use super::markup::{Section, escape, grid, put, reading};
use super::scale::{Scale, Spacing};

/// As many epochs are drawn, evenly chosen, the first and the last among them.
const RIDGES: usize = 9;
/// As many points has an outline.
const CELLS: usize = 72;
/// This share of all values may lie beyond either end of the drawn range.
const TAIL: f64 = 0.003;
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = WIDTH - 14.0;
const FIRST_BASE: f64 = 88.0;
const LAST_BASE: f64 = HEIGHT - 24.0;
/// Height of the tallest outline.
const PEAK: f64 = 74.0;

/// Ridges of all layers: activations to the left, gradients to the right.
pub(super) fn distributions(record: &RunRecord) -> Option<Section> {
    let figures: Vec<String> = record.layers.iter().flat_map(of_layer).collect();
    if figures.is_empty() {
        return None;
    }
    let text = "One outline an epoch, the oldest at the back; height goes with the square root of \
        the density, so that tails can be seen beside a spike at zero. Healthy layers keep a \
        similar spread from the first to the last.";
    let body = reading(text) + &grid(&figures);
    Section::unless_empty("distributions", "Activations and gradients", body)
}

fn of_layer(layer: &LayerHistory) -> Vec<String> {
    let sides = [
        ("activations", &layer.activations, 1),
        ("gradients", &layer.gradients, 2),
    ];
    let drawn = sides.into_iter().map(|(what, histograms, slot)| {
        let title = format!("<b>{}</b> {what}", escape(&layer.path));
        ridges(&title, histograms, slot)
    });
    drawn.flatten().collect()
}

/// A histogram that was found to be whole: ascending finite edges and at least one value.
#[derive(Debug)]
struct Whole<'a> {
    epoch: u64,
    edges: &'a [f64],
    counts: &'a [u64],
    total: f64,
}

impl<'a> Whole<'a> {
    fn check(histogram: &'a EpochHistogram) -> Option<Self> {
        let EpochHistogram {
            epoch,
            edges,
            counts,
        } = histogram;
        let total: f64 = counts.iter().map(|count| *count as f64).sum();
        let ascending = edges.windows(2).all(|pair| pair[0] < pair[1]);
        let finite = edges.iter().all(|edge| edge.is_finite());
        let whole = edges.len() == counts.len() + 1 && ascending && finite && total > 0.0;
        whole.then_some(Self {
            epoch: *epoch,
            edges,
            counts,
            total,
        })
    }

    fn buckets(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let edges = self.edges.windows(2);
        edges
            .zip(self.counts)
            .map(|(edge, count)| (edge[0], edge[1], *count as f64))
    }

    /// Share of the values below `limit`, evenly spread within each bucket.
    fn share_below(&self, limit: f64) -> f64 {
        let below = |(low, high, count): (f64, f64, f64)| {
            count * ((limit - low) / (high - low)).clamp(0.0, 1.0)
        };
        self.buckets().map(below).sum::<f64>() / self.total
    }

    /// The edges beyond which at most [`TAIL`] of the values lie.
    fn range(&self) -> (f64, f64) {
        let mut edges = self.edges.iter().copied();
        let first = edges.clone().rfind(|edge| self.share_below(*edge) <= TAIL);
        let last = edges.find(|edge| self.share_below(*edge) >= 1.0 - TAIL);
        (
            first.unwrap_or(self.edges[0]),
            last.unwrap_or(self.edges[self.edges.len() - 1]),
        )
    }

    /// Mean and standard deviation of the buckets' middles.
    fn moments(&self) -> (f64, f64) {
        let middles = || {
            self.buckets()
                .map(|(low, high, count)| (0.5 * (low + high), count))
        };
        let mean = middles().map(|(middle, count)| middle * count).sum::<f64>() / self.total;
        let variance = middles()
            .map(|(middle, count)| (middle - mean).powi(2) * count)
            .sum::<f64>()
            / self.total;
        (mean, variance.sqrt())
    }
}

fn ridges(title: &str, histograms: &[EpochHistogram], slot: usize) -> Option<String> {
    let whole: Vec<Whole<'_>> = histograms.iter().filter_map(Whole::check).collect();
    let (last, chosen) = (whole.last()?, evenly(&whole, RIDGES));
    let ranges = chosen.iter().map(|histogram| histogram.range());
    let ends = ranges.flat_map(|(low, high)| [low, high]);
    let x = Scale::fit(Spacing::Linear, ends, 0.02, (LEFT, RIGHT))?;
    let outlines: Vec<Vec<f64>> = chosen
        .iter()
        .map(|histogram| outline(histogram, &x))
        .collect();
    let tallest = outlines.iter().flatten().copied().fold(0.0, f64::max);

    let mut figure = String::new();
    put!(
        figure,
        "<figure class=\"chart\"><figcaption>{title}</figcaption>\n"
    );
    put!(
        figure,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"ridges\">\n"
    );
    for tick in x.ticks(6) {
        if let Some(at) = x.place(tick) {
            let base = LAST_BASE + 17.0;
            put!(
                figure,
                "<path class=\"rule\" d=\"M{at:.1} 8V{LAST_BASE}\"/>"
            );
            put!(
                figure,
                "<text class=\"middle\" x=\"{at:.1}\" y=\"{base}\">{}</text>\n",
                Shown(tick)
            );
        }
    }
    put!(
        figure,
        "<text class=\"label\" x=\"2\" y=\"12\">epoch</text>\n"
    );
    let gaps = (chosen.len().max(2) - 1) as f64;
    for (index, (histogram, outline)) in chosen.iter().zip(&outlines).enumerate() {
        // A single outline stands at the front.
        let share = if chosen.len() == 1 {
            1.0
        } else {
            index as f64 / gaps
        };
        let base = FIRST_BASE + share * (LAST_BASE - FIRST_BASE);
        let (strength, y) = (0.35 + 0.65 * share, base + 3.0);
        let epoch = histogram.epoch;
        put!(
            figure,
            "<text class=\"end\" x=\"{}\" y=\"{y:.1}\">{epoch}</text>",
            LEFT - 7.0
        );
        put!(
            figure,
            "<path class=\"ridge s{slot}\" style=\"stroke-opacity:{strength:.2}\" d=\""
        );
        for (cell, density) in outline.iter().enumerate() {
            let at = LEFT + (RIGHT - LEFT) * (cell as f64 + 0.5) / CELLS as f64;
            let top = base - PEAK * (density / tallest.max(f64::MIN_POSITIVE)).sqrt();
            let command = if cell == 0 { "M" } else { "L" };
            put!(figure, "{command}{at:.1} {top:.1}");
        }
        put!(figure, "\"><title>epoch {epoch}</title></path>\n");
    }
    let (mean, deviation) = last.moments();
    // A mean that is but the rounding of a sum would look like a measure.
    let mean = if mean.abs() < 1e-9 * deviation {
        0.0
    } else {
        mean
    };
    let (epoch, mean, deviation) = (last.epoch, Shown(mean), Shown(deviation));
    put!(
        figure,
        "</svg>\n<p class=\"note\">Epoch {epoch}: mean {mean}, deviation {deviation}.</p>"
    );
    figure.push_str("</figure>\n");
    Some(figure)
}

/// The density in each of [`CELLS`] equal spans of the axis.
fn outline(histogram: &Whole<'_>, x: &Scale) -> Vec<f64> {
    let (low, high) = x.ends();
    let edge = |cell: usize| low + (high - low) * cell as f64 / CELLS as f64;
    let below: Vec<f64> = (0..=CELLS)
        .map(|cell| histogram.share_below(edge(cell)))
        .collect();
    below.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// At most `wanted` of the items, evenly chosen, the first and the last among them.
fn evenly<T>(items: &[T], wanted: usize) -> Vec<&T> {
    if items.len() <= wanted {
        return items.iter().collect();
    }
    (0..wanted)
        .map(|index| &items[index * (items.len() - 1) / (wanted - 1)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::markup::tests::unbalanced;
    use super::*;

    fn histogram(epoch: u64, edges: &[f64], counts: &[u64]) -> EpochHistogram {
        EpochHistogram {
            epoch,
            edges: edges.to_vec(),
            counts: counts.to_vec(),
        }
    }

    #[test]
    fn shares_and_moments_are_those_of_the_counts() {
        let data = histogram(1, &[-1.0, 0.0, 1.0, 3.0], &[1, 2, 1]);
        let whole = Whole::check(&data).unwrap();
        assert_eq!(whole.share_below(0.0), 0.25);
        assert_eq!(whole.share_below(0.5), 0.5);
        assert_eq!(whole.share_below(9.0), 1.0);
        let (mean, deviation) = whole.moments();
        assert_eq!(mean, 0.625);
        assert!((deviation - 0.892_679_f64).abs() < 1e-6, "{deviation}");
    }

    #[test]
    fn an_outline_holds_all_of_the_mass() {
        let data = histogram(1, &[-1.0, 0.0, 1.0, 3.0], &[10, 20, 10]);
        let x = Scale::fit(Spacing::Linear, [-1.0, 3.0], 0.0, (0.0, 1.0)).unwrap();
        let mass: f64 = outline(&Whole::check(&data).unwrap(), &x).iter().sum();
        assert!((mass - 1.0).abs() < 1e-12);
    }

    #[test]
    fn broken_histograms_are_left_out() {
        let broken = [
            histogram(1, &[0.0, 1.0], &[1, 2]),
            histogram(2, &[1.0, 0.0], &[1]),
            histogram(3, &[0.0, f64::NAN], &[1]),
            histogram(4, &[0.0, 1.0], &[0]),
            histogram(5, &[], &[]),
        ];
        assert!(ridges("t", &broken, 1).is_none());
        let drawn = ridges("t", &[histogram(6, &[0.0, 1.0], &[4])], 1).unwrap();
        assert_eq!(unbalanced(&drawn), None);
        assert!(!drawn.contains("NaN"));
    }

    #[test]
    fn the_first_and_the_last_epoch_are_among_the_chosen() {
        let items: Vec<usize> = (0..30).collect();
        let chosen = evenly(&items, 9);
        assert_eq!((chosen.len(), *chosen[0], *chosen[8]), (9, 0, 29));
    }
}
