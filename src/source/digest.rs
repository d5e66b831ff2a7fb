//! SHA-256 of bytes, and of a stream while others read it.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::compression::Stream;

/// Counts and hashes what passes; shared with the reader at the bottom of the stream.
#[derive(Clone)]
pub(super) struct Tally(Arc<Mutex<Passed>>);

struct Passed {
    bytes: u64,
    hasher: Option<Sha256>,
}

impl Tally {
    pub fn new(hash: bool) -> Self {
        Self(Arc::new(Mutex::new(Passed { bytes: 0, hasher: hash.then(Sha256::new) })))
    }

    /// Of a file that was read past it.
    pub fn of_read(bytes: u64) -> Self {
        Self(Arc::new(Mutex::new(Passed { bytes, hasher: None })))
    }

    pub fn watch(&self, inner: Stream) -> impl Read + Send + use<> {
        Watched { inner, tally: self.clone() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Passed) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn bytes(&self) -> u64 {
        self.with(|passed| passed.bytes)
    }

    /// The digest, if all `length` bytes passed.
    pub fn take_digest(&self, length: Option<u64>) -> Option<String> {
        self.with(|passed| {
            let whole = length.is_none_or(|length| length == passed.bytes);
            passed.hasher.take_if(|_| whole).map(|hasher| hex(&hasher.finalize()))
        })
    }
}

struct Watched {
    inner: Stream,
    tally: Tally,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.tally.with(|passed| {
            passed.bytes += read as u64;
            if let Some(hasher) = &mut passed.hasher {
                hasher.update(&buffer[..read]);
            }
        });
        Ok(read)
    }
}

/// SHA-256 of bytes in hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}
