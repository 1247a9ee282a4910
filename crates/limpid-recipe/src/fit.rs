//! The training of one member.

use limpid_diagnostics::monitor::RunMonitor;
use limpid_loss::CrossEntropy;
use limpid_nn_layers::{Architecture, Sequential};
use limpid_optim::{Adam, OneCycle, Optimizer, Penalty};
use limpid_tensor::Stream;
use limpid_train::{
    Clearance, Criterion, EarlyStop, History, Observer, Per, Progress, Trainer, TrainerConfig,
};

use crate::{Choice, Parts, RecipeError, Settings};

/// A trained member.
pub(crate) struct Member {
    /// The model as it was at its best on the validation part.
    pub(crate) model: Sequential<f32>,
    /// The same model with the moving average of its weights.
    pub(crate) average: Option<Sequential<f32>>,
    /// What happened.
    pub(crate) history: History,
}

/// How a member is trained.
pub(crate) struct Plan<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) choice: Choice,
    pub(crate) epochs: usize,
    /// What a progress bar says; none is drawn where this is empty.
    pub(crate) label: String,
}

impl Plan<'_> {
    pub(crate) fn criterion(settings: &Settings) -> CrossEntropy {
        CrossEntropy::new().with_label_smoothing(settings.label_smoothing)
    }

    /// Trains a new model from the random start of `stream`.
    pub(crate) fn train(
        &self,
        parts: &Parts,
        stream: Stream,
        clearance: Clearance,
        monitor: Option<&mut RunMonitor<'_, f32, CrossEntropy, Vec<usize>>>,
    ) -> Result<Member, RecipeError> {
        let (settings, choice) = (self.settings, &self.choice);
        let mlp = choice.mlp(parts.inputs, parts.classes.len(), settings.noise);
        let mut model = mlp.build::<f32>(stream.fork("start"))?;
        let config = TrainerConfig::new(self.epochs, settings.batch_size)
            .with_criterion(Criterion::ValidationLoss)
            .with_early_stop(EarlyStop::after(settings.patience));
        let rows = parts.train.labels()?.len();
        let steps = (self.epochs * rows.div_ceil(settings.batch_size)) as u64;
        let optimizer = Optimizer::new(Adam::default(), choice.rate)?;
        let mut trainer = Trainer::new(Self::criterion(settings), optimizer, config)?
            .with_schedule(OneCycle::new(choice.rate, steps), Per::Step)?
            .with_penalty(Penalty::l2(choice.penalty)?)
            .with_average(settings.ema_decay)?;
        if !self.label.is_empty() {
            trainer = trainer.with_observer(Progress::new(&self.label));
        }
        if let Some(monitor) = monitor {
            let monitor: &mut dyn Observer<f32> = monitor;
            trainer = trainer.with_observer(monitor);
        }
        let (train, validation) = (&parts.train, Some(&parts.validation));
        let trained = trainer.start(&mut model, train, validation, &stream, clearance)?;
        let average = match &trained.average {
            Some(state) => {
                let mut twin = mlp.build::<f32>(stream.fork("start"))?;
                state.apply(&mut twin)?;
                Some(twin)
            }
            None => None,
        };
        Ok(Member {
            model,
            average,
            history: trained.history,
        })
    }
}
