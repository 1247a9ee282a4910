//! What a run may cost.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::TrainError;

/// What a run may cost. Before the first step that would begin beyond it, the run writes a checkpoint
/// and ends with [`Ending::Budget`](crate::Ending::Budget). It changes when a run ends, and no bit before
/// that.
///
/// # Range
/// All `None` by default: no limit.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use limpid_train::Budget;
///
/// let budget = Budget::new().with_time(Duration::from_secs(3600)).with_steps(100_000);
/// assert_eq!(budget.memory, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Budget {
    /// Wall-clock time, that of the earlier parts of a resumed run included. The step that is going
    /// on, and a validation, are finished.
    pub time: Option<Duration>,
    /// Updates since the start of the run.
    pub steps: Option<u64>,
    /// Bytes: the most that the process has had in memory at once, as the system counts it: over its whole
    /// life, so that a run that follows another one in the process begins with what that needed. It is
    /// looked at every few steps, after the fact.
    pub memory: Option<u64>,
}

/// The limit that a run has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    /// Of wall-clock time.
    Time(Duration),
    /// Of steps.
    Steps(u64),
    /// Of memory, in bytes.
    Memory(u64),
}

impl Budget {
    /// No limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits wall-clock time.
    #[must_use]
    pub fn with_time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Limits the updates.
    #[must_use]
    pub fn with_steps(mut self, steps: u64) -> Self {
        self.steps = Some(steps);
        self
    }

    /// Limits the process's memory, in bytes.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    pub(crate) fn check(&self) -> Result<(), TrainError> {
        if self.memory.is_some() && peak_memory().is_none() {
            let expected = "none on a system that does not tell a process's peak";
            return Err(TrainError::setting("memory", expected, "a limit"));
        }
        Ok(())
    }

    /// The limit that forbids another step after `steps` in this time.
    pub(crate) fn met(&self, steps: u64, elapsed: impl FnOnce() -> Duration) -> Option<Limit> {
        /// Asking the system costs about as much as a small step.
        const MEMORY_EVERY: u64 = 8;
        if let Some(limit) = self.steps.filter(|&limit| steps >= limit) {
            return Some(Limit::Steps(limit));
        }
        if let Some(limit) = self.time
            && elapsed() >= limit
        {
            return Some(Limit::Time(limit));
        }
        let limit = self.memory.filter(|_| steps.is_multiple_of(MEMORY_EVERY))?;
        (peak_memory()? > limit).then_some(Limit::Memory(limit))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => write!(formatter, "{:.1} s", time.as_secs_f64()),
            Self::Steps(steps) => write!(formatter, "{steps} steps"),
            Self::Memory(bytes) => {
                write!(formatter, "{:.1} MiB", *bytes as f64 / f64::from(1 << 20))
            }
        }
    }
}

/// The most bytes that the process has had in memory at once; `None` where the system does not say.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_is_met_is_named() {
        let time = Duration::from_secs(3);
        let budget = Budget::new().with_time(time).with_steps(5);
        let after = |steps, seconds| budget.met(steps, || Duration::from_secs(seconds));
        assert_eq!(after(4, 2), None);
        assert_eq!(after(5, 2), Some(Limit::Steps(5)));
        assert_eq!(after(4, 3), Some(Limit::Time(time)));
        assert_eq!(Budget::new().met(u64::MAX, || Duration::MAX), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_counts_the_peak_of_the_process() {
        let before = peak_memory().unwrap();
        let taken = vec![1_u8; 64 << 20];
        assert!(taken.iter().step_by(4096).all(|&it| it == 1));
        drop(taken);
        let peak = peak_memory().unwrap();
        assert!(peak >= before && peak > 64 << 20, "{peak}");
        let budget = Budget::new().with_memory(32 << 20);
        assert_eq!(
            budget.met(8, Duration::default),
            Some(Limit::Memory(32 << 20))
        );
        assert!(budget.check().is_ok());
    }
}
