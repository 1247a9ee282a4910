//! Who is told of a study's progress.

use std::ops::ControlFlow;

use crate::error::Result;
use crate::study::Study;
use crate::trial::Trial;

/// Is told of each trial that has ended: a journal, a progress bar, a rule that ends the search.
///
/// A closure `|study: &Study, trial: &Trial| -> Result<ControlFlow<String>>` is one.
pub trait StudyObserver: Send {
    /// `trial` of `study` has ended. `Break` with a reason ends the running
    /// [`Study::optimize`] after this trial.
    ///
    /// # Errors
    /// What keeps the observer from its work; it ends the study's call too.
    fn trial_ended(&mut self, study: &Study, trial: &Trial) -> Result<ControlFlow<String>>;
}

impl<F: FnMut(&Study, &Trial) -> Result<ControlFlow<String>> + Send> StudyObserver for F {
    fn trial_ended(&mut self, study: &Study, trial: &Trial) -> Result<ControlFlow<String>> {
        self(study, trial)
    }
}
