//! MNIST and its relatives (Fashion-MNIST, KMNIST) from a folder of four IDX files.

use std::path::{Path, PathBuf};

use ndarray::Ix3;

use crate::{DataError, Images, Split, Test, Train, read_idx};

/// The environment variable that names the folder of datasets; MNIST lies in its `mnist`.
pub const DATA_VARIABLE: &str = "LIMPID_DATA";

const CLASSES: usize = 10;

/// Loads the training and the test images from `folder`, plain or gzipped, as the sets' authors
/// divided them. Hold a validation part out of the training part with [`Train::hold_out`].
///
/// # Errors
/// [`DataError::MissingFile`] names the folder and [`DATA_VARIABLE`]; otherwise as
/// [`read_idx`], and [`DataError::Size`] when images and labels differ in number.
pub fn load(folder: impl AsRef<Path>) -> Result<(Train<Images>, Test<Images>), DataError> {
    let folder = folder.as_ref();
    let train = images(folder, "mnist train", "train")?;
    let test = images(folder, "mnist test", "t10k")?;
    Split::given_pair(train, test)
}

/// Loads from the folder `mnist` of the folder that [`DATA_VARIABLE`] names.
///
/// # Errors
/// As [`load`]; [`DataError::MissingFile`] when the variable is unset.
pub fn load_from_environment() -> Result<(Train<Images>, Test<Images>), DataError> {
    match std::env::var_os(DATA_VARIABLE) {
        Some(folder) => load(PathBuf::from(folder).join("mnist")),
        None => Err(DataError::MissingFile {
            folder: format!("${DATA_VARIABLE}/mnist ({DATA_VARIABLE} is not set)"),
            file: "train-images-idx3-ubyte".to_owned(),
            variable: DATA_VARIABLE,
        }),
    }
}

fn images(folder: &Path, name: &str, prefix: &str) -> Result<Images, DataError> {
    let pixels_path = find(folder, &format!("{prefix}-images-idx3-ubyte"))?;
    let labels_path = find(folder, &format!("{prefix}-labels-idx1-ubyte"))?;
    let pixels = read_idx(&pixels_path)?;
    let labels = read_idx(&labels_path)?;
    let rank = |path: &Path, expected, found| {
        DataError::size(path.display().to_string(), "dimensions", expected, found)
    };
    let dimensions = pixels.ndim();
    let pixels = pixels
        .into_dimensionality::<Ix3>()
        .map_err(|_| rank(&pixels_path, 3, dimensions))?;
    if labels.ndim() != 1 {
        return Err(rank(&labels_path, 1, labels.ndim()));
    }
    let count = pixels.shape()[0];
    if labels.len() != count {
        let what = format!("labels for {count} images");
        return Err(DataError::size(
            labels_path.display().to_string(),
            what,
            count,
            labels.len(),
        ));
    }
    Images::new(
        name,
        pixels,
        labels.iter().map(|&label| usize::from(label)).collect(),
        CLASSES,
    )
}

/// The file's path, with or without `.gz`.
fn find(folder: &Path, file: &str) -> Result<PathBuf, DataError> {
    [format!("{file}.gz"), file.to_owned()]
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| DataError::MissingFile {
            folder: folder.display().to_string(),
            file: file.to_owned(),
            variable: DATA_VARIABLE,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, Part};

    fn idx(shape: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        for size in shape {
            bytes.extend(size.to_be_bytes());
        }
        bytes.extend(data);
        bytes
    }

    fn write(folder: &Path, prefix: &str, labels: &[u8]) {
        let images = idx(&[3, 2, 2], &[9; 12]);
        std::fs::write(folder.join(format!("{prefix}-images-idx3-ubyte")), images).unwrap();
        let labels = idx(&[labels.len() as u32], labels);
        std::fs::write(folder.join(format!("{prefix}-labels-idx1-ubyte")), labels).unwrap();
    }

    #[test]
    fn a_folder_without_the_files_is_named_with_the_variable() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains(&folder.path().display().to_string()),
            "{error}"
        );
        assert!(error.contains("LIMPID_DATA"), "{error}");
        assert!(error.contains("train-images-idx3-ubyte"), "{error}");
    }

    #[test]
    fn four_small_files_load_as_train_and_test() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "train", &[0, 9, 0]);
        write(folder.path(), "t10k", &[1, 2, 1]);
        let (train, test) = load(folder.path()).unwrap();
        assert_eq!(train.labels(), [0, 9, 0]);
        assert_eq!(train.row_shape(), [1, 2, 2]);
        assert_eq!(test.rows(), 3);
    }

    #[test]
    fn differing_counts_and_foreign_labels_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "t10k", &[1, 2, 1]);
        write(folder.path(), "train", &[0, 9]);
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("labels for 3 images: expected 3, found 2"),
            "{error}"
        );
        write(folder.path(), "train", &[0, 10, 1]);
        let error = load(folder.path()).unwrap_err().to_string();
        assert_eq!(
            error,
            "mnist train: row 1: expected a label below 10, found 10"
        );
    }

    #[test]
    fn the_real_files_load_where_they_are_named() {
        if std::env::var_os(DATA_VARIABLE).is_none() {
            println!("skipped: {DATA_VARIABLE} is not set");
            return;
        }
        let (train, test) = load_from_environment().unwrap();
        assert_eq!((train.len(), test.rows()), (60_000, 10_000));
        assert_eq!(train.labels()[..5], [5, 0, 4, 1, 9]);
    }
}
