//! How long a run has taken, all its parts together.

use std::time::{Duration, Instant};

/// Counts on from the time of earlier parts. It decides when something happens, never what comes out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    before: Duration,
    since: Instant,
    written: Instant,
}

impl Clock {
    /// Starts now, `before` being the time of earlier parts.
    pub(crate) fn after(before: Duration) -> Self {
        let now = Instant::now();
        Self {
            before,
            since: now,
            written: now,
        }
    }

    /// The time of all parts.
    pub(crate) fn elapsed(&self) -> Duration {
        self.before.saturating_add(self.since.elapsed())
    }

    /// The time since a checkpoint was written, or since the start.
    pub(crate) fn since_checkpoint(&self) -> Duration {
        self.written.elapsed()
    }

    /// A checkpoint was written now.
    pub(crate) fn note_checkpoint(&mut self) {
        self.written = Instant::now();
    }
}
