//! How training rows reach the model: their order, augmentation, mixing, and who makes the batches.

use std::sync::Arc;

use limpid_data::{Augment, Dataset, Loader, Mix, Order, TargetKind, Train};
use limpid_loss::Loss;
use limpid_tensor::Element;

use super::Trainer;
use crate::origin::Origin;
use crate::{Supervision, TrainError};

/// How training rows are fed; validation rows always come as they are.
#[derive(Debug)]
pub(super) struct Feed {
    order: Order,
    augments: Vec<Arc<dyn Augment>>,
    mix: Option<Arc<dyn Mix>>,
    pub(super) workers: usize,
}

impl Feed {
    /// Shuffled, unchanged, made when they are asked for.
    pub(super) fn new() -> Self {
        Self {
            order: Order::Shuffled,
            augments: Vec::new(),
            mix: None,
            workers: 0,
        }
    }

    pub(super) fn apply<'d, D: Dataset, K: TargetKind>(
        &self,
        loader: Loader<'d, Train<D>, K>,
    ) -> Result<Loader<'d, Train<D>, K>, TrainError> {
        let mut loader = loader.with_order(self.order.clone())?;
        for augment in &self.augments {
            loader = loader.with_augment(Arc::clone(augment))?;
        }
        match &self.mix {
            Some(mix) => Ok(loader.with_mix(Arc::clone(mix))?),
            None => Ok(loader),
        }
    }

    /// What of it the bits depend on.
    pub(super) fn note(&self, origin: Origin) -> Origin {
        origin
            .with("order", format!("{:#?}", self.order))
            .with("augmentation", format!("{:#?}", self.augments))
            .with("mixing", format!("{:#?}", self.mix))
    }
}

/// How training rows are fed; validation rows always come as they are.
impl<E, L> Trainer<'_, E, L>
where
    E: Element,
    L: Loss<E>,
    L::Target: Supervision<E>,
{
    /// With the training rows in this order, by default [`Order::Shuffled`].
    #[must_use]
    pub fn with_order(mut self, order: Order) -> Self {
        self.feed.order = order;
        self
    }

    /// With each training row changed by chance, after what was added before.
    #[must_use]
    pub fn with_augment(mut self, augment: impl Augment + 'static) -> Self {
        self.feed.augments.push(Arc::new(augment));
        self
    }

    /// With the rows of each training batch mixed with each other, and their targets: of a loss of numbers, or
    /// [on soft targets](crate::OnSoftTargets). The training loss and accuracy are those of the mixed rows.
    ///
    /// [`Trainer::start`] refuses it for a loss of classes.
    #[must_use]
    pub fn with_mix(mut self, mix: impl Mix + 'static) -> Self {
        self.feed.mix = Some(Arc::new(mix));
        self
    }

    /// With so many threads that make training batches ahead of their use; by default none. It changes no
    /// bit; see [`Epoch::in_background`](limpid_data::Epoch::in_background) for when it helps.
    #[must_use]
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.feed.workers = workers;
        self
    }
}

#[cfg(test)]
mod tests {
    use limpid_data::{DataError, GaussianNoise, Mixup};
    use limpid_loss::{CrossEntropy, CrossEntropySoft};
    use limpid_tensor::{State, Stream};

    use super::*;
    use crate::fixture::{clearance, config, net, optimizer, split, trainer};
    use crate::{Checkpoints, Layout, OnSoftTargets, Trained, evaluate};

    fn noise(deviation: f64) -> GaussianNoise {
        GaussianNoise::new(deviation).unwrap()
    }

    fn run<L>(mut trainer: Trainer<'_, f64, L>) -> Result<(Trained<f64>, State<f64>), TrainError>
    where
        L: Loss<f64>,
        L::Target: Supervision<f64>,
    {
        let (split, mut model) = (split(), net(1));
        let (train, validation) = (&split.train, Some(&split.validation));
        let stream = Stream::new(11);
        let trained = trainer.start(&mut model, train, validation, &stream, clearance())?;
        Ok((trained, State::of(&model)))
    }

    #[test]
    fn workers_change_no_bit() {
        let with = |workers| {
            let trainer = trainer(config()).with_order(Order::Balanced);
            run(trainer.with_augment(noise(0.1)).with_workers(workers)).unwrap()
        };
        let alone = with(0);
        assert_eq!(alone, with(1));
        assert_eq!(alone, with(3));
        let plain = run(trainer(config()).with_order(Order::Balanced)).unwrap();
        assert_ne!(alone.1, plain.1);
    }

    #[test]
    fn validation_rows_come_as_they_are() {
        let (trained, state) = run(trainer(config()).with_augment(noise(50.0))).unwrap();
        let (split, mut model) = (split(), net(2));
        state.apply(&mut model).unwrap();
        let loss = CrossEntropy::new();
        let again = evaluate(&model, &loss, &split.validation, 16, Layout::AsGiven);
        assert_eq!(again.unwrap(), trained.best.unwrap());
    }

    #[test]
    fn mixed_rows_are_learnt_by_a_loss_of_distributions() {
        let soft = || {
            let loss = OnSoftTargets::new(CrossEntropySoft::new());
            Trainer::new(loss, optimizer(0.01), config()).unwrap()
        };
        let hard = run(trainer(config())).unwrap().0;
        let plain = run(soft()).unwrap().0;
        // Without mixing it is the same loss, and the same accuracy.
        for (hard, soft) in hard.history.epochs.iter().zip(&plain.history.epochs) {
            assert!((hard.train_loss - soft.train_loss).abs() < 1e-9);
            assert_eq!(hard.validation_accuracy, soft.validation_accuracy);
        }
        let mixed = run(soft().with_mix(Mixup::new(0.4).unwrap())).unwrap().0;
        let last = |trained: &Trained<f64>| trained.history.epochs[5].train_loss;
        assert!(last(&mixed) > last(&plain));
        let error = run(trainer(config()).with_mix(Mixup::new(0.4).unwrap())).unwrap_err();
        assert!(
            matches!(error, TrainError::Data(DataError::TargetKind { .. })),
            "{error}"
        );
    }

    #[derive(Debug)]
    struct Wrong;

    impl Augment for Wrong {
        fn augment(&self, _: &mut [f64], _: &[usize], _: &Stream) {
            panic!("this cannot be augmented");
        }
    }

    #[test]
    fn a_panic_of_an_augmentation_is_an_error_of_the_run() {
        for workers in [0, 2] {
            let error = run(trainer(config()).with_augment(Wrong).with_workers(workers));
            assert!(matches!(
                error,
                Err(TrainError::Data(DataError::Worker { batch: 0, .. }))
            ));
        }
    }

    #[test]
    fn a_run_goes_on_with_its_own_augmentation_only() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = || Checkpoints::new(folder.path());
        run(trainer(config())
            .with_augment(noise(0.1))
            .with_checkpoints(checkpoints()))
        .unwrap();
        let (checkpoint, _) = checkpoints().latest::<f64>().unwrap();
        let (split, checkpoint) = (split(), checkpoint.unwrap());
        let resume = |deviation, workers| {
            let trainer = trainer(config()).with_augment(noise(deviation));
            let parts = (&split.train, Some(&split.validation));
            let (mut trainer, stream) = (trainer.with_workers(workers), Stream::new(11));
            trainer.resume(&mut net(3), parts.0, parts.1, &stream, &checkpoint)
        };
        assert!(resume(0.1, 2).is_ok());
        let error = resume(0.2, 0).unwrap_err().to_string();
        assert!(
            error.contains("augmentation") && error.contains("0.2"),
            "{error}"
        );
    }
}
