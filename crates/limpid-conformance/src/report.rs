//! Runs all cases under some paths and writes down how they went.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::case::read_file;
use crate::error::CaseError;
use crate::run::{Verdict, run};

/// How many cases went which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cases that came out as in the reference.
    pub passed: usize,
    /// Cases that did not, and those that can't be read.
    pub failed: usize,
    /// Cases of operations that no room has.
    pub skipped: usize,
}

impl Tally {
    /// Whether something was run, nothing failed and nothing was skipped.
    pub fn is_clean(&self) -> bool {
        self.passed > 0 && self.failed == 0 && self.skipped == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(
            formatter,
            "{passed} passed, {failed} failed, {skipped} skipped"
        )
    }
}

/// Runs every case of the files, and of the `.json` files in the folders, at `paths`. Writes a line
/// for each tensor that differs, each case that stops or can't be read, each operation that is not
/// known, and the tally.
///
/// # Errors
/// When `out` can't be written to. What is wrong with a case is no error but a failure.
pub fn run_all(paths: &[PathBuf], out: &mut dyn Write) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut unknown: BTreeMap<String, usize> = BTreeMap::new();
    for path in paths {
        for file in files(path) {
            match file.and_then(|it| read_file(&it)) {
                Ok(cases) => {
                    for case in cases {
                        run_case(case, &mut tally, &mut unknown, out)?;
                    }
                }
                Err(error) => {
                    tally.failed += 1;
                    writeln!(out, "{error}")?;
                }
            }
        }
    }
    for (op, cases) in unknown {
        writeln!(out, "unknown operation {op}: {cases} skipped")?;
    }
    writeln!(out, "{tally}")?;
    Ok(tally)
}

fn run_case(
    case: Result<crate::Case, CaseError>,
    tally: &mut Tally,
    unknown: &mut BTreeMap<String, usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let case = match case {
        Ok(case) => case,
        Err(error) => {
            tally.failed += 1;
            return writeln!(out, "{error}");
        }
    };
    match run(&case) {
        Verdict::Passed => tally.passed += 1,
        Verdict::Different(differences) => {
            tally.failed += 1;
            for (tensor, difference) in differences {
                writeln!(out, "{}: {tensor}: {difference}", case.name)?;
            }
        }
        Verdict::Stopped(error) => {
            tally.failed += 1;
            writeln!(out, "{}: {}: {error}", case.file.display(), case.name)?;
        }
        Verdict::Unknown => {
            tally.skipped += 1;
            *unknown.entry(case.op).or_default() += 1;
        }
    }
    Ok(())
}

/// A file itself, or the `.json` files below a folder, sorted.
fn files(path: &Path) -> Vec<Result<PathBuf, CaseError>> {
    if !path.is_dir() {
        return vec![Ok(path.to_owned())];
    }
    let entries = fs::read_dir(path).and_then(|it| {
        it.map(|entry| entry.map(|it| it.path()))
            .collect::<io::Result<Vec<PathBuf>>>()
    });
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(source) => {
            return vec![Err(CaseError::Read {
                file: path.to_owned(),
                source,
            })];
        }
    };
    entries.sort();
    entries.retain(|it| it.is_dir() || it.extension().is_some_and(|it| it == "json"));
    entries.iter().flat_map(|it| files(it)).collect()
}
