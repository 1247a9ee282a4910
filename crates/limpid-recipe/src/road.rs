//! The road from a table to a report.

use std::collections::BTreeMap;
use std::time::Instant;

use limpid_data::{Loader, Part, Table, Visible};
use limpid_diagnostics::audit::audit;
use limpid_diagnostics::monitor::{RunMonitor, first_layer_filters};
use limpid_diagnostics::preflight::Preflight;
use limpid_diagnostics::record::{EpochRow, History as RecordHistory, RunRecord, TestOpening};
use limpid_diagnostics::report;
use limpid_loss::CrossEntropy;
use limpid_nn_layers::Architecture;
use limpid_optim::Penalty;
use limpid_tensor::{State, Stream, Tensor, named_parameters};
use limpid_train::{Clearance, History, Waiver};

use crate::compare::{self, Rows, Scores};
use crate::fit::{Member, Plan};
use crate::search::search;
use crate::{Choice, Parts, RecipeError, RunFolder, Settings};

/// Examples of the tiny subset that must be learned by heart.
const TINY: usize = 20;
/// Examples of the gradient check.
const GRADIENT_ROWS: usize = 8;
/// Rows that stand for the training part in the monitor.
const PROBE: usize = 512;

/// One walk from a table to a report: audit, split, preprocessing, preflight, search, training under
/// watch, ensemble, the one look at the test part, the run's folder.
///
/// # Example
/// ```no_run
/// use limpid_recipe::{Road, RunFolder, Settings};
///
/// let table = limpid_data::classics::wine()?;
/// let folder = RunFolder::create("runs/wine")?;
/// let arrival = Road::new(Settings::default()).walk(&table, &folder, &mut |line| println!("{line}"))?;
/// println!("{:.1} % right", 100.0 * arrival.ensemble_test_accuracy);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Road {
    settings: Settings,
    progress: bool,
}

/// What a walk ended with.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// What the search chose.
    pub choice: Choice,
    /// Accuracy of the first member on the test part, in [0, 1].
    pub single_test_accuracy: f64,
    /// Accuracy of the first member's moving average of weights on the test part.
    pub average_test_accuracy: f64,
    /// Accuracy of the mean of the members on the test part.
    pub ensemble_test_accuracy: f64,
    /// Everything that the report shows.
    pub record: RunRecord,
}

impl Road {
    /// A walk with these settings.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            progress: false,
        }
    }

    /// With progress bars on stderr, where that is a terminal.
    #[must_use]
    pub fn with_progress(mut self, progress: bool) -> Self {
        self.progress = progress;
        self
    }

    /// Walks the road with `table`, writes the run into `folder`, and tells `narrate` about it line
    /// by line.
    ///
    /// # Errors
    /// What any of the stages reports; [`limpid_train::TrainError::Refused`] where a check before
    /// training failed and was not waived.
    pub fn walk(
        &self,
        table: &Table,
        folder: &RunFolder,
        narrate: &mut dyn FnMut(&str),
    ) -> Result<Arrival, RecipeError> {
        self.settings.check()?;
        let stream = Stream::new(self.settings.seed).fork("road");
        let mut walk = Walk {
            settings: &self.settings,
            progress: self.progress,
            stream,
            narrate,
            record: RunRecord::default(),
            began: Instant::now(),
        };
        walk.begin(table);
        let mut parts = walk.data(table)?;
        let clearance = walk.preflight(&parts)?;
        let choice = walk.search(&parts)?;
        let members = walk.train(&parts, choice, &clearance)?;
        let arrival = walk.compare(&mut parts, choice, &members)?;
        walk.write(folder, &parts, &members, &arrival)?;
        Ok(arrival)
    }
}

/// A walk under way.
struct Walk<'a> {
    settings: &'a Settings,
    progress: bool,
    stream: Stream,
    narrate: &'a mut dyn FnMut(&str),
    record: RunRecord,
    began: Instant,
}

impl Walk<'_> {
    fn say(&mut self, line: impl AsRef<str>) {
        (self.narrate)(line.as_ref());
    }

    /// Writes down how long the stage took that ends here.
    fn close(&mut self, stage: &str) {
        let seconds = self.began.elapsed().as_secs_f64();
        self.record.wall_times.push((stage.to_owned(), seconds));
        self.began = Instant::now();
    }

    fn label(&self, label: impl Into<String>) -> String {
        if self.progress {
            label.into()
        } else {
            String::new()
        }
    }

    fn begin(&mut self, table: &Table) {
        use limpid_data::Dataset;
        self.record.title = table.name().to_owned();
        self.record.seed = Some(self.settings.seed);
        let versions = [
            ("limpid", env!("CARGO_PKG_VERSION")),
            ("platform", std::env::consts::ARCH),
        ];
        self.record.versions = versions
            .map(|(name, value)| (name.into(), value.into()))
            .to_vec();
    }

    fn data(&mut self, table: &Table) -> Result<Parts, RecipeError> {
        let seen = audit(table);
        let parts = Parts::deal(table, self.settings, self.stream)?;
        let test = parts.test.as_ref().map_or(0, Part::rows);
        let sizes = [parts.train.rows(), parts.validation.rows(), test];
        self.record.dataset = seen.facts;
        self.record.dataset.push((
            "rows of train, validation, test".into(),
            format!("{sizes:?}"),
        ));
        let facts: Vec<String> = self
            .record
            .dataset
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        self.say(format!("data       {}", facts.join(", ")));
        if !seen.findings.is_empty() {
            self.say(report::findings_text(&seen.findings));
        }
        self.record.findings.extend(seen.findings);
        self.close("data");
        Ok(parts)
    }

    /// Checks a model of middling size: what is checked is the kind of model, the loss and the data,
    /// which the search does not change.
    fn preflight(&mut self, parts: &Parts) -> Result<Clearance, RecipeError> {
        let settings = self.settings;
        let choice = Choice {
            rate: 1e-2,
            penalty: 1e-3,
            dropout: 0.2,
            width: 64,
        };
        let mlp = choice.mlp(parts.inputs, parts.classes.len(), settings.noise);
        let start = self.stream.fork("preflight");
        let (mut single, mut double) = (mlp.build::<f32>(start)?, mlp.build::<f64>(start)?);
        let loss = Plan::criterion(settings);
        let train = &parts.train;
        let few = batch::<f64>(train, GRADIENT_ROWS, start)?;
        let many = batch::<f32>(train, PROBE, start)?;
        let tiny = batch::<f32>(train, TINY, start)?;
        let mut preflight = Preflight::new()
            .gradients(&mut double, &loss, &few.0, &few.1)?
            .initial_loss(&single, &loss, &many.0, &many.1)?
            .penalty(
                &single,
                &loss,
                &many.0,
                &many.1,
                choice.penalty,
                Penalty::l2,
            )?
            .tiny_subset(&mut single, &loss, &tiny.0, &tiny.1)?;
        let waivers: Vec<Waiver> = settings
            .waivers
            .iter()
            .map(|(name, reason)| Waiver::new(name, reason))
            .collect();
        let clearance = preflight.clearance(&waivers);
        self.say(report::checks_table(preflight.rows(), 110));
        self.record.checks = preflight.rows().to_vec();
        self.close("preflight");
        Ok(clearance?)
    }

    fn search(&mut self, parts: &Parts) -> Result<Choice, RecipeError> {
        let found = search(parts, self.settings, self.stream, self.progress)?;
        let choice = found.choice;
        self.say(format!(
            "search     {} trials; best: rate {:.2e}, penalty {:.2e}, dropout {:.2}, width {}",
            found.record.trials.len(),
            choice.rate,
            choice.penalty,
            choice.dropout,
            choice.width
        ));
        for warning in &found.warnings {
            self.say(format!("           at an edge: {warning}"));
        }
        self.record.search = Some(found.record);
        self.close("search");
        Ok(choice)
    }

    fn train(
        &mut self,
        parts: &Parts,
        choice: Choice,
        clearance: &Clearance,
    ) -> Result<Vec<Member>, RecipeError> {
        let settings = self.settings;
        let loss = Plan::criterion(settings);
        let (probe, target) = batch::<f32>(&parts.train, PROBE, self.stream.fork("probe"))?;
        let mut monitor = RunMonitor::new(probe, target, &loss).every_epochs(2);
        let mut members = Vec::new();
        for number in 0..settings.members {
            let label = self.label(format!("member {}", number + 1));
            let plan = Plan {
                settings,
                choice,
                epochs: settings.epochs,
                label,
            };
            let stream = self.stream.fork("member").fork(number);
            let watched = (number == 0).then_some(&mut monitor);
            members.push(plan.train(parts, stream, clearance.clone(), watched)?);
        }
        if let Some(first) = members.first() {
            self.record.history = history(&first.history, &monitor);
            self.record.layers = monitor.layers().to_vec();
            self.record
                .findings
                .extend(monitor.findings().iter().cloned());
            if let Some((height, width)) = settings.picture {
                let weight = named_parameters(&first.model).into_iter().next();
                self.record.filters = weight
                    .and_then(|(path, weight)| first_layer_filters(&path, weight, height, width));
            }
        }
        let epochs: Vec<String> = members
            .iter()
            .map(|member| member.history.epochs.len().to_string())
            .collect();
        self.say(format!(
            "training   {} members, epochs {}",
            members.len(),
            epochs.join(" ")
        ));
        if !monitor.findings().is_empty() {
            self.say(report::findings_text(monitor.findings()));
        }
        self.close("training");
        Ok(members)
    }

    /// Compares on the validation part, then opens the test part, once, for the same comparison.
    fn compare(
        &mut self,
        parts: &mut Parts,
        choice: Choice,
        members: &[Member],
    ) -> Result<Arrival, RecipeError> {
        let classes = parts.classes.len();
        let reason = "the final comparison of single nets, averages and the ensemble";
        let opened = parts.open_test(reason)?;
        let score = |input, labels| {
            Scores::of(
                members,
                &Rows {
                    input,
                    labels,
                    classes,
                },
            )
        };
        let validation = score(all_rows(&parts.validation)?, parts.validation.labels()?)?;
        let test = score(all_rows(&opened)?, opened.labels()?)?;
        self.record.ensemble = compare::table(&validation, &test);
        self.record.confusion = compare::confusion("test", &test, &parts.classes);
        self.record.test_openings = vec![TestOpening {
            reason: reason.to_owned(),
        }];
        self.close("comparison");
        let accuracy = |scores: Option<&limpid_train::metric::ClassificationScores>| {
            scores.map_or(f64::NAN, |scores| scores.accuracy)
        };
        let arrival = Arrival {
            choice,
            single_test_accuracy: accuracy(test.member(0)),
            average_test_accuracy: accuracy(test.average(0)),
            ensemble_test_accuracy: accuracy(test.ensemble()),
            record: RunRecord::default(),
        };
        self.say(format!(
            "test       one net {:.2} %, its moving average {:.2} %, mean of {} nets {:.2} %",
            100.0 * arrival.single_test_accuracy,
            100.0 * arrival.average_test_accuracy,
            members.len(),
            100.0 * arrival.ensemble_test_accuracy
        ));
        self.record.configuration = self.configuration(choice);
        Ok(Arrival {
            record: self.record.clone(),
            ..arrival
        })
    }

    fn configuration(&self, choice: Choice) -> Vec<(String, String)> {
        let settings = self.settings;
        [
            (
                "model",
                format!(
                    "multilayer perceptron, two hidden layers of {}, relu",
                    choice.width
                ),
            ),
            ("optimizer", "Adam, one-cycle schedule".to_owned()),
            ("highest rate", format!("{:.3e}", choice.rate)),
            ("L2 penalty", format!("{:.3e}", choice.penalty)),
            ("dropout", format!("{:.3}", choice.dropout)),
            ("noise on inputs", settings.noise.to_string()),
            ("label smoothing", settings.label_smoothing.to_string()),
            ("batch size", settings.batch_size.to_string()),
            ("epochs at the most", settings.epochs.to_string()),
            ("patience", settings.patience.to_string()),
            ("members", settings.members.to_string()),
            (
                "decay of the moving average",
                settings.ema_decay.to_string(),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn write(
        &mut self,
        folder: &RunFolder,
        parts: &Parts,
        members: &[Member],
        arrival: &Arrival,
    ) -> Result<(), RecipeError> {
        let configuration = serde_json::json!({
            "settings": self.settings,
            "choice": arrival.choice,
            "versions": self.record.versions,
            "dataset": self.record.dataset,
            "classes": parts.classes,
        });
        folder.write_json("configuration.json", &configuration)?;
        folder.write_json("scaling.json", &parts.scaling)?;
        for (number, member) in members.iter().enumerate() {
            let metadata = BTreeMap::from([
                ("classes".to_owned(), parts.classes.join(",")),
                ("hidden".to_owned(), arrival.choice.width.to_string()),
            ]);
            folder.write_member(number + 1, &State::of(&member.model), &metadata)?;
            folder.write_metrics(number + 1, &member.history)?;
        }
        folder.write_record(&arrival.record)?;
        self.say(format!("report     {}", folder.report().display()));
        Ok(())
    }
}

/// A random batch of a part's rows, without repetition.
fn batch<E: limpid_tensor::Element>(
    part: &limpid_data::Train<Table>,
    rows: usize,
    stream: Stream,
) -> Result<(Tensor<E>, Vec<usize>), RecipeError> {
    let loader = Loader::classes(part, part.rows())?;
    let mut chosen = limpid_data::permutation(part.rows(), &stream.fork("rows"));
    chosen.truncate(rows);
    Ok(loader.batch(&chosen)?)
}

/// All rows of a part, in order.
fn all_rows<P: Visible<Data = Table>>(part: &P) -> Result<Tensor<f32>, RecipeError> {
    let loader = Loader::classes(part, part.rows())?;
    let rows: Vec<usize> = (0..part.rows()).collect();
    Ok(loader.batch::<f32>(&rows)?.0)
}

/// The first member's curves as the report draws them.
fn history(
    history: &History,
    monitor: &RunMonitor<'_, f32, CrossEntropy, Vec<usize>>,
) -> RecordHistory {
    let series = |value: fn(&limpid_train::StepRecord) -> f64| {
        history
            .steps
            .iter()
            .map(|step| (step.step, value(step)))
            .collect()
    };
    RecordHistory {
        data_loss: series(|step| step.loss),
        penalty: series(|step| step.penalty),
        learning_rate: series(|step| step.rate),
        epochs: history
            .epochs
            .iter()
            .map(|epoch| EpochRow {
                epoch: epoch.epoch as u64,
                train_loss: Some(epoch.train_loss),
                validation_loss: epoch.validation_loss,
                train_accuracy: epoch.train_accuracy,
                validation_accuracy: epoch.validation_accuracy,
            })
            .collect(),
        best_epoch: history.best_epoch.map(|epoch| epoch as u64),
        update_ratios: monitor.update_ratios().to_vec(),
    }
}
