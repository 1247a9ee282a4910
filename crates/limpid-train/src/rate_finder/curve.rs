//! What a sweep found, and which rate it speaks for.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::smooth::smoothed;
use super::{RateFinder, RateStop};
use crate::median::median;

/// As few losses tell nothing.
const LEAST: usize = 10;
/// A median of absolute deviations in standard deviations of the normal distribution.
const NORMAL: f64 = 1.4826;

/// The losses of a sweep over learning rates. All numbers are finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RateCurve {
    /// The sweep's settings.
    pub finder: RateFinder,
    /// The rates, ascending.
    pub rates: Vec<f64>,
    /// The loss of each rate's batch.
    pub losses: Vec<f64>,
    /// The losses made smooth.
    pub smoothed: Vec<f64>,
    /// Why the sweep ended before its last rate, where it did.
    pub stop: Option<RateStop>,
}

/// Which of two points a suggestion goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RateReason {
    /// The loss falls fastest there.
    Steepest,
    /// The loss is lowest at ten times the rate, and falls fastest closer to that than is safe.
    TenthOfLowest,
}

impl fmt::Display for RateReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Steepest => "the loss falls fastest there",
            Self::TenthOfLowest => {
                "a tenth of the rate where the loss is lowest; it falls fastest too close to that"
            }
        })
    }
}

/// A learning rate to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RateSuggestion {
    /// The rate: the lesser of the two below.
    pub rate: f64,
    /// Why this one.
    pub reason: RateReason,
    /// Where the smoothed loss falls fastest, per factor of the rate.
    pub steepest: f64,
    /// A tenth of the rate where the smoothed loss is lowest.
    pub tenth_of_lowest: f64,
    /// Whether the loss was still falling at the last rate: greater ones may serve as well.
    pub still_falling: bool,
}

/// Why a sweep speaks for no rate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoRate {
    /// The loss rose at the first rates.
    #[error(
        "rate finder: the loss diverged after {steps} steps, by the rate {rate:e}: begin at a smaller one"
    )]
    DivergedAtOnce {
        /// How many losses there are.
        steps: usize,
        /// The last rate.
        rate: f64,
    },
    /// The loss did not fall by more than its noise explains.
    #[error(
        "rate finder: the loss never fell: it began at {first:.4}, its lowest was {lowest:.4}, single \
         batches differ by {noise:.4}: try greater rates, or look for what keeps the model from learning"
    )]
    NeverFell {
        /// The smoothed loss at the first rate.
        first: f64,
        /// The lowest smoothed loss.
        lowest: f64,
        /// The standard deviation of single losses around the smoothed ones.
        noise: f64,
    },
}

impl RateCurve {
    /// The curve of these losses, one at each of the finder's first rates. What follows a loss that
    /// is not finite is left out.
    pub fn new(finder: RateFinder, mut losses: Vec<f64>, mut stop: Option<RateStop>) -> Self {
        if let Some(end) = losses.iter().position(|loss| !loss.is_finite()) {
            losses.truncate(end);
            stop = Some(RateStop::NotFinite);
        }
        let RateFinder {
            median,
            beta,
            divergence,
            ..
        } = finder;
        Self {
            finder,
            rates: (0..losses.len()).map(|step| finder.rate(step)).collect(),
            smoothed: smoothed(&losses, median, beta, divergence),
            losses,
            stop,
        }
    }

    /// How fast the smoothed loss falls around a place, per factor e of the rate.
    fn fall(&self, place: usize) -> f64 {
        let (before, after) = (place - 1, place + 1);
        let width = (self.rates[after] / self.rates[before]).ln();
        (self.smoothed[before] - self.smoothed[after]) / width
    }

    /// A rate to begin with: where the loss falls fastest, or a tenth of the rate where it is
    /// lowest, whichever is less.
    ///
    /// # Errors
    /// [`NoRate`] when the loss diverged at once or never fell by more than noise.
    pub fn suggest(&self) -> Result<RateSuggestion, NoRate> {
        let steps = self.rates.len().min(self.losses.len());
        let steps = steps.min(self.smoothed.len());
        if steps < LEAST {
            let last = self.rates[..steps].last();
            let rate = last.copied().unwrap_or(self.finder.from);
            return Err(NoRate::DivergedAtOnce { steps, rate });
        }
        let all = self.smoothed[..steps].iter().enumerate();
        let lowest = all.min_by(|(_, a), (_, b)| a.total_cmp(b));
        let lowest = lowest.map_or(0, |(place, _)| place);
        let (first, least) = (self.smoothed[0], self.smoothed[lowest]);
        let ways = self.losses[..=lowest].iter().zip(&self.smoothed);
        let deviations: Vec<f64> = ways.map(|(loss, smooth)| (loss - smooth).abs()).collect();
        let noise = NORMAL * median(&deviations).unwrap_or_default();
        let steepest = (1..lowest).max_by(|&a, &b| self.fall(a).total_cmp(&self.fall(b)));
        let fallen = first - least > noise && first - least > 1e-3 * first.abs();
        let Some(steepest) = steepest.filter(|_| fallen) else {
            if self.stop.is_some() && lowest == 0 {
                let rate = self.rates[steps - 1];
                return Err(NoRate::DivergedAtOnce { steps, rate });
            }
            return Err(NoRate::NeverFell {
                first,
                lowest: least,
                noise,
            });
        };
        let (steepest, tenth_of_lowest) = (self.rates[steepest], self.rates[lowest] / 10.0);
        let (rate, reason) = if steepest <= tenth_of_lowest {
            (steepest, RateReason::Steepest)
        } else {
            (tenth_of_lowest, RateReason::TenthOfLowest)
        };
        Ok(RateSuggestion {
            rate,
            reason,
            steepest,
            tenth_of_lowest,
            still_falling: lowest + 1 == steps && self.stop.is_none(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_tensor::Stream;

    /// A sweep from 1e-6 to 10 whose losses are `loss(log10(rate))` and noise.
    fn curve(loss: impl Fn(f64) -> f64, noise: f64, stop: Option<RateStop>) -> RateCurve {
        let finder = RateFinder::new(1e-6, 10.0);
        let mut generator = Stream::new(3).generator();
        let at = |step| {
            let noise = noise * (generator.unit() - 0.5) * 12f64.sqrt();
            loss(finder.rate(step).log10()) + noise
        };
        RateCurve::new(finder, (0..finder.steps).map(at).collect(), stop)
    }

    /// Falls from 2.3 to 0.3 around 1e-3, and rises beyond 1e-1.
    fn valley(decade: f64) -> f64 {
        0.3 + 2.0 / (1.0 + (4.0 * (decade + 3.0)).exp()) + (6.0 * decade).exp()
    }

    #[test]
    fn the_steepest_place_is_found_through_noise() {
        for noise in [0.0, 0.05, 0.2] {
            let found = curve(valley, noise, Some(RateStop::Diverged))
                .suggest()
                .unwrap();
            assert!(
                (found.steepest.log10() + 3.0).abs() < 0.35,
                "{noise}: {found:?}"
            );
            assert_eq!(found.reason, RateReason::Steepest);
            assert!(found.rate == found.steepest && !found.still_falling);
        }
    }

    #[test]
    fn a_fall_close_to_the_lowest_point_gives_a_tenth_of_that() {
        let cliff =
            |decade: f64| 2.0 / (1.0 + (20.0 * (decade + 1.0)).exp()) + (9.0 * decade).exp();
        let found = curve(cliff, 0.0, None).suggest().unwrap();
        assert_eq!(found.reason, RateReason::TenthOfLowest);
        assert!(found.rate == found.tenth_of_lowest && found.rate < found.steepest);
    }

    #[test]
    fn a_loss_that_still_falls_at_the_end_is_told() {
        let found = curve(|decade| 2.0 - 0.2 * decade, 0.01, None)
            .suggest()
            .unwrap();
        assert!(found.still_falling, "{found:?}");
    }

    #[test]
    fn noise_is_no_fall() {
        let error = curve(|_| 2.3, 0.3, None).suggest().unwrap_err();
        assert!(matches!(error, NoRate::NeverFell { .. }), "{error}");
        assert!(error.to_string().contains("never fell"), "{error}");
        assert!(curve(|_| 2.3, 0.0, None).suggest().is_err());
    }

    #[test]
    fn a_loss_that_only_rises_has_diverged_at_once() {
        let rising = curve(|decade| 10.0 + decade, 0.0, Some(RateStop::Diverged));
        let error = rising.suggest().unwrap_err();
        assert!(
            matches!(error, NoRate::DivergedAtOnce { steps: 100, .. }),
            "{error}"
        );
        let none = RateCurve::new(RateFinder::new(1e-6, 10.0), vec![f64::NAN], None);
        assert_eq!(none.stop, Some(RateStop::NotFinite));
        let error = none.suggest().unwrap_err();
        assert_eq!(
            error,
            NoRate::DivergedAtOnce {
                steps: 0,
                rate: 1e-6
            }
        );
    }
}
