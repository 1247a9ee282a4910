//! The parts of a run that do not change, and its end.

use limpid_data::{Dataset, Loader, Train, Validation};
use limpid_loss::Loss;
use limpid_nn_layers::{Module, renew_batch_norms};
use limpid_tensor::{Element, State, Stream};

use super::{Rate, Trainer};
use crate::evaluation::{KindOf, loader};
use crate::origin::Origin;
use crate::run::Run;
use crate::{Ending, Keep, Supervision, TrainError, Trained, TrainerConfig};

/// The parts of a run that do not change.
pub(super) struct Course<'a, D: Dataset, K> {
    pub(super) train: Loader<'a, Train<D>, K>,
    pub(super) validation: Option<Loader<'a, Validation<D>, K>>,
    pub(super) stream: Stream,
    /// Empty without checkpoints.
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
        if let Some(name) = self.metrics.shared_name() {
            let expected = "names that differ";
            let found = format!("`{name}` twice");
            return Err(TrainError::setting("metrics", expected, found));
        }
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
            origin: match self.checkpoints {
                Some(_) => self.origin(train, validation, stream),
                // Nobody is to read it, and the data's fingerprints are a pass over all of it.
                None => Origin::default(),
            },
        })
    }

    /// Everything that the run's bits depend on, and that may not change when it goes on.
    pub(super) fn origin<D: Dataset>(
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
            .with("weight averaging", format!("{:?}", self.swa))
    }

    /// The averaged weights of a run that is over, with statistics of their own. The model is left as
    /// it is.
    fn averaged<M: Module<E>, D: Dataset>(
        &self,
        model: &mut M,
        course: &Course<'_, D, KindOf<E, L>>,
        run: &Run<E>,
    ) -> Result<Option<State<E>>, TrainError> {
        let over = matches!(
            run.history.ending,
            Some(Ending::Finished | Ending::EarlyStop(_) | Ending::Observer(_))
        );
        let swa = run.swa.as_ref().filter(|swa| over && swa.updates() > 0);
        let Some(swa) = swa else {
            return Ok(None);
        };
        let own = State::of(model);
        swa.state()?.apply(model)?;
        let stream = course.stream.fork("renew");
        let inputs = course.train.epoch::<E>(&stream).map(|(input, _)| input);
        let renewed = renew_batch_norms(model, inputs, &stream).map(|_| State::of(model));
        own.apply(model)?;
        Ok(Some(renewed?))
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
        let swa = self.averaged(model, course, &run)?;
        if let (Keep::Best, Some((_, state))) = (self.config.keep, &run.best) {
            state.apply(model)?;
        }
        let (best, best_state) = run.best.unzip();
        Ok(Trained {
            history: run.history,
            best,
            best_state,
            last_state,
            swa,
            average: run.average.map(|average| average.state()).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use limpid_optim::{Goal, ReduceOnPlateau, Swa};

    use super::*;
    use crate::fixture::{clearance, config, net, split, trainer};
    use crate::{EpochView, Observer};

    /// The weights after each epoch.
    #[derive(Default)]
    struct Seen(Vec<State<f64>>);

    impl Observer<f64> for Seen {
        fn on_epoch(&mut self, view: &EpochView<'_, f64>) -> ControlFlow<String> {
            self.0.push(State::of(view.model));
            ControlFlow::Continue(())
        }
    }

    #[test]
    fn weight_averaging_means_the_last_epochs_and_renews_statistics() {
        let split = split();
        let (mut model, mut seen) = (net(1), Seen::default());
        let stream = Stream::new(2);
        let trained = trainer(config())
            .with_weight_averaging(4)
            .with_observer(&mut seen)
            .start(&mut model, &split.train, None, &stream, clearance())
            .unwrap();
        let mut mean = Swa::new();
        for state in &seen.0[4..] {
            state.apply(&mut model).unwrap();
            mean.update(&model).unwrap();
        }
        let (mean, swa) = (mean.state().unwrap(), trained.swa.unwrap());
        for ((name, own), (_, swa)) in mean.entries().iter().zip(swa.entries()) {
            assert_eq!(name == "drop.seen", own != swa, "{name}");
        }
        let mut plain = net(1);
        trainer(config())
            .start(&mut plain, &split.train, None, &stream, clearance())
            .unwrap();
        assert_eq!(State::of(&plain), trained.last_state);
        let never = trainer(config())
            .with_weight_averaging(6)
            .start(&mut net(1), &split.train, None, &stream, clearance())
            .unwrap();
        assert_eq!(never.swa, None::<State<f64>>);
    }

    #[test]
    fn the_rate_falls_when_the_criterion_stands_still() {
        let split = split();
        let recipe = ReduceOnPlateau::new(0.0).with_patience(1);
        let mut recipe = recipe.with_factor(0.5);
        recipe.rate = 1e-9;
        recipe.eps = 0.0;
        let mut trainer = trainer(config()).with_plateau(recipe).unwrap();
        let parts = (&split.train, Some(&split.validation));
        let trained = trainer
            .start(&mut net(1), parts.0, parts.1, &Stream::new(2), clearance())
            .unwrap();
        let rates: Vec<f64> = trained.history.epochs.iter().map(|it| it.rate).collect();
        assert_eq!(rates, [1e-9, 1e-9, 1e-9, 5e-10, 5e-10, 2.5e-10]);
        let error =
            crate::fixture::trainer(config()).with_plateau(recipe.with_goal(Goal::Maximize));
        assert!(error.unwrap_err().to_string().contains("`goal`"));
    }
}
