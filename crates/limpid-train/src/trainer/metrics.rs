//! Metrics that a run takes down after each epoch.

use std::collections::BTreeMap;

use limpid_loss::Loss;
use limpid_optim::Goal;
use limpid_tensor::{Element, Result, Tensor};

use super::{Rate, Trainer};
use crate::metric::{Better, Metric};
use crate::run::Run;
use crate::{Criterion, MetricRecord, Supervision, TrainError};

/// The metrics of a run.
pub(super) struct Metrics<'a, E: Element, T: ?Sized> {
    all: Vec<Tracked<'a, E, T>>,
    /// The one that decides which epoch is the best.
    judge: Option<usize>,
}

struct Tracked<'a, E: Element, T: ?Sized> {
    metric: Box<dyn Metric<E, T> + 'a>,
    /// Rows of the epoch were seen before the run was broken off, and are not known any more.
    lacks_rows: bool,
}

impl<E: Element, T: ?Sized> Default for Metrics<'_, E, T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            judge: None,
        }
    }
}

impl<'a, E: Element, T: ?Sized> Metrics<'a, E, T> {
    fn push(&mut self, metric: impl Metric<E, T> + 'a) {
        self.all.push(Tracked {
            metric: Box::new(metric),
            lacks_rows: false,
        });
    }

    pub(super) fn update(&mut self, prediction: &Tensor<E>, target: &T) -> Result<()> {
        let mut all = self.all.iter_mut();
        all.try_for_each(|it| it.metric.update(prediction, target))
    }

    /// The value of each over the rows since the last call, in the order that they were added.
    pub(super) fn take(&mut self) -> Vec<Option<f64>> {
        let take = |it: &mut Tracked<'_, E, T>| {
            let value = it.metric.compute().filter(|value| value.is_finite());
            it.metric.reset();
            value.filter(|_| !std::mem::take(&mut it.lacks_rows))
        };
        self.all.iter_mut().map(take).collect()
    }

    /// The values of an epoch, with the names.
    pub(super) fn records(
        &self,
        train: Vec<Option<f64>>,
        validation: Vec<Option<f64>>,
    ) -> Vec<MetricRecord> {
        let values = train.into_iter().zip(validation);
        let records = self.all.iter().zip(values);
        records
            .map(|(it, (train, validation))| MetricRecord {
                name: it.metric.name(),
                train,
                validation,
            })
            .collect()
    }

    /// What the rows of the epoch so far have come to, by name, for a checkpoint.
    pub(super) fn state(&self) -> BTreeMap<String, Vec<u64>> {
        let all = self.all.iter();
        all.filter(|it| !it.lacks_rows)
            .filter_map(|it| Some((it.metric.name(), it.metric.state()?)))
            .collect()
    }

    /// Takes up a run, in the middle of an epoch where it has a batch.
    pub(super) fn begin<S: Element>(&mut self, run: &Run<S>) {
        for it in &mut self.all {
            it.metric.reset();
            let saved = run.metrics.get(&it.metric.name());
            let is_loaded = saved.is_some_and(|saved| it.metric.load(saved));
            it.lacks_rows = run.batch > 0 && !is_loaded;
        }
    }

    /// A name that two metrics have, which nobody could tell apart in what is taken down.
    pub(super) fn shared_name(&self) -> Option<String> {
        let mut names: Vec<String> = self.all.iter().map(|it| it.metric.name()).collect();
        names.sort();
        let pair = names.windows(2).find(|pair| pair[0] == pair[1])?;
        Some(pair[0].clone())
    }

    /// What decides: its place, its name and which values are the better ones.
    pub(super) fn judge(&self) -> Option<(usize, String, Better)> {
        let place = self.judge?;
        let metric = &self.all.get(place)?.metric;
        Some((place, metric.name(), metric.better()))
    }
}

impl<'a, E, L> Trainer<'a, E, L>
where
    E: Element,
    L: Loss<E>,
    L::Target: Supervision<E>,
{
    /// With a metric that is taken down for both parts after each epoch, in [`EpochRecord::metrics`](crate::EpochRecord::metrics):
    /// of the training rows as their steps saw them, in training mode, augmented and mixed; of the validation rows after the epoch.
    /// It changes no bit of the run.
    ///
    /// # Example
    /// ```
    /// # use limpid_data::{Fractions, Split, classics};
    /// # use limpid_loss::CrossEntropy;
    /// # use limpid_nn_layers::{Context, Module, Parameters};
    /// # use limpid_optim::{Adam, Optimizer};
    /// # use limpid_tensor::{Parameter, Result, Stream, Tensor};
    /// # use limpid_train::{Clearance, Trainer, TrainerConfig};
    /// # #[derive(Parameters)]
    /// # struct Linear { weight: Parameter<f64> }
    /// # impl Module<f64> for Linear {
    /// #     fn forward(&self, input: &Tensor<f64>, _: &mut Context<'_, f64>) -> Result<Tensor<f64>> {
    /// #         input.matmul(&self.weight)
    /// #     }
    /// # }
    /// use limpid_train::metric::{Average, F1, RocAuc};
    ///
    /// # let stream = Stream::new(7);
    /// # let split = Split::stratified(&classics::iris()?, Fractions::default(), &stream)?;
    /// # let mut model = Linear { weight: Parameter::new(Tensor::zeros([4, 3])) };
    /// # let optimizer = Optimizer::new(Adam::new(), 0.05)?;
    /// let mut trainer = Trainer::new(CrossEntropy::new(), optimizer, TrainerConfig::new(30, 16))?
    ///     .with_metric(RocAuc::of_logits())
    ///     .judged_by(F1::new(Average::Macro))?;
    /// # let clearance = Clearance::without_preflight("an example")?;
    /// # let parts = (&split.train, Some(&split.validation));
    /// let trained = trainer.start(&mut model, parts.0, parts.1, &stream, clearance)?;
    /// let best = trained.history.best().unwrap();
    /// assert!(best.metric("macro F1").unwrap().validation > Some(0.9));
    /// # Ok::<(), limpid_train::TrainError>(())
    /// ```
    #[must_use]
    pub fn with_metric(mut self, metric: impl Metric<E, L::Target> + 'a) -> Self {
        self.metrics.push(metric);
        self
    }

    /// With a metric whose value on the validation part decides which epoch is the best, in the place of
    /// [`Criterion`]: weights that are kept, early stopping and its `min_delta`, and a [plateau](Trainer::with_plateau), for which it has to be
    /// named before. An epoch without a value is not better than another.
    ///
    /// # Errors
    /// [`TrainError::Setting`] when another metric decides already, or a plateau's goal is the other one.
    pub fn judged_by(
        mut self,
        metric: impl Metric<E, L::Target> + 'a,
    ) -> std::result::Result<Self, TrainError> {
        if let Some((_, name, _)) = self.metrics.judge() {
            return Err(TrainError::setting(
                "judged_by",
                "one metric",
                format!("`{name}` before"),
            ));
        }
        self.metrics.judge = Some(self.metrics.all.len());
        self.metrics.push(metric);
        match self.rate {
            Rate::Plateau(recipe) => self.check_goal(recipe.goal)?,
            Rate::Own | Rate::Schedule(..) => {}
        }
        Ok(self)
    }

    /// The goal is that of what the run is judged by.
    pub(super) fn check_goal(&self, goal: Goal) -> std::result::Result<(), TrainError> {
        let better = self.metrics.judge().map(|(_, _, better)| better);
        let expected = match (better, self.config.criterion) {
            (Some(Better::Smaller), _) | (None, Criterion::ValidationLoss) => Goal::Minimize,
            (Some(Better::Greater), _) | (None, Criterion::ValidationAccuracy) => Goal::Maximize,
        };
        if goal == expected {
            return Ok(());
        }
        let expected = "that of what the run is judged by";
        Err(TrainError::setting("goal", expected, format!("{goal:?}")))
    }
}

#[cfg(test)]
mod tests {
    use limpid_optim::ReduceOnPlateau;
    use limpid_tensor::{State, Stream};

    use super::*;
    use crate::fixture::{clearance, config, net, split, trainer};
    use crate::metric::{Accuracy, BalancedAccuracy, LogLoss, RocAuc, Score};
    use crate::{Budget, Checkpoints, EarlyStop, Ending, Trained};
    use limpid_loss::CrossEntropy;

    fn run(mut trainer: Trainer<'_, f64, CrossEntropy>) -> (Trained<f64>, State<f64>) {
        let (split, mut model) = (split(), net(1));
        let parts = (&split.train, Some(&split.validation));
        let stream = Stream::new(11);
        let trained = trainer.start(&mut model, parts.0, parts.1, &stream, clearance());
        (trained.unwrap(), State::of(&model))
    }

    #[test]
    fn two_metrics_of_one_name_are_refused() {
        let trainer = trainer(config()).with_metric(Accuracy::new());
        let (split, mut trainer) = (split(), trainer.with_metric(Accuracy::new()));
        let stream = Stream::new(11);
        let error = trainer.start(&mut net(1), &split.train, None, &stream, clearance());
        assert!(error.unwrap_err().to_string().contains("`accuracy` twice"));
    }

    #[test]
    fn metrics_are_right_over_uneven_batches_and_change_no_bit() {
        // 90 rows in batches of 16.
        let measured = trainer(config()).with_metric(Accuracy::new());
        let measured = measured.with_metric(LogLoss::of_logits());
        let (trained, state) = run(measured);
        assert_eq!(state, run(trainer(config())).1);
        for record in &trained.history.epochs {
            let accuracy = record.metric("accuracy").unwrap();
            assert_eq!(accuracy.train, record.train_accuracy);
            assert_eq!(accuracy.validation, record.validation_accuracy);
            let loss = record.metric("log loss").unwrap();
            assert!((loss.train.unwrap() - record.train_loss).abs() < 1e-12);
            assert!((loss.validation.unwrap() - record.validation_loss.unwrap()).abs() < 1e-12);
        }
        let table = trained.history.epochs_csv();
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].ends_with(
            "rate,train accuracy,train log loss,validation accuracy,validation log loss"
        ));
        assert_eq!((lines.len(), lines[6].split(',').count()), (7, 12));
        assert!(lines[1].starts_with("0,6,"), "{}", lines[1]);
    }

    /// A number that is none of the model's: 3, 2, 1, 2, 3 and so on after so many rows of validation.
    #[derive(Debug)]
    struct Valley {
        better: Better,
        updates: usize,
        epoch: usize,
    }

    impl Score for Valley {
        fn name(&self) -> String {
            "valley".to_owned()
        }

        fn better(&self) -> Better {
            self.better
        }

        fn compute(&self) -> Option<f64> {
            let height = self.epoch.abs_diff(3) as f64;
            (self.updates == 2).then_some(height)
        }

        fn merge(&mut self, _: &Self) -> Result<()> {
            Ok(())
        }

        fn reset(&mut self) {
            self.epoch += usize::from(self.updates == 2);
            self.updates = 0;
        }
    }

    impl Metric<f64, [usize]> for Valley {
        fn update(&mut self, _: &Tensor<f64>, _: &[usize]) -> Result<()> {
            self.updates += 1;
            Ok(())
        }
    }

    fn valley(better: Better) -> Valley {
        Valley {
            better,
            updates: 0,
            epoch: 0,
        }
    }

    #[test]
    fn a_metric_decides_which_epoch_is_best_and_when_to_stop() {
        let config = || config().with_early_stop(EarlyStop::after(2));
        for (better, best, epochs) in [(Better::Smaller, 3, 6), (Better::Greater, 0, 3)] {
            let (trained, _) = run(trainer(config()).judged_by(valley(better)).unwrap());
            assert_eq!(trained.history.best_epoch, Some(best));
            assert_eq!(trained.history.epochs.len(), epochs);
            assert!(matches!(trained.history.ending, Some(Ending::EarlyStop(_))));
        }
        let by_loss = run(trainer(config()).judged_by(LogLoss::of_logits()).unwrap()).0;
        let plain = run(trainer(config())).0;
        assert_eq!(by_loss.history.best_epoch, plain.history.best_epoch);
        let twice = trainer(config()).judged_by(Accuracy::new()).unwrap();
        assert!(twice.judged_by(Accuracy::new()).is_err());
    }

    #[test]
    fn a_plateau_has_the_goal_of_the_metric_that_decides() {
        let smaller = ReduceOnPlateau::new(0.01);
        let greater = smaller.with_goal(Goal::Maximize);
        let judged = || {
            trainer(config())
                .judged_by(BalancedAccuracy::new())
                .unwrap()
        };
        assert!(judged().with_plateau(smaller).is_err());
        run(judged().with_plateau(greater).unwrap());
        let falling = trainer(config()).with_plateau(smaller).unwrap();
        assert!(falling.judged_by(BalancedAccuracy::new()).is_err());
    }

    #[test]
    fn a_run_that_is_broken_off_within_an_epoch_keeps_its_metrics() {
        let measured = || {
            let trainer = trainer(config()).with_metric(RocAuc::of_logits());
            trainer
                .with_metric(valley(Better::Smaller))
                .judged_by(Accuracy::new())
                .unwrap()
        };
        let (whole, state) = run(measured());
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = || Checkpoints::new(folder.path());
        let budget = Budget::new().with_steps(15);
        run(measured()
            .with_checkpoints(checkpoints())
            .with_budget(budget)
            .unwrap());
        let checkpoint = checkpoints().latest::<f64>().unwrap().0.unwrap();
        assert_eq!((checkpoint.epochs(), checkpoint.batches()), (2, 3));
        let (split, mut model) = (split(), net(9));
        let parts = (&split.train, Some(&split.validation));
        let stream = Stream::new(11);
        let resumed = measured().resume(&mut model, parts.0, parts.1, &stream, &checkpoint);
        let resumed = resumed.unwrap();
        assert_eq!(State::of(&model), state);
        for (own, whole) in resumed.history.epochs.iter().zip(&whole.history.epochs) {
            assert_eq!(own.metric("ROC AUC"), whole.metric("ROC AUC"));
            assert_eq!(own.metric("accuracy"), whole.metric("accuracy"));
        }
        // This one keeps no state: its training value of the epoch is not known.
        assert_eq!(
            resumed.history.epochs[2].metric("valley").unwrap().train,
            None
        );
        let other = trainer(config()).resume(&mut model, parts.0, parts.1, &stream, &checkpoint);
        assert!(other.unwrap_err().to_string().contains("judged_by"));
    }
}
