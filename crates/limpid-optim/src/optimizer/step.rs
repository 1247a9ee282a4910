//! One update of a model.

use std::borrow::Cow;

use limpid_tensor::{
    Element, Error, Gradient, Gradients, Parameter, Parameters, Path, Result, Shape, Visitor,
    buffers, for_each_parameter_mut,
};

use super::{Memory, NonFinite, Optimizer, RowUpdates};
use crate::clip::{self, Clip, adaptive};
use crate::report::{ParameterReport, Reporting, StepReport};
use crate::rule::Rule;
use crate::sparse;
use crate::sweep::sum_of_squares;

/// What clipping does to the gradients of a step.
#[derive(Clone, Copy)]
enum Change {
    Nothing,
    Scale(f64),
    Bound(f64),
    /// By ratio and eps.
    Adapt(f64, f64),
}

impl<E: Element, R: Rule<E>> Optimizer<E, R> {
    /// Updates every trainable parameter of `model` that has a gradient, in place.
    ///
    /// Drop the loss first: as long as it lives it holds the old weights, so that they are copied
    /// instead of being changed where they lie. The result is the same.
    ///
    /// Gradients of a few rows, as lookups in a table leave them, act as what they stand for: zeros
    /// in all other rows, where momentum and decay go on; see [`RowUpdates`]. A gradient that is a
    /// product not multiplied yet is multiplied into the parameter itself by rules that do no more
    /// than add it, see [`Rule::linear`].
    ///
    /// # Errors
    /// A parameters error when a parameter has another shape than at the step before; the error of
    /// [`Rule::accepts`] when the rule cannot change it. The model is then left as it is.
    pub fn step<M: Parameters<E> + ?Sized>(
        &mut self,
        model: &mut M,
        gradients: &Gradients<E>,
    ) -> Result<StepReport> {
        let mut report = self.survey(model, gradients)?;
        if report.skipped {
            self.skipped += 1;
            return Ok(report);
        }
        self.steps += 1;
        report.step = self.steps;
        let change = match (self.clip, report.gradient_norm) {
            (Clip::Norm(most), Some(norm)) => match clip::factor(most, norm) {
                factor if factor < 1.0 => {
                    report.clipped_gradient_norm = Some(norm * factor);
                    Change::Scale(factor)
                }
                _ => Change::Nothing,
            },
            (Clip::Value(most), _) => Change::Bound(most),
            (Clip::Adaptive { ratio, eps }, _) => Change::Adapt(ratio, eps),
            _ => Change::Nothing,
        };
        let (mut square, mut hint) = (0.0, 0);
        for_each_parameter_mut(model, |path, parameter| {
            if !parameter.is_trainable() {
                return;
            }
            if let Some(gradient) = gradients.get(parameter) {
                let place = self.place(hint, path, parameter);
                hint = place + 1;
                square += self.update(place, parameter, gradient, change, &mut report);
            }
        });
        if let (Change::Bound(_) | Change::Adapt(..), Some(_)) = (change, report.gradient_norm) {
            report.clipped_gradient_norm = Some(square.sqrt());
        }
        Ok(report)
    }

    /// Looks at all gradients, and changes nothing.
    fn survey<M: Parameters<E> + ?Sized>(
        &self,
        model: &M,
        gradients: &Gradients<E>,
    ) -> Result<StepReport> {
        let mut survey = Survey {
            optimizer: self,
            gradients,
            hint: 0,
            asked: self.reporting == Reporting::Norms || matches!(self.clip, Clip::Norm(_)),
            square: Some(0.0),
            finite: true,
            without_gradient: Vec::new(),
            outcome: Ok(()),
        };
        model.visit(&mut Path::root(), &mut survey);
        survey.outcome?;
        let measured = survey.asked || self.non_finite == NonFinite::Skip;
        let norm = survey.square.filter(|_| measured).map(f64::sqrt);
        Ok(StepReport {
            step: self.steps,
            rate: self.rate,
            gradient_norm: norm,
            clipped_gradient_norm: norm,
            skipped: !survey.finite,
            parameters: Vec::new(),
            without_gradient: survey.without_gradient,
        })
    }

    /// Where the memory of a parameter is; makes one where there is none.
    fn place(&mut self, hint: usize, path: &str, parameter: &Parameter<E>) -> usize {
        self.find(hint, path).unwrap_or_else(|| {
            self.memories.push(Memory {
                path: path.to_owned(),
                shape: Shape::from_slice(parameter.shape()),
                steps: 0,
                state: self.rule.init_at(path, parameter),
                treatment: self.treatment(path, parameter.shape()),
            });
            self.memories.len() - 1
        })
    }

    /// Updates one parameter; gives the sum of squares of a gradient that was clipped by itself.
    fn update(
        &mut self,
        place: usize,
        parameter: &mut Parameter<E>,
        gradient: &Gradient<E>,
        change: Change,
        report: &mut StepReport,
    ) -> f64 {
        let given = match change {
            Change::Nothing => Cow::Borrowed(gradient),
            Change::Scale(factor) => Cow::Owned(gradient.times(E::of(factor))),
            Change::Bound(most) => Cow::Owned(clip::bounded(gradient, E::of(most))),
            Change::Adapt(ratio, eps) => {
                Cow::Owned(adaptive::shortened(parameter, gradient, ratio, eps))
            }
        };
        let before =
            (self.reporting == Reporting::Norms).then(|| buffers::copied(&parameter.elements()));
        let each = matches!(change, Change::Bound(_) | Change::Adapt(..));
        let square = if (each && report.gradient_norm.is_some()) || before.is_some() {
            clip::square(&given)
        } else {
            0.0
        };
        let given = match &self.noise {
            Some(noise) => {
                let path = &self.memories[place].path;
                Cow::Owned(noise.added(&given, path, self.steps - 1))
            }
            None => given,
        };
        self.apply(place, parameter, &given);
        if let Some(mut values) = before {
            let weight_norm = sum_of_squares(&values).sqrt();
            for (value, &new) in values.iter_mut().zip(parameter.elements().iter()) {
                *value = new - *value;
            }
            report.parameters.push(ParameterReport {
                path: self.memories[place].path.clone(),
                gradient_norm: square.sqrt(),
                weight_norm,
                update_norm: sum_of_squares(&values).sqrt(),
            });
        }
        square
    }

    /// Lets the rule change a parameter, in the way that costs least.
    fn apply(&mut self, place: usize, parameter: &mut Parameter<E>, gradient: &Gradient<E>) {
        let at = self.at(&self.memories[place]);
        let (rule, memory) = (&self.rule, &mut self.memories[place]);
        memory.steps = at.step;
        let linear = rule.linear(&at);
        match (gradient, linear) {
            (Gradient::Rows(rows), Some(step)) if step.keep == 1.0 => {
                parameter.update(|own| sparse::add_rows(own, rows, E::of(step.scale)));
            }
            (Gradient::Rows(rows), _)
                if self.row_updates == RowUpdates::Lazy || rule.rests_at_zero(&at) =>
            {
                parameter.update(|own| rule.step_rows(own, rows, &mut memory.state, &at));
            }
            (Gradient::Product(product), Some(step)) => {
                parameter.update(|own| {
                    product.add_to(own, E::of(step.keep), E::of(step.scale));
                });
            }
            (gradient, _) => {
                let dense = gradient.to_dense();
                let elements = dense.elements();
                parameter.update(|own| rule.step(own, &elements, &mut memory.state, &at));
            }
        }
    }
}

/// Looks at every gradient before anything is changed.
struct Survey<'s, E: Element, R: Rule<E>> {
    optimizer: &'s Optimizer<E, R>,
    gradients: &'s Gradients<E>,
    hint: usize,
    /// Whether somebody needs the gradients' norm, whatever it costs.
    asked: bool,
    /// The sum of squares of all gradients, as long as it is known.
    square: Option<f64>,
    finite: bool,
    without_gradient: Vec<String>,
    outcome: Result<()>,
}

impl<E: Element, R: Rule<E>> Survey<'_, E, R> {
    fn measure(&mut self, gradient: &Gradient<E>) {
        let checked = self.optimizer.non_finite == NonFinite::Skip;
        // The squares of a dense gradient come with the look that is taken at it anyway; those of
        // the others would be work of their own.
        let dense = checked && matches!(gradient, Gradient::Dense(_));
        if !self.asked && !dense {
            self.square = None;
            self.finite &= !checked || gradient.is_finite();
            return;
        }
        let square = clip::square(gradient);
        self.square = self.square.map(|total| total + square);
        // A sum of finite squares can still overflow, so the elements decide.
        if checked && !square.is_finite() {
            self.finite &= gradient.is_finite();
        }
    }
}

impl<'a, E: Element, R: Rule<E>> Visitor<'a, E> for Survey<'_, E, R> {
    fn parameter(&mut self, path: &Path, parameter: &'a Parameter<E>) {
        if !parameter.is_trainable() || self.outcome.is_err() {
            return;
        }
        let path = path.as_str();
        let Some(gradient) = self.gradients.get(parameter) else {
            self.without_gradient.push(path.to_owned());
            return;
        };
        let found = self.optimizer.find(self.hint, path);
        if found.is_none()
            && let Err(error) = self.optimizer.rule.accepts(path, parameter.shape())
        {
            self.outcome = Err(error.at(path));
            return;
        }
        if let Some(place) = found {
            self.hint = place + 1;
            let known = &self.optimizer.memories[place].shape;
            if known.as_slice() != parameter.shape() {
                let expected = format!("a parameter of shape {:?}", known.as_slice());
                let found = format!("shape {:?}", parameter.shape());
                self.outcome = Err(Error::parameters("step", expected, found).at(path));
                return;
            }
        }
        self.measure(gradient);
    }
}
