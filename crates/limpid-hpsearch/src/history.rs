//! What has been tried so far.

use serde::{Deserialize, Serialize};

use crate::trial::Trial;

/// Whether small or large objectives are good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Small is good: a loss.
    #[default]
    Minimize,
    /// Large is good: an accuracy.
    Maximize,
}

impl Direction {
    /// `value` such that smaller is better.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Self::Minimize => value,
            Self::Maximize => -value,
        }
    }
}

/// The trials of a study, or of one stage of it, in order of their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    direction: Direction,
    first: usize,
    trials: Vec<Trial>,
}

impl History {
    /// A history without trials.
    pub fn new(direction: Direction) -> Self {
        Self {
            direction,
            first: 0,
            trials: Vec::new(),
        }
    }

    /// This history with one more trial; its place is that of its number.
    #[must_use]
    pub fn with(mut self, trial: Trial) -> Self {
        self.insert(trial);
        self
    }

    /// Which objectives are good.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// All trials, running ones too, in order of their numbers.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// How many trials there are.
    pub fn len(&self) -> usize {
        self.trials.len()
    }

    /// Whether there are no trials.
    pub fn is_empty(&self) -> bool {
        self.trials.is_empty()
    }

    /// The trial of that number.
    pub fn get(&self, number: usize) -> Option<&Trial> {
        self.trials
            .iter()
            .rev()
            .find(|trial| trial.number == number)
    }

    /// The number of the trial that comes next.
    pub fn next_number(&self) -> usize {
        self.trials
            .last()
            .map_or(self.first, |trial| trial.number + 1)
    }

    /// The number of the trial that comes next, counted from the start of this history.
    pub fn next_place(&self) -> usize {
        self.next_number() - self.first
    }

    /// The objective of a complete trial such that smaller is better.
    pub fn loss(&self, trial: &Trial) -> Option<f64> {
        trial.value().map(|value| self.direction.loss(value))
    }

    /// The complete trials, best first; of equal ones the earlier first.
    pub fn ranked(&self) -> Vec<&Trial> {
        let mut ranked: Vec<(f64, &Trial)> = self
            .trials
            .iter()
            .filter_map(|trial| Some((self.loss(trial)?, trial)))
            .collect();
        ranked.sort_by(|(left, _), (right, _)| left.total_cmp(right));
        ranked.into_iter().map(|(_, trial)| trial).collect()
    }

    /// The best complete trial; of equal ones the earliest.
    pub fn best(&self) -> Option<&Trial> {
        self.ranked().into_iter().next()
    }

    /// The best objective after each trial, for a curve of the search. Empty until the first
    /// complete trial, so it may be shorter than the history.
    pub fn best_so_far(&self) -> Vec<f64> {
        let mut best: Option<f64> = None;
        let mut curve = Vec::new();
        for trial in &self.trials {
            if let Some(loss) = self.loss(trial) {
                best = Some(best.map_or(loss, |best| best.min(loss)));
            }
            curve.extend(best.map(|best| self.direction.loss(best)));
        }
        curve
    }

    /// A history without trials that goes on where this one ends.
    pub(crate) fn following(&self) -> Self {
        Self {
            direction: self.direction,
            first: self.next_number(),
            trials: Vec::new(),
        }
    }

    pub(crate) fn insert(&mut self, trial: Trial) {
        let place = self
            .trials
            .partition_point(|other| other.number < trial.number);
        self.trials.insert(place, trial);
    }

    pub(crate) fn remove(&mut self, number: usize) -> Option<Trial> {
        let place = self
            .trials
            .iter()
            .rposition(|trial| trial.number == number)?;
        Some(self.trials.remove(place))
    }

    pub(crate) fn get_mut(&mut self, number: usize) -> Option<&mut Trial> {
        self.trials
            .iter_mut()
            .rev()
            .find(|trial| trial.number == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::Assignment;
    use crate::trial::State;

    fn history(direction: Direction) -> History {
        let states = [
            State::Failed { reason: "x".into() },
            State::Complete { value: 2.0 },
            State::Pruned,
            State::Complete { value: 3.0 },
            State::Complete { value: 2.0 },
        ];
        states
            .into_iter()
            .enumerate()
            .fold(History::new(direction), |history, (number, state)| {
                history.with(Trial {
                    number,
                    stage: 0,
                    assignment: Assignment::new(),
                    reports: Vec::new(),
                    state,
                })
            })
    }

    #[test]
    fn the_best_is_the_earliest_in_the_given_direction() {
        let numbers = |direction| {
            history(direction)
                .ranked()
                .iter()
                .map(|t| t.number)
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers(Direction::Minimize), [1, 4, 3]);
        assert_eq!(numbers(Direction::Maximize), [3, 1, 4]);
        assert_eq!(
            history(Direction::Maximize).best_so_far(),
            [2.0, 2.0, 3.0, 3.0]
        );
    }

    #[test]
    fn a_following_history_counts_on() {
        let following = history(Direction::Minimize).following();
        assert_eq!((following.next_number(), following.next_place()), (5, 0));
    }
}
