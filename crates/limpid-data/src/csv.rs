//! Tables from comma-separated text.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ::csv::{ReaderBuilder, StringRecord, Trim};
use ndarray::Array2;

use crate::gzip::decompressed;
use crate::{DataError, Table, Target};

mod columns;

use columns::{Columns, Role};

/// Which column is to be predicted.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum TargetColumn {
    /// The last column.
    #[default]
    Last,
    /// The column of this name.
    Named(String),
    /// None: all columns are features.
    Absent,
}

/// How the target column is to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Task {
    /// Classes where the column holds text, or holds the whole numbers `0..k` with each of them at
    /// least twice; values otherwise.
    #[default]
    Infer,
    /// Each different cell is a class.
    Classification,
    /// Each cell is a number.
    Regression,
}

/// Whether the first row names the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Header {
    /// It does when no cell of it is a number.
    #[default]
    Infer,
    /// It does.
    Present,
    /// It does not; the columns are named `x0`, `x1`, and so on.
    Absent,
}

/// How a text becomes a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableOptions {
    /// Which column is to be predicted; the last by default.
    pub target: TargetColumn,
    /// How the target is to be understood; inferred by default.
    pub task: Task,
    /// Whether the first row names the columns; inferred by default.
    pub header: Header,
    /// What stands between cells; a comma by default.
    pub delimiter: u8,
    /// Columns to leave out: row numbers, identifiers.
    pub ignore: Vec<String>,
    /// The column whose equal cells must stay in one part of a split; no feature.
    pub group: Option<String>,
    /// The column of numbers that orders the rows in time; no feature.
    pub time: Option<String>,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            target: TargetColumn::Last,
            task: Task::Infer,
            header: Header::Infer,
            delimiter: b',',
            ignore: Vec::new(),
            group: None,
            time: None,
        }
    }
}

impl TableOptions {
    /// The defaults: a comma, the header inferred, the last column as target.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the target column of this name.
    #[must_use]
    pub fn with_target(mut self, name: impl Into<String>) -> Self {
        self.target = TargetColumn::Named(name.into());
        self
    }

    /// Without a target: all columns are features.
    #[must_use]
    pub fn without_target(mut self) -> Self {
        self.target = TargetColumn::Absent;
        self
    }

    /// With the target understood so.
    #[must_use]
    pub fn with_task(mut self, task: Task) -> Self {
        self.task = task;
        self
    }

    /// With a first row of this kind.
    #[must_use]
    pub fn with_header(mut self, header: Header) -> Self {
        self.header = header;
        self
    }

    /// With this byte between cells.
    #[must_use]
    pub fn with_delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// Leaving out the column of this name.
    #[must_use]
    pub fn ignoring(mut self, name: impl Into<String>) -> Self {
        self.ignore.push(name.into());
        self
    }

    /// With the column of this name as the rows' group.
    #[must_use]
    pub fn with_group(mut self, name: impl Into<String>) -> Self {
        self.group = Some(name.into());
        self
    }

    /// With the column of this name as the rows' time.
    #[must_use]
    pub fn with_time(mut self, name: impl Into<String>) -> Self {
        self.time = Some(name.into());
        self
    }
}

/// Reads a table from a file, plain or gzipped. The table's name is the file's stem.
///
/// Features are numbers: text in a feature column is an error that names line and column. Text in
/// the target column makes classes, named in the order of numbers or else of the alphabet.
///
/// # Errors
/// [`DataError`] when the file cannot be read, holds no row, has rows of unequal length, cells that
/// are no finite number, a single class, or lacks a column that the options name.
pub fn read_csv(path: impl AsRef<Path>, options: &TableOptions) -> Result<Table, DataError> {
    let path = path.as_ref();
    let file = path.display().to_string();
    let reader = File::open(path).map_err(|source| DataError::Io {
        file: file.clone(),
        source,
    })?;
    let name = path
        .file_name()
        .map_or(file.clone(), |name| name.to_string_lossy().into_owned());
    let stem = name
        .split('.')
        .next()
        .filter(|stem| !stem.is_empty())
        .unwrap_or(&name)
        .to_owned();
    let text = decompressed(BufReader::new(reader)).map_err(|source| DataError::Io {
        file: file.clone(),
        source,
    })?;
    parse(&stem, &file, text, options)
}

/// Reads a table from any source of bytes, plain or gzipped; `name` stands for it in messages.
///
/// # Errors
/// As [`read_csv`].
///
/// # Example
/// ```
/// use limpid_data::{Dataset, TableOptions, read_csv_from};
///
/// let text = "mass,speed,kind\n1.5,0.2,slow\n0.1,3.5,fast\n";
/// let table = read_csv_from("animals", text.as_bytes(), &TableOptions::new())?;
/// assert_eq!(table.feature_names(), ["mass", "speed"]);
/// assert_eq!(table.class_names()?, ["fast", "slow"]);
/// assert_eq!(table.labels()?, [1, 0]);
///
/// let broken = "mass,speed,kind\n1.5,?,slow\n";
/// let error = read_csv_from("animals", broken.as_bytes(), &TableOptions::new()).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "animals: line 2, column 2 (`speed`): expected a value, found a missing cell (`?`)"
/// );
/// # Ok::<(), limpid_data::DataError>(())
/// ```
pub fn read_csv_from(
    name: &str,
    reader: impl Read,
    options: &TableOptions,
) -> Result<Table, DataError> {
    let text = decompressed(reader).map_err(|source| DataError::Io {
        file: name.to_owned(),
        source,
    })?;
    parse(name, name, text, options)
}

fn parse(
    name: &str,
    file: &str,
    text: impl Read,
    options: &TableOptions,
) -> Result<Table, DataError> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(options.delimiter)
        .from_reader(text);
    let mut record = StringRecord::new();
    if !next(&mut reader, &mut record, file)? {
        return Err(DataError::EmptyTable {
            file: file.to_owned(),
        });
    }
    let header = match options.header {
        Header::Present => true,
        Header::Absent => false,
        Header::Infer => record.iter().all(|cell| cell.parse::<f64>().is_err()),
    };
    let names: Vec<String> = if header {
        record.iter().map(str::to_owned).collect()
    } else {
        (0..record.len())
            .map(|column| format!("x{column}"))
            .collect()
    };
    let mut columns = Columns::new(file, names, options)?;
    let mut more = !header || next(&mut reader, &mut record, file)?;
    while more {
        columns.push(&record)?;
        more = next(&mut reader, &mut record, file)?;
    }
    columns.into_table(name, options.task)
}

/// Reads the next row; false at the end.
fn next(
    reader: &mut ::csv::Reader<impl Read>,
    record: &mut StringRecord,
    file: &str,
) -> Result<bool, DataError> {
    reader.read_record(record).map_err(|error| {
        let line = error.position().map_or(0, ::csv::Position::line);
        match error.into_kind() {
            ::csv::ErrorKind::Io(source) => DataError::Io {
                file: file.to_owned(),
                source,
            },
            ::csv::ErrorKind::Utf8 { err, .. } => DataError::Csv {
                file: file.to_owned(),
                line,
                problem: err.to_string(),
            },
            other => DataError::Csv {
                file: file.to_owned(),
                line,
                problem: format!("{other:?}"),
            },
        }
    })
}

/// Classes or values out of the cells of the target column.
fn target(columns: &Columns<'_>, task: Task) -> Result<Target, DataError> {
    if !columns.roles().contains(&Role::Target) {
        return Ok(Target::None);
    }
    let cells = columns.target_cells();
    let numbers: Option<Vec<f64>> = cells
        .iter()
        .map(|(_, cell)| cell.parse::<f64>().ok())
        .collect();
    let classification = match task {
        Task::Classification => true,
        Task::Regression => false,
        Task::Infer => numbers.as_deref().is_none_or(are_class_numbers),
    };
    if classification {
        Ok(classes(cells))
    } else {
        columns.target_numbers().map(Target::column)
    }
}

/// The numbers are exactly `0..k`, each at least twice.
fn are_class_numbers(numbers: &[f64]) -> bool {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let runs: Vec<&[f64]> = sorted.chunk_by(|left, right| left == right).collect();
    runs.iter()
        .enumerate()
        .all(|(class, run)| run.len() > 1 && run[0] == class as f64)
}

fn classes(cells: &[(u64, String)]) -> Target {
    let mut names: Vec<String> = cells.iter().map(|(_, cell)| cell.clone()).collect();
    names.sort();
    names.dedup();
    let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse::<f64>().ok()).collect();
    if let Some(numbers) = numbers {
        let mut paired: Vec<(f64, String)> = numbers.into_iter().zip(names).collect();
        paired.sort_by(|left, right| left.0.total_cmp(&right.0));
        names = paired.into_iter().map(|(_, name)| name).collect();
    }
    let labels = cells
        .iter()
        .filter_map(|(_, cell)| names.iter().position(|name| name == cell))
        .collect();
    Target::Classes { labels, names }
}

impl Columns<'_> {
    fn into_table(self, name: &str, task: Task) -> Result<Table, DataError> {
        let file = self.file();
        if self.rows() == 0 {
            return Err(DataError::EmptyTable {
                file: file.to_owned(),
            });
        }
        let names = self.names_of(Role::Feature);
        let target = target(&self, task)?;
        let target_name = self.names_of(Role::Target).pop();
        let (rows, width) = (self.rows(), names.len());
        let (features, groups, times) = self.into_parts();
        let features =
            Array2::from_shape_vec((rows, width), features).map_err(|_| DataError::NoFeatures {
                file: file.to_owned(),
            })?;
        let mut table = Table::new(name, features, target)?
            .with_feature_names(names)?
            .with_source(file);
        if let Some(target_name) = target_name {
            table = table.with_target_name(target_name);
        }
        if let Some(groups) = groups {
            table = table.with_groups(groups)?;
        }
        if let Some(times) = times {
            table = table.with_times(times)?;
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests;
