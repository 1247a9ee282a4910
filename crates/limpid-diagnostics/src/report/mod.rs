//! The report of a run: one HTML file that needs no network and no script, and tables for a
//! terminal.
//!
//! A report is a pure function of a [`RunRecord`]: the same record gives the same bytes.

mod axis;
mod chart;
mod curves;
mod filters;
#[cfg(test)]
mod fixture;
mod histogram;
mod html;
mod markup;
mod scale;
mod search;
mod summary;
mod sweep;
mod table;
mod text;
mod thin;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::record::RunRecord;

pub use html::{html, rates};
pub use text::{checks_table, findings_text};

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The file could not be written.
    #[error("{}: the report could not be written: {source}", path.display())]
    Write {
        /// The report's place.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The picture of the first-layer weights could not be encoded.
    #[error("the picture of the first-layer weights could not be encoded: {0}")]
    Picture(#[from] png::EncodingError),
}

/// Writes the report of a run to `path`, usually `report.html` in the run's folder.
///
/// The file appears at once and whole: it is written beside `path` under another name and then
/// renamed, so that a reader sees the old report or the new one and a failure leaves the old.
///
/// # Errors
/// [`ReportError::Write`] when the folder does not exist or cannot be written to;
/// [`ReportError::Picture`] as [`html`].
pub fn write(record: &RunRecord, path: impl AsRef<Path>) -> Result<(), ReportError> {
    let path = path.as_ref();
    let page = html(record)?;
    replace(path, page.as_bytes()).map_err(|source| ReportError::Write {
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".report-")
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    #[cfg(unix)]
    {
        // Temporary files are for their owner alone; a report is for whoever may read the folder.
        use std::os::unix::fs::PermissionsExt;
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_replaces_the_old_one_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        std::fs::write(&path, "old").unwrap();
        write(&fixture::rich(), &path).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            html(&fixture::rich()).unwrap()
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none").join("report.html");
        let error = write(&RunRecord::default(), &path).unwrap_err();
        assert!(error.to_string().contains("none/report.html"), "{error}");
    }

    #[test]
    #[ignore = "leaves target/example-report.html, to be looked at"]
    fn the_example_report_is_left_to_be_looked_at() {
        let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");
        write(
            &fixture::rich(),
            Path::new(target).join("example-report.html"),
        )
        .unwrap();
    }
}
