//! Metrics of `limpid-train`.

use limpid_tensor::Element;
use limpid_train::metric::{Binary, Classification, Regression};

use super::{Operation, Outcome, operations};
use crate::inputs::Inputs;
use crate::outputs::Outputs;
use crate::values::{Data, Values};

/// The room's table.
pub(super) const OPERATIONS: &[Operation] = operations![
    "metric/classification" => classification,
    "metric/binary" => |it| {
        let mut metric = Binary::new();
        metric.update(it.tensor("score")?, &it.indices("target")?.1)?;
        let scores = metric.scores()?;
        let number = |it: Option<f64>| Values::number(it.unwrap_or(f64::NAN));
        Ok(Outputs::named("roc_auc", number(scores.roc_auc))
            .with("average_precision", number(scores.average_precision))
            .with("brier", number(scores.brier)))
    },
    "metric/regression" => |it| {
        let mut metric = Regression::new();
        metric.update(it.tensor("prediction")?, it.tensor("target")?)?;
        let scores = metric.scores()?;
        Ok(Outputs::named("r2", Values::number(scores.r2))
            .with("mae", Values::number(scores.mae))
            .with("rmse", Values::number(scores.rmse)))
    },
];

fn classification<E: Element>(inputs: &Inputs<'_, E>) -> Outcome<E> {
    let probabilities = inputs.tensor("probabilities")?;
    let classes = probabilities.size(-1)?;
    let k = inputs.attributes().count("k")?.unwrap_or(1);
    let mut metric = Classification::new(classes)?.with_top(k)?;
    metric.update(probabilities, &inputs.indices("target")?.1)?;
    let scores = metric.scores()?;
    let counts = scores
        .confusion
        .concat()
        .into_iter()
        .map(|it| it as i64)
        .collect();
    let confusion = Values {
        shape: vec![classes, classes],
        data: Data::Int(counts),
    };
    Ok(Outputs::named("accuracy", Values::number(scores.accuracy))
        .with("top_k", Values::number(scores.top_k))
        .with("macro_f1", Values::number(scores.macro_f1))
        .with("macro_precision", Values::number(scores.macro_precision))
        .with("macro_recall", Values::number(scores.macro_recall))
        .with("log_loss", Values::number(scores.log_loss))
        .with("confusion", confusion))
}
