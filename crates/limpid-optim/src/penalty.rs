//! Penalties on the weights, apart from the data loss.

use limpid_tensor::{
    Element, Gradients, Parameter, Parameters, Result, Tensor, for_each_parameter_mut,
    named_parameters,
};

use crate::group::Members;
use crate::setting;
use crate::sweep::sum_of_squares;

/// L1, L2 or both (elastic net) on some of a model's parameters.
///
/// ```text
/// value    = l1 * sum |w| + l2 / 2 * sum w^2
/// gradient = l1 * sign(w) + l2 * w                           (sign(0) = 0)
/// ```
/// The half makes `l2` mean the same as the `weight_decay` of a rule. The penalty is a value of its
/// own, so that it is reported apart from the data loss. Decoupled decay is
/// [`AdamW`](crate::AdamW)'s.
///
/// # Range
/// Both strengths from 0. By default the members are the parameters of rank 2 and more: weights,
/// but no biases and no scales of norms.
///
/// # Source
/// Zou & Hastie (2005), "Regularization and variable selection via the elastic net".
///
/// # Example
/// ```
/// use limpid_optim::Penalty;
/// use limpid_tensor::{Parameter, Tensor};
///
/// let weight = Parameter::new(Tensor::<f64>::full([2, 2], 3.0));
/// let mut gradients = weight.sum().backward()?;
/// let share = Penalty::l2(0.1)?.add_to(&weight, &mut gradients)?;
/// assert!((share.value - 1.8).abs() < 1e-12);
/// assert_eq!(gradients.tensor(&weight).unwrap().to_vec(), [1.3; 4]);
/// # Ok::<(), limpid_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Penalty {
    l1: f64,
    l2: f64,
    members: Members,
}

/// What a penalty contributed to a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PenaltyShare {
    /// The penalty's value.
    pub value: f64,
    /// The L2 norm of its gradient.
    pub gradient_norm: f64,
    /// The L2 norm of the gradients of the same parameters before it was added.
    pub data_gradient_norm: f64,
}

impl Penalty {
    /// The penalty of both kinds.
    ///
    /// # Errors
    /// An argument error when a strength is not a finite number from 0.
    pub fn elastic(l1: f64, l2: f64) -> Result<Self> {
        setting::not_negative("penalty", "l1", l1)?;
        setting::not_negative("penalty", "l2", l2)?;
        Ok(Self {
            l1,
            l2,
            members: Members::matching(|_, shape| shape.len() >= 2),
        })
    }

    /// The penalty on magnitudes: it makes weights exactly small, many close to 0.
    ///
    /// # Errors
    /// As [`Penalty::elastic`].
    pub fn l1(strength: f64) -> Result<Self> {
        Self::elastic(strength, 0.0)
    }

    /// The penalty on squares: it keeps weights small and spread out.
    ///
    /// # Errors
    /// As [`Penalty::elastic`].
    pub fn l2(strength: f64) -> Result<Self> {
        Self::elastic(0.0, strength)
    }

    /// Sets which parameters it acts on.
    #[must_use]
    pub fn with_members(mut self, members: Members) -> Self {
        self.members = members;
        self
    }

    /// The penalty of a model's trainable members.
    pub fn value<E: Element, M: Parameters<E> + ?Sized>(&self, model: &M) -> f64 {
        self.members(model)
            .iter()
            .map(|(_, parameter)| self.value_of(parameter))
            .sum()
    }

    /// Adds the penalty's gradient to `gradients`; gives what it contributed.
    ///
    /// # Errors
    /// None in practice: the gradients have the shapes of the parameters.
    pub fn add_to<E: Element, M: Parameters<E> + ?Sized>(
        &self,
        model: &M,
        gradients: &mut Gradients<E>,
    ) -> Result<PenaltyShare> {
        let (l1, l2) = (E::of(self.l1), E::of(self.l2));
        let mut share = PenaltyShare::default();
        let (mut square, mut data_square) = (0.0, 0.0);
        for (path, parameter) in self.members(model) {
            share.value += self.value_of(parameter);
            let mut own: Vec<E> = parameter
                .elements()
                .iter()
                .map(|&weight| {
                    l2 * weight
                        + if weight.is_zero() {
                            weight
                        } else {
                            l1 * weight.signum()
                        }
                })
                .collect();
            square += sum_of_squares(&own);
            if let Some(data) = gradients.tensor(parameter) {
                let data = data.elements();
                data_square += sum_of_squares(&data);
                own.iter_mut()
                    .zip(data.iter())
                    .for_each(|(own, &data)| *own += data);
            }
            let sum = Tensor::from_vec(own, parameter.shape())?;
            gradients
                .set(parameter, sum)
                .map_err(|error| error.at(path))?;
        }
        share.gradient_norm = square.sqrt();
        share.data_gradient_norm = data_square.sqrt();
        Ok(share)
    }

    fn members<'a, E: Element, M: Parameters<E> + ?Sized>(
        &self,
        model: &'a M,
    ) -> Vec<(String, &'a Parameter<E>)> {
        let mut found = named_parameters(model);
        found.retain(|(path, parameter)| {
            parameter.is_trainable() && self.members.contain(path, parameter.shape())
        });
        found
    }

    fn value_of<E: Element>(&self, parameter: &Tensor<E>) -> f64 {
        let elements = parameter.elements();
        let magnitude: f64 = elements.iter().map(|weight| weight.double().abs()).sum();
        self.l1 * magnitude + self.l2 / 2.0 * sum_of_squares(&elements)
    }
}

/// Keeps the weights that lead into each unit within a ball: rows (along dimension 0) that are
/// longer than `most` are shortened to it, after the update.
///
/// # Source
/// Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting",
/// section 5.1, which uses 3 to 4.
#[derive(Clone, Debug)]
pub struct MaxNorm {
    most: f64,
    members: Members,
}

impl MaxNorm {
    /// The bound on every row of the parameters of rank 2 and more.
    ///
    /// # Errors
    /// An argument error when the bound is not a finite number above 0.
    pub fn new(most: f64) -> Result<Self> {
        setting::positive("max_norm", "most", most)?;
        Ok(Self {
            most,
            members: Members::matching(|_, shape| shape.len() >= 2),
        })
    }

    /// Sets which parameters it acts on.
    #[must_use]
    pub fn with_members(mut self, members: Members) -> Self {
        self.members = members;
        self
    }

    /// Shortens the rows that are too long; gives how many there were.
    pub fn apply<E: Element, M: Parameters<E> + ?Sized>(&self, model: &mut M) -> usize {
        let mut shortened = 0;
        for_each_parameter_mut(model, |path, parameter| {
            if !parameter.is_trainable() || !self.members.contain(path, parameter.shape()) {
                return;
            }
            let rows = parameter.shape().first().copied().unwrap_or(1).max(1);
            let width = (parameter.len() / rows).max(1);
            let elements = parameter.elements();
            let lengths: Vec<f64> = elements
                .chunks(width)
                .map(|row| sum_of_squares(row).sqrt())
                .collect();
            drop(elements);
            // A parameter that stays within the ball keeps its identity and its gradients.
            if lengths.iter().all(|&length| length <= self.most) {
                return;
            }
            parameter.update(|elements| {
                for (row, length) in elements.chunks_mut(width).zip(lengths) {
                    if length > self.most {
                        let factor = E::of(self.most / length);
                        row.iter_mut().for_each(|weight| *weight *= factor);
                        shortened += 1;
                    }
                }
            });
        });
        shortened
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Parameter<f64> {
        Parameter::new(Tensor::from_vec(vec![3.0, -4.0, 0.0, 1.0], [2, 2]).unwrap())
    }

    #[test]
    fn values_by_hand() {
        let model = weights();
        assert_eq!(Penalty::l1(0.5).unwrap().value(&model), 4.0);
        assert_eq!(Penalty::l2(0.5).unwrap().value(&model), 6.5);
        assert_eq!(Penalty::elastic(0.5, 0.5).unwrap().value(&model), 10.5);
    }

    #[test]
    fn the_gradient_is_that_of_the_value() {
        let model = weights();
        let penalty = Penalty::elastic(0.5, 0.25).unwrap();
        let mut gradients = Gradients::default();
        let share = penalty.add_to(&model, &mut gradients).unwrap();
        let gradient = gradients.tensor(&model).unwrap().to_vec();
        assert_eq!(gradient, [1.25, -1.5, 0.0, 0.75]);
        assert_eq!(share.value, penalty.value(&model));
        assert_eq!(share.gradient_norm, (1.5625_f64 + 2.25 + 0.5625).sqrt());
        assert_eq!(share.data_gradient_norm, 0.0);
    }

    #[test]
    fn biases_and_frozen_weights_are_left_alone() {
        let bias = Parameter::new(Tensor::<f64>::ones([3]));
        let mut frozen = weights();
        frozen.set_trainable(false);
        let penalty = Penalty::l2(1.0).unwrap();
        assert_eq!((penalty.value(&bias), penalty.value(&frozen)), (0.0, 0.0));
        assert_eq!(penalty.with_members(Members::All).value(&bias), 1.5);
    }

    #[test]
    fn only_rows_that_are_too_long_are_shortened() {
        let mut model = weights();
        let bound = MaxNorm::new(2.5).unwrap();
        assert_eq!(bound.apply(&mut model), 1);
        assert_eq!(model.to_vec(), [1.5, -2.0, 0.0, 1.0]);
        assert_eq!(bound.apply(&mut model), 0);
    }

    #[test]
    fn negative_strengths_are_refused() {
        let error = Penalty::elastic(0.0, -1.0).unwrap_err();
        assert!(error.to_string().contains("`l2`"), "{error}");
        assert!(MaxNorm::new(0.0).is_err());
    }
}
