//! Looks through an old workbook (.xls) before it is read: its reader makes a square of each sheet's cells, as
//! large as the sheet says or its outermost cells are, and of a shared text a copy for each of its cells: a few bytes
//! can say more than there is memory.

use std::io::Read;

use cfb::CompoundFile;

use super::shared_texts;
use super::workbook_size::too_large;
use crate::source::SourceError;
use crate::source::file::OpenFile;

/// Of all sheets together: two that are full to the last cell.
const MOST_CELLS: u64 = 1 << 25;
/// Sheets may overlap, each to be gone through.
const MOST_RECORDS: u64 = 1 << 27;

/// Records of a sheet, as Microsoft's description of the format names them.
const BEGIN: u16 = 0x0809;
const END: u16 = 0x000a;
const SHEET: u16 = 0x0085;
const DIMENSIONS: u16 = 0x0200;
const SEVERAL_NUMBERS: u16 = 0x00bd;
const TEXT: u16 = 0x0204;
const FORMATTED_TEXT: u16 = 0x00d6;
const FORMULA_TEXT: u16 = 0x0207;
const SHARED_TEXT: u16 = 0x00fd;
const CELLS: [u16; 9] =
    [0x0203, TEXT, FORMATTED_TEXT, 0x0205, FORMULA_TEXT, 0x027e, SHARED_TEXT, SEVERAL_NUMBERS, 0x0006];

/// Refuses a workbook that would take more memory than such may, for its texts `limit` bytes. What is none is for its reader to judge, but
/// for a container that holds no workbook where this looks.
pub(super) fn check(file: &OpenFile, limit: u64, shown: &str) -> Result<(), SourceError> {
    let mut magic = [0; 4];
    if file.reader_at(0).read_exact(&mut magic).is_err() || magic != [0xd0, 0xcf, 0x11, 0xe0] {
        return Ok(());
    }
    let refused = |why: &str| {
        Err(SourceError::new(format!("{shown} is no workbook that can be read: {why}"))
            .with_hint("save it anew as .xlsx, without a password"))
    };
    let Ok(mut container) = CompoundFile::open(file.reader_at(0)) else {
        return refused("it is damaged");
    };
    let is_workbook = |name: &str| name.eq_ignore_ascii_case("Workbook") || name.eq_ignore_ascii_case("Book");
    let streams: Vec<_> = container
        .walk()
        .filter(|entry| entry.is_stream() && is_workbook(entry.name()))
        .map(|entry| entry.path().to_owned())
        .collect();
    if streams.is_empty() {
        return refused("it holds no sheets that are not encrypted");
    }
    for path in streams {
        let mut stream = Vec::new();
        let read = container.open_stream(&path).and_then(|mut stream_of| stream_of.read_to_end(&mut stream));
        if read.is_err() {
            return refused("it is damaged");
        }
        match Spanned::by(&stream) {
            Some(spanned) if spanned.cells > MOST_CELLS => {
                return refused("its sheets span more cells than can be held in memory");
            }
            Some(spanned) if spanned.text_bytes > limit => return Err(too_large(limit, shown)),
            Some(_) => {}
            None => return refused("its sheets have more records than can be read"),
        }
    }
    Ok(())
}

/// What all sheets come to.
#[derive(Default)]
struct Spanned {
    cells: u64,
    text_bytes: u64,
}

impl Spanned {
    /// Nothing where there are more records than can be gone through.
    fn by(stream: &[u8]) -> Option<Self> {
        let texts = shared_texts::lengths(stream);
        let sheets = Records(stream).filter(|(kind, data)| *kind == SHEET && data.len() >= 4);
        let sheets =
            sheets.map(|(_, data)| u32::from_le_bytes([data[0], data[1], data[2], data[3]]) as usize);
        let (mut spanned, mut records) = (Self::default(), 0_u64);
        for start in sheets {
            let Some(sheet) = stream.get(start..) else { continue };
            let mut seen = Seen::default();
            for (kind, data) in Records(sheet) {
                records += 1;
                if records > MOST_RECORDS {
                    return None;
                }
                if !seen.goes_on(kind, data) {
                    break;
                }
                spanned.text_bytes += text_bytes(kind, data, &texts);
            }
            spanned.cells = spanned.cells.saturating_add(seen.cells());
        }
        Some(spanned)
    }
}

/// Of the text that a record holds or names.
fn text_bytes(kind: u16, data: &[u8], texts: &[u64]) -> u64 {
    match (kind, data) {
        (SHARED_TEXT, [_, _, _, _, _, _, a, b, c, d, ..]) => {
            let index = u32::from_le_bytes([*a, *b, *c, *d]);
            texts.get(index as usize).copied().unwrap_or(0)
        }
        // A byte of it may become two.
        (TEXT | FORMATTED_TEXT | FORMULA_TEXT, _) => 2 * data.len() as u64,
        _ => 0,
    }
}

/// What a sheet's records span.
#[derive(Default)]
struct Seen {
    depth: u64,
    /// The greatest that the sheet says of itself.
    said: u64,
    rows: Option<(u16, u16)>,
    columns: Option<(u16, u16)>,
}

impl Seen {
    /// False at the sheet's end.
    fn goes_on(&mut self, kind: u16, data: &[u8]) -> bool {
        let word = |at: usize| Some(u16::from_le_bytes([*data.get(at)?, *data.get(at + 1)?]));
        match kind {
            BEGIN => self.depth += 1,
            END if self.depth <= 1 => return false,
            END => self.depth -= 1,
            DIMENSIONS => {
                let of = |at: usize| Some(u64::from(word(at)?) | u64::from(word(at + 2)?) << 16);
                let (rows, columns) = match data.len() {
                    10 => (word(2).map(u64::from), word(6)),
                    _ => (of(4), word(10)),
                };
                let said = rows.unwrap_or(0).saturating_mul(u64::from(columns.unwrap_or(0)));
                self.said = self.said.max(said);
            }
            kind if CELLS.contains(&kind) => {
                if let (Some(row), Some(column)) = (word(0), word(2)) {
                    widen(&mut self.rows, row);
                    widen(&mut self.columns, column);
                }
                if kind == SEVERAL_NUMBERS
                    && let Some(last) = data.len().checked_sub(2).and_then(word)
                {
                    widen(&mut self.columns, last);
                }
            }
            _ => {}
        }
        true
    }

    fn cells(&self) -> u64 {
        let span = |range: Option<(u16, u16)>| range.map_or(0, |(least, most)| u64::from(most - least) + 1);
        self.said.max(span(self.rows) * span(self.columns))
    }
}

fn widen(range: &mut Option<(u16, u16)>, at: u16) {
    let (least, most) = range.unwrap_or((at, at));
    *range = Some((least.min(at), most.max(at)));
}

/// The records of a stream; ends where one is cut off.
pub(super) struct Records<'a>(pub &'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [a, b, c, d, rest @ ..] = self.0 else { return None };
        let (data, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([*c, *d])))?;
        self.0 = rest;
        Some((u16::from_le_bytes([*a, *b]), data))
    }
}
