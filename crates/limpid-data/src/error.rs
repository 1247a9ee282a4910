//! What can go wrong with data, said as a value: where, what was expected, what was found.

use std::io;

/// An error of reading, describing, splitting or batching data.
///
/// `file` is the path of what was read, or the name of a dataset that was made in memory. Lines and
/// columns are counted from 1 as editors do; rows of a dataset are counted from 0 as arrays do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system could not read the file, or its compression is damaged.
    #[error("{file}: expected a readable, undamaged file: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// A file of a known dataset is not where it was looked for.
    #[error(
        "{folder}: expected the file `{file}` (plain or with .gz); set the environment variable \
         {variable} to the folder that holds the datasets"
    )]
    MissingFile {
        /// The folder that was searched.
        folder: String,
        /// The file's name.
        file: String,
        /// The environment variable that names the folder above.
        variable: &'static str,
    },
    /// The text is not a table of comma-separated values.
    #[error("{file}: line {line}: expected a row of separated values: {problem}")]
    Csv {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// What the reader said.
        problem: String,
    },
    /// No row of data.
    #[error("{file}: expected at least one row of data, found none")]
    EmptyTable {
        /// The file.
        file: String,
    },
    /// Nothing but a target.
    #[error("{file}: expected at least one column of features, found none")]
    NoFeatures {
        /// The file.
        file: String,
    },
    /// A row with more or fewer cells than the first.
    #[error("{file}: line {line}: expected {expected} cells as in the first row, found {found}")]
    RaggedRow {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// Cells of the first row.
        expected: usize,
        /// Cells of this row.
        found: usize,
    },
    /// Text where a number belongs.
    #[error("{file}: line {line}, column {column} (`{name}`): expected a number, found `{found}`")]
    NotANumber {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// The column's name.
        name: String,
        /// The cell.
        found: String,
    },
    /// NaN or an infinity.
    #[error(
        "{file}: line {line}, column {column} (`{name}`): expected a finite number, found `{found}`"
    )]
    NotFinite {
        /// The file.
        file: String,
        /// The line; for a dataset in memory, the row counted from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// The column's name.
        name: String,
        /// The cell.
        found: String,
    },
    /// An empty cell, or one that says that the value is unknown (`NA`, `N/A`, `null`, `?`).
    #[error(
        "{file}: line {line}, column {column} (`{name}`): expected a value, found a missing cell \
         (`{found}`)"
    )]
    MissingCell {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// The column's name.
        name: String,
        /// The cell as it stands.
        found: String,
    },
    /// A column that the options name is not there.
    #[error("{file}: expected a column `{wanted}`, found {}", columns.join(", "))]
    UnknownColumn {
        /// The file.
        file: String,
        /// The name that was asked for.
        wanted: String,
        /// The names that there are.
        columns: Vec<String>,
    },
    /// A classification with nothing to tell apart.
    #[error("{file}: expected at least two classes, found only `{class}`")]
    OneClass {
        /// The file.
        file: String,
        /// The one class.
        class: String,
    },
    /// A label that names no class.
    #[error("{file}: row {row}: expected a label below {classes}, found {label}")]
    LabelOutOfRange {
        /// The file or dataset.
        file: String,
        /// The row, from 0.
        row: usize,
        /// The label.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// Two things that belong together differ in size.
    #[error("{file}: {what}: expected {expected}, found {found}")]
    Size {
        /// The file or dataset.
        file: String,
        /// What was measured, e.g. "labels for 60000 images".
        what: String,
        /// The size that must be.
        expected: usize,
        /// The size that is.
        found: usize,
    },
    /// A row beyond the end.
    #[error("{file}: expected a row below {rows}, found {row}")]
    RowOutOfRange {
        /// The dataset.
        file: String,
        /// The row that was asked for.
        row: usize,
        /// How many there are.
        rows: usize,
    },
    /// The dataset's target is not of the kind that was asked for.
    #[error("{file}: expected a target of {expected}, found {found}")]
    TargetKind {
        /// The dataset.
        file: String,
        /// The kind that was asked for.
        expected: &'static str,
        /// The kind that is there.
        found: &'static str,
    },
    /// A file that is not of the IDX format, or of another element type or rank.
    #[error("{file}: expected an IDX file that begins with {expected}, found {found}")]
    IdxMagic {
        /// The file.
        file: String,
        /// The first bytes that must be.
        expected: String,
        /// The first bytes that are.
        found: String,
    },
    /// An IDX file that ends early.
    #[error("{file}: truncated: the header promises {expected} bytes of data, found {found}")]
    IdxTruncated {
        /// The file.
        file: String,
        /// Bytes that must be.
        expected: u64,
        /// Bytes that are.
        found: u64,
    },
    /// An IDX file that goes on where it should end.
    #[error("{file}: expected the end of the file after {expected} bytes of data, found more")]
    IdxTrailingBytes {
        /// The file.
        file: String,
        /// Bytes of data that the header promises.
        expected: u64,
    },
    /// A setting outside its range: batch size 0, a fraction beyond (0, 1), too many folds.
    #[error("{name}: expected {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What must hold.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A part of a split that would hold nothing.
    #[error("{part}: expected at least one row, found none when dividing {available}")]
    EmptyPart {
        /// The part: "train", "validation", "test", "fold 3".
        part: String,
        /// What was divided: "12 rows", "2 groups".
        available: String,
    },
    /// A class with fewer rows than parts.
    #[error(
        "class `{class}`: expected at least {needed} rows so that every part gets one, found {found}"
    )]
    ClassTooSmall {
        /// The class.
        class: String,
        /// Rows needed.
        needed: usize,
        /// Rows there are.
        found: usize,
    },
    /// A worker of a loader could not make its batch: a map or an augmentation panicked.
    #[error("batch {batch}: expected it to be made, found: {problem}")]
    Worker {
        /// The batch of the epoch, from 0.
        batch: usize,
        /// What the panic said.
        problem: String,
    },
    /// The test part was opened before, or without a reason.
    #[error("test part of {file}: expected its first opening, with a reason; found {found}")]
    Sealed {
        /// The dataset.
        file: String,
        /// What stands against it.
        found: String,
    },
}

impl DataError {
    pub(crate) fn setting(
        name: &'static str,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Self {
        Self::Setting {
            name,
            expected: expected.into(),
            found: found.to_string(),
        }
    }

    /// Sizes that must be equal and are not.
    pub fn size(
        file: impl Into<String>,
        what: impl Into<String>,
        expected: usize,
        found: usize,
    ) -> Self {
        Self::Size {
            file: file.into(),
            what: what.into(),
            expected,
            found,
        }
    }
}
