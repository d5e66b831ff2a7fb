//! Unpacks gzip and zstd, told by their first bytes, and never more than a limit.

use std::io::{self, BufReader, Cursor, Read};

use super::SourceError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

pub(super) type Stream = Box<dyn Read + Send>;

/// The stream unpacked, and how it was packed. Unpacking more than `limit` bytes is an error of the stream;
/// what was not packed is not limited.
pub(super) fn unpack(raw: Stream, limit: u64) -> io::Result<(Compression, Stream)> {
    let (head, raw) = peek(raw, 4)?;
    let raw = BufReader::with_capacity(64 * 1024, raw);
    let limited = |unpacked| limited(unpacked, limit);
    Ok(match head.as_slice() {
        [0x1f, 0x8b, ..] => (Compression::Gzip, limited(Box::new(flate2::bufread::MultiGzDecoder::new(raw)))),
        // Some begin with a frame that is to be passed over.
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
            (Compression::Zstd, limited(Box::new(zstd::stream::read::Decoder::with_buffer(raw)?)))
        }
        _ => (Compression::None, Box::new(raw)),
    })
}

/// The stream, which may not give more than `limit` bytes.
pub(super) fn limited(unpacked: Stream, limit: u64) -> Stream {
    Box::new(Limited { inner: unpacked, left: limit, limit })
}

/// The first bytes, at most `length`, and the stream with them put back.
pub(super) fn peek(mut stream: Stream, length: u64) -> io::Result<(Vec<u8>, Stream)> {
    let mut head = Vec::new();
    stream.by_ref().take(length).read_to_end(&mut head)?;
    Ok((head.clone(), Box::new(Cursor::new(head).chain(stream))))
}

struct Limited {
    inner: Stream,
    left: u64,
    limit: u64,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => {
                self.left = left;
                Ok(read)
            }
            None => Err(io::Error::other(
                SourceError::new(format!("it unpacks to more than {} bytes", self.limit))
                    .with_hint("if that is right, raise fetch.max_unpacked_bytes in profiles.yml"),
            )),
        }
    }
}

/// An error of reading the file shown as `shown`, as a sentence.
pub(super) fn read_error(shown: &str, error: io::Error) -> SourceError {
    if let Some(said) = error.get_ref().and_then(|inner| inner.downcast_ref::<SourceError>()) {
        return SourceError { message: format!("{shown} is refused: {}", said.message), ..said.clone() };
    }
    match error.kind() {
        // zstd gives no other kind to what its library refuses.
        io::ErrorKind::UnexpectedEof => {
            SourceError::new(format!("{shown} is cut off: {error}")).with_hint("deliver or download it again")
        }
        io::ErrorKind::Other if error.to_string().contains("too much memory") => SourceError::new(format!(
            "{shown} is packed with a window of more than 128 MiB, which elt does not read"
        ))
        .with_hint("pack it with zstd --long=27 at most"),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            SourceError::new(format!("{shown} is damaged: {error}")).with_hint("deliver or download it again")
        }
        _ => SourceError::io(format!("{shown} cannot be read"), &error),
    }
}
