//! Where the rows of a binary COPY end: how they are framed, not what they hold.

use super::HEADER;

/// Goes through the bytes of one COPY, chunk by chunk.
pub(crate) struct RowEnds {
    /// Bytes to pass over.
    skip: usize,
    /// What comes after them.
    next: Next,
    /// The first bytes of a number that the last chunk broke off in.
    begun: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Next {
    ExtensionLength,
    FieldCount,
    FieldLength { left: u16 },
    Nothing,
}

impl RowEnds {
    pub fn new() -> Self {
        Self { skip: HEADER.len() - 4, next: Next::ExtensionLength, begun: Vec::new() }
    }

    /// How much of the chunk, and of all before it, is whole rows; nothing where none ends in it.
    pub fn last_in(&mut self, chunk: &[u8]) -> Option<usize> {
        let (mut at, mut last) = (0, None);
        loop {
            let passed = self.skip.min(chunk.len() - at);
            at += passed;
            self.skip -= passed;
            if self.skip > 0 {
                return last;
            }
            if matches!(self.next, Next::FieldCount) && self.begun.is_empty() {
                last = Some(at);
            }
            let wanted = match self.next {
                Next::ExtensionLength | Next::FieldLength { .. } => 4,
                Next::FieldCount => 2,
                Next::Nothing => return last,
            };
            let taken = (wanted - self.begun.len()).min(chunk.len() - at);
            self.begun.extend_from_slice(&chunk[at..at + taken]);
            at += taken;
            if self.begun.len() < wanted {
                return last;
            }
            self.number();
        }
    }

    /// A number is whole.
    fn number(&mut self) {
        let value = self.begun.drain(..).fold(0_u32, |value, byte| value << 8 | u32::from(byte));
        self.next = match self.next {
            Next::ExtensionLength => {
                self.skip = value as usize;
                Next::FieldCount
            }
            Next::FieldCount => match value as u16 {
                u16::MAX => Next::Nothing,
                0 => Next::FieldCount,
                left => Next::FieldLength { left },
            },
            Next::FieldLength { left } => {
                // -1 is NULL.
                self.skip = if value == u32::MAX { 0 } else { value as usize };
                if left == 1 { Next::FieldCount } else { Next::FieldLength { left: left - 1 } }
            }
            Next::Nothing => Next::Nothing,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::TRAILER;
    use super::*;

    /// Two rows of two columns, one value of which is NULL.
    fn copied() -> (Vec<u8>, [usize; 3]) {
        let mut bytes = HEADER.to_vec();
        let begin = bytes.len();
        bytes.extend(b"\0\x02\0\0\0\x03abc\0\0\0\0");
        let first = bytes.len();
        bytes.extend(b"\0\x02\xff\xff\xff\xff\0\0\0\x01x");
        let second = bytes.len();
        bytes.extend(TRAILER);
        (bytes, [begin, first, second])
    }

    #[test]
    fn rows_end_where_the_next_begins() {
        let (bytes, [begin, first, second]) = copied();
        assert_eq!(RowEnds::new().last_in(&bytes), Some(second));
        assert_eq!(RowEnds::new().last_in(&bytes[..second]), Some(second));
        assert_eq!(RowEnds::new().last_in(&bytes[..second - 1]), Some(first));
        assert_eq!(RowEnds::new().last_in(&bytes[..begin]), Some(begin));
        assert_eq!(RowEnds::new().last_in(&bytes[..begin - 1]), None);
    }

    #[test]
    fn chunks_may_end_anywhere() {
        let (bytes, ends) = copied();
        for size in 1..bytes.len() {
            let (mut rows, mut found, mut before) = (RowEnds::new(), Vec::new(), 0);
            for chunk in bytes.chunks(size) {
                found.extend(rows.last_in(chunk).map(|end| before + end));
                before += chunk.len();
            }
            found.dedup();
            assert!(found.iter().all(|end| ends.contains(end)), "{size}: {found:?}");
            assert_eq!(found.last(), Some(&ends[2]), "{size}");
        }
    }
}
