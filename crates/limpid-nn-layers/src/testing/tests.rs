//! Modules that break the contract, each in one way.

use std::sync::atomic::{AtomicU64, Ordering};

use limpid_tensor::{
    Backward, Buffer, Element, InputGradients, Parameter, Path, Visitor, VisitorMut,
};

use super::*;
use crate::{Linear, Parameters};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Shape,
    Gradient,
    ParameterGradient,
    Failure,
    Unused,
    Evaluation,
    Training,
    Update,
    Twice,
    Name,
    Silent,
    Idle,
    Rectified,
    Kept,
}

/// A layer that doubles, or goes wrong.
struct Faulty {
    fault: Fault,
    weight: Parameter<f64>,
    unused: Parameter<f64>,
    calls: AtomicU64,
    seen: Buffer<f64>,
    child: Linear<f64>,
}

impl limpid_tensor::Parameters<f64> for Faulty {
    fn visit<'a>(&'a self, path: &mut Path, visitor: &mut dyn Visitor<'a, f64>) {
        let mut under = |name: &str, inner: &'a dyn limpid_tensor::Parameters<f64>| {
            path.push(name);
            inner.visit(path, visitor);
            path.pop();
        };
        under("weight", &self.weight);
        under("seen", &self.seen);
        under("child", &self.child);
        match self.fault {
            Fault::Unused => under("unused", &self.unused),
            Fault::Twice => under("weight", &self.weight),
            _ => {}
        }
    }

    fn visit_mut(&mut self, path: &mut Path, visitor: &mut dyn VisitorMut<f64>) {
        let mut under = |name: &str, inner: &mut dyn limpid_tensor::Parameters<f64>| {
            path.push(name);
            inner.visit_mut(path, visitor);
            path.pop();
        };
        match self.fault {
            Fault::Kept => under("weight", &mut self.unused),
            _ => under("weight", &mut self.weight),
        }
        under("seen", &mut self.seen);
        under("child", &mut self.child);
        if self.fault == Fault::Unused {
            under("unused", &mut self.unused);
        }
    }
}

struct AlmostOne;

impl Backward<f64> for AlmostOne {
    fn name(&self) -> &'static str {
        "almost one"
    }

    fn backward(&self, gradient: Tensor<f64>, inputs: &mut InputGradients<'_, f64>) -> Result<()> {
        inputs.add(0, gradient.mul_scalar(1.0 + 1e-6));
        Ok(())
    }
}

impl Module<f64> for Faulty {
    fn forward(&self, input: &Tensor<f64>, context: &mut Context<'_, f64>) -> Result<Tensor<f64>> {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed) as f64;
        let name = if self.fault == Fault::Name {
            "kid"
        } else {
            "child"
        };
        let scaled = match self.fault {
            Fault::ParameterGradient => {
                let weight = self.weight.detach().recorded(&[&self.weight], || AlmostOne);
                input.mul(&weight)?
            }
            Fault::Failure => input.mul(&Tensor::ones([5]))?,
            _ => input.mul(&self.weight)?,
        };
        let output = context.call(name, &self.child, &scaled)?;
        if context.is_training() {
            let name = if self.fault == Fault::Update {
                "sight"
            } else {
                "seen"
            };
            context.update(name, Tensor::ones([1]));
        }
        Ok(match self.fault {
            Fault::Shape => output.narrow(0, 0, 1)?,
            Fault::Gradient => output.detach().recorded(&[&output], || AlmostOne),
            Fault::Evaluation if !context.is_training() => output.add_scalar(calls),
            Fault::Training if context.is_training() => output.add_scalar(calls),
            Fault::Silent if context.is_training() => output.add_scalar(1.0),
            _ => output,
        })
    }

    fn forward_relu(
        &self,
        input: &Tensor<f64>,
        context: &mut Context<'_, f64>,
    ) -> Result<Tensor<f64>> {
        let output = self.forward(input, context)?;
        Ok(match self.fault {
            Fault::Rectified => output,
            _ => output.relu(),
        })
    }

    fn differs_in_training(&self) -> bool {
        self.fault == Fault::Idle
    }
}

fn verdict(fault: Fault) -> std::result::Result<(), Violation> {
    let build = |stream: Stream| {
        Ok(Faulty {
            fault,
            weight: Parameter::new(Tensor::full([3], 2.0 + stream.generator().unit())),
            unused: Parameter::new(Tensor::ones([3])),
            calls: AtomicU64::new(0),
            seen: Buffer::new(Tensor::zeros([1])),
            child: Linear::new(3, 2, stream)?,
        })
    };
    check_module(
        build,
        &Tensor::standard_normal([4, 3], Stream::new(9)),
        &[4, 2],
    )
}

#[test]
fn a_sound_module_passes() {
    assert_eq!(verdict(Fault::None), Ok(()));
}

#[test]
fn every_fault_is_found_and_named() {
    let shape = Violation::Shape {
        expected: vec![4, 2],
        found: vec![1, 2],
    };
    assert_eq!(verdict(Fault::Shape), Err(shape));
    assert_eq!(verdict(Fault::Evaluation), Err(Violation::Evaluation));
    assert_eq!(verdict(Fault::Training), Err(Violation::Training));
    let modes = |says| Err(Violation::Modes { says });
    assert_eq!(verdict(Fault::Silent), modes(false));
    assert_eq!(verdict(Fault::Idle), modes(true));
    assert_eq!(verdict(Fault::Rectified), Err(Violation::Rectified));
    assert_eq!(
        verdict(Fault::Twice),
        Err(Violation::Twice("weight".to_owned()))
    );
    assert_eq!(
        verdict(Fault::Name),
        Err(Violation::Path("child".to_owned()))
    );
    assert_eq!(
        verdict(Fault::Unused),
        Err(Violation::Unused("unused".to_owned()))
    );
    assert_eq!(verdict(Fault::Kept), Err(Violation::State));
    let error = verdict(Fault::Gradient).unwrap_err();
    assert!(
        matches!(&error, Violation::Gradient { of, .. } if of == "input"),
        "{error}"
    );
    let error = verdict(Fault::ParameterGradient).unwrap_err();
    assert!(
        matches!(&error, Violation::Gradient { of, .. } if of == "weight"),
        "{error}"
    );
    let error = verdict(Fault::Failure).unwrap_err();
    assert!(matches!(&error, Violation::Failed(_)), "{error}");
    let error = verdict(Fault::Update).unwrap_err();
    assert!(error.to_string().contains("`sight`"), "{error}");
}

/// Holds a number that changes its output, but is not in the walk.
#[derive(Parameters)]
struct Forgetful {
    #[parameters(skip)]
    scale: f64,
}

impl Module<f64> for Forgetful {
    fn forward(&self, input: &Tensor<f64>, _context: &mut Context<'_, f64>) -> Result<Tensor<f64>> {
        Ok(input.mul_scalar(self.scale))
    }
}

#[test]
fn a_state_that_misses_something_is_found() {
    let build = |stream: Stream| {
        Ok(Forgetful {
            scale: stream.generator().unit(),
        })
    };
    assert_eq!(
        check_module(build, &Tensor::ones([2]), &[2]),
        Err(Violation::State)
    );
}

/// Multiplies with a number that depends on the element type, forward or backward.
#[derive(Parameters)]
struct Coarse<E: Element> {
    weight: Parameter<E>,
    #[parameters(skip)]
    factors: [f64; 2],
}

impl<E: Element> Module<E> for Coarse<E> {
    fn forward(&self, input: &Tensor<E>, _context: &mut Context<'_, E>) -> Result<Tensor<E>> {
        let [value, slope] = self.factors;
        let output = input.mul(&self.weight)?;
        let level = output.detach().mul_scalar(value - slope);
        output.mul_scalar(slope).add(&level)
    }
}

fn coarse<E: Element>(factors: [f64; 2]) -> Result<Coarse<E>> {
    Ok(Coarse {
        weight: Parameter::new(Tensor::full([2], 1.5)),
        factors,
    })
}

#[test]
fn single_precision_that_differs_is_found_and_named() {
    let check = |factors| {
        let input = Tensor::standard_normal([3, 2], Stream::new(9));
        check_precisions(|_| coarse([1.0, 1.0]), |_| coarse(factors), &input)
    };
    assert_eq!(check([1.0, 1.0]), Ok(()));
    for (factors, wanted) in [
        ([1.01, 1.0], "output in evaluation"),
        ([1.0, 1.01], "gradient by input"),
        ([f64::NAN, 1.0], "output in evaluation"),
    ] {
        let error = check(factors).unwrap_err();
        assert!(
            matches!(&error, Violation::Precision { of, .. } if of == wanted),
            "{error}"
        );
    }
}
