//! An open file that many readers read at their own places. It stays readable when its name is taken away,
//! so a cache that moves on cannot pull it from under a load.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

/// A regular file, and its length and time as they were when it was opened.
#[derive(Debug, Clone)]
pub(super) struct OpenFile {
    file: Arc<File>,
    length: u64,
    modified: Option<SystemTime>,
}

impl OpenFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // To open a pipe is to wait for somebody who writes into it, and nothing of it can be read twice.
        let kind = path.metadata()?.file_type();
        if !kind.is_file() && !kind.is_dir() {
            return Err(io::Error::other("it is a pipe or a device, and no file"));
        }
        Self::new(File::open(path)?)
    }

    pub(super) fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Ok(Self { length: metadata.len(), modified: metadata.modified().ok(), file: Arc::new(file) })
    }

    /// Bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Reads from `offset` to the length known at opening.
    pub(super) fn reader_at(&self, offset: u64) -> FileReader {
        FileReader { file: self.file.clone(), offset: offset.min(self.length), end: self.length }
    }

    /// False when somebody wrote to the file since it was opened.
    pub(super) fn is_unchanged(&self) -> bool {
        self.file.metadata().is_ok_and(|now| now.len() == self.length && now.modified().ok() == self.modified)
    }
}

#[derive(Clone)]
pub(super) struct FileReader {
    file: Arc<File>,
    offset: u64,
    end: u64,
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.end - self.offset).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.file.read_at(&mut buffer[..wanted], self.offset)?;
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was read",
            ));
        }
        self.offset += read as u64;
        Ok(read)
    }
}

impl Seek for FileReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let wanted = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
            SeekFrom::Current(by) => self.offset.checked_add_signed(by),
        };
        // Behind the end there is nothing to read, and before the beginning no place.
        self.offset = wanted.ok_or(io::ErrorKind::InvalidInput)?.min(self.end);
        Ok(self.offset)
    }
}

impl Length for OpenFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for OpenFile {
    type T = BufReader<FileReader>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        self.within(start, 0)?;
        Ok(BufReader::new(self.reader_at(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        // Checked first: a corrupt length must not become an allocation.
        self.within(start, length as u64)?;
        let mut buffer = vec![0; length];
        self.file.read_exact_at(&mut buffer, start)?;
        Ok(buffer.into())
    }
}

impl OpenFile {
    fn within(&self, start: u64, length: u64) -> ParquetResult<()> {
        match start.checked_add(length) {
            Some(end) if end <= self.length => Ok(()),
            _ => Err(ParquetError::EOF(format!(
                "{length} bytes at {start} are wanted of a file of {} bytes",
                self.length
            ))),
        }
    }
}
