//! What a run remembers between its epochs.

use std::collections::BTreeMap;
use std::time::Duration;

use limpid_optim::{Ema, PlateauState, Swa};
use limpid_tensor::{Element, Parameters, State};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::evaluation::Tally;
use crate::metric::Better;
use crate::{Ending, EpochRecord, Evaluation, History, TrainerConfig};

/// The sums over the steps of an epoch that is going on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) tally: Tally,
    pub(crate) penalty: f64,
    pub(crate) steps: u64,
    pub(crate) rate: f64,
}

/// The state of a run, apart from model and optimizer.
#[derive(Clone, Debug)]
pub(crate) struct Run<E: Element> {
    pub(crate) history: History,
    /// The step that comes next.
    pub(crate) step: u64,
    /// The epoch that comes next, or is going on.
    pub(crate) epoch: usize,
    /// How many batches of the epoch are done, and what they add up to.
    pub(crate) batch: usize,
    pub(crate) sums: Sums,
    /// What metrics had come to by then, where there was a checkpoint.
    pub(crate) metrics: BTreeMap<String, Vec<u64>>,
    pub(crate) best: Option<(Evaluation, State<E>)>,
    /// The epochs since the best one.
    pub(crate) stale: usize,
    /// Where the model goes back to when a loss is not finite.
    pub(crate) refuge: State<E>,
    pub(crate) average: Option<Ema<E>>,
    pub(crate) swa: Option<Swa<E>>,
    pub(crate) plateau: Option<PlateauState>,
    pub(crate) clock: Clock,
}

impl<E: Element> Run<E> {
    pub(crate) fn new<M: Parameters<E> + ?Sized>(
        model: &M,
        average: Option<Ema<E>>,
        swa: Option<Swa<E>>,
        plateau: Option<PlateauState>,
    ) -> Self {
        Self {
            history: History::default(),
            step: 0,
            epoch: 0,
            batch: 0,
            sums: Sums::default(),
            metrics: BTreeMap::new(),
            best: None,
            stale: 0,
            refuge: State::of(model),
            average,
            swa,
            plateau,
            clock: Clock::after(Duration::ZERO),
        }
    }

    /// Takes down an epoch, says whether it is the best so far. `judged` is the name of the metric that
    /// decides, which of its values are better, and the one on the validation part.
    pub(crate) fn judge<M: Parameters<E> + ?Sized>(
        &mut self,
        model: &M,
        validation: Option<Evaluation>,
        config: &TrainerConfig,
        judged: Option<(&str, Better, Option<f64>)>,
    ) -> bool {
        let Some(validation) = validation else {
            self.refuge = State::of(model);
            return false;
        };
        let min_delta = config.early_stop.map_or(0.0, |stop| stop.min_delta);
        let is_best = self.best.as_ref().is_none_or(|(best, _)| match judged {
            None => config.criterion.better(&validation, best, min_delta),
            Some((name, better, new)) => {
                let old = self.history.best().and_then(|it| it.metric(name));
                match (new, old.and_then(|it| it.validation)) {
                    (Some(new), Some(old)) => better.is_better(new, old, min_delta),
                    (new, _) => new.is_some(),
                }
            }
        });
        if is_best {
            let state = State::of(model);
            self.refuge = state.clone();
            self.best = Some((validation, state));
            self.history.best_epoch = Some(self.epoch);
            self.stale = 0;
        } else {
            self.stale += 1;
        }
        is_best
    }

    /// Ends the epoch, and the run with it where it is over.
    pub(crate) fn close(
        &mut self,
        record: EpochRecord,
        wish: Option<String>,
        config: &TrainerConfig,
    ) {
        self.history.epochs.push(record);
        self.epoch += 1;
        (self.batch, self.sums) = (0, Sums::default());
        self.metrics.clear();
        let stop = config.early_stop.filter(|stop| self.stale >= stop.patience);
        self.history.ending = match (wish, stop) {
            (Some(reason), _) => Some(Ending::Observer(reason)),
            (None, Some(stop)) => Some(Ending::EarlyStop(stop)),
            (None, None) => (self.epoch >= config.epochs).then_some(Ending::Finished),
        };
    }
}
