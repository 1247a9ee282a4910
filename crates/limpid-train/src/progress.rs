//! A progress bar.

use std::fmt;
use std::io::Write;
use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressStyle};
use limpid_tensor::Element;

use crate::{Detail, EpochView, Observer, StartView, StepView, Watch};

/// A bar on the error output that shows epoch, losses and accuracies. It steps aside where the
/// output is no terminal, for plain lines if these are wished for.
pub struct Progress {
    bar: ProgressBar,
    label: String,
    /// Where lines go, in the place of a bar that is hidden.
    lines: Option<Box<dyn Write + Send>>,
}

impl Progress {
    /// A bar that begins with `label`.
    pub fn new(label: impl Into<String>) -> Self {
        Self::on(ProgressBar::new(0), label)
    }

    /// The same on a bar of one's own, as one of several.
    pub fn on(bar: ProgressBar, label: impl Into<String>) -> Self {
        if let Ok(style) =
            ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg} {eta}")
        {
            bar.set_style(style);
        }
        Self {
            bar,
            label: label.into(),
            lines: None,
        }
    }

    /// With a line on the error output after each epoch where that is no terminal.
    #[must_use]
    pub fn with_lines(self) -> Self {
        self.with_lines_to(std::io::stderr())
    }

    /// With a line after each epoch where the bar is hidden.
    #[must_use]
    pub fn with_lines_to(mut self, lines: impl Write + Send + 'static) -> Self {
        self.lines = Some(Box::new(lines));
        self
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Progress")
            .field("bar", &self.bar)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl<E: Element> Observer<E> for Progress {
    fn watch(&self) -> Watch {
        Watch::every(1, Detail::Plain)
    }

    fn on_start(&mut self, view: &StartView) {
        self.bar
            .set_length(view.epochs.saturating_mul(view.steps_per_epoch) as u64);
        self.bar.set_position(view.step);
        self.bar.set_prefix(self.label.clone());
    }

    fn on_step(&mut self, view: &StepView<'_, E>) -> ControlFlow<String> {
        self.bar.set_position(view.record.step + 1);
        ControlFlow::Continue(())
    }

    fn on_epoch(&mut self, view: &EpochView<'_, E>) -> ControlFlow<String> {
        let record = &view.record;
        let mut message = format!("epoch {} loss {:.4}", record.epoch + 1, record.train_loss);
        if let Some(loss) = record.validation_loss {
            message += &format!(" validation {loss:.4}");
        }
        if let Some(accuracy) = record.validation_accuracy {
            message += &format!(" accuracy {:.2} %", 100.0 * accuracy);
        }
        for metric in &record.metrics {
            if let Some(value) = metric.validation.or(metric.train) {
                message += &format!(" {} {value:.4}", metric.name);
            }
        }
        if let Some(lines) = self.lines.as_mut().filter(|_| self.bar.is_hidden()) {
            // Nobody who cannot read it shall lose a run by it.
            let _ = writeln!(lines, "{} {message}", self.label);
        }
        self.bar.set_message(message);
        ControlFlow::Continue(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.abandon();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::fixture::{clearance, config, net, split, trainer};
    use limpid_tensor::{State, Stream};

    #[test]
    fn the_bar_counts_steps_and_changes_no_bit() {
        let split = split();
        let bar = ProgressBar::hidden();
        let (mut read, write) = std::io::pipe().unwrap();
        let (mut watched, mut alone) = (net(1), net(1));
        for (model, seen) in [(&mut watched, true), (&mut alone, false)] {
            let mut trainer = trainer(config());
            if seen {
                let progress = Progress::on(bar.clone(), "net");
                trainer = trainer.with_observer(progress.with_lines_to(write.try_clone().unwrap()));
            }
            let stream = Stream::new(1);
            let parts = (&split.train, Some(&split.validation));
            trainer
                .start(model, parts.0, parts.1, &stream, clearance())
                .unwrap();
        }
        drop(write);
        let mut lines = String::new();
        read.read_to_string(&mut lines).unwrap();
        assert_eq!(lines.lines().count(), 6);
        assert!(lines.starts_with("net epoch 1 loss "), "{lines}");
        assert_eq!(bar.position(), 36);
        assert_eq!(bar.length(), Some(36));
        assert!(
            bar.message().starts_with("epoch 6 loss "),
            "{}",
            bar.message()
        );
        assert_eq!(State::of(&watched), State::of(&alone));
    }
}
