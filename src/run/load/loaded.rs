//! What came in with a load, and what is to be told of it.

use std::collections::HashMap;

use super::{Loading, aside};
use crate::database::begun::BegunFile;
use crate::source::Piece;

/// What came in, over all pieces.
#[derive(Default)]
pub(super) struct Loaded {
    pub rows: u64,
    pub bad_rows: u64,
    pub bytes: u64,
    pub all_from_cache: bool,
    /// Name and checksum of each piece.
    pub digests: Vec<(String, Option<String>)>,
    /// Name and version of the pieces, where the load goes by file.
    pub files: Vec<(String, String)>,
    /// What is to be told of columns.
    pub said: Vec<String>,
    /// Columns of the table that no record of any piece had, where records may lack some.
    pub never_came: Option<Vec<String>>,
    /// Pieces that had none.
    pub without_rows: Vec<String>,
}

impl Loaded {
    pub fn notes(&self, loading: &Loading<'_>) -> Vec<String> {
        let mut notes = self.said.clone();
        if let Some(columns) = self.never_came.as_ref().filter(|columns| !columns.is_empty()) {
            let label = loading.node.label();
            notes.push(format!("{label}: columns that no record has are NULL: {}", columns.join(", ")));
        }
        // Most such files are failed exports.
        if let [first, others @ ..] = &*self.without_rows
            && self.rows > 0
            && !loading.options.allow_empty
        {
            let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            notes.push(format!("{}: without rows: {first}{more}", loading.node.label()));
        }
        if self.bad_rows > 0 {
            notes.push(aside::note(loading, self.bad_rows));
        }
        notes
    }

    pub fn say(&mut self, said: impl IntoIterator<Item = String>) {
        for sentence in said {
            // Pages of an API have all the same to say.
            if !self.said.contains(&sentence) {
                self.said.push(sentence);
            }
        }
    }

    /// Adds what came of one piece.
    pub fn add(&mut self, came: BegunFile) {
        let number = |count: i64| u64::try_from(count).unwrap_or(0);
        self.rows += number(came.rows);
        self.bad_rows += number(came.bad_rows);
        self.bytes += number(came.bytes);
        self.all_from_cache &= came.from_cache;
        self.say(came.said);
        // Where no record may lack a column, what the piece lacks as a whole is told of it.
        let missing = came.never_came.unwrap_or_default();
        match &mut self.never_came {
            Some(never) => never.retain(|name| missing.contains(name)),
            never => *never = Some(missing),
        }
        if came.rows == 0 && came.bad_rows == 0 {
            self.without_rows.push(came.file.clone());
        }
        self.files.push((came.file.clone(), came.version));
        self.digests.push((came.file, came.sha256));
    }

    /// As if all had come one after the other: the checksum of many is that of their list.
    pub fn in_order_of(&mut self, pieces: &[Piece]) {
        let places: HashMap<&str, usize> =
            pieces.iter().enumerate().map(|(place, piece)| (piece.name.as_str(), place)).collect();
        self.digests.sort_by_key(|(name, _)| places.get(name.as_str()).copied());
    }
}
