//! The folder that a run writes its checkpoints into.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use limpid_interop::{InteropError, create_folder, remove_leftovers, safetensors};
use limpid_tensor::{Element, State};

use crate::checkpoint::refused;
use crate::{Checkpoint, Evaluation, TrainError};

const PREFIX: &str = "step-";
const ASIDE: &str = "aside-";
const SUFFIX: &str = ".safetensors";

/// Where and how often checkpoints are written: `step-000000001200.safetensors`, the older ones
/// removed, and `best.safetensors`, the weights of the best epoch alone.
///
/// A folder belongs to one run. After a crash, [`Trainer::start_or_resume`](crate::Trainer::start_or_resume)
/// goes on from the newest file that is whole.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use limpid_train::Checkpoints;
///
/// let folder = tempfile::tempdir()?;
/// let checkpoints = Checkpoints::new(folder.path())
///     .with_every_steps(500)
///     .with_interval(Duration::from_secs(600))
///     .with_keep(3);
/// assert!(checkpoints.files()?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoints {
    /// The folder; it is made where it is missing.
    pub folder: PathBuf,
    /// Every how many epochs, from 1; default 1. The end of the run always has one.
    pub every: usize,
    /// Every how many steps as well, in the middle of epochs too; default never.
    pub every_steps: Option<u64>,
    /// After how much time as well, in the middle of epochs too; default never. Time decides when a
    /// checkpoint is written, and nothing of what comes out.
    pub interval: Option<Duration>,
    /// How many of the newest are kept, from 1; default 2.
    pub keep: usize,
    /// Whether `best.safetensors` is written after each epoch that is the best so far; default yes.
    pub best: bool,
}

impl Checkpoints {
    /// A checkpoint in `folder` after every epoch; the newest two are kept.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            every: 1,
            every_steps: None,
            interval: None,
            keep: 2,
            best: true,
        }
    }

    /// After every `every`-th epoch.
    #[must_use]
    pub fn with_every(mut self, every: usize) -> Self {
        self.every = every.max(1);
        self
    }

    /// After every `steps`-th step as well, from 1.
    #[must_use]
    pub fn with_every_steps(mut self, steps: u64) -> Self {
        self.every_steps = Some(steps.max(1));
        self
    }

    /// After each `interval` of time as well.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Keeps the newest `keep`.
    #[must_use]
    pub fn with_keep(mut self, keep: usize) -> Self {
        self.keep = keep.max(1);
        self
    }

    /// Writes no `best.safetensors`.
    #[must_use]
    pub fn without_best(mut self) -> Self {
        self.best = false;
        self
    }

    /// The checkpoints in the folder, the newest first; none where there is no folder.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] when the folder cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, TrainError> {
        let found = self.found()?.into_values().rev();
        Ok(found.collect())
    }

    /// The weights of the best epoch; they are there once an epoch was validated.
    pub fn best_file(&self) -> PathBuf {
        self.folder.join("best.safetensors")
    }

    /// The newest checkpoint that is whole, and why newer ones are not.
    ///
    /// # Errors
    /// As [`Checkpoints::files`]; [`TrainError::File`] when the system refuses to read one.
    pub fn latest<E: Element>(
        &self,
    ) -> Result<(Option<Checkpoint<E>>, Vec<TrainError>), TrainError> {
        let mut errors = Vec::new();
        for file in self.files()? {
            match Checkpoint::load(&file) {
                Ok(checkpoint) => return Ok((Some(checkpoint), errors)),
                // The file may be whole: what keeps it from being read must be mended first.
                Err(error @ TrainError::File(InteropError::Io { .. })) => return Err(error),
                Err(error) => errors.push(error),
            }
        }
        Ok((None, errors))
    }

    /// The checkpoints by their steps.
    fn found(&self) -> Result<BTreeMap<u64, PathBuf>, TrainError> {
        let unreadable = |error: std::io::Error| {
            refused(&self.folder, "a folder of checkpoints", error.to_string())
        };
        let mut files = BTreeMap::new();
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
            entries => entries.map_err(unreadable)?,
        };
        for entry in entries {
            let file = entry.map_err(unreadable)?.path();
            if let Some(step) = step_of(&file) {
                files.insert(step, file);
            }
        }
        Ok(files)
    }

    pub(crate) fn is_due_after_epochs(&self, epochs: usize) -> bool {
        epochs.is_multiple_of(self.every.max(1))
    }

    pub(crate) fn is_due(&self, step: u64, since_last: impl FnOnce() -> Duration) -> bool {
        let by_step = |every: u64| step.is_multiple_of(every.max(1));
        self.every_steps.is_some_and(by_step)
            || self
                .interval
                .is_some_and(|interval| since_last() >= interval)
    }

    /// Where the checkpoint after `step` steps lies.
    pub(crate) fn file(&self, step: u64) -> PathBuf {
        self.folder.join(format!("{PREFIX}{step:012}{SUFFIX}"))
    }

    /// Makes the folder ready for a run that starts: there may be no checkpoints in it, since nobody
    /// could tell them from the run's own.
    pub(crate) fn begin(&self) -> Result<(), TrainError> {
        match self.files()?.first() {
            None => self.tidy(),
            Some(file) => {
                let expected = "no checkpoint in the folder of a run that starts: resume from it, \
                                or choose another folder";
                Err(refused(file, expected, "one"))
            }
        }
    }

    /// Makes the folder ready for a run that goes on from `checkpoint`, in the checkpoint's own folder
    /// or in one without checkpoints. Files beyond it, which are damaged or of a branch that is left,
    /// are set aside under another name; says whether there were any.
    pub(crate) fn go_on<E: Element>(&self, checkpoint: &Checkpoint<E>) -> Result<bool, TrainError> {
        let found = self.found()?;
        let own = found.get(&checkpoint.steps()).map(fs::canonicalize);
        let from = fs::canonicalize(checkpoint.file());
        if !matches!((own, from), (Some(Ok(own)), Ok(from)) if own == from) {
            return self.begin().map(|()| false);
        }
        self.tidy()?;
        let mut beyond = found.range(checkpoint.steps().saturating_add(1)..);
        let any = beyond.clone().next().is_some();
        beyond.try_for_each(|(_, file)| self.set_aside(file))?;
        Ok(any)
    }

    fn set_aside(&self, file: &Path) -> Result<(), TrainError> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let mut aside = self.folder.join(format!("{ASIDE}{name}"));
        let mut branch = 2;
        while aside.exists() {
            aside = self.folder.join(format!("{ASIDE}{branch}-{name}"));
            branch += 1;
        }
        fs::rename(file, aside).map_err(|error| refused(file, "to set it aside", error.to_string()))
    }

    fn tidy(&self) -> Result<(), TrainError> {
        create_folder(&self.folder)?;
        remove_leftovers(&self.folder)?;
        Ok(())
    }

    /// Writes `checkpoint` to its file, and removes those that are too many.
    pub(crate) fn save<E: Element>(&self, checkpoint: &Checkpoint<E>) -> Result<(), TrainError> {
        checkpoint.save(checkpoint.file())?;
        let found = self.found()?;
        for (_, old) in found
            .range(..checkpoint.steps())
            .rev()
            .skip(self.keep.max(1) - 1)
        {
            match fs::remove_file(old) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(refused(old, "to remove it", error.to_string()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes the weights of the best epoch, with what they reached as metadata.
    pub(crate) fn save_best<E: Element>(
        &self,
        state: &State<E>,
        reached: &Evaluation,
        (epoch, step): (usize, u64),
    ) -> Result<(), TrainError> {
        let numbers = [
            ("epoch", Some(epoch.to_string())),
            ("step", Some(step.to_string())),
            ("validation_loss", Some(reached.loss.to_string())),
            (
                "validation_accuracy",
                reached.accuracy.map(|it| it.to_string()),
            ),
        ];
        let metadata = numbers
            .into_iter()
            .filter_map(|(name, number)| Some((name.to_owned(), number?)));
        Ok(safetensors::save(
            &self.best_file(),
            state,
            &metadata.collect(),
        )?)
    }
}

/// The step in a checkpoint's name.
fn step_of(file: &Path) -> Option<u64> {
    let name = file.file_name()?.to_str()?;
    name.strip_prefix(PREFIX)?
        .strip_suffix(SUFFIX)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use limpid_nn_layers::{Module, Relu};
    use limpid_tensor::Stream;

    use super::*;
    use crate::Trained;
    use crate::fixture::{clearance, config, net, split, trainer};

    fn resume<M: Module<f64>>(
        into: &Checkpoints,
        model: &mut M,
        from: &Path,
    ) -> Result<Trained<f64>, TrainError> {
        let (split, from) = (split(), Checkpoint::load(from)?);
        let parts = (&split.train, Some(&split.validation));
        let mut trainer = trainer(config()).with_checkpoints(into.clone());
        trainer.resume(model, parts.0, parts.1, &Stream::new(3), &from)
    }

    #[test]
    fn no_file_is_lost_to_another_run_or_to_a_return_that_fails() {
        let folders = [0, 1, 2].map(|_| tempfile::tempdir().unwrap());
        let [own, other, new] =
            [0, 1, 2].map(|it| Checkpoints::new(folders[it].path()).with_keep(10));
        for checkpoints in [&own, &other] {
            let split = split();
            let parts = (&split.train, Some(&split.validation));
            let mut trainer = trainer(config()).with_checkpoints(checkpoints.clone());
            let trained =
                trainer.start(&mut net(1), parts.0, parts.1, &Stream::new(3), clearance());
            trained.unwrap();
        }
        let early = own.files().unwrap().pop().unwrap();
        let before = [own.files().unwrap(), other.files().unwrap()];
        let error = resume(&other, &mut net(1), &early).unwrap_err();
        assert!(error.to_string().contains("another folder"), "{error}");
        assert!(resume(&own, &mut Relu, &early).is_err());
        assert_eq!([own.files().unwrap(), other.files().unwrap()], before);
        // A new folder will do, and in its own one nothing is overwritten, however often it is left.
        resume(&new, &mut net(1), &early).unwrap();
        assert_eq!(new.files().unwrap().len() + 1, before[0].len());
        for branch in 1..=2 {
            resume(&own, &mut net(1), &early).unwrap();
            let names = fs::read_dir(&own.folder)
                .unwrap()
                .map(|it| it.unwrap().file_name());
            let aside = names.filter(|name| name.to_string_lossy().starts_with(ASIDE));
            assert_eq!(aside.count(), branch * (before[0].len() - 1));
        }
    }
}
