//! What can go wrong in array mathematics, said as a value.

use std::fmt;

/// The result of everything in limpid that computes with tensors.
pub type Result<T> = std::result::Result<T, Error>;

/// An error that says where (the layer's path and the operation), what was given, and what must
/// hold.
///
/// # Example
/// ```
/// use limpid_tensor::Tensor;
///
/// let left = Tensor::<f32>::zeros([32, 100]);
/// let right = Tensor::<f32>::zeros([784, 128]);
/// let error = left.matmul(&right).unwrap_err().at("fc1").at("encoder");
/// assert_eq!(
///     error.to_string(),
///     "encoder.fc1: matmul: shapes [32, 100] and [784, 128]: \
///      the left's last dimension (100) must equal the right's second to last (784)"
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq)]
struct Inner {
    /// Innermost segment first, as the error travels outwards.
    path: Vec<String>,
    operation: &'static str,
    kind: ErrorKind,
}

/// The rule that was broken.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Shapes that do not fit.
    Shape {
        /// The shapes that were given.
        shapes: Vec<Vec<usize>>,
        /// What must hold.
        rule: String,
    },
    /// A dimension that the tensor does not have.
    Dimension {
        /// The dimension that was asked for.
        dim: isize,
        /// The tensor's rank.
        rank: usize,
    },
    /// A setting outside its range.
    Argument {
        /// The setting's name.
        name: &'static str,
        /// What must hold.
        expected: String,
        /// What was given.
        found: String,
    },
    /// An index beyond the end.
    Index {
        /// The index that was given.
        index: usize,
        /// How many there are.
        length: usize,
        /// What is indexed: "class", "row", "element of dimension 1".
        what: String,
    },
    /// A gradient was asked of a value that has none.
    NoGradient {
        /// Why there is none.
        reason: String,
    },
    /// A number that is not finite where one must be.
    NotFinite {
        /// What holds the number.
        what: String,
        /// The number.
        found: f64,
    },
    /// Parameters or buffers that do not match what was given for them.
    Parameters {
        /// What must hold.
        expected: String,
        /// What was given.
        found: String,
    },
}

impl Error {
    /// An error of `operation`.
    pub fn new(operation: &'static str, kind: ErrorKind) -> Self {
        Self(Box::new(Inner {
            path: Vec::new(),
            operation,
            kind,
        }))
    }

    /// Shapes that do not fit `operation`'s `rule`.
    pub fn shape(operation: &'static str, shapes: &[&[usize]], rule: impl Into<String>) -> Self {
        let shapes = shapes.iter().map(|shape| shape.to_vec()).collect();
        Self::new(
            operation,
            ErrorKind::Shape {
                shapes,
                rule: rule.into(),
            },
        )
    }

    /// A setting of `operation` outside its range.
    pub fn argument(
        operation: &'static str,
        name: &'static str,
        expected: impl Into<String>,
        found: impl fmt::Display,
    ) -> Self {
        let (expected, found) = (expected.into(), found.to_string());
        Self::new(
            operation,
            ErrorKind::Argument {
                name,
                expected,
                found,
            },
        )
    }

    /// Index `index` where there are only `length`.
    pub fn index(
        operation: &'static str,
        what: impl Into<String>,
        index: usize,
        length: usize,
    ) -> Self {
        Self::new(
            operation,
            ErrorKind::Index {
                index,
                length,
                what: what.into(),
            },
        )
    }

    /// Parameters that do not match.
    pub fn parameters(
        operation: &'static str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        let (expected, found) = (expected.into(), found.into());
        Self::new(operation, ErrorKind::Parameters { expected, found })
    }

    /// The same error, raised one segment further out: `error.at("fc1").at("encoder")` lies at
    /// `encoder.fc1`.
    #[must_use]
    pub fn at(mut self, segment: impl Into<String>) -> Self {
        let segment = segment.into();
        if !segment.is_empty() {
            self.0.path.push(segment);
        }
        self
    }

    /// The rule that was broken.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The operation that found it, by its public name.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The path of the layer that ran the operation, empty outside of one.
    pub fn path(&self) -> String {
        let segments: Vec<&str> = self.0.path.iter().rev().map(String::as_str).collect();
        segments.join(".")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.path.is_empty() {
            write!(formatter, "{}: ", self.path())?;
        }
        write!(formatter, "{}: {}", self.0.operation, self.0.kind)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { shapes, rule } => {
                let noun = if shapes.len() == 1 { "shape" } else { "shapes" };
                let shapes: Vec<String> = shapes.iter().map(|shape| format!("{shape:?}")).collect();
                write!(formatter, "{noun} {}: {rule}", shapes.join(" and "))
            }
            Self::Dimension { dim, rank } => write!(
                formatter,
                "dimension {dim} of a tensor of rank {rank}: must lie in -{rank}..{rank}"
            ),
            Self::Argument {
                name,
                expected,
                found,
            } => {
                write!(formatter, "`{name}` must be {expected}, found {found}")
            }
            Self::Index {
                index,
                length,
                what,
            } => {
                write!(
                    formatter,
                    "{what} {index} is out of range: there are {length}"
                )
            }
            Self::NoGradient { reason } => write!(formatter, "no gradient: {reason}"),
            Self::NotFinite { what, found } => {
                write!(formatter, "{what} must be finite, found {found}")
            }
            Self::Parameters { expected, found } => {
                write!(formatter, "expected {expected}, found {found}")
            }
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_place_operation_and_rule() {
        let error = Error::argument("dropout", "p", "in [0, 1)", 1.5)
            .at("drop")
            .at("")
            .at("net");
        assert_eq!(
            error.to_string(),
            "net.drop: dropout: `p` must be in [0, 1), found 1.5"
        );
        assert_eq!(error.path(), "net.drop");
    }

    #[test]
    fn one_shape_is_spoken_of_in_the_singular() {
        let error = Error::shape("reshape", &[&[2, 3]], "must hold 7 elements");
        assert_eq!(
            error.to_string(),
            "reshape: shape [2, 3]: must hold 7 elements"
        );
    }
}
