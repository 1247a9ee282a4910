//! A checksum over a whole file, within its own header.

use std::ops::Range;
use std::path::Path;

use crc32fast::Hasher;

use crate::InteropError;

/// Where the checksum stands in `__metadata__`.
pub(super) const KEY: &str = "limpid.crc32";
/// What stands there while it is computed.
pub(super) const BLANK: &str = "00000000";

/// Puts the checksum in the place of the blank one in `header`, a range of `bytes`.
pub(super) fn write(bytes: &mut [u8], header: Range<usize>) {
    if let Some(place) = find(bytes, header) {
        let sum = sum(bytes, &place);
        bytes[place].copy_from_slice(sum.as_bytes());
    }
}

/// Holds the bytes against their checksum; says whether there is one.
pub(super) fn check(file: &Path, bytes: &[u8], header: Range<usize>) -> Result<bool, InteropError> {
    let Some(place) = find(bytes, header) else {
        return Ok(false);
    };
    let found = sum(bytes, &place);
    if found.as_bytes() == &bytes[place.clone()] {
        return Ok(true);
    }
    Err(InteropError::Damaged {
        file: file.to_owned(),
        expected: String::from_utf8_lossy(&bytes[place]).into_owned(),
        found,
    })
}

/// Where the checksum's digits stand. Quotes inside strings are escaped, so this text is a key.
fn find(bytes: &[u8], header: Range<usize>) -> Option<Range<usize>> {
    let key = format!("\"{KEY}\":\"");
    let own = bytes.get(header.clone())?;
    let start = own
        .windows(key.len())
        .position(|window| window == key.as_bytes())?;
    let start = header.start + start + key.len();
    let end = start + BLANK.len();
    (end <= header.end).then_some(start..end)
}

/// The checksum of the bytes, those of its own place counting as blank.
fn sum(bytes: &[u8], place: &Range<usize>) -> String {
    let mut hasher = Hasher::new();
    hasher.update(&bytes[..place.start]);
    hasher.update(BLANK.as_bytes());
    hasher.update(&bytes[place.end..]);
    format!("{:08x}", hasher.finalize())
}
