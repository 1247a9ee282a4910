//! How the items of a batch become one number.

/// How the items of a batch become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean, weighted where the loss has weights. The mean of no items, or of items without
    /// any weight, is NaN, as in PyTorch.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// They stay as they are.
    None,
}
