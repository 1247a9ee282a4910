//! What every rule must keep, as a test that any rule can be put through.

use std::fmt;

use limpid_tensor::{Element, Parameter, Result, State, Tensor};

use crate::{Optimizer, Rule};

/// A promise that a rule did not keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// The rule's name.
    pub rule: &'static str,
    /// The promise.
    pub promise: &'static str,
    /// What was seen instead.
    pub found: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}: {}", self.rule, self.promise, self.found)
    }
}

impl std::error::Error for Broken {}

/// Puts a rule that minimises, at a learning rate that suits it, through the contract:
///
/// - 300 steps on a quadratic take away nine tenths of it;
/// - the same steps give the same bits;
/// - an optimizer that loads a state goes on to the same bits as the one that saved it;
/// - gradients of 0, from the first step on, leave the weights finite;
/// - a parameter without elements is no problem.
///
/// # Errors
/// The first promise that was not kept.
///
/// # Example
/// ```
/// use limpid_optim::{Sgd, testing::check_rule};
///
/// check_rule::<f32, _>(&Sgd::new(), 0.05).unwrap();
/// ```
pub fn check_rule<E: Element, R: Rule<E> + Clone>(
    rule: &R,
    rate: f64,
) -> std::result::Result<(), Broken> {
    let name = rule.name();
    let promises: [(&'static str, Promise<R>); 5] = [
        (
            "takes away nine tenths of a quadratic in 300 steps",
            descends::<E, R>,
        ),
        ("gives the same bits on the same steps", repeats::<E, R>),
        (
            "goes on to the same bits from a saved state",
            resumes::<E, R>,
        ),
        (
            "leaves weights finite under gradients of 0",
            survives_zeros::<E, R>,
        ),
        ("takes parameters without elements", takes_nothing::<E, R>),
    ];
    for (promise, kept) in promises {
        match kept(rule, rate) {
            Ok(None) => {}
            Ok(Some(found)) => {
                return Err(Broken {
                    rule: name,
                    promise,
                    found,
                });
            }
            Err(error) => {
                return Err(Broken {
                    rule: name,
                    promise,
                    found: error.to_string(),
                });
            }
        }
    }
    Ok(())
}

/// What was seen instead of what was promised, if anything.
type Promise<R> = fn(&R, f64) -> Result<Option<String>>;

type Model<E> = Vec<Parameter<E>>;

fn model<E: Element>() -> Model<E> {
    let weight = Tensor::from_fn([3, 2], |place| 1.0 - 0.4 * place as f64);
    let bias = Tensor::from_fn([2], |place| 0.5 + place as f64);
    vec![Parameter::new(weight), Parameter::new(bias)]
}

/// Half the squared distance from 0, with curvatures of 1 and 3.
fn value<E: Element>(model: &Model<E>) -> Result<Tensor<E>> {
    model[0]
        .square()
        .sum()
        .mul_scalar(0.5)
        .add(&model[1].square().sum().mul_scalar(1.5))
}

fn train<E: Element, R: Rule<E>>(
    optimizer: &mut Optimizer<E, R>,
    model: &mut Model<E>,
    steps: usize,
) -> Result<()> {
    for _ in 0..steps {
        let gradients = value(model)?.backward()?;
        optimizer.step(model, &gradients)?;
    }
    Ok(())
}

fn descends<E: Element, R: Rule<E> + Clone>(rule: &R, rate: f64) -> Result<Option<String>> {
    let mut model = model::<E>();
    let before = value(&model)?.item()?.double();
    train(&mut Optimizer::new(rule.clone(), rate)?, &mut model, 300)?;
    let after = value(&model)?.item()?.double();
    let missed = after.is_nan() || after >= 0.1 * before;
    Ok(missed.then(|| format!("from {before} to {after}")))
}

fn repeats<E: Element, R: Rule<E> + Clone>(rule: &R, rate: f64) -> Result<Option<String>> {
    let (mut first, mut second) = (model::<E>(), model::<E>());
    train(&mut Optimizer::new(rule.clone(), rate)?, &mut first, 10)?;
    train(&mut Optimizer::new(rule.clone(), rate)?, &mut second, 10)?;
    Ok(difference(&first, &second))
}

fn resumes<E: Element, R: Rule<E> + Clone>(rule: &R, rate: f64) -> Result<Option<String>> {
    let mut whole = model::<E>();
    let mut optimizer = Optimizer::new(rule.clone(), rate)?;
    train(&mut optimizer, &mut whole, 7)?;
    let mut resumed = model::<E>();
    State::of(&whole).apply(&mut resumed)?;
    let mut other = Optimizer::new(rule.clone(), 0.0)?;
    other.load(&resumed, &optimizer.state()?)?;
    train(&mut optimizer, &mut whole, 7)?;
    train(&mut other, &mut resumed, 7)?;
    if optimizer.state()? != other.state()? {
        return Ok(Some("the optimizers' states differ".to_owned()));
    }
    Ok(difference(&whole, &resumed))
}

fn survives_zeros<E: Element, R: Rule<E> + Clone>(rule: &R, rate: f64) -> Result<Option<String>> {
    let mut model = model::<E>();
    let mut optimizer = Optimizer::new(rule.clone(), rate)?;
    for _ in 0..10 {
        let gradients = value(&model)?.mul_scalar(0.0).backward()?;
        optimizer.step(&mut model, &gradients)?;
    }
    let finite = model.iter().all(|parameter| parameter.is_finite());
    Ok((!finite).then(|| format!("{model:?}")))
}

fn takes_nothing<E: Element, R: Rule<E> + Clone>(rule: &R, rate: f64) -> Result<Option<String>> {
    let mut model = Parameter::new(Tensor::<E>::zeros([0, 3]));
    let mut optimizer = Optimizer::new(rule.clone(), rate)?;
    let gradients = model.sum().backward()?;
    optimizer.step(&mut model, &gradients)?;
    let state = optimizer.state()?;
    optimizer.load(&model, &state)?;
    Ok(None)
}

fn difference<E: Element>(left: &Model<E>, right: &Model<E>) -> Option<String> {
    (State::of(left) != State::of(right)).then(|| format!("{left:?} and {right:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Adadelta, Adagrad, Adam, AdamW, Adamax, At, Lamb, Lion, Mixed, Muon, Nadam, Radam, RmsProp,
        Rprop, Sgd,
    };

    fn both<R: Rule<f32> + Rule<f64> + Clone>(rule: R, rate: f64) {
        check_rule::<f32, R>(&rule, rate).unwrap();
        check_rule::<f64, R>(&rule, rate).unwrap();
    }

    #[test]
    fn every_rule_keeps_the_contract() {
        both(Sgd::new(), 0.05);
        both(Sgd::new().with_momentum(0.9).with_dampening(0.1), 0.02);
        both(Sgd::new().with_momentum(0.9).with_nesterov(true), 0.02);
        both(Adagrad::new(), 0.5);
        both(Adadelta::new().with_eps(1e-3), 1.0);
        both(RmsProp::new(), 0.02);
        both(RmsProp::new().with_centered(true).with_momentum(0.5), 0.005);
        both(Adam::new(), 0.05);
        both(Adam::new().with_amsgrad(true), 0.05);
        both(AdamW::new(), 0.05);
        both(Adamax::new(), 0.05);
        both(Lamb::new(), 0.02);
        both(Lion::new(), 0.01);
        both(Mixed::matrices(Muon::new(), AdamW::new()), 0.05);
        both(Nadam::new(), 0.05);
        both(Radam::new(), 0.05);
        both(Rprop::new(), 0.01);
    }

    /// Climbs.
    #[derive(Clone, Debug)]
    struct Wrong;

    impl<E: Element> Rule<E> for Wrong {
        type State = ();

        fn name(&self) -> &'static str {
            "wrong"
        }

        fn check(&self) -> Result<()> {
            Ok(())
        }

        fn init(&self, _: &Tensor<E>) {}

        fn step(&self, parameter: &mut [E], gradient: &[E], _: &mut (), at: &At) {
            for (element, &gradient) in parameter.iter_mut().zip(gradient) {
                *element += E::of(at.rate) * gradient;
            }
        }
    }

    #[test]
    fn a_rule_that_climbs_is_found() {
        let broken = check_rule::<f64, _>(&Wrong, 0.01).unwrap_err();
        assert!(
            broken.to_string().contains("takes away nine tenths"),
            "{broken}"
        );
    }
}
