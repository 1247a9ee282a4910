//! Weights in [safetensors](https://github.com/huggingface/safetensors) files, under the paths that
//! PyTorch's `state_dict` gives them.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use limpid_tensor::{Element, Parameters, State, Tensor};
use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensors};

use crate::number::{decode, dtype_of, encode};
use crate::{InteropError, write_atomically};

mod checksum;

/// The longest header that the format allows, in bytes.
const HEADER_LIMIT: u64 = 100_000_000;
/// The bytes of the header's length, which stand at the start.
const LENGTH_BYTES: usize = 8;
/// What stands before an attachment's name.
const ATTACHMENT: &str = "limpid/";

/// What to do with tensors of another element type than the state's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Precision {
    /// Refuse them.
    #[default]
    Exact,
    /// Round them: `F64`, `F32`, `F16`, `BF16`, and whole numbers of 32 or 64 bits, as PyTorch's
    /// `num_batches_tracked` is.
    Convert,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded<E: Element> {
    /// The tensors by name, in the file's order.
    pub state: State<E>,
    /// The free strings of `__metadata__`, without the checksum.
    pub metadata: BTreeMap<String, String>,
    /// What [`save_with`] attached, by name.
    pub attachments: BTreeMap<String, Vec<u8>>,
    /// Whether there was a checksum. It was right then; files of other programs have none.
    pub checked: bool,
}

/// Writes `state` and the free strings `metadata` into `file`, in one piece or not at all. Equal
/// contents give equal bytes. A checksum (CRC-32) over the whole file goes with the metadata.
///
/// # Errors
/// [`InteropError::Unwritable`] when two tensors have one name, or one is called `__metadata__`;
/// [`InteropError::Io`].
pub fn save<E: Element>(
    file: &Path,
    state: &State<E>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), InteropError> {
    save_with(file, state, metadata, &BTreeMap::new())
}

/// The same with plain bytes: each attachment is a `U8` vector under `limpid/` and its name, behind
/// the state's tensors. Metadata is for short strings, since a header may have 100 MB at most.
///
/// # Errors
/// As [`save`].
///
/// # Example
/// ```
/// use std::collections::BTreeMap;
/// use limpid_interop::safetensors::{Precision, load, save_with};
/// use limpid_tensor::State;
///
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("run.safetensors");
/// let log = BTreeMap::from([("log".to_owned(), b"three epochs".to_vec())]);
/// save_with(&file, &State::<f32>::default(), &BTreeMap::new(), &log)?;
/// let loaded = load::<f32>(&file, Precision::Exact)?;
/// assert_eq!(loaded.attachments, log);
/// assert!(loaded.checked);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn save_with<E: Element>(
    file: &Path,
    state: &State<E>,
    metadata: &BTreeMap<String, String>,
    attachments: &BTreeMap<String, Vec<u8>>,
) -> Result<(), InteropError> {
    write_atomically(file, &to_bytes(file, state, metadata, attachments)?)
}

/// Reads `file`.
///
/// # Errors
/// [`InteropError::Truncated`]; [`InteropError::Damaged`] when its checksum is not that of its bytes;
/// [`InteropError::Foreign`] for files that are no safetensors files or cannot be understood;
/// [`InteropError::ElementType`], [`InteropError::Io`].
pub fn load<E: Element>(file: &Path, precision: Precision) -> Result<Loaded<E>, InteropError> {
    let bytes = fs::read(file).map_err(InteropError::io(file, "read"))?;
    from_bytes(file, &bytes, precision)
}

/// Reads `file` into `model`, whose paths and shapes must be those of the file. When anything does
/// not fit, the model is left as it was. Gives the file's metadata.
///
/// # Errors
/// As [`load`], and [`InteropError::Mismatch`].
pub fn load_into<E: Element, M: Parameters<E> + ?Sized>(
    file: &Path,
    precision: Precision,
    model: &mut M,
) -> Result<BTreeMap<String, String>, InteropError> {
    let loaded = load(file, precision)?;
    let mismatch = |source| InteropError::Mismatch {
        file: file.to_owned(),
        source,
    };
    loaded.state.apply(model).map_err(mismatch)?;
    Ok(loaded.metadata)
}

/// The file's content: the length of the header, the header, the tensors in the state's order, the
/// attachments.
fn to_bytes<E: Element>(
    file: &Path,
    state: &State<E>,
    metadata: &BTreeMap<String, String>,
    attachments: &BTreeMap<String, Vec<u8>>,
) -> Result<Vec<u8>, InteropError> {
    let unwritable = |problem: String| InteropError::Unwritable {
        file: file.to_owned(),
        problem,
    };
    let json = |error: serde_json::Error| unwritable(error.to_string());
    // The crate keeps metadata in a map without order, so that its bytes would differ between runs.
    let mut members = BTreeMap::new();
    let mut metadata = metadata.clone();
    metadata.insert(checksum::KEY.to_owned(), checksum::BLANK.to_owned());
    members.insert(
        "__metadata__".to_owned(),
        serde_json::to_string(&metadata).map_err(json)?,
    );
    let mut end = 0;
    let mut name_it = |name: String, dtype, shape: &[usize], bytes: usize| {
        let info = TensorInfo {
            dtype,
            shape: shape.to_vec(),
            data_offsets: (end, end + bytes),
        };
        end += bytes;
        let info = serde_json::to_string(&info).map_err(json)?;
        match members.insert(name.clone(), info) {
            Some(_) => Err(unwritable(format!("the name `{name}` stands twice"))),
            None => Ok(()),
        }
    };
    for (name, tensor) in state.entries() {
        let bytes = tensor.len() * size_of::<E>();
        name_it(name.clone(), dtype_of::<E>(), tensor.shape(), bytes)?;
    }
    for (name, bytes) in attachments {
        let name = format!("{ATTACHMENT}{name}");
        name_it(name, Dtype::U8, &[bytes.len()], bytes.len())?;
    }
    let mut header = String::from("{");
    for (name, value) in &members {
        if header.len() > 1 {
            header.push(',');
        }
        header.push_str(&serde_json::to_string(name).map_err(json)?);
        header.push(':');
        header.push_str(value);
    }
    header.push('}');
    // The format wants the tensors to start at a multiple of 8 bytes.
    let length = header.len().next_multiple_of(LENGTH_BYTES);
    header.extend(std::iter::repeat_n(' ', length - header.len()));
    if length as u64 > HEADER_LIMIT {
        return Err(unwritable(format!("a header of {length} bytes")));
    }
    let mut bytes = Vec::with_capacity(LENGTH_BYTES + length + end);
    bytes.extend((length as u64).to_le_bytes());
    bytes.extend(header.as_bytes());
    for (_, tensor) in state.entries() {
        encode(&tensor.elements(), &mut bytes);
    }
    for attachment in attachments.values() {
        bytes.extend(attachment);
    }
    checksum::write(&mut bytes, LENGTH_BYTES..LENGTH_BYTES + length);
    Ok(bytes)
}

fn from_bytes<E: Element>(
    file: &Path,
    bytes: &[u8],
    precision: Precision,
) -> Result<Loaded<E>, InteropError> {
    let header = check_length(file, bytes)?;
    let checked = checksum::check(file, bytes, header)?;
    let foreign = |error: safetensors::SafeTensorError| {
        InteropError::foreign(file, format!("a damaged one: {error}"))
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(foreign)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(foreign)?;
    let mut entries = Vec::with_capacity(tensors.len());
    let mut attachments = BTreeMap::new();
    for name in header.offset_keys() {
        let view = tensors.tensor(&name).map_err(foreign)?;
        if let (Some(name), Dtype::U8) = (name.strip_prefix(ATTACHMENT), view.dtype()) {
            attachments.insert(name.to_owned(), view.data().to_vec());
            continue;
        }
        let allowed = view.dtype() == dtype_of::<E>() || precision == Precision::Convert;
        let elements = match decode(view.dtype(), view.data()) {
            Some(elements) if allowed => elements,
            _ => {
                return Err(InteropError::ElementType {
                    file: file.to_owned(),
                    tensor: name,
                    expected: dtype_of::<E>().to_string(),
                    found: view.dtype().to_string(),
                });
            }
        };
        let tensor = Tensor::from_vec(elements, view.shape()).map_err(|source| {
            let file = file.to_owned();
            InteropError::Mismatch { file, source }
        })?;
        entries.push((name, tensor));
    }
    let metadata = header.metadata().iter().flatten();
    let metadata = metadata.filter(|(key, _)| *key != checksum::KEY);
    let metadata = metadata.map(|(key, text)| (key.clone(), text.clone()));
    Ok(Loaded {
        state: State::from_entries(entries),
        metadata: metadata.collect(),
        attachments,
        checked,
    })
}

/// Tells files that end early from files of another kind; gives where the header lies.
fn check_length(file: &Path, bytes: &[u8]) -> Result<Range<usize>, InteropError> {
    let found = bytes.len() as u64;
    let truncated = |expected: u64| InteropError::Truncated {
        file: file.to_owned(),
        expected,
        found,
    };
    let foreign = |found: &str| InteropError::foreign(file, found);
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(foreign("a zip archive, as PyTorch's `.pt` files are"));
    }
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(truncated(LENGTH_BYTES as u64));
    };
    let length = u64::from_le_bytes(*length);
    if length > HEADER_LIMIT {
        let found = format!("a header of {length} bytes, more than the format allows");
        return Err(foreign(&found));
    }
    if rest.first().is_some_and(|&first| first != b'{') {
        return Err(foreign("no header"));
    }
    let Some(header) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.get(..length))
    else {
        return Err(truncated(LENGTH_BYTES as u64 + length));
    };
    let range = LENGTH_BYTES..LENGTH_BYTES + header.len();
    let header: Metadata = serde_json::from_slice(header)
        .map_err(|error| foreign(&format!("a header that cannot be read: {error}")))?;
    let expected = (LENGTH_BYTES as u64 + length).saturating_add(header.data_len() as u64);
    match found.cmp(&expected) {
        std::cmp::Ordering::Less => Err(truncated(expected)),
        std::cmp::Ordering::Equal => Ok(range),
        std::cmp::Ordering::Greater => {
            let found = format!("{} bytes beyond its end", found - expected);
            Err(foreign(&found))
        }
    }
}

#[cfg(test)]
mod tests;
