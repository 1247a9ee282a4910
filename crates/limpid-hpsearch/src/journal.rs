//! A study on disk: one line for each trial that has ended.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Result, SearchError};
use crate::history::Direction;
use crate::observer::StudyObserver;
use crate::space::Space;
use crate::study::Study;
use crate::trial::Trial;

/// The version of the format that is written and read.
const VERSION: u32 = 1;

/// A line of a journal: one JSON object with one key.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    /// The first line.
    Journal { version: u32, direction: Direction },
    /// The space from here on.
    Space(Space),
    /// A trial that has ended.
    Trial(Trial),
}

/// What a journal holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Which objectives are good.
    pub direction: Direction,
    /// The space as it was at the end.
    pub space: Space,
    /// The trials in the order in which they ended.
    pub trials: Vec<Trial>,
}

/// A file of JSON lines to which each trial of a study is appended as it ends: a line that says
/// what the file is, one for the space whenever it has changed, one for each trial. A line is
/// written in one piece and forced to the disk before the study goes on, so a killed process loses
/// the trial it was running and no other.
///
/// It serves one process at a time.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    space: Option<Space>,
    begun: bool,
}

impl Journal {
    /// Opens the journal at `path`, or creates it, and reads what it holds: `None` for a new or
    /// empty file. A last line without its end, left by a process that was killed, is cut off.
    ///
    /// # Errors
    /// [`SearchError::File`] when it cannot be read or written; [`SearchError::JournalLine`] when a
    /// line is not what a journal holds, and then the file is left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<(Self, Option<Record>)> {
        let path = path.as_ref().to_owned();
        let failed = |doing| {
            let path = path.clone();
            move |source| SearchError::File {
                path,
                doing,
                source,
            }
        };
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(failed("opening the journal"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(failed("reading the journal"))?;
        let (record, whole) = parse(&path, &bytes)?;
        if whole < bytes.len() {
            file.set_len(whole as u64)
                .map_err(failed("cutting off a torn line of the journal"))?;
        }
        let space = record.as_ref().map(|record| record.space.clone());
        Ok((
            Self {
                path,
                file,
                space,
                begun: record.is_some(),
            },
            record,
        ))
    }

    /// Reads the journal at `path` without changing it: `None` for an empty file.
    ///
    /// # Errors
    /// As [`open`](Self::open); it does not create the file.
    pub fn read(path: impl AsRef<Path>) -> Result<Option<Record>> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| SearchError::File {
            path: path.to_owned(),
            doing: "reading the journal",
            source,
        })?;
        parse(path, &bytes).map(|(record, _)| record)
    }

    fn append(&mut self, lines: &[Line]) -> Result<()> {
        let mut text = Vec::new();
        let written = lines.iter().try_for_each(|line| {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
            Ok(())
        });
        written
            .and_then(|()| self.file.write_all(&text))
            .and_then(|()| self.file.sync_data())
            .map_err(|source| SearchError::File {
                path: self.path.clone(),
                doing: "appending to the journal",
                source,
            })
    }
}

impl StudyObserver for Journal {
    fn trial_ended(&mut self, study: &Study, trial: &Trial) -> Result<ControlFlow<String>> {
        let mut lines = Vec::new();
        if !self.begun {
            let direction = study.history().direction();
            lines.push(Line::Journal {
                version: VERSION,
                direction,
            });
        }
        if self.space.as_ref() != Some(study.space()) {
            lines.push(Line::Space(study.space().clone()));
        }
        lines.push(Line::Trial(trial.clone()));
        self.append(&lines)?;
        self.begun = true;
        self.space = Some(study.space().clone());
        Ok(ControlFlow::Continue(()))
    }
}

/// What the whole lines say, and how many bytes they are.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Option<Record>, usize)> {
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    // A foreign file without any line end must not be taken for a torn first line and be emptied.
    if whole == 0
        && !bytes.is_empty()
        && !b"{\"journal\":".starts_with(&bytes[..bytes.len().min(11)])
    {
        return Err(bad_line(path, 1, "not a journal of a study"));
    }
    let mut record: Option<Record> = None;
    for (place, line) in bytes[..whole]
        .split_inclusive(|byte| *byte == b'\n')
        .enumerate()
    {
        let number = place + 1;
        let line = serde_json::from_slice(line).map_err(|error| bad_line(path, number, error))?;
        match (line, &mut record) {
            (
                Line::Journal {
                    version: VERSION,
                    direction,
                },
                None,
            ) => {
                record = Some(Record {
                    direction,
                    space: Space::new(),
                    trials: Vec::new(),
                });
            }
            (Line::Journal { version, .. }, None) => {
                let problem = format!("version is {version}: this program reads {VERSION}");
                return Err(bad_line(path, number, problem));
            }
            (Line::Journal { .. }, Some(_)) => {
                return Err(bad_line(path, number, "a second beginning"));
            }
            (_, None) => return Err(bad_line(path, number, "the first line must say `journal`")),
            (Line::Space(space), Some(record)) => record.space = space,
            (Line::Trial(trial), Some(record)) => {
                if record
                    .trials
                    .iter()
                    .any(|other| other.number == trial.number)
                {
                    let problem = format!("trial {} is there twice", trial.number);
                    return Err(bad_line(path, number, problem));
                }
                record.trials.push(trial);
            }
        }
    }
    Ok((record, whole))
}

fn bad_line(path: &Path, line: usize, problem: impl std::fmt::Display) -> SearchError {
    SearchError::JournalLine {
        path: path.to_owned(),
        line,
        problem: problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::Random;
    use limpid_tensor::Stream;

    fn study() -> Study {
        let space = Space::new()
            .log_uniform("lr", 1e-6, 1.0)
            .unwrap()
            .int("layers", 1, 3)
            .unwrap();
        Study::new(space, Direction::Minimize, Random, Stream::new(5))
    }

    fn run(mut study: Study, trials: usize) -> Study {
        study
            .optimize(trials, |trial| {
                let lr = trial.assignment().float("lr")?;
                let extra = trial.suggest_uniform("extra", 0.0, 1.0)?;
                match trial.number() {
                    2 => Err("no luck".into()),
                    3 => Ok(f64::INFINITY),
                    _ => Ok(lr + extra),
                }
            })
            .unwrap();
        study
    }

    #[test]
    fn a_resumed_study_equals_one_that_was_never_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.jsonl");
        run(study().with_journal(&path).unwrap(), 3);
        let resumed = run(study().with_journal(&path).unwrap(), 5);
        let whole = run(study(), 8);
        assert_eq!(resumed.history(), whole.history());
        let record = Journal::read(&path).unwrap().unwrap();
        assert_eq!(record.trials, whole.history().trials());
        assert_eq!(&record.space, whole.space());
    }

    #[test]
    fn a_torn_last_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.jsonl");
        run(study().with_journal(&path).unwrap(), 4);
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 7]).unwrap();
        assert_eq!(Journal::read(&path).unwrap().unwrap().trials.len(), 3);
        run(study().with_journal(&path).unwrap(), 1);
        assert_eq!(std::fs::read(&path).unwrap(), text);
        // Even in the first line.
        std::fs::write(&path, &text[..20]).unwrap();
        run(study().with_journal(&path).unwrap(), 4);
        assert_eq!(std::fs::read(&path).unwrap(), text);
    }

    #[test]
    fn a_foreign_line_is_named_by_its_place_and_the_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.jsonl");
        run(study().with_journal(&path).unwrap(), 2);
        let good = std::fs::read_to_string(&path).unwrap();
        let lines = good.lines().count();
        let cases = [
            (format!("{good}lr,loss\n"), lines + 1),
            (
                format!("{good}{}\n", good.lines().last().unwrap()),
                lines + 1,
            ),
            ("hello".to_owned(), 1),
            ("{\"trial\":1}\n".to_owned(), 1),
            (good.replace("\"version\":1", "\"version\":2"), 1),
        ];
        for (text, line) in cases {
            std::fs::write(&path, &text).unwrap();
            match Journal::open(&path) {
                Err(SearchError::JournalLine { line: found, .. }) => {
                    assert_eq!(found, line, "{text}")
                }
                other => panic!("{other:?} for {text}"),
            }
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_record_of_another_study_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.jsonl");
        run(study().with_journal(&path).unwrap(), 1);
        let space = Space::new().log_uniform("lr", 1e-4, 1.0).unwrap();
        let other = Study::new(space, Direction::Minimize, Random, Stream::new(5));
        let error = other.with_journal(&path).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot resume: recorded axes are [lr ~ log_uniform(1e-6, 1.0)"),
            "{error}"
        );
        let other = Study::define_by_run(Direction::Maximize, Random, Stream::new(5));
        assert!(matches!(
            other.with_journal(&path),
            Err(SearchError::Resume { .. })
        ));
        let missing = folder.path().join("missing").join("study.jsonl");
        assert!(matches!(
            study().with_journal(missing),
            Err(SearchError::File { .. })
        ));
    }
}
