//! How long the shared texts of an old workbook (.xls) are: a text stands there once, and its reader makes a copy of
//! it for each cell that has it. Reads lengths only, in the way of that reader.

use super::old_workbook::Records;

const END: u16 = 0x000a;
const SHARED_TEXTS: u16 = 0x00fc;
/// Goes on with the record before it.
const CONTINUE: u16 = 0x003c;

/// Characters have two bytes.
const WIDE: u8 = 0x01;
const HAS_EXTENSION: u8 = 0x04;
const HAS_RUNS: u8 = 0x08;

/// The bytes of each text as UTF-8, as far as they make sense.
pub(super) fn lengths(stream: &[u8]) -> Vec<u64> {
    let mut records = Records(stream).take_while(|(kind, _)| *kind != END).peekable();
    let mut lengths = Vec::new();
    while let Some((kind, data)) = records.next() {
        if kind != SHARED_TEXTS {
            continue;
        }
        let mut parts = vec![data.get(8..).unwrap_or_default()];
        while let Some((_, more)) = records.next_if(|(kind, _)| *kind == CONTINUE) {
            parts.push(more);
        }
        // The last table of texts is the one that counts.
        lengths.clear();
        let mut texts = Parts { now: &[], later: parts.into_iter() };
        while texts.is_there() {
            let Some(length) = texts.text() else { break };
            lengths.push(length);
        }
    }
    lengths
}

/// A record and those that go on with it.
struct Parts<'a> {
    now: &'a [u8],
    later: std::vec::IntoIter<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn is_there(&mut self) -> bool {
        while self.now.is_empty() {
            let Some(part) = self.later.next() else { return false };
            self.now = part;
        }
        true
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.now.split_first_chunk()?;
        self.now = rest;
        Some(*taken)
    }

    fn text(&mut self) -> Option<u64> {
        let mut left = usize::from(u16::from_le_bytes(self.take()?));
        let [mut flags] = self.take()?;
        let runs = if flags & HAS_RUNS == 0 { 0 } else { u16::from_le_bytes(self.take()?) };
        let extension = if flags & HAS_EXTENSION == 0 { 0 } else { u32::from_le_bytes(self.take()?) };
        let mut bytes = 0;
        while left > 0 {
            let (read, there) = self.characters(left, flags & WIDE != 0);
            (left, bytes) = (left - read, bytes + there);
            if left > 0 {
                // What goes on says anew how wide its characters are.
                self.now = self.later.next()?;
                [flags] = self.take()?;
            }
        }
        self.skip(u64::from(runs) * 4 + u64::from(extension))?;
        Some(bytes)
    }

    /// Passes over so many characters at most, as far as this part has them; how many, and their bytes as UTF-8.
    fn characters(&mut self, most: usize, wide: bool) -> (usize, u64) {
        let width = if wide { 2 } else { 1 };
        let count = most.min(self.now.len() / width);
        let (taken, rest) = self.now.split_at(count * width);
        self.now = rest;
        let unit = |bytes: &[u8]| match bytes {
            [low, high] => u16::from_le_bytes([*low, *high]),
            _ => u16::from(bytes[0]),
        };
        let bytes = taken.chunks_exact(width).map(|bytes| match unit(bytes) {
            0..0x80 => 1,
            0x80..0x800 => 2,
            _ => 3,
        });
        (count, bytes.sum())
    }

    fn skip(&mut self, mut bytes: u64) -> Option<()> {
        while bytes > 0 {
            if !self.is_there() {
                return None;
            }
            let passed = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.now.len());
            self.now = &self.now[passed..];
            bytes -= passed as u64;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).expect("it is short");
        [&kind.to_le_bytes(), &length.to_le_bytes(), data].concat()
    }

    #[test]
    fn texts_may_go_on_in_other_records_and_change_their_width_there() {
        let stream = [
            record(SHARED_TEXTS, b"12345678\x02\0\0ab\x04\0\x09\x01\0h\0"),
            record(CONTINUE, b"\0\xe9\xe9e\x01\x02\x03\x04\x01\0\x04\x02\0\0\0x"),
            record(CONTINUE, b"EX\0\0\0\x02\0\x01\xac\x20\xac\x20"),
            record(END, b""),
            record(SHARED_TEXTS, b"12345678\x02\0\0ab"),
        ];
        assert_eq!(lengths(&stream.concat()), [2, 6, 1, 0, 6]);
    }

    #[test]
    fn what_is_cut_off_ends_the_texts() {
        let whole = record(SHARED_TEXTS, b"12345678\x02\0\0ab\x09\0\x08\x01\0h");
        assert_eq!(lengths(&whole), [2]);
        for at in 0..whole.len() {
            assert!(lengths(&whole[..at]).is_empty());
        }
    }
}
