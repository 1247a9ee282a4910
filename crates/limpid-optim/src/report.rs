//! What a step did.

/// How much of a step is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reporting {
    /// Only what the step needs anyway.
    #[default]
    Plain,
    /// The norms of every parameter, its gradient and its update as well: about two more passes
    /// over memory, so meant for the steps that are looked at.
    Norms,
}

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepReport {
    /// How many updates there have been, this one included; skipped steps do not count.
    pub step: u64,
    /// The learning rate, before the groups' scales.
    pub rate: f64,
    /// The L2 norm of all gradients as they were handed in, where it was measured: for clipping,
    /// because [`Reporting::Norms`] was asked for, or with the look for numbers that are not finite.
    /// Such a look does not measure gradients that are not written out: a few rows of a table, and
    /// products that are multiplied into the parameter.
    pub gradient_norm: Option<f64>,
    /// The same norm after clipping: of what the rule was given, but for noise.
    pub clipped_gradient_norm: Option<f64>,
    /// Whether nothing was changed, because a gradient was not finite.
    pub skipped: bool,
    /// Every parameter that was updated, under [`Reporting::Norms`]; empty otherwise.
    pub parameters: Vec<ParameterReport>,
    /// The paths of the trainable parameters that have no gradient: the loss does not depend on
    /// them. They were left as they are.
    pub without_gradient: Vec<String>,
}

/// What a step did to one parameter. Norms are L2 norms over all its elements.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterReport {
    /// Where in the model it is.
    pub path: String,
    /// The norm of its gradient after clipping, before noise.
    pub gradient_norm: f64,
    /// The norm of the weights before the update.
    pub weight_norm: f64,
    /// The norm of the true update, after minus before: with momentum, decay and all.
    pub update_norm: f64,
}

impl ParameterReport {
    /// How large the update is against the weights; about 1e-3 is usual. Infinite or not a number
    /// for weights that are all 0, as fresh biases are.
    pub fn ratio(&self) -> f64 {
        self.update_norm / self.weight_norm
    }
}

impl StepReport {
    /// The report on the parameter at `path`, where there is one.
    pub fn parameter(&self, path: &str) -> Option<&ParameterReport> {
        self.parameters.iter().find(|it| it.path == path)
    }
}
