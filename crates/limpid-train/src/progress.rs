//! A progress bar.

use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressStyle};
use limpid_tensor::Element;

use crate::{Detail, EpochView, Observer, StartView, StepView, Watch};

/// A bar on the error output that shows epoch, losses and accuracies. It steps aside where the
/// output is no terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    label: String,
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
        }
    }
}

impl<E: Element> Observer<E> for Progress {
    fn watch(&self) -> Watch {
        Watch::every(1, Detail::Plain)
    }

    fn on_start(&mut self, view: &StartView) {
        self.bar
            .set_length((view.epochs * view.steps_per_epoch) as u64);
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
    use super::*;
    use crate::fixture::{clearance, config, net, split, trainer};
    use limpid_tensor::{State, Stream};

    #[test]
    fn the_bar_counts_steps_and_changes_no_bit() {
        let split = split();
        let bar = ProgressBar::hidden();
        let (mut watched, mut alone) = (net(1), net(1));
        for (model, seen) in [(&mut watched, true), (&mut alone, false)] {
            let mut trainer = trainer(config());
            if seen {
                trainer = trainer.with_observer(Progress::on(bar.clone(), "net"));
            }
            let stream = Stream::new(1);
            let parts = (&split.train, Some(&split.validation));
            trainer
                .start(model, parts.0, parts.1, &stream, clearance())
                .unwrap();
        }
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
