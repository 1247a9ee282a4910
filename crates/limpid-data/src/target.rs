//! What is to be predicted.

use ndarray::{Array2, Axis};

use crate::{DataError, FingerprintBuilder};

/// What is to be predicted, a value for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// One class for each row.
    Classes {
        /// The class of each row, an index into `names`.
        labels: Vec<usize>,
        /// The classes' names.
        names: Vec<String>,
    },
    /// Numbers for each row, `[rows, outputs]`.
    Values(Array2<f64>),
    /// Nothing: rows to predict for, or to describe.
    None,
}

impl Target {
    /// Classes named by their numbers, `"0"`, `"1"`, and so on.
    pub fn numbered_classes(labels: Vec<usize>, classes: usize) -> Self {
        Self::Classes {
            labels,
            names: (0..classes).map(|class| class.to_string()).collect(),
        }
    }

    /// One number for each row.
    pub fn column(values: Vec<f64>) -> Self {
        Self::Values(ndarray::Array1::from_vec(values).insert_axis(Axis(1)))
    }

    /// What this target is called in messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Classes { .. } => "classes",
            Self::Values(_) => "values",
            Self::None => "nothing",
        }
    }

    /// The labels and the classes' names.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] when the target is not one of classes; `file` is named in it.
    pub fn classes(&self, file: &str) -> Result<(&[usize], &[String]), DataError> {
        match self {
            Self::Classes { labels, names } => Ok((labels, names)),
            other => Err(other.not("classes", file)),
        }
    }

    /// The numbers, `[rows, outputs]`.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] when the target is not one of numbers; `file` is named in it.
    pub fn values(&self, file: &str) -> Result<&Array2<f64>, DataError> {
        match self {
            Self::Values(values) => Ok(values),
            other => Err(other.not("values", file)),
        }
    }

    /// How many rows the target is for; `None` where it is for any number.
    pub fn len(&self) -> Option<usize> {
        match self {
            Self::Classes { labels, .. } => Some(labels.len()),
            Self::Values(values) => Some(values.nrows()),
            Self::None => None,
        }
    }

    /// Whether it holds no value.
    pub fn is_empty(&self) -> bool {
        self.len().is_none_or(|rows| rows == 0)
    }

    fn not(&self, expected: &'static str, file: &str) -> DataError {
        DataError::TargetKind {
            file: file.to_owned(),
            expected,
            found: self.kind(),
        }
    }

    /// The target fits `rows` rows, its labels name classes, its numbers are finite, and there is
    /// something to tell apart.
    pub(crate) fn check(&self, file: &str, rows: usize) -> Result<(), DataError> {
        if let Some(found) = self.len()
            && found != rows
        {
            return Err(DataError::size(file, "targets for the rows", rows, found));
        }
        match self {
            Self::Classes { labels, names } => check_classes(file, labels, names),
            Self::Values(values) => check_finite(file, values, |_| "target".to_owned()),
            Self::None => Ok(()),
        }
    }

    /// The targets of rows that are known to exist.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Classes { labels, names } => Self::Classes {
                labels: rows.iter().map(|&row| labels[row]).collect(),
                names: names.clone(),
            },
            Self::Values(values) => Self::Values(values.select(Axis(0), rows)),
            Self::None => Self::None,
        }
    }

    pub(crate) fn print(&self, mut builder: FingerprintBuilder) -> FingerprintBuilder {
        match self {
            Self::Classes { labels, names } => {
                for name in names {
                    builder = builder.bytes(name.as_bytes());
                }
                labels
                    .iter()
                    .fold(builder, |builder, &label| builder.word(label as u64))
            }
            Self::Values(values) => values
                .iter()
                .fold(builder, |builder, &value| builder.number(value)),
            Self::None => builder,
        }
    }
}

fn check_classes(file: &str, labels: &[usize], names: &[String]) -> Result<(), DataError> {
    if let Some((row, &label)) = labels
        .iter()
        .enumerate()
        .find(|&(_, &label)| label >= names.len())
    {
        let (file, classes) = (file.to_owned(), names.len());
        return Err(DataError::LabelOutOfRange {
            file,
            row,
            label,
            classes,
        });
    }
    match labels.first() {
        Some(&first) if labels.iter().all(|&label| label == first) => Err(DataError::OneClass {
            file: file.to_owned(),
            class: names[first].clone(),
        }),
        _ => Ok(()),
    }
}

/// Every number is finite; `name` gives a column's name for the message.
pub(crate) fn check_finite(
    file: &str,
    values: &Array2<f64>,
    name: impl Fn(usize) -> String,
) -> Result<(), DataError> {
    match values.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, column), value)) => Err(DataError::NotFinite {
            file: file.to_owned(),
            line: row as u64 + 1,
            column: column + 1,
            name: name(column),
            found: value.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_beyond_the_classes_is_named_with_its_row() {
        let target = Target::numbered_classes(vec![0, 1, 3], 3);
        let error = target.check("toy", 3).unwrap_err();
        assert_eq!(
            error.to_string(),
            "toy: row 2: expected a label below 3, found 3"
        );
    }

    #[test]
    fn one_class_is_nothing_to_learn() {
        let target = Target::numbered_classes(vec![1, 1], 2);
        let error = target.check("toy", 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "toy: expected at least two classes, found only `1`"
        );
    }

    #[test]
    fn a_nan_target_is_found() {
        let error = Target::column(vec![1.0, f64::NAN])
            .check("toy", 2)
            .unwrap_err();
        assert!(
            matches!(
                error,
                DataError::NotFinite {
                    line: 2,
                    column: 1,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_target_of_another_length_is_refused() {
        let error = Target::column(vec![1.0]).check("toy", 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "toy: targets for the rows: expected 2, found 1"
        );
    }
}
