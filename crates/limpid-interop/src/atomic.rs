//! Files that are either the old one or the whole new one.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::InteropError;

/// Writes `content` into `file` so that nobody ever sees half of it: into a temporary file of the
/// same folder, flushed to the disk, then renamed. Whatever fails or is killed on the way, the
/// file that was there before stays whole, and a failure leaves no temporary file.
///
/// # Errors
/// [`InteropError::Io`] when the system refuses, as on a full disk or in a folder that is missing.
pub fn write_atomically(file: &Path, content: &[u8]) -> Result<(), InteropError> {
    let folder = above(file);
    let mut temporary = temporary_in(folder).map_err(InteropError::io(file, "write"))?;
    fill(temporary.as_file_mut(), content).map_err(InteropError::io(file, "write"))?;
    temporary
        .persist(file)
        .map_err(|error| InteropError::io(file, "replace")(error.error))?;
    sync_folder(folder).map_err(InteropError::io(file, "replace"))
}

/// Creates `folder`, and those above it that are missing, on the disk itself: a file written into a
/// folder that this call has created, by [`write_atomically`], is there after a loss of power.
///
/// # Errors
/// [`InteropError::Io`] when the system refuses, as where a file stands in the way.
pub fn create_folder(folder: &Path) -> Result<(), InteropError> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|it| !it.as_os_str().is_empty() && !it.exists())
        .collect();
    fs::create_dir_all(folder).map_err(InteropError::io(folder, "create"))?;
    missing
        .into_iter()
        .try_for_each(|new| sync_folder(above(new)))
        .map_err(InteropError::io(folder, "create"))
}

/// The folder that holds `path`.
fn above(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Removes the temporary files that writers who were killed left in `folder`; gives how many there
/// were. Nobody may be writing into the folder meanwhile.
///
/// # Errors
/// [`InteropError::Io`] when the folder cannot be read, or a file not be removed.
pub fn remove_leftovers(folder: &Path) -> Result<usize, InteropError> {
    let mut removed = 0;
    for entry in fs::read_dir(folder).map_err(InteropError::io(folder, "read"))? {
        let file = entry.map_err(InteropError::io(folder, "read"))?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            match fs::remove_file(&file) {
                // Somebody else has removed it, or it has got its name.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                outcome => {
                    outcome.map_err(InteropError::io(&file, "remove"))?;
                    removed += 1;
                }
            }
        }
    }
    Ok(removed)
}

/// The content, on the disk itself.
fn fill(file: &mut File, content: &[u8]) -> std::io::Result<()> {
    file.write_all(content)?;
    file.sync_all()
}

const PREFIX: &str = ".limpid-";
const SUFFIX: &str = ".partial";

/// A temporary file that, once renamed, has the rights of any other new file.
fn temporary_in(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
        builder.tempfile_in(folder)
    }
    #[cfg(not(unix))]
    builder.tempfile_in(folder)
}

/// Makes the rename itself durable, where folders can be flushed.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        write_atomically(&file, b"old").unwrap();
        write_atomically(&file, b"new and longer").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new and longer");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_target_that_cannot_be_replaced_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("occupied");
        fs::create_dir_all(file.join("by a folder")).unwrap();
        let error = write_atomically(&file, b"content").unwrap_err();
        assert!(matches!(
            error,
            InteropError::Io {
                action: "replace",
                ..
            }
        ));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(file.join("by a folder").is_dir());
    }

    #[test]
    fn folders_are_created_where_nothing_stands_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("runs").join("first");
        create_folder(&deep).unwrap();
        create_folder(&deep).unwrap();
        assert!(deep.is_dir());
        fs::write(deep.join("state"), "").unwrap();
        let error = create_folder(&deep.join("state").join("below")).unwrap_err();
        let action = |error| matches!(error, InteropError::Io { action, .. } if action == "create");
        assert!(action(error));
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("missing").join("state");
        let error = write_atomically(&file, b"content").unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_writer_leaves_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let half = temporary_in(folder.path()).unwrap().into_temp_path();
        half.keep().unwrap();
        fs::write(folder.path().join(".limpid-settings"), "").unwrap();
        fs::write(folder.path().join("download.partial"), "").unwrap();
        assert_eq!(remove_leftovers(folder.path()).unwrap(), 1);
        assert_eq!(remove_leftovers(folder.path()).unwrap(), 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(remove_leftovers(&folder.path().join("missing")).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        let error = fill(&mut full, &[0; 100_000]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
}
