//! A bar that shows how far a study is.

use std::io::IsTerminal;
use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::error::Result;
use crate::observer::StudyObserver;
use crate::study::Study;
use crate::trial::Trial;

/// A progress bar on stderr with the best objective so far. It draws nothing when stderr is no
/// terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar of `trials` trials. It grows when there are more, as widening may need.
    pub fn new(trials: usize) -> Self {
        let target = match std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        Self::with_bar(ProgressBar::with_draw_target(Some(trials as u64), target))
    }

    /// The same on a bar of one's own, one of several, say.
    pub fn with_bar(bar: ProgressBar) -> Self {
        let template = "search {wide_bar} {pos}/{len} trials, {elapsed} ({eta} left){msg}";
        // A template that does not parse leaves the default look.
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Self { bar }
    }
}

impl StudyObserver for Progress {
    fn trial_ended(&mut self, study: &Study, _: &Trial) -> Result<ControlFlow<String>> {
        let past: usize = study
            .past_stages()
            .iter()
            .map(|stage| stage.history.len())
            .sum();
        let ended = study
            .history()
            .trials()
            .iter()
            .filter(|trial| !trial.is_running())
            .count();
        let done = (past + ended) as u64;
        if self.bar.length().is_some_and(|length| length < done) {
            self.bar.set_length(done);
        }
        self.bar.set_position(done);
        if let Some(best) = study.history().best().and_then(Trial::value) {
            self.bar.set_message(format!(", best {best:.4}"));
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.abandon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direction, Random};
    use limpid_tensor::Stream;

    #[test]
    fn the_bar_counts_trials_and_shows_the_best() {
        let bar = ProgressBar::with_draw_target(Some(3), ProgressDrawTarget::hidden());
        let mut study = Study::define_by_run(Direction::Maximize, Random, Stream::new(0))
            .with_observer(Progress::with_bar(bar.clone()));
        study
            .optimize(4, |trial| Ok(trial.number() as f64))
            .unwrap();
        assert_eq!((bar.position(), bar.length()), (4, Some(4)));
        assert_eq!(bar.message(), ", best 3.0000");
        assert!(!bar.is_finished());
    }
}
