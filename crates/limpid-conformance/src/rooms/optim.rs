//! Optimizers and clipping of `limpid-optim`. Where a setting is absent the rule's own default
//! holds; the learning rate has PyTorch's.

use limpid_loss::{BceWithLogits, Loss};
use limpid_optim::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, Decay, Group, Lamb, Lbfgs, LbfgsConfig, LineSearch,
    Lion, Muon, Nadam, Optimizer, Radam, RateAdjustment, RmsProp, Rprop, Rule, Sgd, clip_grad_norm,
};
use limpid_tensor::{Element, Gradients, Parameter, Tensor};

use super::{Operation, Outcome, operations};
use crate::attributes::required;
use crate::error::KeyError;
use crate::inputs::Inputs;
use crate::outputs::Outputs;
use crate::values::Values;

/// A rule with the settings that a case has, each read by its kind and under its field's name.
macro_rules! set {
    ($inputs:expr, $rule:expr; $($kind:ident $field:ident),*) => {{
        let mut rule = $rule;
        $($kind($inputs, stringify!($field), &mut rule.$field)?;)*
        rule
    }};
}

/// The room's table.
pub(super) const OPERATIONS: &[Operation] = operations![
    "optim/sgd" => |it| trajectory(it, 1e-3, set!(it, Sgd::new();
        number momentum, number dampening, number weight_decay, flag nesterov, flag maximize)),
    "optim/adagrad" => |it| trajectory(it, 1e-2, set!(it, Adagrad::new();
        number lr_decay, number weight_decay, number initial_accumulator_value, number eps,
        flag maximize)),
    "optim/adadelta" => |it| trajectory(it, 1.0, set!(it, Adadelta::new();
        number rho, number eps, number weight_decay, flag maximize)),
    "optim/rmsprop" => |it| trajectory(it, 1e-2, set!(it, RmsProp::new();
        number alpha, number eps, number momentum, number weight_decay, flag centered,
        flag maximize)),
    "optim/adam" => |it| match it.attributes().flag("decoupled_weight_decay")? {
        Some(true) => adam_w(it, 0.0),
        _ => trajectory(it, 1e-3, set!(it, Adam::new();
            pair betas, number eps, number weight_decay, flag amsgrad, flag maximize)),
    },
    "optim/adamw" => |it| adam_w(it, AdamW::new().weight_decay),
    "optim/adamax" => |it| trajectory(it, 2e-3, set!(it, Adamax::new();
        pair betas, number eps, number weight_decay, flag maximize)),
    "optim/nadam" => |it| trajectory(it, 2e-3, set!(it, Nadam::new();
        pair betas, number eps, number weight_decay, number momentum_decay, decoupled decay,
        flag maximize)),
    "optim/radam" => |it| trajectory(it, 1e-3, set!(it, Radam::new();
        pair betas, number eps, number weight_decay, decoupled decay, flag maximize)),
    "optim/rprop" => |it| trajectory(it, 1e-2, set!(it, Rprop::new();
        pair etas, pair step_sizes, flag maximize)),
    "optim/lion" => |it| trajectory(it, 1e-4, set!(it, Lion::new();
        pair betas, number weight_decay, flag maximize)),
    "optim/lamb" => |it| trajectory(it, 1e-3, set!(it, Lamb::new();
        pair betas, number eps, number weight_decay, flag maximize)),
    "optim/muon" => |it| trajectory(it, 1e-3, set!(it, Muon::new();
        number momentum, flag nesterov, number eps, number weight_decay, steps ns_steps,
        coefficients coefficients, adjustment adjustment)),
    "optim/lbfgs" => regression,
    "optim/clip_grad_norm" => clipped,
];

fn adam_w<E: Element>(inputs: &Inputs<'_, E>, weight_decay: f64) -> Outcome<E> {
    let rule = set!(inputs, AdamW::new().with_weight_decay(weight_decay);
        pair betas, number eps, number weight_decay, flag amsgrad, flag maximize);
    trajectory(inputs, 1e-3, rule)
}

/// The parameter after each step, under the gradients that the case hands in. Where there are
/// several, each is a group; `group_lr` and `group_weight_decay` hold what each has for itself.
fn trajectory<E: Element>(inputs: &Inputs<'_, E>, rate: f64, rule: impl Rule<E>) -> Outcome<E> {
    let attributes = inputs.attributes();
    let rate = attributes.number("lr")?.unwrap_or(rate);
    let mut optimizer = Optimizer::new(rule, rate)?;
    let rates = attributes.numbers("group_lr")?.unwrap_or_default();
    let decays = attributes
        .numbers("group_weight_decay")?
        .unwrap_or_default();
    for place in 0..rates.len().max(decays.len()) {
        let mut group = Group::below(place.to_string());
        group.rate_scale = rates.get(place).map(|own| own / rate);
        group.weight_decay = decays.get(place).copied();
        optimizer = optimizer.with_group(group)?;
    }
    let grouped = inputs.numbered("param");
    let (given, grads) = if grouped.is_empty() {
        (vec![inputs.tensor("param")?], vec![inputs.tensor("grads")?])
    } else {
        (grouped.clone(), inputs.numbered("grads"))
    };
    let start = given.iter().map(|it| Parameter::new((*it).clone()));
    let mut model: Vec<Parameter<E>> = start.collect();
    let steps = grads.first().map_or(Ok(0), |it| it.size(0))?;
    let mut after = vec![Vec::with_capacity(steps); model.len()];
    for step in 0..steps {
        let mut gradients = Gradients::default();
        for (parameter, grads) in model.iter().zip(&grads) {
            let gradient = grads.narrow(0, step, 1)?.squeeze(0)?;
            gradients.set(parameter, gradient)?;
        }
        optimizer.step(&mut model, &gradients)?;
        for (after, parameter) in after.iter_mut().zip(&model) {
            after.push(parameter.detach());
        }
    }
    let stacked = |after: &Vec<Tensor<E>>| Tensor::stack(&after.iter().collect::<Vec<_>>(), 0);
    if grouped.is_empty() {
        return Ok(Outputs::named("trajectory", stacked(&after[0])?));
    }
    let mut outputs = Outputs::named("trajectory0", stacked(&after[0])?);
    for (place, after) in after.iter().enumerate().skip(1) {
        outputs = outputs.with(format!("trajectory{place}"), stacked(after)?);
    }
    Ok(outputs)
}

/// The weights after each step of a logistic regression.
fn regression<E: Element>(inputs: &Inputs<'_, E>) -> Outcome<E> {
    let attributes = inputs.attributes();
    let mut config = set!(inputs, LbfgsConfig::new();
        number tolerance_grad, number tolerance_change, flag maximize);
    number(inputs, "lr", &mut config.rate)?;
    if let Some(max_iter) = attributes.count("max_iter")? {
        config.max_iter = max_iter as u64;
    }
    config.max_eval = attributes.count("max_eval")?.map(|it| it as u64);
    if let Some(size) = attributes.count("history_size")? {
        config.history_size = size;
    }
    config.line_search = match attributes.word("line_search_fn")? {
        None => LineSearch::Fixed,
        Some("strong_wolfe") => LineSearch::StrongWolfe,
        Some(_) => return Err(unknown("line_search_fn", "\"strong_wolfe\"").into()),
    };
    let mut lbfgs = Lbfgs::new(config)?;
    let (input, target) = (inputs.tensor("input")?, inputs.tensor("target")?);
    let mut weight = Parameter::new(inputs.tensor("param")?.clone());
    let mut after = Vec::new();
    for _ in 0..required(attributes.count("steps")?, "steps")? {
        lbfgs.step(&mut weight, |weight| {
            let loss = BceWithLogits::new().forward(&input.matmul(weight)?, target)?;
            Ok((loss.item()?.double(), loss.backward()?))
        })?;
        after.push(weight.detach());
    }
    let after: Vec<&Tensor<E>> = after.iter().collect();
    Ok(Outputs::named("trajectory", Tensor::stack(&after, 0)?))
}

fn clipped<E: Element>(inputs: &Inputs<'_, E>) -> Outcome<E> {
    let max_norm = required(inputs.attributes().number("max_norm")?, "max_norm")?;
    let given = inputs.numbered("grad");
    let parameter = |gradient: &&Tensor<E>| Parameter::new(Tensor::zeros(gradient.shape()));
    let model: Vec<Parameter<E>> = given.iter().map(parameter).collect();
    let mut gradients = Gradients::default();
    for (parameter, gradient) in model.iter().zip(given) {
        gradients.set(parameter, gradient.clone())?;
    }
    let norm = clip_grad_norm(&model, &mut gradients, max_norm)?;
    let mut outputs = Outputs::named("total_norm", Values::number(norm));
    for (index, parameter) in model.iter().enumerate() {
        // A gradient that is gone is told as an output that did not come out.
        if let Some(gradient) = gradients.tensor(parameter) {
            outputs = outputs.with(format!("grad{index}"), gradient);
        }
    }
    Ok(outputs)
}

type Set = Result<(), KeyError>;

fn number<E: Element>(inputs: &Inputs<'_, E>, key: &str, field: &mut f64) -> Set {
    *field = inputs.attributes().number(key)?.unwrap_or(*field);
    Ok(())
}

fn flag<E: Element>(inputs: &Inputs<'_, E>, key: &str, field: &mut bool) -> Set {
    *field = inputs.attributes().flag(key)?.unwrap_or(*field);
    Ok(())
}

fn pair<E: Element>(inputs: &Inputs<'_, E>, key: &str, field: &mut [f64; 2]) -> Set {
    numbers(inputs, key, field)
}

/// As many numbers as the field has.
fn numbers<E: Element, const N: usize>(
    inputs: &Inputs<'_, E>,
    key: &str,
    field: &mut [f64; N],
) -> Set {
    if let Some(list) = inputs.attributes().numbers(key)? {
        let found = <[f64; N]>::try_from(list);
        *field = found.map_err(|_| unknown(key, &format!("{N} numbers")))?;
    }
    Ok(())
}

fn decoupled<E: Element>(inputs: &Inputs<'_, E>, _: &str, field: &mut Decay) -> Set {
    if inputs.attributes().flag("decoupled_weight_decay")? == Some(true) {
        *field = Decay::Decoupled;
    }
    Ok(())
}

fn steps<E: Element>(inputs: &Inputs<'_, E>, key: &str, field: &mut u32) -> Set {
    if let Some(count) = inputs.attributes().count(key)? {
        *field = u32::try_from(count).map_err(|_| unknown(key, "a count"))?;
    }
    Ok(())
}

fn coefficients<E: Element>(inputs: &Inputs<'_, E>, _: &str, field: &mut [f64; 3]) -> Set {
    numbers(inputs, "ns_coefficients", field)
}

fn adjustment<E: Element>(inputs: &Inputs<'_, E>, _: &str, field: &mut RateAdjustment) -> Set {
    let key = "adjust_lr_fn";
    *field = match inputs.attributes().word(key)? {
        None | Some("original") => RateAdjustment::Original,
        Some("match_rms_adamw") => RateAdjustment::MatchRmsAdamW,
        Some("spectral_unclamped") => RateAdjustment::SpectralUnclamped,
        Some(_) => return Err(unknown(key, "one of PyTorch's adjustments")),
    };
    Ok(())
}

fn unknown(key: &str, must: &str) -> KeyError {
    KeyError::new(format!("attrs.{key}"), format!("must be {must}"))
}
