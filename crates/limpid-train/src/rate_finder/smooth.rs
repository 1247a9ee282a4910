//! Noisy losses made smooth.

use crate::median::median;

/// The smoothed loss so far: a running median, then an average without the bias of its beginning.
#[derive(Clone, Debug)]
pub(super) struct Running {
    window: usize,
    beta: f64,
    recent: Vec<f64>,
    sum: f64,
    weight: f64,
    first: f64,
    lowest: f64,
}

impl Running {
    pub(super) fn new(window: usize, beta: f64) -> Self {
        Self {
            window,
            beta,
            recent: Vec::new(),
            sum: 0.0,
            weight: 0.0,
            first: 0.0,
            lowest: f64::INFINITY,
        }
    }

    /// Takes a loss in.
    pub(super) fn add(&mut self, loss: f64) -> &Self {
        if self.recent.len() == self.window {
            self.recent.remove(0);
        }
        self.recent.push(loss);
        self.sum =
            self.beta * self.sum + (1.0 - self.beta) * median(&self.recent).unwrap_or_default();
        self.weight = self.beta * self.weight + (1.0 - self.beta);
        if self.lowest == f64::INFINITY {
            self.first = self.value();
        }
        // The first few medians are of too few losses for an outlier to be told.
        if self.recent.len() == self.window || self.lowest == f64::INFINITY {
            self.lowest = self.lowest.min(self.value());
        }
        self
    }

    fn value(&self) -> f64 {
        self.sum / self.weight
    }

    /// Whether the loss is now `times` its lowest. Where the lowest is near 0 or below, the fall so
    /// far counts in its place.
    pub(super) fn rises_above(&self, times: f64) -> bool {
        let full = self.recent.len() == self.window;
        full && self.value() > height(self.first, self.lowest, times)
    }
}

/// What is `times` the lowest loss of a curve that began at `first`.
fn height(first: f64, lowest: f64, times: f64) -> f64 {
    lowest + (times - 1.0) * lowest.abs().max(first - lowest)
}

/// The whole curve: medians of the losses on both sides, then averages over both sides, so that
/// nothing is put off to a later rate. A loss `n` rates away has the weight `beta^n`. What is above
/// `divergence` times the lowest counts as that, so that a last explosion does not reach far back.
pub(super) fn smoothed(losses: &[f64], window: usize, beta: f64, divergence: f64) -> Vec<f64> {
    let reach = window / 2;
    let around = |place: usize| {
        // The same on both sides, so that the ends are not drawn to the inside.
        let reach = reach.min(place).min(losses.len() - 1 - place);
        median(&losses[place - reach..=place + reach]).unwrap_or_default()
    };
    let mut medians: Vec<f64> = (0..losses.len()).map(around).collect();
    let lowest = medians.iter().copied().fold(f64::INFINITY, f64::min);
    if let Some(&first) = medians.first() {
        let most = height(first, lowest, divergence);
        medians
            .iter_mut()
            .for_each(|median| *median = median.min(most));
    }
    let average = |place: usize| {
        let weighted = medians.iter().enumerate().map(|(other, median)| {
            let weight = beta.powi(i32::try_from(place.abs_diff(other)).unwrap_or(i32::MAX));
            (weight, weight * median)
        });
        let (weight, sum) = weighted.fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
        sum / weight
    };
    (0..losses.len()).map(average).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_outlier_is_not_seen() {
        let mut losses = vec![2.0; 20];
        losses[9] = 1e6;
        assert!(
            smoothed(&losses, 5, 0.8, 4.0)
                .iter()
                .all(|it| (it - 2.0).abs() < 1e-12)
        );
        let mut running = Running::new(5, 0.8);
        assert!(
            !losses
                .iter()
                .any(|&loss| running.add(loss).rises_above(4.0))
        );
    }

    #[test]
    fn a_lasting_rise_is_divergence_at_every_level() {
        for shift in [0.0, -3.0, 100.0] {
            let mut running = Running::new(5, 0.8);
            let fall = (0..20).map(|step| 2.0 - 0.05 * f64::from(step) + shift);
            assert!(
                !fall
                    .into_iter()
                    .any(|loss| running.add(loss).rises_above(4.0))
            );
            let mut rise = (0..20).map(|step| 1.0 + 50.0 * f64::from(step) + shift);
            assert!(
                rise.any(|loss| running.add(loss).rises_above(4.0)),
                "{shift}"
            );
        }
    }

    #[test]
    fn smoothing_does_not_put_off() {
        // A step in the middle: the smoothed curve crosses its half there, not later.
        let losses: Vec<f64> = (0..41).map(|step| f64::from(u8::from(step < 20))).collect();
        let smooth = smoothed(&losses, 5, 0.8, 4.0);
        assert!(smooth[19] > 0.5 && smooth[20] < 0.5, "{smooth:?}");
        assert_eq!(smoothed(&losses, 1, 0.0, 4.0), losses);
        assert!(smoothed(&[], 5, 0.8, 4.0).is_empty());
    }

    #[test]
    fn an_explosion_at_the_end_does_not_reach_far_back() {
        let mut losses = vec![2.0; 30];
        losses.extend([1e9; 3]);
        let smooth = smoothed(&losses, 5, 0.8, 4.0);
        assert!(
            (smooth[15] - 2.0).abs() < 0.1 && smooth[32] <= 8.0,
            "{smooth:?}"
        );
    }
}
