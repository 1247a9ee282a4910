//! What can be wrong with a case, and with running one.

use std::path::PathBuf;

use thiserror::Error;

/// A case that can't be read.
#[derive(Debug, Error)]
pub enum CaseError {
    /// The file or folder can't be opened.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not JSON.
    #[error("{}: not JSON: {source}", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// Where the syntax breaks.
        source: serde_json::Error,
    },
    /// A key is missing, or its value is not what the format says.
    #[error("{}: {case}: `{key}`: {problem}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The case's name, or its number where it has none.
        case: String,
        /// The key, with the keys above it: `inputs.weight.shape`.
        key: String,
        /// What is there and what must be.
        problem: String,
    },
}

/// The place of a problem within a case: the key and what must hold there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{key}`: {problem}")]
pub struct KeyError {
    /// The key, with the keys above it.
    pub key: String,
    /// What is there and what must be.
    pub problem: String,
}

impl KeyError {
    /// A problem at `key`.
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
        }
    }

    /// The same problem, seen from the key above.
    #[must_use]
    pub fn below(self, key: &str) -> Self {
        let key = if self.key.is_empty() {
            key.to_owned()
        } else {
            format!("{key}.{}", self.key)
        };
        Self {
            key,
            problem: self.problem,
        }
    }
}

/// Why an operation gave no outputs.
#[derive(Debug, Error)]
pub enum OperationError {
    /// The case lacks an input or a setting, or holds one that the operation can't use.
    #[error("malformed case: {0}")]
    Case(#[from] KeyError),
    /// The operation refused its arguments.
    #[error("{0}")]
    Refused(#[from] Box<dyn std::error::Error + Send + Sync>),
    /// The operation panicked.
    #[error("panicked: {0}")]
    Panicked(String),
}

impl From<limpid_tensor::Error> for OperationError {
    fn from(error: limpid_tensor::Error) -> Self {
        Self::Refused(Box::new(error))
    }
}
