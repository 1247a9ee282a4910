//! What can be wrong with a file.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file that could not be written, read or used. Each names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InteropError {
    /// The system refused.
    #[error("{}: cannot {action}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What was to be done: `read`, `write`, `replace`, `remove`.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file ends before its header says that it does.
    #[error("{}: truncated: expected {expected} bytes, found {found}", file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// How many bytes there must be, at least.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// The file's bytes are not those that were written.
    #[error("{}: damaged: expected the checksum {expected}, found {found}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The checksum that the file states.
        expected: String,
        /// The checksum of its bytes.
        found: String,
    },
    /// The file is of another format, or damaged.
    #[error("{}: expected a safetensors file, found {found}", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What was found instead.
        found: String,
    },
    /// A tensor of the file is of another element type.
    #[error("{}: tensor `{tensor}`: expected elements of {expected}, found {found}", file.display())]
    ElementType {
        /// The file.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// The file's tensors are not those of the model.
    #[error("{}: does not fit the model: {source}", file.display())]
    Mismatch {
        /// The file.
        file: PathBuf,
        /// What is missing, left over or of another shape.
        source: limpid_tensor::Error,
    },
    /// Something cannot be written in the format.
    #[error("{}: cannot be written: {problem}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl InteropError {
    /// Wraps what the system said while it should `action` the file.
    pub(crate) fn io(
        file: &Path,
        action: &'static str,
    ) -> impl FnOnce(std::io::Error) -> InteropError {
        let file = file.to_owned();
        move |source| Self::Io {
            file,
            action,
            source,
        }
    }

    pub(crate) fn foreign(file: &Path, found: impl Into<String>) -> Self {
        Self::Foreign {
            file: file.to_owned(),
            found: found.into(),
        }
    }
}
