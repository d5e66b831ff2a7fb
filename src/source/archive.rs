//! A member of a zip archive as a stream. The archive says where the member lies; it is unpacked here, as it
//! is read, and its checksum is compared at the end.

use std::io::{self, BufReader, Read, Write};

use zip::{CompressionMethod, ZipArchive};

use super::SourceError;
use super::compression::Stream;
use super::error::list;
use super::file::OpenFile;
use super::list::matcher;

/// The member that is meant: its name, and its bytes as they lie in the file.
pub(super) struct Member {
    pub name: String,
    start: u64,
    packed: u64,
    deflated: bool,
    checksum: u32,
}

/// What the archive holds.
pub(super) enum Archive {
    Workbook,
    Member(Member),
}

pub(super) fn open(file: &OpenFile, wanted: Option<&str>, shown: &str) -> Result<Archive, SourceError> {
    let damaged = |error: zip::result::ZipError| {
        SourceError::new(format!("{shown} is no whole zip archive: {error}"))
            .with_hint("it may have been cut off: deliver or download it again")
    };
    let mut archive = ZipArchive::new(BufReader::new(file.reader_at(0))).map_err(damaged)?;
    let names: Vec<String> = archive
        .file_names()
        .map(|name| name.map(|n| n.into_owned()))
        .collect::<Result<_, _>>()
        .map_err(damaged)?;
    let has = |name: &str| names.iter().any(|known| known == name);
    if wanted.is_none() && (has("xl/workbook.xml") || has("xl/workbook.bin") || has("content.xml")) {
        return Ok(Archive::Workbook);
    }
    let name = choose(&names, wanted, shown)?;
    let member = archive.by_name(&name).map_err(damaged)?;
    if member.encrypted() {
        return Err(SourceError::new(format!("`{name}` in {shown} is encrypted"))
            .with_hint("deliver the archive without a password"));
    }
    let deflated = match member.compression() {
        CompressionMethod::Stored => false,
        CompressionMethod::Deflated => true,
        other => {
            return Err(SourceError::new(format!("`{name}` in {shown} is packed by {other}"))
                .with_hint("pack it by the usual method, deflate"));
        }
    };
    let start = member.data_start().unwrap_or(0);
    Ok(Archive::Member(Member {
        start,
        packed: member.compressed_size(),
        deflated,
        checksum: member.crc32(),
        name,
    }))
}

/// What a member is when it is unpacked.
pub(super) struct Unpacked {
    pub name: String,
    pub bytes: u64,
    /// The most bytes in a row among which no `<` is.
    pub longest_without_tag: u64,
}

/// Refuses an archive whose members unpack to more than `limit` bytes; what it says of their sizes proves
/// nothing. A file that is no archive, or one that is damaged, is for others to judge.
pub(super) fn check_unpacked(file: &OpenFile, limit: u64, shown: &str) -> Result<Vec<Unpacked>, SourceError> {
    let mut members = Vec::new();
    let Ok(mut archive) = ZipArchive::new(BufReader::new(file.reader_at(0))) else { return Ok(members) };
    let mut total = 0;
    for index in 0..archive.len() {
        let Ok(member) = archive.by_index(index) else { continue };
        let name = member.name().map(|name| name.into_owned()).unwrap_or_default();
        let mut tags = Tags::default();
        // What breaks off is for who reads that member.
        let bytes = io::copy(&mut member.take(limit - total + 1), &mut tags).unwrap_or(tags.bytes);
        total += bytes;
        if total > limit {
            return Err(SourceError::new(format!(
                "{shown} is refused: it unpacks to more than {limit} bytes"
            ))
            .with_hint("save the sheet as CSV, or raise fetch.max_unpacked_bytes in profiles.yml"));
        }
        members.push(Unpacked { name, bytes, longest_without_tag: tags.longest });
    }
    Ok(members)
}

/// What `read` makes of a member; nothing where it is not there.
pub(super) fn with_member<T>(
    file: &OpenFile,
    name: &str,
    read: impl FnOnce(&mut dyn Read) -> T,
) -> Option<T> {
    let mut archive = ZipArchive::new(BufReader::new(file.reader_at(0))).ok()?;
    let mut member = archive.by_name(name).ok()?;
    Some(read(&mut member))
}

/// Counts what is written to it.
#[derive(Default)]
struct Tags {
    bytes: u64,
    since: u64,
    longest: u64,
}

impl Write for Tags {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut from = 0;
        for at in memchr::memchr_iter(b'<', bytes) {
            self.longest = self.longest.max(self.since + (at - from) as u64);
            (self.since, from) = (0, at);
        }
        self.since += (bytes.len() - from) as u64;
        self.longest = self.longest.max(self.since);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Folders, hidden files and what macOS adds are no members.
fn choose(names: &[String], wanted: Option<&str>, shown: &str) -> Result<String, SourceError> {
    let hidden = |name: &str| name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
    let mut found: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !name.ends_with('/') && !hidden(name)).collect();
    let all = found.clone();
    if let Some(wanted) = wanted {
        let matcher = matcher(wanted)?;
        // As in a .gitignore, a pattern without a slash is one for names in any folder.
        let base = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
        found.retain(|name| {
            *name == wanted || matcher.is_match(name) || !wanted.contains('/') && matcher.is_match(base(name))
        });
    }
    match found.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(SourceError::new(match wanted {
            Some(wanted) => format!("{shown} has no member that matches `{wanted}`"),
            None => format!("{shown} holds no file"),
        })
        .with_hint(format!("it has {}", if all.is_empty() { "none".to_owned() } else { list(all) }))),
        many => Err(SourceError::new(format!(
            "{shown} holds {} files: {}",
            many.len(),
            list(many.iter().copied())
        ))
        .with_hint("say which one is loaded: member='…', where `*` is any part of a name")),
    }
}

impl Member {
    /// The unpacked bytes. `watch` sees the packed ones.
    pub fn stream(&self, file: &OpenFile, watch: impl FnOnce(Stream) -> Stream) -> Stream {
        let packed: Stream = watch(Box::new(file.reader_at(self.start).take(self.packed)));
        let unpacked: Stream =
            if self.deflated { Box::new(flate2::read::DeflateDecoder::new(packed)) } else { packed };
        Box::new(Checked { inner: unpacked, found: flate2::Crc::new(), wanted: self.checksum })
    }
}

struct Checked {
    inner: Stream,
    found: flate2::Crc,
    wanted: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.found.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() && self.found.sum() != self.wanted {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is another"));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_member_is_the_only_one_or_the_one_named() {
        let names = ["a/", "a/x.csv", "__MACOSX/a/x.csv", ".DS_Store"].map(str::to_owned);
        assert_eq!(choose(&names, None, "f.zip").unwrap(), "a/x.csv");
        let names = ["x.csv", "y.csv", "z.txt"].map(str::to_owned);
        assert!(choose(&names, None, "f.zip").unwrap_err().message.contains("`x.csv`, `y.csv` and `z.txt`"));
        assert_eq!(choose(&names, Some("z*"), "f.zip").unwrap(), "z.txt");
        assert!(choose(&names, Some("q*"), "f.zip").unwrap_err().hint.unwrap().contains("`x.csv`"));
        assert!(choose(&names, Some("*.csv"), "f.zip").is_err());
    }
}
