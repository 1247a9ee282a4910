//! Operations of `limpid-loss`.

use limpid_loss::{
    Bce, BceWithLogits, BinaryFocal, ClassTree, Compared, Contrast, CosineEmbedding, CrossEntropy,
    CrossEntropySoft, Distillation, Focal, GaussianNll, HierarchicalSoftmax, HingeEmbedding, Huber,
    KlDivergence, L1, L2, LogCosh, Loss, MarginRanking, MeanOver, Mse, MultilabelHinge,
    MultilabelMargin, MultilabelSoftMargin, NegativeSampling, Nll, PoissonNll, Quantile, Reduction,
    SmoothL1, SoftMargin, Taught, TripletMargin, WestonWatkinsHinge, WithNoise,
};
use limpid_tensor::{Element, Tensor};

use super::{Operation, Outcome, operations, single};
use crate::attributes::required;
use crate::error::KeyError;
use crate::inputs::Inputs;

/// What PyTorch leaves out where the case names no class for it.
const IGNORED: isize = -100;

/// The room's table.
pub(super) const OPERATIONS: &[Operation] = operations![
    "cross_entropy" => |it| {
        let mut loss = CrossEntropy::new()
            .with_ignore_index(usize::MAX)
            .with_label_smoothing(number(it, "label_smoothing", 0.0)?)
            .with_reduction(reduction(it)?);
        loss.weight = weight(it);
        single(loss.forward(it.tensor("input")?, &classes(it)?))
    },
    "cross_entropy_soft" => |it| {
        let mut loss = CrossEntropySoft::new()
            .with_label_smoothing(number(it, "label_smoothing", 0.0)?)
            .with_reduction(reduction(it)?);
        loss.weight = weight(it);
        on_values(it, &loss)
    },
    "nll_loss" => |it| {
        let mut loss =
            Nll::new().with_ignore_index(usize::MAX).with_reduction(reduction(it)?);
        loss.weight = weight(it);
        single(loss.forward(it.tensor("input")?, &classes(it)?))
    },
    "weston_watkins_hinge" => |it| {
        let loss = WestonWatkinsHinge::new()
            .with_margin(number(it, "margin", 1.0)?)
            .with_reduction(reduction(it)?);
        single(loss.forward(it.tensor("input")?, &classes(it)?))
    },
    "multilabel_hinge" => |it| on_values(it, &MultilabelHinge::new().with_reduction(reduction(it)?)),
    "bce_with_logits" => |it| {
        let mut loss = BceWithLogits::new().with_reduction(reduction(it)?);
        loss.pos_weight = it.optional("pos_weight").map(Tensor::cast);
        on_values(it, &loss)
    },
    "bce_loss" => |it| on_values(it, &Bce::new().with_reduction(reduction(it)?)),
    "multilabel_margin_loss" => |it| {
        let input = it.tensor("input")?;
        let (_, labels) = it.integers("target")?;
        let classes = input.shape().last().copied().unwrap_or(0);
        // Each row of labels ends at the first that is none.
        let mut flags = vec![0.0; labels.len()];
        for (row, labels) in labels.chunks(classes.max(1)).enumerate() {
            let classes_of = labels.iter().map_while(|&it| usize::try_from(it).ok());
            for class in classes_of.filter(|&class| class < classes) {
                flags[row * classes + class] = 1.0;
            }
        }
        let target = Tensor::<f64>::from_vec(flags, input.shape())?.cast();
        let loss = MultilabelMargin::new().with_reduction(reduction(it)?);
        single(loss.forward(input, &target))
    },
    "mse_loss" => |it| on_values(it, &Mse::new().with_reduction(reduction(it)?)),
    "l2_loss" => |it| on_values(it, &L2::new().with_reduction(reduction(it)?)),
    "l1_loss" => |it| on_values(it, &L1::new().with_reduction(reduction(it)?)),
    "huber_loss" => |it| {
        let loss = Huber::new()
            .with_delta(number(it, "delta", 1.0)?)
            .with_reduction(reduction(it)?);
        on_values(it, &loss)
    },
    "smooth_l1_loss" => |it| {
        let loss = SmoothL1::new()
            .with_beta(number(it, "beta", 1.0)?)
            .with_reduction(reduction(it)?);
        on_values(it, &loss)
    },
    "quantile_loss" => |it| {
        let quantile = required(it.attributes().number("quantile")?, "quantile")?;
        on_values(it, &Quantile::new(quantile).with_reduction(reduction(it)?))
    },
    "log_cosh_loss" => |it| on_values(it, &LogCosh::new().with_reduction(reduction(it)?)),
    "poisson_nll_loss" => |it| {
        let loss = PoissonNll::new()
            .with_log_input(flag(it, "log_input", true)?)
            .with_full(flag(it, "full", false)?)
            .with_eps(number(it, "eps", 1e-8)?)
            .with_reduction(reduction(it)?);
        on_values(it, &loss)
    },
    "gaussian_nll_loss" => |it| {
        let loss = GaussianNll::new()
            .with_full(flag(it, "full", false)?)
            .with_eps(number(it, "eps", 1e-6)?);
        let reduction = reduction(it)?;
        let items = loss.of(it.tensor("input")?, it.tensor("var")?, it.tensor("target")?);
        single(items.map(|items| match reduction {
            Reduction::Mean => items.mean(),
            Reduction::Sum => items.sum(),
            Reduction::None => items,
        }))
    },
    "focal_loss" => |it| {
        let mut loss = Focal::new()
            .with_gamma(number(it, "gamma", 2.0)?)
            .with_reduction(reduction(it)?);
        loss.weight = weight(it);
        single(loss.forward(it.tensor("input")?, &classes(it)?))
    },
    "sigmoid_focal_loss" => |it| {
        let alpha = number(it, "alpha", 0.25)?;
        let loss = BinaryFocal::new()
            .with_gamma(number(it, "gamma", 2.0)?)
            .with_alpha((alpha >= 0.0).then_some(alpha))
            .with_reduction(reduction(it)?);
        on_values(it, &loss)
    },
    "kl_div" => |it| {
        let loss = KlDivergence::new().with_log_target(flag(it, "log_target", false)?);
        on_values(it, &match it.attributes().word("reduction")? {
            Some("batchmean") => loss,
            _ => loss.with_mean_over(MeanOver::Elements).with_reduction(reduction(it)?),
        })
    },
    "soft_margin_loss" => |it| on_values(it, &SoftMargin::new().with_reduction(reduction(it)?)),
    "multilabel_soft_margin_loss" => |it| {
        let mut loss = MultilabelSoftMargin::new().with_reduction(reduction(it)?);
        loss.weight = weight(it);
        on_values(it, &loss)
    },
    "hinge_embedding_loss" => |it| {
        let loss = HingeEmbedding::new()
            .with_margin(number(it, "margin", 1.0)?)
            .with_reduction(reduction(it)?);
        on_values(it, &loss)
    },
    "cosine_embedding_loss" => |it| {
        let loss = CosineEmbedding::new()
            .with_margin(number(it, "margin", 0.0)?)
            .with_reduction(reduction(it)?);
        single(loss.forward(it.tensor("input1")?, &compared(it)?))
    },
    "margin_ranking_loss" => |it| {
        let loss = MarginRanking::new()
            .with_margin(number(it, "margin", 0.0)?)
            .with_reduction(reduction(it)?);
        single(loss.forward(it.tensor("input1")?, &compared(it)?))
    },
    "triplet_margin_loss" => |it| {
        let loss = TripletMargin::new()
            .with_margin(number(it, "margin", 1.0)?)
            .with_p(number(it, "p", 2.0)?)
            .with_swap(flag(it, "swap", false)?)
            .with_reduction(reduction(it)?);
        let (positive, negative) = (it.tensor("positive")?.clone(), it.tensor("negative")?.clone());
        single(loss.forward(it.tensor("anchor")?, &Contrast { positive, negative }))
    },
    "distillation" => |it| {
        let temperature = required(it.attributes().number("temperature")?, "temperature")?;
        let alpha = required(it.attributes().number("alpha")?, "alpha")?;
        let loss = Distillation::new(temperature, alpha).with_reduction(reduction(it)?);
        let target = Taught { teacher: it.tensor("teacher")?.clone(), classes: classes(it)? };
        single(loss.forward(it.tensor("student")?, &target))
    },
    "hierarchical_softmax" => |it| {
        let (shape, path) = it.integers("path")?;
        let (_, code) = it.integers("code")?;
        let tree = ClassTree::from_tables(path, code, shape.last().copied().unwrap_or(0))?;
        let (weight, bias) = (it.parameter("node_weight")?, it.parameter("node_bias")?);
        let loss = HierarchicalSoftmax::with_parameters(tree, weight, bias)?;
        let loss = loss.with_reduction(reduction(it)?);
        single(loss.forward(it.tensor("input")?, &classes(it)?))
    },
    "negative_sampling" => |it| {
        let (weight, bias) = (it.parameter("weight")?, it.parameter("bias")?);
        let loss = NegativeSampling::with_parameters(weight, bias)?.with_reduction(reduction(it)?);
        let target = WithNoise { classes: classes(it)?, noise: it.indices("noise")?.1 };
        single(loss.forward(it.tensor("input")?, &target))
    },
];

fn on_values<E: Element>(
    inputs: &Inputs<'_, E>,
    loss: &impl Loss<E, Target = Tensor<E>>,
) -> Outcome<E> {
    single(loss.forward(inputs.tensor("input")?, inputs.tensor("target")?))
}

fn compared<E: Element>(inputs: &Inputs<'_, E>) -> Result<Compared<E>, KeyError> {
    Ok(Compared {
        other: inputs.tensor("input2")?.clone(),
        signs: inputs.tensor("target")?.clone(),
    })
}

fn flag<E: Element>(inputs: &Inputs<'_, E>, key: &str, default: bool) -> Result<bool, KeyError> {
    Ok(inputs.attributes().flag(key)?.unwrap_or(default))
}

fn number<E: Element>(inputs: &Inputs<'_, E>, key: &str, default: f64) -> Result<f64, KeyError> {
    Ok(inputs.attributes().number(key)?.unwrap_or(default))
}

fn reduction<E: Element>(inputs: &Inputs<'_, E>) -> Result<Reduction, KeyError> {
    match inputs.attributes().word("reduction")? {
        None | Some("mean") => Ok(Reduction::Mean),
        Some("sum") => Ok(Reduction::Sum),
        Some("none") => Ok(Reduction::None),
        Some(_) => Err(KeyError::new(
            "attrs.reduction",
            "must be mean, sum or none",
        )),
    }
}

fn weight<E: Element>(inputs: &Inputs<'_, E>) -> Option<Vec<f64>> {
    Some(
        inputs
            .optional("weight")?
            .to_vec()
            .into_iter()
            .map(Element::double)
            .collect(),
    )
}

/// The classes of the target. Those that are to be left out become `usize::MAX`: PyTorch's number
/// for them may be negative.
fn classes<E: Element>(inputs: &Inputs<'_, E>) -> Result<Vec<usize>, KeyError> {
    let ignored = inputs
        .attributes()
        .integer("ignore_index")?
        .unwrap_or(IGNORED);
    let class = |&class: &i64| match usize::try_from(class) {
        _ if i64::try_from(ignored) == Ok(class) => Ok(usize::MAX),
        Ok(class) => Ok(class),
        Err(_) => Err(KeyError::new(
            "inputs.target.data",
            format!("holds class {class}"),
        )),
    };
    inputs.integers("target")?.1.iter().map(class).collect()
}
