//! The rows of a batch of classes, checked.

use limpid_tensor::{Element, Elements, Error, ErrorKind, Result, Tensor};

/// Scores `[rows, classes]`, each row with its class.
pub(super) struct ClassRows<'a, E: Element> {
    pub(super) classes: usize,
    scores: Elements<'a, E>,
    target: &'a [usize],
}

impl<'a, E: Element> ClassRows<'a, E> {
    /// Checks shapes, classes and that no score is NaN; infinite ones, as masks make, are compared
    /// like others.
    pub(super) fn new(
        name: &'static str,
        scores: &'a Tensor<E>,
        target: &'a [usize],
    ) -> Result<Self> {
        let shape = scores.shape();
        let [rows, classes] = *shape else {
            return Err(Error::shape(name, &[shape], "must be [rows, classes]"));
        };
        if rows != target.len() {
            let rule = "there must be one target for each row";
            return Err(Error::shape(name, &[shape, &[target.len()]], rule));
        }
        if let Some(&class) = target.iter().find(|&&class| class >= classes) {
            return Err(Error::index(name, "class", class, classes));
        }
        let scores = scores.elements();
        check_numbers(name, "score", &scores)?;
        Ok(Self {
            classes,
            scores,
            target,
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[E], usize)> {
        let rows = self.scores.chunks_exact(self.classes.max(1));
        rows.zip(self.target.iter().copied())
    }
}

/// None of them is NaN.
pub(super) fn check_numbers<E: Element>(
    name: &'static str,
    what: &str,
    numbers: &[E],
) -> Result<()> {
    match numbers.iter().find(|it| it.is_nan()) {
        None => Ok(()),
        Some(&found) => {
            let what = what.to_owned();
            let found = found.double();
            Err(Error::new(name, ErrorKind::NotFinite { what, found }))
        }
    }
}

/// As many classes as before, where there was a before.
pub(super) fn check_classes(name: &'static str, before: usize, classes: usize) -> Result<()> {
    if before == 0 || before == classes {
        return Ok(());
    }
    let rule = format!("must have {before} classes, as before");
    Err(Error::shape(name, &[&[classes]], rule))
}

/// The place of the greatest score; of equal ones the lowest.
pub(super) fn greatest<E: Element>(row: &[E]) -> usize {
    (1..row.len()).fold(0, |best, it| if row[it] > row[best] { it } else { best })
}

/// What a model's outputs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outputs {
    Logits,
    Probabilities,
}

impl Outputs {
    /// The probabilities of a row, in double precision: of logits their softmax.
    pub(super) fn probabilities<E: Element>(self, row: &[E]) -> Vec<f64> {
        let values: Vec<f64> = row.iter().map(|it| it.double()).collect();
        if self == Self::Probabilities {
            return values;
        }
        let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = values.iter().map(|it| (it - greatest).exp()).collect();
        let total: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / total).collect()
    }
}
