//! Layers over sequences: recurrent ones and attention.

use limpid_nn_layers::{
    AttentionMask, AttentionMasks, CarriedState, CellWeights, Context, Dropout, GruKind,
    InProjection, KeyMask, Linear, LstmKind, LstmState, MultiheadAttention, Recurrent,
    RecurrentKind, RnnKind, RnnNonlinearity, scaled_dot_product_attention,
    scaled_dot_product_attention_by,
};
use limpid_tensor::{Element, Tensor};
use ndarray::{ArrayD, IxDyn};

use super::{Operation, Outcome, operations, single};
use crate::attributes::required;
use crate::error::{KeyError, OperationError};
use crate::inputs::Inputs;
use crate::outputs::Outputs;

/// The room's table.
pub(super) const OPERATIONS: &[Operation] = operations![
    "rnn_tanh" => |it| recurrent(it, RnnKind::default(), |h, _| h),
    "rnn_relu" => |it| {
        let nonlinearity = RnnNonlinearity::Relu;
        recurrent(it, RnnKind { nonlinearity }, |h, _| h)
    },
    "gru" => |it| recurrent(it, GruKind, |h, _| h),
    "lstm" => |it| recurrent(it, LstmKind::default(), |h, c| LstmState { h, c }),
    "scaled_dot_product_attention" => |it| {
        let [query, key, value] = ["query", "key", "value"].map(|name| it.tensor(name));
        let allowed = conditions(it, "attn_mask", |allowed| allowed)?;
        let mask = mask(it, &allowed)?;
        // Keys are shared by several heads of queries without being asked to.
        it.attributes().flag("enable_gqa")?;
        single(match it.attributes().number("scale")? {
            Some(scale) => scaled_dot_product_attention_by(scale, query?, key?, value?, mask),
            None => scaled_dot_product_attention(query?, key?, value?, mask),
        })
    },
    "multihead_attention" => multihead,
];

/// One layer is given as `weight_ih` and so on, several as `weight_ih_l0`, `weight_ih_l0_reverse`.
fn recurrent<E: Element, K: RecurrentKind>(
    it: &Inputs<'_, E>,
    kind: K,
    state: impl Fn(Tensor<E>, Tensor<E>) -> K::State<E>,
) -> Outcome<E> {
    let alone = it.optional("weight_ih").is_some();
    let mut weights = Vec::new();
    if alone {
        weights.push(cell(it, "")?);
    }
    let bidirectional = it.optional("weight_ih_l0_reverse").is_some();
    for layer in (0..).take_while(|layer| it.optional(&format!("weight_ih_l{layer}")).is_some()) {
        weights.push(cell(it, &format!("_l{layer}"))?);
        if bidirectional {
            weights.push(cell(it, &format!("_l{layer}_reverse"))?);
        }
    }
    let layer = Recurrent {
        weights,
        kind,
        bidirectional,
        dropout: Dropout::new(0.0)?,
    };

    let mut input = it.tensor("input")?.clone();
    let batch_first = it.attributes().flag("batch_first")?.unwrap_or(false) && input.rank() == 3;
    if batch_first {
        input = input.transpose(0, 1)?;
    }
    // The state of one layer may lack the dimension of layers.
    let flat = match it.optional("h0").or(it.optional("c0")) {
        Some(given) => given.rank() < input.rank(),
        None => alone,
    };
    let whole = |name: &str| match it.optional(name) {
        Some(given) if flat => Ok(Some(given.unsqueeze(0)?)),
        given => Ok::<_, OperationError>(given.cloned()),
    };
    // What is missing beside the other is 0.
    let zeros = |like: &Tensor<E>| Tensor::zeros(like.shape());
    let start = match (whole("h0")?, whole("c0")?) {
        (None, None) => None,
        (Some(h), None) => Some(state(h.clone(), zeros(&h))),
        (None, Some(c)) => Some(state(zeros(&c), c)),
        (Some(h), Some(c)) => Some(state(h, c)),
    };
    let lengths = match it.indices("lengths") {
        Ok((_, lengths)) => Some(lengths),
        Err(_) => it.attributes().counts("lengths")?,
    };
    let context = &mut Context::eval();
    let (output, end) = layer.forward_with(&input, start.as_ref(), lengths.as_deref(), context)?;
    let output = if batch_first {
        output.transpose(0, 1)?
    } else {
        output
    };
    let (h, c) = end.parts();
    let part = |state: &Tensor<E>| {
        if flat {
            state.squeeze(0)
        } else {
            Ok(state.clone())
        }
    };
    let outputs = Outputs::single(output).with("h_n", part(h)?);
    Ok(match c {
        Some(c) => outputs.with("c_n", part(c)?),
        None => outputs,
    })
}

fn cell<E: Element>(it: &Inputs<'_, E>, suffix: &str) -> Result<CellWeights<E>, OperationError> {
    let name = |name: &str| format!("{name}{suffix}");
    Ok(CellWeights {
        weight_ih: it.parameter(&name("weight_ih"))?,
        weight_hh: it.parameter(&name("weight_hh"))?,
        bias_ih: it.optional_parameter(&name("bias_ih")),
        bias_hh: it.optional_parameter(&name("bias_hh")),
        weight_hr: it.optional_parameter(&name("weight_hr")),
    })
}

/// The conditions called `name`, each seen through `sense`, if there are any.
fn conditions<E: Element>(
    it: &Inputs<'_, E>,
    name: &str,
    sense: impl Fn(bool) -> bool,
) -> Result<Option<ArrayD<bool>>, KeyError> {
    let Ok((shape, data)) = it.conditions(name) else {
        return Ok(None);
    };
    let data = data.iter().map(|&it| sense(it)).collect();
    let array = ArrayD::from_shape_vec(IxDyn(shape), data);
    let array =
        array.map_err(|error| KeyError::new(format!("inputs.{name}"), error.to_string()))?;
    Ok(Some(array))
}

fn mask<'a, E: Element>(
    it: &'a Inputs<'_, E>,
    allowed: &'a Option<ArrayD<bool>>,
) -> Result<AttentionMask<'a, E>, KeyError> {
    let causal = it.attributes().flag("is_causal")?.unwrap_or(false);
    Ok(match (causal, allowed, it.optional("attn_mask")) {
        (false, Some(allowed), _) => AttentionMask::Allowed(allowed),
        (false, None, Some(bias)) => AttentionMask::Additive(bias),
        (false, None, None) => AttentionMask::None,
        (true, None, None) => AttentionMask::Causal,
        (true, ..) => {
            let problem = "must be absent where the attention is causal";
            return Err(KeyError::new("inputs.attn_mask", problem));
        }
    })
}

/// Inputs come batch first; what the boolean masks name is hidden, as PyTorch has it here.
fn multihead<E: Element>(it: &Inputs<'_, E>) -> Outcome<E> {
    let in_proj = match it.optional_parameter("in_proj_weight") {
        Some(in_proj_weight) => InProjection::Packed { in_proj_weight },
        None => InProjection::Separate {
            q_proj_weight: it.parameter("q_proj_weight")?,
            k_proj_weight: it.parameter("k_proj_weight")?,
            v_proj_weight: it.parameter("v_proj_weight")?,
        },
    };
    let layer = MultiheadAttention {
        in_proj,
        in_proj_bias: it.optional_parameter("in_proj_bias"),
        out_proj: Linear {
            weight: it.parameter("out_proj_weight")?,
            bias: it.optional_parameter("out_proj_bias"),
        },
        num_heads: required(it.attributes().count("num_heads")?, "num_heads")?,
        dropout: Dropout::new(0.0)?,
    };
    let query = it.tensor("query")?;
    let key = it.optional("key").unwrap_or(query);
    let value = it.optional("value").unwrap_or(key);
    let allowed = conditions(it, "attn_mask", |hidden| !hidden)?;
    let there = conditions(it, "key_padding_mask", |hidden| !hidden)?;
    let masks = AttentionMasks {
        attention: mask(it, &allowed)?,
        keys: match (&there, it.optional("key_padding_mask")) {
            (Some(there), _) => KeyMask::Allowed(there),
            (None, Some(bias)) => KeyMask::Additive(bias),
            (None, None) => KeyMask::None,
        },
    };
    let attended = layer.attend([query, key, value], masks, &mut Context::eval())?;
    let weights = match it.attributes().flag("average_attn_weights")? {
        Some(false) => attended.weights.clone(),
        _ => attended.average_weights()?,
    };
    Ok(Outputs::single(attended.output).with("weights", weights))
}
