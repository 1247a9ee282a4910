//! Single nets, averages of weights and ensembles, side by side.

use limpid_diagnostics::record::{Confusion, EnsembleRow, ModelKind};
use limpid_nn_layers::{Module, Sequential};
use limpid_tensor::Tensor;
use limpid_train::metric::{Classification, ClassificationScores};

use crate::RecipeError;
use crate::fit::Member;

/// Rows of one part and their classes.
pub(crate) struct Rows<'a> {
    pub(crate) input: Tensor<f32>,
    pub(crate) labels: &'a [usize],
    pub(crate) classes: usize,
}

/// What one of the models says about a part.
struct Opinion {
    name: String,
    kind: ModelKind,
    probabilities: Tensor<f32>,
}

/// The scores of every model on one part, the ensemble's last.
pub(crate) struct Scores {
    rows: Vec<(String, ModelKind, ClassificationScores)>,
}

impl Scores {
    /// Scores the members, the moving averages of their weights, and the means of both.
    pub(crate) fn of(members: &[Member], rows: &Rows<'_>) -> Result<Self, RecipeError> {
        let mut opinions = Vec::new();
        let mut averages = Vec::new();
        for (number, member) in members.iter().enumerate() {
            let number = number + 1;
            opinions.push(Opinion {
                name: format!("member {number}"),
                kind: ModelKind::Member,
                probabilities: probabilities(&member.model, &rows.input)?,
            });
            if let Some(average) = &member.average {
                averages.push(Opinion {
                    name: format!("member {number}, moving average of weights"),
                    kind: ModelKind::Average,
                    probabilities: probabilities(average, &rows.input)?,
                });
            }
        }
        let mean_of = |opinions: &[Opinion], of: &str| -> Result<Opinion, RecipeError> {
            let probabilities: Vec<&Tensor<f32>> = opinions
                .iter()
                .map(|opinion| &opinion.probabilities)
                .collect();
            Ok(Opinion {
                name: format!("mean of {} {of}", opinions.len()),
                kind: ModelKind::Ensemble,
                probabilities: limpid_ensemble::mean(&Tensor::stack(&probabilities, 0)?)?,
            })
        };
        let ensemble = mean_of(&opinions, "members")?;
        if !averages.is_empty() {
            averages.push(mean_of(&averages, "moving averages")?);
        }
        let all = opinions.into_iter().chain(averages).chain([ensemble]);
        let scored = all.map(|opinion| -> Result<_, RecipeError> {
            let mut metric = Classification::new(rows.classes)?;
            metric.update(&opinion.probabilities, rows.labels)?;
            Ok((opinion.name, opinion.kind, metric.scores()?))
        });
        Ok(Self {
            rows: scored.collect::<Result<_, _>>()?,
        })
    }

    /// The scores of member `number`, from 0.
    pub(crate) fn member(&self, number: usize) -> Option<&ClassificationScores> {
        self.rows.get(number).map(|(_, _, scores)| scores)
    }

    /// The scores of member `number`'s moving average of weights.
    pub(crate) fn average(&self, number: usize) -> Option<&ClassificationScores> {
        let mut averages = self
            .rows
            .iter()
            .filter(|(_, kind, _)| *kind == ModelKind::Average);
        averages.nth(number).map(|(_, _, scores)| scores)
    }

    /// The scores of the mean of the members.
    pub(crate) fn ensemble(&self) -> Option<&ClassificationScores> {
        self.rows.last().map(|(_, _, scores)| scores)
    }
}

/// The comparison as the report shows it.
pub(crate) fn table(validation: &Scores, test: &Scores) -> Vec<EnsembleRow> {
    let pairs = validation.rows.iter().zip(&test.rows);
    pairs
        .map(|((name, kind, validation), (_, _, test))| EnsembleRow {
            name: name.clone(),
            kind: *kind,
            validation_accuracy: Some(validation.accuracy),
            validation_nll: Some(validation.log_loss),
            test_accuracy: Some(test.accuracy),
            test_nll: Some(test.log_loss),
        })
        .collect()
}

/// The ensemble's confusion matrix.
pub(crate) fn confusion(part: &str, scores: &Scores, classes: &[String]) -> Option<Confusion> {
    let counts = scores.ensemble()?.confusion.clone();
    Some(Confusion {
        part: part.to_owned(),
        labels: classes.to_vec(),
        counts,
    })
}

fn probabilities(model: &Sequential<f32>, input: &Tensor<f32>) -> Result<Tensor<f32>, RecipeError> {
    Ok(model.predict(input)?.softmax(-1)?)
}
