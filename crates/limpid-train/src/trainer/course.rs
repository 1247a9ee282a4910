//! The parts of a run that do not change, and its end.

use limpid_data::{Dataset, Loader, Train, Validation};
use limpid_loss::Loss;
use limpid_nn_layers::Module;
use limpid_tensor::{Element, State, Stream};

use super::Trainer;
use crate::checkpoint::Origin;
use crate::evaluation::{KindOf, loader};
use crate::run::Run;
use crate::{Keep, Supervision, TrainError, Trained};

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
            train: loader::<E, L, _>(train, batch_size, layout)?
                .shuffled()
                .with_last_batch(rest)?,
            validation: validation_loader,
            stream: *stream,
            origin: Origin {
                config: self.config,
                seed: stream.seed(),
                criterion: self.criterion.name().to_owned(),
                optimizer: self.optimizer.name().to_owned(),
                average: self.average,
                train: train.fingerprint(),
                validation: validation.map(|part| part.fingerprint()),
            },
        })
    }

    /// Runs to the end, and keeps the history whatever happens.
    pub(super) fn conclude<M: Module<E>, D: Dataset>(
        &mut self,
        model: &mut M,
        course: &Course<'_, D, KindOf<E, L>>,
        mut run: Run<E>,
    ) -> Result<Trained<E>, TrainError> {
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
