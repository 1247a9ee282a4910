//! The cells of a text, sorted into features, target, group and time as they are read.

use std::collections::BTreeMap;

use csv::StringRecord;

use super::{TableOptions, TargetColumn};
use crate::DataError;

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Feature,
    Target,
    Group,
    Time,
    Ignored,
}

/// The cells read so far.
pub(super) struct Columns<'a> {
    file: &'a str,
    names: Vec<String>,
    roles: Vec<Role>,
    features: Vec<f64>,
    /// The target's cells with their lines; understood when all are known.
    target: Vec<(u64, String)>,
    groups: Vec<usize>,
    group_numbers: BTreeMap<String, usize>,
    times: Vec<f64>,
    rows: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn new(
        file: &'a str,
        names: Vec<String>,
        options: &TableOptions,
    ) -> Result<Self, DataError> {
        let mut roles = vec![Role::Feature; names.len()];
        let mut assign = |wanted: &String, role| {
            let column = names.iter().position(|name| name == wanted);
            let column = column.ok_or_else(|| DataError::UnknownColumn {
                file: file.to_owned(),
                wanted: wanted.clone(),
                columns: names.clone(),
            })?;
            roles[column] = role;
            Ok::<(), DataError>(())
        };
        for name in &options.ignore {
            assign(name, Role::Ignored)?;
        }
        if let Some(name) = &options.group {
            assign(name, Role::Group)?;
        }
        if let Some(name) = &options.time {
            assign(name, Role::Time)?;
        }
        match &options.target {
            TargetColumn::Named(name) => assign(name, Role::Target)?,
            TargetColumn::Last => {
                if let Some(last) = roles.iter_mut().rfind(|role| **role == Role::Feature) {
                    *last = Role::Target;
                }
            }
            TargetColumn::Absent => {}
        }
        if !roles.contains(&Role::Feature) {
            return Err(DataError::NoFeatures {
                file: file.to_owned(),
            });
        }
        Ok(Self {
            file,
            names,
            roles,
            features: Vec::new(),
            target: Vec::new(),
            groups: Vec::new(),
            group_numbers: BTreeMap::new(),
            times: Vec::new(),
            rows: 0,
        })
    }

    /// Takes one row.
    pub(super) fn push(&mut self, record: &StringRecord) -> Result<(), DataError> {
        let line = record.position().map_or(0, csv::Position::line);
        let (file, expected, found) = (self.file.to_owned(), self.names.len(), record.len());
        if expected != found {
            return Err(DataError::RaggedRow {
                file,
                line,
                expected,
                found,
            });
        }
        for (column, cell) in record.iter().enumerate() {
            let role = self.roles[column];
            if role != Role::Ignored && is_missing(cell) {
                return Err(DataError::MissingCell {
                    file,
                    line,
                    column: column + 1,
                    name: self.names[column].clone(),
                    found: cell.to_owned(),
                });
            }
            match role {
                Role::Feature => self.features.push(self.number(line, column, cell)?),
                Role::Time => self.times.push(self.number(line, column, cell)?),
                Role::Target => self.target.push((line, cell.to_owned())),
                Role::Group => {
                    let next = self.group_numbers.len();
                    self.groups
                        .push(*self.group_numbers.entry(cell.to_owned()).or_insert(next));
                }
                Role::Ignored => {}
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn number(&self, line: u64, column: usize, cell: &str) -> Result<f64, DataError> {
        let (file, name) = (self.file.to_owned(), self.names[column].clone());
        let (column, found) = (column + 1, cell.to_owned());
        match cell.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            Ok(_) => Err(DataError::NotFinite {
                file,
                line,
                column,
                name,
                found,
            }),
            Err(_) => Err(DataError::NotANumber {
                file,
                line,
                column,
                name,
                found,
            }),
        }
    }

    /// The target's cells as finite numbers.
    pub(super) fn target_numbers(&self) -> Result<Vec<f64>, DataError> {
        let column = self
            .roles
            .iter()
            .position(|&role| role == Role::Target)
            .unwrap_or(0);
        self.target
            .iter()
            .map(|(line, cell)| self.number(*line, column, cell))
            .collect()
    }

    /// The target's cells, each with its line.
    pub(super) fn target_cells(&self) -> &[(u64, String)] {
        &self.target
    }

    pub(super) fn file(&self) -> &'a str {
        self.file
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn roles(&self) -> &[Role] {
        &self.roles
    }

    pub(super) fn names_of(&self, wanted: Role) -> Vec<String> {
        let paired = self.names.iter().zip(&self.roles);
        paired
            .filter(|(_, role)| **role == wanted)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Features row by row, groups and times where there are such columns.
    pub(super) fn into_parts(self) -> (Vec<f64>, Option<Vec<usize>>, Option<Vec<f64>>) {
        let groups = self.roles.contains(&Role::Group).then_some(self.groups);
        let times = self.roles.contains(&Role::Time).then_some(self.times);
        (self.features, groups, times)
    }
}

/// What tables write where a value is unknown.
fn is_missing(cell: &str) -> bool {
    ["", "NA", "N/A", "null", "?"]
        .iter()
        .any(|mark| cell.eq_ignore_ascii_case(mark))
}
