//! L-BFGS: steps along an approximation of Newton's direction, for losses without noise.

use limpid_tensor::{Element, Error, Gradients, Parameters, Result};

use crate::setting;
use crate::state::OptimizerState;
use crate::sweep;

mod flat;
mod history;
mod search;

use flat::Flat;
use history::History;
use search::{Point, strong_wolfe};

/// How far [`Lbfgs`] goes along a direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineSearch {
    /// To a point that fulfils the strong Wolfe conditions (with 1e-4 and 0.9): the loss has fallen
    /// enough, and its slope has become flat enough.
    #[default]
    StrongWolfe,
    /// As far as the rate says.
    Fixed,
}

/// How [`Lbfgs`] is to work.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LbfgsConfig {
    /// How far the search begins along each direction, from 0. The default is 1.
    pub rate: f64,
    /// How many directions one step goes at most, from 1. The default is 20.
    pub max_iter: u64,
    /// After how many evaluations of the loss a step ends, once the search along the line that goes on is
    /// over; without a number 5/4 of `max_iter`. PyTorch ends each search after 25 as well.
    pub max_eval: Option<u64>,
    /// A gradient whose greatest element is at most this ends the step. The default is 1e-7.
    pub tolerance_grad: f64,
    /// A change of the loss, or of all elements, of at most this ends the step. The default is 1e-9.
    pub tolerance_change: f64,
    /// How many pairs of changes are remembered, from 1. The default is 100.
    pub history_size: usize,
    /// How far a direction is gone. The default is [`LineSearch::StrongWolfe`].
    pub line_search: LineSearch,
    /// Whether the objective is to grow.
    pub maximize: bool,
}

impl Default for LbfgsConfig {
    fn default() -> Self {
        Self {
            rate: 1.0,
            max_iter: 20,
            max_eval: None,
            tolerance_grad: 1e-7,
            tolerance_change: 1e-9,
            history_size: 100,
            line_search: LineSearch::StrongWolfe,
            maximize: false,
        }
    }
}

crate::rule::settings!(LbfgsConfig {
    /// Sets how far the search begins along each direction.
    with_rate: rate: f64,
    /// Sets how many directions one step goes at most.
    with_max_iter: max_iter: u64,
    /// Sets after how many evaluations a step ends.
    with_max_eval: max_eval: Option<u64>,
    /// Sets how small a gradient ends the step.
    with_tolerance_grad: tolerance_grad: f64,
    /// Sets how small a change ends the step.
    with_tolerance_change: tolerance_change: f64,
    /// Sets how many pairs of changes are remembered.
    with_history_size: history_size: usize,
    /// Sets how far a direction is gone.
    with_line_search: line_search: LineSearch,
    /// Climbs instead of descending, or does not.
    with_maximize: maximize: bool,
});

impl LbfgsConfig {
    /// Whether the step ends here, where elements have moved by at most `moved` and the loss by
    /// `change`.
    fn end(
        &self,
        report: &LbfgsReport,
        max_eval: u64,
        moved: f64,
        change: f64,
    ) -> Option<LbfgsEnd> {
        if report.iterations == self.max_iter {
            Some(LbfgsEnd::Iterations)
        } else if report.evaluations >= max_eval {
            Some(LbfgsEnd::Evaluations)
        } else if report.greatest_gradient <= self.tolerance_grad {
            Some(LbfgsEnd::Gradient)
        } else if moved <= self.tolerance_change || change < self.tolerance_change {
            Some(LbfgsEnd::Change)
        } else {
            None
        }
    }
}

/// L-BFGS: each step goes along several directions, each the gradient multiplied by an approximation
/// of the inverse of the Hessian that is made of the last changes of weights and gradients.
///
/// It wants the loss of all rows, evaluated as often as it asks, and no dropout: noise makes changes
/// of gradients meaningless. Then it needs far fewer evaluations than rules by the gradient alone,
/// on small models and logistic regressions above all. Memory is that of `2 * history_size + 4`
/// copies of the parameters.
///
/// # Differs from
/// torch.optim.LBFGS searches no line by default, this one does; where it meets a loss that is not a
/// number it goes on, this one goes back to the last point that was finite.
///
/// # Source
/// Liu & Nocedal (1989), "On the limited memory BFGS method for large scale optimization"; Nocedal &
/// Wright (2006), "Numerical optimization", algorithms 3.5, 3.6, 7.4; equals torch.optim.LBFGS (2.15).
///
/// # Example
/// ```
/// use limpid_optim::{Lbfgs, LbfgsConfig};
/// use limpid_tensor::{Parameter, Tensor};
///
/// // Rosenbrock's valley, (1 - x)^2 + 100 (y - x^2)^2.
/// let mut place = Parameter::new(Tensor::<f64>::from_vec(vec![-1.2, 1.0], [2])?);
/// let mut lbfgs = Lbfgs::new(LbfgsConfig::new().with_max_iter(100))?;
/// let report = lbfgs.step(&mut place, |place| {
///     let (x, y) = (place.narrow(0, 0, 1)?, place.narrow(0, 1, 1)?);
///     let valley = y.sub(&x.square())?.square().mul_scalar(100.0);
///     let loss = x.affine(-1.0, 1.0).square().add(&valley)?.sum();
///     Ok((loss.item()?, loss.backward()?))
/// })?;
/// assert!((place.to_vec()[0] - 1.0).abs() < 1e-4);
/// assert!(report.evaluations < 60, "{report:?}");
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lbfgs<E: Element> {
    config: LbfgsConfig,
    flat: Flat,
    history: History<E>,
    steps: u64,
    skipped: u64,
}

/// Why a step of [`Lbfgs`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LbfgsEnd {
    /// It went as many directions as allowed.
    Iterations,
    /// It evaluated the loss as often as allowed.
    Evaluations,
    /// The gradient is as small as asked.
    Gradient,
    /// Loss or weights hardly change any more.
    Change,
    /// Loss or gradient are not finite: at the beginning, and nothing was changed, or along a fixed
    /// step, which was taken back.
    NotFinite,
}

/// What a step of [`Lbfgs`] did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LbfgsReport {
    /// The loss at the beginning.
    pub first_loss: f64,
    /// The last loss that is known; after a fixed step that is the last of `max_iter`, the one
    /// before it.
    pub loss: f64,
    /// How many directions were gone.
    pub iterations: u64,
    /// How often the loss was evaluated.
    pub evaluations: u64,
    /// The greatest absolute element of the last gradient that is known.
    pub greatest_gradient: f64,
    /// Why the step ended.
    pub end: LbfgsEnd,
}

impl<E: Element> Lbfgs<E> {
    /// An optimizer that remembers nothing yet.
    ///
    /// # Errors
    /// An argument error that names the setting outside its range.
    pub fn new(config: LbfgsConfig) -> Result<Self> {
        setting::not_negative("lbfgs", "rate", config.rate)?;
        setting::at_least_one("lbfgs", "max_iter", config.max_iter)?;
        setting::at_least_one("lbfgs", "max_eval", config.max_eval.unwrap_or(1))?;
        setting::not_negative("lbfgs", "tolerance_grad", config.tolerance_grad)?;
        setting::not_negative("lbfgs", "tolerance_change", config.tolerance_change)?;
        setting::at_least_one("lbfgs", "history_size", config.history_size as u64)?;
        Ok(Self {
            config,
            flat: Flat::default(),
            history: History::default(),
            steps: 0,
            skipped: 0,
        })
    }

    /// Its settings.
    pub fn config(&self) -> &LbfgsConfig {
        &self.config
    }

    /// Sets how far the searches to come begin.
    ///
    /// # Errors
    /// An argument error when it is not a finite number from 0.
    pub fn set_rate(&mut self, rate: f64) -> Result<()> {
        setting::not_negative("lbfgs", "rate", rate)?;
        self.config.rate = rate;
        Ok(())
    }

    /// How many steps there have been, skipped ones apart.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// How many steps were skipped, because loss or gradient were not finite at their beginning.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// One step: up to `max_iter` directions. `evaluate` gives the loss of the model and its
    /// gradients; parameters without one stay, frozen ones are no part of it.
    ///
    /// # Errors
    /// A parameters error when the trainable parameters are others than at the step before; whatever
    /// `evaluate` reports, with the model where it was evaluated last.
    pub fn step<M: Parameters<E> + ?Sized>(
        &mut self,
        model: &mut M,
        mut evaluate: impl FnMut(&M) -> Result<(f64, Gradients<E>)>,
    ) -> Result<LbfgsReport> {
        self.flat.fit(model)?;
        let flat = self.flat.clone();
        let maximize = self.config.maximize;
        let mut evaluate = |model: &M| {
            let (loss, gradients) = evaluate(model)?;
            let mut gradient = flat.gradient(model, &gradients);
            if maximize {
                gradient.iter_mut().for_each(|it| *it = -*it);
                return Ok((-loss, gradient));
            }
            Ok((loss, gradient))
        };
        let mut report = self.descend(model, &flat, &mut evaluate)?;
        if maximize {
            report.loss = -report.loss;
            report.first_loss = -report.first_loss;
        }
        Ok(report)
    }

    fn descend<M: Parameters<E> + ?Sized>(
        &mut self,
        model: &mut M,
        flat: &Flat,
        evaluate: &mut impl FnMut(&M) -> Result<(f64, Vec<E>)>,
    ) -> Result<LbfgsReport> {
        let config = self.config.clone();
        let max_eval = config.max_eval.unwrap_or(config.max_iter * 5 / 4);
        let (mut loss, mut gradient) = evaluate(model)?;
        let mut report = LbfgsReport {
            first_loss: loss,
            loss,
            iterations: 0,
            evaluations: 1,
            greatest_gradient: greatest(&gradient),
            end: LbfgsEnd::Iterations,
        };
        if !loss.is_finite() || !report.greatest_gradient.is_finite() {
            self.skipped += 1;
            report.end = LbfgsEnd::NotFinite;
            return Ok(report);
        }
        self.steps += 1;
        if report.greatest_gradient <= config.tolerance_grad {
            report.end = LbfgsEnd::Gradient;
            return Ok(report);
        }
        report.end = loop {
            report.iterations += 1;
            let first = self.history.is_new();
            let direction = self.history.direction(&gradient, config.history_size);
            let slope = sweep::dot(&gradient, &direction);
            let mut length = config.rate;
            if first {
                let sum: f64 = gradient.iter().map(|it| it.double().abs()).sum();
                length *= (1.0 / sum).min(1.0);
            }
            if slope > -config.tolerance_change {
                self.history.keep(direction, length, gradient);
                break LbfgsEnd::Change;
            }
            let start = flat.weights(model);
            let before = loss;
            let mut along = |model: &mut M, length: f64| {
                flat.place(model, &start, &direction, length);
                evaluate(&*model).map(|(loss, gradient)| {
                    let slope = sweep::dot(&gradient, &direction);
                    Point {
                        length,
                        loss,
                        slope,
                        gradient,
                    }
                })
            };
            let here = Point {
                length: 0.0,
                loss,
                slope,
                gradient: gradient.clone(),
            };
            let reached = match config.line_search {
                LineSearch::StrongWolfe => {
                    let most = max_eval.saturating_sub(report.evaluations);
                    let longest = greatest(&direction);
                    let tolerance = config.tolerance_change;
                    let mut at = |length| along(model, length);
                    let (point, count) =
                        strong_wolfe(&mut at, length, here, longest, tolerance, most)?;
                    report.evaluations += count;
                    flat.place(model, &start, &direction, point.length);
                    Some(point)
                }
                LineSearch::Fixed if report.iterations == config.max_iter => {
                    flat.place(model, &start, &direction, length);
                    None
                }
                LineSearch::Fixed => {
                    report.evaluations += 1;
                    Some(along(model, length)?)
                }
            };
            let Some(point) = reached else {
                self.history.keep(direction, length, gradient);
                break LbfgsEnd::Iterations;
            };
            if !point.is_finite() {
                flat.place(model, &start, &direction, 0.0);
                self.history.keep(direction, 0.0, gradient);
                break LbfgsEnd::NotFinite;
            }
            let moved = greatest(&direction) * point.length;
            self.history.keep(direction, point.length, gradient);
            (loss, gradient) = (point.loss, point.gradient);
            report.loss = loss;
            report.greatest_gradient = greatest(&gradient);
            if let Some(end) = config.end(&report, max_eval, moved, (loss - before).abs()) {
                break end;
            }
        };
        Ok(report)
    }

    /// Everything that it remembers. Settings are not in it but for the rate: they belong to the
    /// configuration.
    ///
    /// The numbers are `step`, `skipped`, `rate`, `length`, `scale`, `pairs`, and `{path}:length` for each parameter; the tensors `direction`, `gradient`, and the pairs as
    /// `changes:{place}` and `gradient_changes:{place}`, each of all parameters in their order.
    ///
    /// # Errors
    /// None in practice: the vectors are as long as the parameters together.
    pub fn state(&self) -> Result<OptimizerState<E>> {
        let mut state = OptimizerState {
            rule: "lbfgs".to_owned(),
            ..Default::default()
        };
        let numbers = [
            ("step", self.steps as f64),
            ("skipped", self.skipped as f64),
            ("rate", self.config.rate),
        ];
        for (name, number) in numbers {
            state.numbers.insert(name.to_owned(), number);
        }
        self.flat.save(&mut state);
        self.history.save(&mut state)?;
        Ok(state)
    }

    /// Goes on from `state`, which belongs to `model`. Nothing is changed unless everything fits.
    ///
    /// # Errors
    /// A parameters error when it is of another rule or of other parameters, or misses something; a
    /// shape error where lengths differ.
    pub fn load<M: Parameters<E> + ?Sized>(
        &mut self,
        model: &M,
        state: &OptimizerState<E>,
    ) -> Result<()> {
        if state.rule != "lbfgs" {
            let found = format!("that of `{}`", state.rule);
            let expected = "the state of `lbfgs`";
            return Err(Error::parameters("load optimizer", expected, found));
        }
        let flat = Flat::load(model, state)?;
        let history = History::load(state, flat.len(), self.config.history_size)?;
        let (steps, skipped) = (state.count("step")?, state.count("skipped")?);
        self.set_rate(state.number("rate")?)?;
        (self.flat, self.history, self.steps, self.skipped) = (flat, history, steps, skipped);
        Ok(())
    }
}

/// The greatest absolute value; not a number where an element is not.
fn greatest<E: Element>(values: &[E]) -> f64 {
    values.iter().fold(0.0, |most: f64, value| {
        let size = value.double().abs();
        if size > most || size.is_nan() {
            size
        } else {
            most
        }
    })
}

#[cfg(test)]
mod tests;
