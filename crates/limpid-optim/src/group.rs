//! Parameters that are treated otherwise than the rest.

use std::fmt;
use std::sync::Arc;

use limpid_tensor::Result;

use crate::setting;

/// A condition on a parameter's path and shape.
pub type Condition = dyn Fn(&str, &[usize]) -> bool + Send + Sync;

/// Which parameters belong to a group.
#[derive(Clone)]
pub enum Members {
    /// Every parameter.
    All,
    /// The parameter at this path, and all below it; whole segments count.
    Below(String),
    /// Parameters of at most this rank. Rank 1 means biases and the scales and shifts of norms.
    RankAtMost(usize),
    /// Parameters that a condition on path and shape holds for.
    Where(Arc<Condition>),
}

impl Members {
    /// Parameters whose path and shape fulfil `condition`.
    ///
    /// A condition has no name: settings that are compared, as a checkpoint's with those of the run that goes
    /// on from it, do not tell two of them apart.
    pub fn matching(condition: impl Fn(&str, &[usize]) -> bool + Send + Sync + 'static) -> Self {
        Self::Where(Arc::new(condition))
    }

    /// Whether the parameter belongs to them.
    pub fn contain(&self, path: &str, shape: &[usize]) -> bool {
        match self {
            Self::All => true,
            Self::Below(prefix) => path
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest.starts_with('.')),
            Self::RankAtMost(rank) => shape.len() <= *rank,
            Self::Where(condition) => condition(path, shape),
        }
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("All"),
            Self::Below(prefix) => write!(formatter, "Below({prefix:?})"),
            Self::RankAtMost(rank) => write!(formatter, "RankAtMost({rank})"),
            Self::Where(_) => formatter.write_str("Where(..)"),
        }
    }
}

/// Parameters with a rate or a weight decay of their own. Where a parameter belongs to several
/// groups, the last one that sets a value counts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Group {
    /// Which parameters belong to it.
    pub members: Members,
    /// What their rate is multiplied by, from 0; `None` leaves it.
    pub rate_scale: Option<f64>,
    /// Their weight decay, from 0, in the place of the rule's; `None` leaves it.
    pub weight_decay: Option<f64>,
}

impl Group {
    /// A group that changes nothing yet.
    pub fn new(members: Members) -> Self {
        Self {
            members,
            rate_scale: None,
            weight_decay: None,
        }
    }

    /// The parameter at `path`, and all below it.
    pub fn below(path: impl Into<String>) -> Self {
        Self::new(Members::Below(path.into()))
    }

    /// Multiplies the rate.
    #[must_use]
    pub fn with_rate_scale(mut self, scale: f64) -> Self {
        self.rate_scale = Some(scale);
        self
    }

    /// Replaces the rule's weight decay.
    #[must_use]
    pub fn with_weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = Some(weight_decay);
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        setting::not_negative("group", "rate_scale", self.rate_scale.unwrap_or(1.0))?;
        setting::not_negative("group", "weight_decay", self.weight_decay.unwrap_or(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_count_by_whole_segments() {
        let members = Members::Below("blocks.1".to_owned());
        assert!(members.contain("blocks.1", &[2]));
        assert!(members.contain("blocks.1.weight", &[2]));
        assert!(!members.contain("blocks.10.weight", &[2]));
        assert!(Members::Below(String::new()).contain("anything", &[]));
    }

    #[test]
    fn negative_scales_are_refused() {
        let error = Group::below("head")
            .with_rate_scale(-1.0)
            .check()
            .unwrap_err();
        assert!(error.to_string().contains("`rate_scale`"), "{error}");
    }
}
