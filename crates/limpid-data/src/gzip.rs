//! Compressed or plain, told apart by content and not by name.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

/// The reader's content, decompressed where it begins as gzip does.
pub(crate) fn decompressed<'a>(mut reader: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut head = Vec::with_capacity(2);
    reader.by_ref().take(2).read_to_end(&mut head)?;
    let compressed = head == [0x1F, 0x8B];
    let whole = io::Cursor::new(head).chain(reader);
    Ok(if compressed {
        Box::new(MultiGzDecoder::new(whole))
    } else {
        Box::new(whole)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        decompressed(bytes)?.read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn plain_and_compressed_content_read_alike() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        encoder.write_all(b"limpid").unwrap();
        assert_eq!(read(&encoder.finish().unwrap()).unwrap(), b"limpid");
        assert_eq!(read(b"limpid").unwrap(), b"limpid");
        assert_eq!(read(b"l").unwrap(), b"l");
    }

    #[test]
    fn a_cut_or_changed_gzip_stream_is_an_error() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        encoder.write_all(&[7; 1000]).unwrap();
        let whole = encoder.finish().unwrap();
        assert!(read(&whole[..whole.len() - 4]).is_err());
        let mut changed = whole;
        let checksum = changed.len() - 8;
        changed[checksum] ^= 1;
        assert!(read(&changed).is_err());
    }
}
