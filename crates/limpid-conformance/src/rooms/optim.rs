//! Optimizers and clipping of `limpid-optim`. Where a setting is absent the rule's own default
//! holds; the learning rate has PyTorch's.

use limpid_optim::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, Decay, Nadam, Optimizer, Radam, RmsProp, Rprop, Rule,
    Sgd, clip_grad_norm,
};
use limpid_tensor::{Element, Gradients, Parameter, Tensor};

use super::{Operation, Outcome, operations};
use crate::attributes::required;
use crate::error::KeyError;
use crate::inputs::Inputs;
use crate::outputs::Outputs;
use crate::values::Values;

/// The room's table.
pub(super) const OPERATIONS: &[Operation] = operations![
    "optim/sgd" => |it| {
        let mut rule = Sgd::new();
        set_number(it, "momentum", &mut rule.momentum)?;
        set_number(it, "dampening", &mut rule.dampening)?;
        set_number(it, "weight_decay", &mut rule.weight_decay)?;
        set_flag(it, "nesterov", &mut rule.nesterov)?;
        set_flag(it, "maximize", &mut rule.maximize)?;
        trajectory(it, rule, 1e-3)
    },
    "optim/adagrad" => |it| {
        let mut rule = Adagrad::new();
        set_number(it, "lr_decay", &mut rule.lr_decay)?;
        set_number(it, "weight_decay", &mut rule.weight_decay)?;
        set_number(it, "initial_accumulator_value", &mut rule.initial_accumulator_value)?;
        set_number(it, "eps", &mut rule.eps)?;
        set_flag(it, "maximize", &mut rule.maximize)?;
        trajectory(it, rule, 1e-2)
    },
    "optim/adadelta" => |it| {
        let mut rule = Adadelta::new();
        set_number(it, "rho", &mut rule.rho)?;
        set_number(it, "eps", &mut rule.eps)?;
        set_number(it, "weight_decay", &mut rule.weight_decay)?;
        set_flag(it, "maximize", &mut rule.maximize)?;
        trajectory(it, rule, 1.0)
    },
    "optim/rmsprop" => |it| {
        let mut rule = RmsProp::new();
        set_number(it, "alpha", &mut rule.alpha)?;
        set_number(it, "eps", &mut rule.eps)?;
        set_number(it, "momentum", &mut rule.momentum)?;
        set_number(it, "weight_decay", &mut rule.weight_decay)?;
        set_flag(it, "centered", &mut rule.centered)?;
        set_flag(it, "maximize", &mut rule.maximize)?;
        trajectory(it, rule, 1e-2)
    },
    "optim/adam" => |it| match it.attributes().flag("decoupled_weight_decay")? {
        Some(true) => adam_w(it, 0.0),
        _ => adam(it),
    },
    "optim/adamw" => |it| adam_w(it, AdamW::new().weight_decay),
    "optim/adamax" => |it| {
        let mut rule = Adamax::new();
        set_pair(it, "betas", &mut rule.betas)?;
        set_number(it, "eps", &mut rule.eps)?;
        set_number(it, "weight_decay", &mut rule.weight_decay)?;
        set_flag(it, "maximize", &mut rule.maximize)?;
        trajectory(it, rule, 2e-3)
    },
    "optim/nadam" => |it| {
        let mut rule = Nadam::new();
        set_pair(it, "betas", &mut rule.betas)?;
        set_number(it, "eps", &mut rule.eps)?;
        set_number(it, "weight_decay", &mut rule.weight_decay)?;
        set_number(it, "momentum_decay", &mut rule.momentum_decay)?;
        set_decay(it, &mut rule.decay)?;
        set_flag(it, "maximize", &mut rule.maximize)?;
        trajectory(it, rule, 2e-3)
    },
    "optim/radam" => |it| {
        let mut rule = Radam::new();
        set_pair(it, "betas", &mut rule.betas)?;
        set_number(it, "eps", &mut rule.eps)?;
        set_number(it, "weight_decay", &mut rule.weight_decay)?;
        set_decay(it, &mut rule.decay)?;
        set_flag(it, "maximize", &mut rule.maximize)?;
        trajectory(it, rule, 1e-3)
    },
    "optim/rprop" => |it| {
        let mut rule = Rprop::new();
        set_pair(it, "etas", &mut rule.etas)?;
        set_pair(it, "step_sizes", &mut rule.step_sizes)?;
        set_flag(it, "maximize", &mut rule.maximize)?;
        trajectory(it, rule, 1e-2)
    },
    "optim/clip_grad_norm" => clipped,
];

fn adam<E: Element>(inputs: &Inputs<'_, E>) -> Outcome<E> {
    let mut rule = Adam::new();
    set_pair(inputs, "betas", &mut rule.betas)?;
    set_number(inputs, "eps", &mut rule.eps)?;
    set_number(inputs, "weight_decay", &mut rule.weight_decay)?;
    set_flag(inputs, "amsgrad", &mut rule.amsgrad)?;
    set_flag(inputs, "maximize", &mut rule.maximize)?;
    trajectory(inputs, rule, 1e-3)
}

fn adam_w<E: Element>(inputs: &Inputs<'_, E>, weight_decay: f64) -> Outcome<E> {
    let mut rule = AdamW::new().with_weight_decay(weight_decay);
    set_pair(inputs, "betas", &mut rule.betas)?;
    set_number(inputs, "eps", &mut rule.eps)?;
    set_number(inputs, "weight_decay", &mut rule.weight_decay)?;
    set_flag(inputs, "amsgrad", &mut rule.amsgrad)?;
    set_flag(inputs, "maximize", &mut rule.maximize)?;
    trajectory(inputs, rule, 1e-3)
}

/// The parameter after each step, under the gradients that the case hands in.
fn trajectory<E: Element>(inputs: &Inputs<'_, E>, rule: impl Rule<E>, rate: f64) -> Outcome<E> {
    let rate = inputs.attributes().number("lr")?.unwrap_or(rate);
    let mut optimizer = Optimizer::new(rule, rate)?;
    let mut parameter = Parameter::new(inputs.tensor("param")?.clone());
    let grads = inputs.tensor("grads")?;
    let steps = grads.size(0)?;
    let mut after = Vec::with_capacity(steps);
    for step in 0..steps {
        let gradient = grads.narrow(0, step, 1)?.squeeze(0)?;
        let mut gradients = Gradients::default();
        gradients.set(&parameter, gradient)?;
        optimizer.step(&mut parameter, &gradients)?;
        after.push(parameter.detach());
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

fn set_number<E: Element>(
    inputs: &Inputs<'_, E>,
    key: &str,
    field: &mut f64,
) -> Result<(), KeyError> {
    *field = inputs.attributes().number(key)?.unwrap_or(*field);
    Ok(())
}

fn set_flag<E: Element>(
    inputs: &Inputs<'_, E>,
    key: &str,
    field: &mut bool,
) -> Result<(), KeyError> {
    *field = inputs.attributes().flag(key)?.unwrap_or(*field);
    Ok(())
}

fn set_pair<E: Element>(
    inputs: &Inputs<'_, E>,
    key: &str,
    field: &mut [f64; 2],
) -> Result<(), KeyError> {
    if let Some(list) = inputs.attributes().numbers(key)? {
        let pair = <[f64; 2]>::try_from(list);
        *field = pair.map_err(|_| KeyError::new(format!("attrs.{key}"), "must be two numbers"))?;
    }
    Ok(())
}

fn set_decay<E: Element>(inputs: &Inputs<'_, E>, field: &mut Decay) -> Result<(), KeyError> {
    if inputs.attributes().flag("decoupled_weight_decay")? == Some(true) {
        *field = Decay::Decoupled;
    }
    Ok(())
}
