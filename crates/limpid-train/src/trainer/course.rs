//! The parts of a run that do not change, and its end.

use limpid_data::{Dataset, Loader, Train, Validation};
use limpid_loss::Loss;
use limpid_nn_layers::Module;
use limpid_tensor::{Element, State, Stream};

use super::{Rate, Trainer};
use crate::evaluation::{KindOf, loader};
use crate::origin::Origin;
use crate::run::Run;
use crate::{Keep, Supervision, TrainError, Trained, TrainerConfig};

/// The parts of a run that do not change.
pub(super) struct Course<'a, D: Dataset, K> {
    pub(super) train: Loader<'a, Train<D>, K>,
    pub(super) validation: Option<Loader<'a, Validation<D>, K>>,
    pub(super) stream: Stream,
    pub(super) origin: Origin,
}

impl<E, L> Trainer<'_, E, L>
where
    E: Element,
    L: Loss<E>,
    L::Target: Supervision<E>,
{
    pub(super) fn course<'d, D: Dataset>(
        &self,
        train: &'d Train<D>,
        validation: Option<&'d Validation<D>>,
        stream: &Stream,
    ) -> Result<Course<'d, D, KindOf<E, L>>, TrainError> {
        let (batch_size, layout) = (self.config.batch_size, self.config.layout);
        let rest = self.config.rest.into();
        let validation_loader = validation
            .map(|part| loader::<E, L, _>(part, batch_size, layout))
            .transpose()?;
        Ok(Course {
            train: self
                .feed
                .apply(loader::<E, L, _>(train, batch_size, layout)?)?
                .with_last_batch(rest)?,
            validation: validation_loader,
            stream: *stream,
            origin: self.origin(train, validation, stream),
        })
    }

    /// Everything that the run's bits depend on, and that may not change when it goes on.
    fn origin<D: Dataset>(
        &self,
        train: &Train<D>,
        validation: Option<&Validation<D>>,
        stream: &Stream,
    ) -> Origin {
        // How long a run goes on, and what it leaves in the model, changes nothing of what it has done.
        let TrainerConfig {
            epochs: _,
            keep: _,
            batch_size,
            layout,
            rest,
            criterion,
            early_stop,
        } = self.config;
        let rate = match &self.rate {
            Rate::Own => format!("{:?}", self.optimizer.rate()),
            scheduled => format!("{scheduled:#?}"),
        };
        let judge = self.metrics.judge().map(|(_, name, _)| name);
        self.feed
            .note(Origin::default())
            .with_optional("judged_by", judge)
            .with("element type", E::NAME)
            .with("seed", stream.seed().to_string())
            .with("training data", train.fingerprint().to_string())
            .with_optional(
                "validation data",
                validation.map(|part| part.fingerprint().to_string()),
            )
            .with("batch_size", batch_size.to_string())
            .with("layout", format!("{layout:?}"))
            .with("rest", format!("{rest:?}"))
            .with("accumulation", self.accumulation.to_string())
            .with("criterion", format!("{criterion:?}"))
            .with("early_stop", format!("{early_stop:#?}"))
            .with("loss", format!("{:#?}", self.criterion))
            .with("optimizer", self.optimizer.settings())
            .with("rate", rate)
            .with("penalty", format!("{:#?}", self.penalty))
            .with("average", format!("{:?}", self.average))
    }

    /// Runs to the end, and keeps the history whatever happens.
    pub(super) fn conclude<M: Module<E>, D: Dataset>(
        &mut self,
        model: &mut M,
        course: &Course<'_, D, KindOf<E, L>>,
        mut run: Run<E>,
    ) -> Result<Trained<E>, TrainError> {
        self.metrics.begin(&run);
        let outcome = self.epochs(model, course, &mut run);
        self.history = run.history.clone();
        if let Err(error) = outcome {
            if matches!(error, TrainError::NotFinite { .. }) {
                run.refuge.apply(model)?;
            }
            return Err(error);
        }
        let last_state = State::of(model);
        if let (Keep::Best, Some((_, state))) = (self.config.keep, &run.best) {
            state.apply(model)?;
        }
        let (best, best_state) = run.best.unzip();
        Ok(Trained {
            history: run.history,
            best,
            best_state,
            last_state,
            average: run.average.map(|average| average.state()).transpose()?,
        })
    }
}
