//! Down by a factor when a metric stops improving.

use limpid_tensor::Result;

use crate::setting;

/// Which way a metric improves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// Smaller is better, as of a loss.
    #[default]
    Minimize,
    /// Larger is better, as of an accuracy.
    Maximize,
}

/// How much better a metric must be to count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// By this share of the best.
    Relative(f64),
    /// By this much.
    Absolute(f64),
}

/// The recipe: the rate times `factor` when the metric has not improved for more than `patience`
/// reports. [`ReduceOnPlateau::start`] makes the [`PlateauState`] that follows a run.
///
/// # Range
/// `factor` in [0, 1), default 0.1; `patience` default 10; `cooldown`, for how many reports after a
/// reduction none is counted as bad, default 0; `min_rate` from 0, default 0; `threshold` default
/// `Relative(1e-4)`; `eps`, a smaller change of the rate is not made, default 1e-8.
///
/// A metric that is not a number is not an improvement.
///
/// # Source
/// Equals torch.optim.lr_scheduler.ReduceLROnPlateau (2.15).
///
/// # Example
/// ```
/// use limpid_optim::ReduceOnPlateau;
///
/// let mut plateau = ReduceOnPlateau::new(0.1).with_factor(0.5).with_patience(1).start()?;
/// let rates: Vec<f64> = [3.0, 2.0, 2.0, 2.0].map(|loss| plateau.observe(loss)).to_vec();
/// assert_eq!(rates, [0.1, 0.1, 0.1, 0.05]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReduceOnPlateau {
    /// The first rate.
    pub rate: f64,
    /// Which way the metric improves.
    pub goal: Goal,
    /// What the rate is multiplied by.
    pub factor: f64,
    /// How many reports without improvement are borne.
    pub patience: u64,
    /// How much better the metric must be to count.
    pub threshold: Threshold,
    /// For how many reports after a reduction none is counted as bad.
    pub cooldown: u64,
    /// The lowest rate.
    pub min_rate: f64,
    /// The smallest change of the rate that is made.
    pub eps: f64,
}

impl ReduceOnPlateau {
    /// From `rate` down to a tenth after ten reports without improvement.
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            goal: Goal::Minimize,
            factor: 0.1,
            patience: 10,
            threshold: Threshold::Relative(1e-4),
            cooldown: 0,
            min_rate: 0.0,
            eps: 1e-8,
        }
    }

    /// Sets which way the metric improves.
    #[must_use]
    pub fn with_goal(mut self, goal: Goal) -> Self {
        self.goal = goal;
        self
    }

    /// Sets what the rate is multiplied by.
    #[must_use]
    pub fn with_factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// Sets how many reports without improvement are borne.
    #[must_use]
    pub fn with_patience(mut self, patience: u64) -> Self {
        self.patience = patience;
        self
    }

    /// Sets how much better the metric must be to count.
    #[must_use]
    pub fn with_threshold(mut self, threshold: Threshold) -> Self {
        self.threshold = threshold;
        self
    }

    /// Sets for how many reports after a reduction none is counted as bad.
    #[must_use]
    pub fn with_cooldown(mut self, cooldown: u64) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// Sets the lowest rate.
    #[must_use]
    pub fn with_min_rate(mut self, min_rate: f64) -> Self {
        self.min_rate = min_rate;
        self
    }

    /// Starts to follow a run.
    ///
    /// # Errors
    /// An argument error that names the setting outside its range.
    pub fn start(self) -> Result<PlateauState> {
        let of = "reduce_on_plateau";
        setting::not_negative(of, "rate", self.rate)?;
        setting::share(of, "factor", self.factor)?;
        setting::not_negative(of, "min_rate", self.min_rate)?;
        setting::not_negative(of, "eps", self.eps)?;
        let (Threshold::Relative(threshold) | Threshold::Absolute(threshold)) = self.threshold;
        setting::not_negative(of, "threshold", threshold)?;
        let best = match self.goal {
            Goal::Minimize => f64::INFINITY,
            Goal::Maximize => f64::NEG_INFINITY,
        };
        Ok(PlateauState {
            rate: self.rate,
            best,
            bad: 0,
            cooling: 0,
            recipe: self,
        })
    }

    fn improves(&self, metric: f64, best: f64) -> bool {
        match (self.goal, self.threshold) {
            (Goal::Minimize, Threshold::Relative(share)) => metric < best * (1.0 - share),
            (Goal::Minimize, Threshold::Absolute(least)) => metric < best - least,
            (Goal::Maximize, Threshold::Relative(share)) => metric > best * (1.0 + share),
            (Goal::Maximize, Threshold::Absolute(least)) => metric > best + least,
        }
    }
}

/// Where a run that [`ReduceOnPlateau`] follows stands. All of it is plain to see, so that a
/// checkpoint can keep it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlateauState {
    /// The current rate.
    pub rate: f64,
    /// The best metric so far; infinite before the first.
    pub best: f64,
    /// How many reports in a row brought no improvement.
    pub bad: u64,
    /// For how many reports more none is counted as bad.
    pub cooling: u64,
    /// The recipe.
    pub recipe: ReduceOnPlateau,
}

impl PlateauState {
    /// Takes the next value of the metric, and gives the rate from now on.
    pub fn observe(&mut self, metric: f64) -> f64 {
        if self.recipe.improves(metric, self.best) {
            self.best = metric;
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.bad = 0;
        }
        if self.bad > self.recipe.patience {
            let reduced = (self.rate * self.recipe.factor).max(self.recipe.min_rate);
            if self.rate - reduced > self.recipe.eps {
                self.rate = reduced;
            }
            self.cooling = self.recipe.cooldown;
            self.bad = 0;
        }
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracies_improve_upwards() {
        let recipe = ReduceOnPlateau::new(1.0)
            .with_goal(Goal::Maximize)
            .with_patience(0);
        let mut plateau = recipe
            .with_threshold(Threshold::Absolute(0.1))
            .start()
            .unwrap();
        assert_eq!(
            [0.5, 0.7, 0.75].map(|accuracy| plateau.observe(accuracy)),
            [1.0, 1.0, 0.1]
        );
        assert_eq!(plateau.best, 0.7);
    }

    #[test]
    fn not_a_number_is_no_improvement() {
        let mut plateau = ReduceOnPlateau::new(1.0).with_patience(0).start().unwrap();
        assert_eq!(plateau.observe(f64::NAN), 0.1);
    }

    #[test]
    fn the_rate_stops_at_the_lowest() {
        let recipe = ReduceOnPlateau::new(1.0)
            .with_patience(0)
            .with_min_rate(0.05);
        let mut plateau = recipe.start().unwrap();
        assert_eq!(
            [1.0; 4].map(|loss| plateau.observe(loss)),
            [1.0, 0.1, 0.05, 0.05]
        );
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        let refused = |recipe: ReduceOnPlateau| recipe.start().unwrap_err().to_string();
        assert!(refused(ReduceOnPlateau::new(-1.0)).contains("`rate`"));
        assert!(refused(ReduceOnPlateau::new(1.0).with_factor(1.0)).contains("`factor`"));
    }
}
