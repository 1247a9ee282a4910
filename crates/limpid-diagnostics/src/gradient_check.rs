//! The gradient check of a whole model: its backward pass against centred differences.

use limpid_loss::Loss;
use limpid_nn_layers::{Context, Module};
use limpid_tensor::gradient_check::relative_error;
use limpid_tensor::{Result, State, Stream, Tensor, for_each_parameter_mut, named_parameters};

/// How many roundings of the loss a difference quotient may carry.
const ROUNDINGS: f64 = 16.0;
/// From this error on a coordinate is looked at more closely, for a kink.
const SUSPICIOUS: f64 = 1e-6;
/// How much smaller the second step is, with which a kink is told from a wrong gradient.
const CLOSER: f64 = 0.01;

/// Compares every parameter's gradient with centred differences of the loss.
///
/// Meant for a model in `f64`: in single precision the rounding of the loss drowns the difference.
/// Dropout and other noise are off during the check by themselves, penalties are not part of it,
/// and the model is left as it was.
///
/// # Source
/// CS231n, "Gradient checks"; the article's section 检查梯度.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientCheck {
    /// The step h of (f(x + h) - f(x - h)) / 2h; 1e-4 to 1e-6, 1e-5 by default.
    pub step: f64,
    /// How many coordinates of each parameter are checked, drawn at random; all of them where there
    /// are no more. 24 by default.
    pub coordinates: usize,
    /// What the coordinates are drawn from.
    pub stream: Stream,
}

impl Default for GradientCheck {
    fn default() -> Self {
        Self {
            step: 1e-5,
            coordinates: 24,
            stream: Stream::new(0).fork("gradient check"),
        }
    }
}

/// What a relative error says, by the article's bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// At most 1e-7: be happy.
    Happy,
    /// At most 1e-4: usually right where the objective has kinks.
    Okay,
    /// At most 1e-2: be uncomfortable.
    Uncomfortable,
    /// Above: probably wrong.
    Wrong,
}

impl Band {
    /// The band of a relative error. Not a number is wrong.
    pub fn of(error: f64) -> Self {
        match error {
            error if error <= 1e-7 => Self::Happy,
            error if error <= 1e-4 => Self::Okay,
            error if error <= 1e-2 => Self::Uncomfortable,
            _ => Self::Wrong,
        }
    }
}

/// What the check found.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientReport {
    /// Every trainable parameter, in the model's order.
    pub parameters: Vec<ParameterCheck>,
}

/// One parameter's part of a [`GradientReport`].
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterCheck {
    /// The parameter's path.
    pub path: String,
    /// How many coordinates were compared.
    pub checked: usize,
    /// How many of them lie so close to a kink that the difference quotient means nothing.
    pub kinks: usize,
    /// The worst disagreement away from kinks.
    pub worst: Disagreement,
}

/// Analytic against numeric derivative at one coordinate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Disagreement {
    /// The coordinate, in row-major order.
    pub place: usize,
    /// What the backward pass says.
    pub analytic: f64,
    /// What the difference quotient says.
    pub numeric: f64,
    /// Their relative error, less what the rounding of the loss explains.
    pub error: f64,
}

impl GradientReport {
    /// The parameter with the worst disagreement, unless there are no parameters.
    pub fn worst(&self) -> Option<&ParameterCheck> {
        self.parameters
            .iter()
            .max_by(|a, b| a.worst.error.total_cmp(&b.worst.error))
    }

    /// The band of the worst disagreement.
    pub fn band(&self) -> Band {
        self.worst()
            .map_or(Band::Happy, |worst| Band::of(worst.worst.error))
    }
}

impl GradientCheck {
    /// Checks `model` under `loss` on one batch.
    ///
    /// # Errors
    /// What the forward and the backward pass report.
    pub fn run<M: Module<f64>, L: Loss<f64>>(
        &self,
        model: &mut M,
        loss: &L,
        input: &Tensor<f64>,
        target: &L::Target,
    ) -> Result<GradientReport> {
        let before = State::of(model);
        let outcome = self.compare(model, loss, input, target);
        before.apply(model)?;
        outcome
    }

    fn compare<M: Module<f64>, L: Loss<f64>>(
        &self,
        model: &mut M,
        loss: &L,
        input: &Tensor<f64>,
        target: &L::Target,
    ) -> Result<GradientReport> {
        let objective = |model: &M| -> Result<Tensor<f64>> {
            let mut context = Context::train(self.stream).without_noise();
            let prediction = model.forward(input, &mut context)?;
            Ok(loss.forward(&prediction, target)?.sum())
        };
        let value = objective(model)?;
        let gradients = value.backward()?;
        let centre = value.item()?;
        drop(value);
        let analytic: Vec<(String, Vec<f64>)> = named_parameters(model)
            .into_iter()
            .filter(|(_, parameter)| parameter.is_trainable())
            .map(|(path, parameter)| {
                let gradient = gradients.tensor(parameter);
                let zeros = || Tensor::zeros(parameter.shape());
                (path, gradient.unwrap_or_else(zeros).to_vec())
            })
            .collect();
        let mut parameters = Vec::new();
        for (path, analytic) in analytic {
            let places = self.places(&path, analytic.len());
            let mut check = ParameterCheck {
                path,
                checked: places.len(),
                kinks: 0,
                worst: Disagreement::default(),
            };
            for place in places {
                let mut probe = Probe {
                    model,
                    path: &check.path,
                    place,
                    centre,
                    objective: &objective,
                };
                match probe.compare(analytic[place], self.step)? {
                    None => check.kinks += 1,
                    Some(found) if found.error > check.worst.error || found.error.is_nan() => {
                        let error = if found.error.is_nan() {
                            f64::INFINITY
                        } else {
                            found.error
                        };
                        check.worst = Disagreement { error, ..found };
                    }
                    Some(_) => {}
                }
            }
            parameters.push(check);
        }
        Ok(GradientReport { parameters })
    }

    /// The coordinates to check, ascending: a partial shuffle, so that none is drawn twice.
    fn places(&self, path: &str, count: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..count).collect();
        let mut generator = self.stream.fork(path).generator();
        for drawn in 0..self.coordinates.min(count) {
            let other = drawn + (generator.unit() * (count - drawn) as f64) as usize;
            all.swap(drawn, other.min(count - 1));
        }
        all.truncate(self.coordinates);
        all.sort_unstable();
        all
    }
}

/// One coordinate of one parameter, about to be moved.
struct Probe<'a, M, F> {
    model: &'a mut M,
    path: &'a str,
    place: usize,
    /// The loss where nothing is moved.
    centre: f64,
    objective: &'a F,
}

impl<M: Module<f64>, F: Fn(&M) -> Result<Tensor<f64>>> Probe<'_, M, F> {
    /// The disagreement, or nothing where a kink makes the comparison void.
    fn compare(&mut self, analytic: f64, step: f64) -> Result<Option<Disagreement>> {
        let coarse = self.quotients(step)?;
        let error = coarse.error(analytic);
        let numeric = coarse.centred;
        let found = Disagreement {
            place: self.place,
            analytic,
            numeric,
            error,
        };
        if error <= SUSPICIOUS {
            return Ok(Some(found));
        }
        let fine = self.quotients(step * CLOSER)?;
        if fine.error(analytic) <= SUSPICIOUS {
            // Closer by, the two agree: a kink, or strong curvature, lies within the coarse step.
            return Ok(None);
        }
        // At a kink both one-sided slopes differ however small the step, and any slope between them
        // is a legitimate gradient.
        let jump = (fine.forward - fine.backward).abs();
        let stays = jump > 0.5 * (coarse.forward - coarse.backward).abs() && jump > fine.resolution;
        let (low, high) = (
            fine.forward.min(fine.backward),
            fine.forward.max(fine.backward),
        );
        let between = (low - fine.resolution..=high + fine.resolution).contains(&analytic);
        Ok(if stays && between { None } else { Some(found) })
    }

    fn quotients(&mut self, step: f64) -> Result<Quotients> {
        let (up, down) = (self.value_at(step)?, self.value_at(-step)?);
        Ok(Quotients {
            centred: (up - down) / (2.0 * step),
            forward: (up - self.centre) / step,
            backward: (self.centre - down) / step,
            resolution: ROUNDINGS * f64::EPSILON * self.centre.abs() / step,
        })
    }

    fn value_at(&mut self, step: f64) -> Result<f64> {
        let (path, place) = (self.path, self.place);
        let mut kept = 0.0;
        let change = |model: &mut M, change: &mut dyn FnMut(&mut f64)| {
            for_each_parameter_mut(model, |own, parameter| {
                if own == path {
                    parameter.update(|elements| change(&mut elements[place]));
                }
            });
        };
        change(self.model, &mut |element| {
            kept = *element;
            *element += step;
        });
        let value = limpid_tensor::without_gradient(|| (self.objective)(self.model)?.item());
        change(self.model, &mut |element| *element = kept);
        value
    }
}

struct Quotients {
    centred: f64,
    forward: f64,
    backward: f64,
    /// What the rounding of the loss makes of a quotient.
    resolution: f64,
}

impl Quotients {
    fn error(&self, analytic: f64) -> f64 {
        let distance = (analytic - self.centred).abs();
        if distance <= self.resolution {
            return 0.0;
        }
        relative_error(analytic, self.centred) * (1.0 - self.resolution / distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use limpid_loss::CrossEntropy;
    use limpid_nn_layers::Parameters;
    use limpid_tensor::{Backward, InputGradients, Parameter};

    #[derive(Clone, Copy, PartialEq)]
    enum Hidden {
        Tanh,
        Relu,
    }

    #[derive(Parameters)]
    struct Net {
        first: Parameter<f64>,
        bias: Parameter<f64>,
        second: Parameter<f64>,
        #[parameters(skip)]
        hidden: Hidden,
        /// The factor by which the bias's gradient is wrong.
        fault: f64,
    }

    struct Scaled(f64);

    impl Backward<f64> for Scaled {
        fn name(&self) -> &'static str {
            "scaled"
        }

        fn backward(
            &self,
            gradient: Tensor<f64>,
            inputs: &mut InputGradients<'_, f64>,
        ) -> Result<()> {
            inputs.add(0, gradient.mul_scalar(self.0));
            Ok(())
        }
    }

    impl Module<f64> for Net {
        fn forward(&self, input: &Tensor<f64>, _: &mut Context<'_, f64>) -> Result<Tensor<f64>> {
            let bias = self
                .bias
                .detach()
                .recorded(&[&self.bias], || Scaled(self.fault));
            let x = input.matmul(&self.first)?.add(&bias)?;
            let x = if self.hidden == Hidden::Tanh {
                x.tanh()
            } else {
                x.relu()
            };
            x.matmul(&self.second)
        }
    }

    fn net(hidden: Hidden, fault: f64) -> Net {
        let random = |shape: [usize; 2], label| {
            Parameter::new(Tensor::standard_normal(shape, Stream::new(1).fork(label)))
        };
        let bias = Parameter::new(Tensor::zeros([7]));
        Net {
            first: random([4, 7], "first"),
            bias,
            second: random([7, 3], "second"),
            hidden,
            fault,
        }
    }

    fn check(net: &mut Net, input: &Tensor<f64>) -> GradientReport {
        let target = [0, 1, 2, 0, 1];
        GradientCheck::default()
            .run(net, &CrossEntropy::new(), input, &target[..])
            .unwrap()
    }

    fn batch() -> Tensor<f64> {
        Tensor::standard_normal([5, 4], Stream::new(2))
    }

    #[test]
    fn a_right_gradient_is_found_right_and_the_model_left_alone() {
        let mut net = net(Hidden::Tanh, 1.0);
        let before = State::of(&net);
        let report = check(&mut net, &batch());
        assert_eq!(report.band(), Band::Happy, "{report:?}");
        assert_eq!(State::of(&net), before);
    }

    #[test]
    fn a_gradient_off_by_a_thousandth_in_one_parameter_is_found_and_named() {
        let report = check(&mut net(Hidden::Tanh, 1.001), &batch());
        let worst = report.worst().unwrap();
        assert_eq!(worst.path, "bias");
        assert!((worst.worst.error - 1e-3).abs() < 1e-5, "{report:?}");
        assert_eq!(report.band(), Band::Uncomfortable);
    }

    #[test]
    fn kinks_are_set_apart() {
        // With zero inputs and zero biases every unit sits exactly on relu's kink.
        let report = check(&mut net(Hidden::Relu, 1.0), &Tensor::zeros([5, 4]));
        assert_eq!(report.band(), Band::Happy, "{report:?}");
        assert_eq!(report.parameters[1].kinks, 7);
        let report = check(&mut net(Hidden::Relu, 1.001), &batch());
        assert_eq!(report.worst().unwrap().path, "bias");
        assert!(report.band() > Band::Okay, "{report:?}");
    }
}
