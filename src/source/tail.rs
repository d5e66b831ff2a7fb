//! What elt adds to each row, after the columns of its file: the file and the row's number there.

use super::rows::push_text;
use crate::name::Ident;

/// The columns at the end of each row.
#[derive(Default)]
pub(super) struct Tail {
    file: Option<File>,
    numbered: bool,
}

/// A file's name as COPY has it.
struct File {
    /// With its length.
    binary: Vec<u8>,
    /// After a delimiter.
    text: Vec<u8>,
}

impl Tail {
    pub fn new(file: Option<&str>, numbered: bool) -> Self {
        let file = file.map(|name| {
            let mut binary = u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
            binary.extend_from_slice(name.as_bytes());
            let mut text = vec![b'\t'];
            push_text(&mut text, Some(name.as_bytes()));
            File { binary, text }
        });
        Self { file, numbered }
    }

    /// In the order of their values.
    pub fn columns(&self) -> impl Iterator<Item = Ident> {
        let file = self.file.is_some().then_some("_file");
        let number = self.numbered.then_some("_row");
        file.into_iter().chain(number).map(|name| Ident::new(name).expect("a constant name is good"))
    }

    pub fn count(&self) -> usize {
        usize::from(self.file.is_some()) + usize::from(self.numbered)
    }

    pub fn push_binary(&self, out: &mut Vec<u8>, row: u64) {
        if let Some(file) = &self.file {
            out.extend_from_slice(&file.binary);
        }
        if self.numbered {
            out.extend_from_slice(&8_i32.to_be_bytes());
            out.extend_from_slice(&row.to_be_bytes());
        }
    }

    /// In COPY's text format.
    pub fn push_text(&self, out: &mut Vec<u8>, row: u64) {
        if let Some(file) = &self.file {
            out.extend_from_slice(&file.text);
        }
        if self.numbered {
            out.push(b'\t');
            out.extend_from_slice(row.to_string().as_bytes());
        }
    }
}
