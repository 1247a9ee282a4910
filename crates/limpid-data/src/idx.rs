//! The IDX format of the MNIST family: a magic number, the dimensions, unsigned bytes.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ndarray::ArrayD;

use crate::DataError;
use crate::gzip::decompressed;

/// The most dimensions that a file may have; the family's files have at most four.
const MOST_DIMENSIONS: u8 = 8;

/// Reads an IDX file of unsigned bytes, plain or gzipped, into an array of the file's shape.
///
/// The header is not trusted: memory grows with the bytes that are really there, and every promised
/// byte must be there, and none more.
///
/// # Errors
/// [`DataError::Io`] when the file cannot be read or its compression is damaged,
/// [`DataError::IdxMagic`] when it is of another format or element type,
/// [`DataError::IdxTruncated`] and [`DataError::IdxTrailingBytes`] when its length is not what its
/// header says.
///
/// # Source
/// LeCun, Cortes and Burges, "The MNIST database of handwritten digits", section "File formats".
pub fn read_idx(path: impl AsRef<Path>) -> Result<ArrayD<u8>, DataError> {
    let path = path.as_ref();
    let file = path.display().to_string();
    let reader = File::open(path).map_err(|source| DataError::Io {
        file: file.clone(),
        source,
    })?;
    read_idx_from(&file, BufReader::new(reader))
}

/// Reads IDX content from any source of bytes; `name` stands for it in messages.
///
/// # Errors
/// As [`read_idx`].
///
/// # Example
/// ```
/// let bytes = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
/// let array = limpid_data::read_idx_from("toy", bytes.as_slice())?;
/// assert_eq!(array.shape(), [2, 3]);
/// assert_eq!(array[[1, 0]], 4);
/// # Ok::<(), limpid_data::DataError>(())
/// ```
pub fn read_idx_from(name: &str, reader: impl Read) -> Result<ArrayD<u8>, DataError> {
    let io = |source| DataError::Io {
        file: name.to_owned(),
        source,
    };
    let mut content = decompressed(reader).map_err(io)?;
    let mut head = |bytes: u64| {
        let mut part = Vec::new();
        content
            .by_ref()
            .take(bytes)
            .read_to_end(&mut part)
            .map(|_| part)
    };
    let magic = head(4).map_err(io)?;
    let rank = match magic.as_slice() {
        [0, 0, 0x08, rank @ 1..=MOST_DIMENSIONS] => usize::from(*rank),
        found => {
            return Err(DataError::IdxMagic {
                file: name.to_owned(),
                expected: "00 00 08 and a rank from 1 to 8".to_owned(),
                found: hex(found),
            });
        }
    };
    let sizes = head(4 * rank as u64).map_err(io)?;
    if sizes.len() < 4 * rank {
        let (expected, found) = (4 * rank as u64, sizes.len() as u64);
        return Err(DataError::IdxTruncated {
            file: name.to_owned(),
            expected,
            found,
        });
    }
    let shape: Vec<usize> = sizes
        .chunks_exact(4)
        .map(|size| {
            size.iter()
                .fold(0, |number, &byte| number << 8 | usize::from(byte))
        })
        .collect();
    // A product beyond 2^64 can be no file's length; saturating, it is reported as truncated.
    let expected = shape
        .iter()
        .fold(1_u64, |total, &size| total.saturating_mul(size as u64));
    let mut data = Vec::new();
    content
        .by_ref()
        .take(expected)
        .read_to_end(&mut data)
        .map_err(io)?;
    let found = data.len() as u64;
    if found < expected {
        return Err(DataError::IdxTruncated {
            file: name.to_owned(),
            expected,
            found,
        });
    }
    // Reading on to the end also makes the decompressor check the stream's checksum.
    let mut rest = [0];
    if content.read(&mut rest).map_err(io)? > 0 {
        return Err(DataError::IdxTrailingBytes {
            file: name.to_owned(),
            expected,
        });
    }
    ArrayD::from_shape_vec(shape, data).map_err(|_| DataError::IdxTruncated {
        file: name.to_owned(),
        expected,
        found,
    })
}

fn hex(bytes: &[u8]) -> String {
    let words: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    const SMALL: [u8; 18] = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];

    fn message(bytes: &[u8]) -> String {
        read_idx_from("toy", bytes).unwrap_err().to_string()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzipped_content_reads_as_plain() {
        let plain = read_idx_from("toy", SMALL.as_slice()).unwrap();
        assert_eq!(
            read_idx_from("toy", gzip(&SMALL).as_slice()).unwrap(),
            plain
        );
    }

    #[test]
    fn every_proper_prefix_is_an_error() {
        for length in 0..SMALL.len() {
            assert!(read_idx_from("toy", &SMALL[..length]).is_err(), "{length}");
        }
        assert_eq!(
            message(&SMALL[..15]),
            "toy: truncated: the header promises 6 bytes of data, found 3"
        );
    }

    #[test]
    fn trailing_bytes_are_an_error() {
        let longer = [SMALL.as_slice(), &[7]].concat();
        assert_eq!(
            message(&longer),
            "toy: expected the end of the file after 6 bytes of data, found more"
        );
    }

    #[test]
    fn foreign_files_and_other_element_types_are_named_by_their_first_bytes() {
        let expected = "an IDX file that begins with 00 00 08 and a rank from 1 to 8";
        assert_eq!(
            message(b"PK\x03\x04"),
            format!("toy: expected {expected}, found 50 4b 03 04")
        );
        assert_eq!(
            message(&[0, 0, 13, 1]),
            format!("toy: expected {expected}, found 00 00 0d 01")
        );
        assert_eq!(
            message(&[]),
            format!("toy: expected {expected}, found nothing")
        );
    }

    #[test]
    fn a_header_that_promises_terabytes_costs_no_memory() {
        let huge = [
            0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1,
        ];
        assert!(matches!(
            read_idx_from("toy", huge.as_slice()),
            Err(DataError::IdxTruncated { found: 1, .. })
        ));
    }

    #[test]
    fn a_damaged_gzip_stream_is_an_error() {
        let mut bytes = gzip(&SMALL);
        let checksum = bytes.len() - 6;
        bytes[checksum] ^= 0xFF;
        assert!(matches!(
            read_idx_from("toy", bytes.as_slice()),
            Err(DataError::Io { .. })
        ));
        let cut = gzip(&SMALL);
        let cut = read_idx_from("toy", &cut[..cut.len() - 9]);
        assert!(matches!(cut, Err(DataError::Io { .. })), "{cut:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_array_or_an_error(
            rank in 0_u8..4,
            bytes in proptest::collection::vec(any::<u8>(), 0..64)
        ) {
            let content = [&[0, 0, 8, rank], bytes.as_slice()].concat();
            if let Ok(array) = read_idx_from("toy", content.as_slice()) {
                prop_assert_eq!(array.len() + 4 + 4 * array.ndim(), content.len());
            }
        }
    }
}
