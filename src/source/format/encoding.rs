//! Text in other encodings as UTF-8, while it streams.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};

use crate::source::SourceError;
use crate::source::compression::{Stream, peek};

/// The stream as UTF-8 without a byte order mark. What is UTF-8 passes as it is: records check it.
pub(in crate::source) fn decode(
    stream: Stream,
    label: Option<&str>,
    shown: &str,
) -> Result<Stream, SourceError> {
    let asked = label.map(|label| {
        Encoding::for_label(label.trim().as_bytes()).ok_or_else(|| {
            SourceError::new(format!("the encoding `{label}` is not known"))
                .with_hint("e.g. utf-8, latin1, windows-1252, iso-8859-15, utf-16le, shift_jis")
        })
    });
    let asked = asked.transpose()?;
    let (head, mut stream) =
        peek(stream, 3).map_err(|error| crate::source::compression::read_error(shown, error))?;
    // The mark is more to be believed than the model.
    let marked = Encoding::for_bom(&head);
    if let Some((_, length)) = marked {
        let mut mark = vec![0; length];
        stream.read_exact(&mut mark).map_err(|error| crate::source::compression::read_error(shown, error))?;
    }
    let encoding = marked.map(|(encoding, _)| encoding).or(asked).unwrap_or(UTF_8);
    if encoding == UTF_8 {
        return Ok(stream);
    }
    Ok(Box::new(Decoding {
        stream,
        decoder: encoding.new_decoder_without_bom_handling(),
        name: encoding.name(),
        read: Vec::new(),
        decoded: String::with_capacity(PIECE * 3),
        given: 0,
        ended: false,
    }))
}

const PIECE: usize = 32 * 1024;

struct Decoding {
    stream: Stream,
    decoder: Decoder,
    name: &'static str,
    read: Vec<u8>,
    decoded: String,
    /// Bytes of `decoded` that were handed out.
    given: usize,
    ended: bool,
}

impl Decoding {
    fn refill(&mut self) -> io::Result<()> {
        self.read.clear();
        let read = self.stream.by_ref().take(PIECE as u64).read_to_end(&mut self.read)?;
        self.ended = read < PIECE;
        self.decoded.clear();
        self.given = 0;
        let mut rest = self.read.as_slice();
        loop {
            let (result, taken) =
                self.decoder.decode_to_string_without_replacement(rest, &mut self.decoded, self.ended);
            rest = &rest[taken..];
            match result {
                DecoderResult::InputEmpty => return Ok(()),
                DecoderResult::OutputFull => self.decoded.reserve(PIECE),
                DecoderResult::Malformed(..) => {
                    return Err(io::Error::other(
                        SourceError::new(format!("it is not {} all through", self.name))
                            .with_hint("set `encoding` to the file's own, or leave it out for UTF-8"),
                    ));
                }
            }
        }
    }
}

impl Read for Decoding {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.decoded.len() {
            if self.ended {
                return Ok(0);
            }
            self.refill()?;
        }
        let length = buffer.len().min(self.decoded.len() - self.given);
        buffer[..length].copy_from_slice(&self.decoded.as_bytes()[self.given..self.given + length]);
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], label: Option<&str>) -> Result<String, String> {
        let stream = Box::new(io::Cursor::new(bytes.to_vec()));
        let mut text = String::new();
        let mut stream = decode(stream, label, "f").map_err(|error| error.message)?;
        stream.read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }

    #[test]
    fn marks_and_names_are_obeyed() {
        assert_eq!(decoded(b"\xef\xbb\xbfa", None).unwrap(), "a");
        assert_eq!(decoded(b"\xff\xfea\0\xe9\0", None).unwrap(), "aé");
        assert_eq!(decoded(b"\xfe\xff\0a", Some("latin1")).unwrap(), "a");
        assert_eq!(decoded(b"caf\xe9 \x80", Some("Latin1")).unwrap(), "café €");
        assert_eq!(decoded(b"", Some("utf-16le")).unwrap(), "");
        assert!(decoded(b"a", Some("latin-one")).unwrap_err().contains("`latin-one` is not known"));
    }

    #[test]
    fn characters_are_whole_wherever_pieces_end() {
        let text = "é€𝄞".repeat(PIECE / 5);
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decoded(&bytes, Some("utf-16le")).unwrap(), text);
        assert!(decoded(&bytes[..bytes.len() - 1], Some("utf-16le")).is_err());
    }
}
