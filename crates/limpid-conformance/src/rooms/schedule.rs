//! Schedules of `limpid-optim`: the rates of steps 0 to steps - 1.

use limpid_optim::{
    Anneal, CosineAnnealing, CosineWarmRestarts, CyclicTriangular, Exponential, Goal, InverseTime,
    Linear, MultiStep, OneCycle, Polynomial, ReduceOnPlateau, Schedule, Step, Threshold,
};
use limpid_tensor::Element;

use super::{Operation, Outcome, operations};
use crate::attributes::{Attributes, required};
use crate::error::KeyError;
use crate::inputs::Inputs;
use crate::outputs::Outputs;
use crate::values::Values;

/// The room's table.
pub(super) const OPERATIONS: &[Operation] = operations![
    "schedule/step" => |it| rates(it, |a| {
        Ok(Step::new(lr(a)?, count(a, "step_size")?).with_gamma(number(a, "gamma", 0.1)?))
    }),
    "schedule/multistep" => |it| rates(it, |a| {
        let milestones = required(a.counts("milestones")?, "milestones")?;
        let milestones: Vec<u64> = milestones.into_iter().map(|it| it as u64).collect();
        Ok(MultiStep::new(lr(a)?, milestones).with_gamma(number(a, "gamma", 0.1)?))
    }),
    "schedule/exponential" => |it| rates(it, |a| {
        Ok(Exponential::new(lr(a)?, required(a.number("gamma")?, "gamma")?))
    }),
    "schedule/inverse_time" => |it| rates(it, |a| {
        Ok(InverseTime::new(lr(a)?, required(a.number("decay")?, "decay")?))
    }),
    "schedule/polynomial" => |it| rates(it, |a| {
        let total_iters = a.count("total_iters")?.unwrap_or(5) as u64;
        Ok(Polynomial::new(lr(a)?, total_iters).with_power(number(a, "power", 1.0)?))
    }),
    "schedule/linear" => |it| rates(it, |a| {
        Ok(Linear::new(lr(a)?)
            .with_start_factor(number(a, "start_factor", 1.0 / 3.0)?)
            .with_end_factor(number(a, "end_factor", 1.0)?)
            .with_total_iters(a.count("total_iters")?.unwrap_or(5) as u64))
    }),
    "schedule/cosine_annealing" => |it| rates(it, |a| {
        let schedule = CosineAnnealing::new(lr(a)?, count(a, "t_max")?);
        Ok(schedule.with_eta_min(number(a, "eta_min", 0.0)?))
    }),
    "schedule/cosine_warm_restarts" => |it| rates(it, |a| {
        Ok(CosineWarmRestarts::new(lr(a)?, count(a, "t_0")?)
            .with_t_mult(a.count("t_mult")?.unwrap_or(1) as u64)
            .with_eta_min(number(a, "eta_min", 0.0)?))
    }),
    "schedule/one_cycle" => |it| rates(it, |a| {
        let max_lr = required(a.number("max_lr")?, "max_lr")?;
        unused_lr(a)?;
        Ok(OneCycle::new(max_lr, count(a, "total_steps")?)
            .with_pct_start(number(a, "pct_start", 0.3)?)
            .with_div_factor(number(a, "div_factor", 25.0)?)
            .with_final_div_factor(number(a, "final_div_factor", 1e4)?)
            .with_anneal(anneal(a)?)
            .with_three_phase(a.flag("three_phase")?.unwrap_or(false)))
    }),
    "schedule/cyclic_triangular" => |it| rates(it, |a| {
        let base_lr = required(a.number("base_lr")?, "base_lr")?;
        let max_lr = required(a.number("max_lr")?, "max_lr")?;
        unused_lr(a)?;
        let up = a.count("step_size_up")?.unwrap_or(2000) as u64;
        let down = a.count("step_size_down")?.map_or(up, |it| it as u64);
        Ok(CyclicTriangular::new(base_lr, max_lr, up).with_step_size_down(down))
    }),
    "schedule/reduce_on_plateau" => plateau,
];

fn rates<E: Element, S: Schedule>(
    inputs: &Inputs<'_, E>,
    build: impl Fn(&Attributes) -> Result<S, KeyError>,
) -> Outcome<E> {
    let schedule = build(inputs.attributes())?;
    schedule.check()?;
    let steps = count(inputs.attributes(), "steps")?;
    let rates = (0..steps).map(|step| schedule.rate(step)).collect();
    Ok(Outputs::named("lr", Values::list(rates)))
}

fn plateau<E: Element>(inputs: &Inputs<'_, E>) -> Outcome<E> {
    let attributes = inputs.attributes();
    let threshold = number(attributes, "threshold", 1e-4)?;
    let mut recipe = ReduceOnPlateau::new(lr(attributes)?)
        .with_factor(number(attributes, "factor", 0.1)?)
        .with_patience(attributes.count("patience")?.unwrap_or(10) as u64)
        .with_cooldown(attributes.count("cooldown")?.unwrap_or(0) as u64)
        .with_min_rate(number(attributes, "min_lr", 0.0)?)
        .with_threshold(match attributes.word("threshold_mode")? {
            None | Some("rel") => Threshold::Relative(threshold),
            Some("abs") => Threshold::Absolute(threshold),
            Some(_) => {
                return Err(KeyError::new("attrs.threshold_mode", "must be rel or abs").into());
            }
        })
        .with_goal(match attributes.word("mode")? {
            None | Some("min") => Goal::Minimize,
            Some("max") => Goal::Maximize,
            Some(_) => return Err(KeyError::new("attrs.mode", "must be min or max").into()),
        });
    recipe.eps = number(attributes, "eps", recipe.eps)?;
    let mut state = recipe.start()?;
    let metric = inputs.tensor("metric")?.to_vec();
    let rates = metric
        .into_iter()
        .map(|it| state.observe(it.double()))
        .collect();
    Ok(Outputs::named("lr", Values::list(rates)))
}

/// Cycles put rates of their own in the place of the optimizer's.
fn unused_lr(attributes: &Attributes) -> Result<(), KeyError> {
    attributes.number("lr").map(drop)
}

fn lr(attributes: &Attributes) -> Result<f64, KeyError> {
    required(attributes.number("lr")?, "lr")
}

fn number(attributes: &Attributes, key: &str, default: f64) -> Result<f64, KeyError> {
    Ok(attributes.number(key)?.unwrap_or(default))
}

fn count(attributes: &Attributes, key: &str) -> Result<u64, KeyError> {
    Ok(required(attributes.count(key)?, key)? as u64)
}

fn anneal(attributes: &Attributes) -> Result<Anneal, KeyError> {
    match attributes.word("anneal")? {
        None | Some("cos") => Ok(Anneal::Cosine),
        Some("linear") => Ok(Anneal::Linear),
        Some(_) => Err(KeyError::new("attrs.anneal", "must be cos or linear")),
    }
}
