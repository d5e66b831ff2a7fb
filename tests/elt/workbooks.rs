//! Sheets of workbooks of every kind through the front door, and such that are made to do harm.

use std::io::Write;

use crate::support::Project;

const MODEL: &str = "models/raw/r.sql";

fn model(config: &str, body: &str) -> String {
    format!("{{{{ config({config}) }}}}\n{body}\n")
}

async fn rows(project: &Project) -> String {
    project.value("select string_agg(r::text, ' ' order by r::text) from raw.r").await
}

fn zipped(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a vector takes it");
        zip.write_all(text.as_bytes()).expect("a vector takes it");
    }
    zip.finish().expect("a vector takes it").into_inner()
}

/// A new workbook with two sheets; the second has these rows.
fn xlsx(rows: &[&[&str]]) -> Vec<u8> {
    const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = |inside: &str| format!("<Relationships xmlns=\"{PACKAGE}\">{inside}</Relationships>");
    let relation = |id: &str, kind: &str, target: &str| {
        format!("<Relationship Id=\"{id}\" Type=\"{RELATIONS}/{kind}\" Target=\"{target}\"/>")
    };
    let sheet = |rows: &str| format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>");
    let written: String = rows
        .iter()
        .zip(1..)
        .map(|(cells, row)| {
            let cells: String = cells
                .iter()
                .zip('A'..)
                .filter(|(text, _)| !text.is_empty())
                .map(|(text, column)| match text.parse::<f64>() {
                    _ if text.starts_with('#') => {
                        format!("<c r=\"{column}{row}\" t=\"e\"><v>{text}</v></c>")
                    }
                    Ok(_) => format!("<c r=\"{column}{row}\"><v>{text}</v></c>"),
                    Err(_) => format!("<c r=\"{column}{row}\" t=\"str\"><v>{text}</v></c>"),
                })
                .collect();
            format!("<row r=\"{row}\">{cells}</row>")
        })
        .collect();
    let sheets =
        "<sheet name=\"Notes\" sheetId=\"1\" r:id=\"r1\"/><sheet name=\"Orders\" sheetId=\"2\" r:id=\"r2\"/>";
    zipped(&[
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>",
        ),
        ("_rels/.rels", &relations(&relation("r0", "officeDocument", "xl/workbook.xml"))),
        (
            "xl/workbook.xml",
            &format!(
                "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets>{sheets}</sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            &relations(
                &(relation("r1", "worksheet", "worksheets/sheet1.xml")
                    + &relation("r2", "worksheet", "worksheets/sheet2.xml")),
            ),
        ),
        ("xl/worksheets/sheet1.xml", &sheet("")),
        ("xl/worksheets/sheet2.xml", &sheet(&written)),
    ])
}

/// An OpenDocument sheet of these rows, as XML.
fn ods(rows: &str) -> Vec<u8> {
    let names = ["office", "table", "text"]
        .map(|name| format!("xmlns:{name}=\"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0\""))
        .join(" ");
    let content = format!(
        "<?xml version=\"1.0\"?><office:document-content {names}><office:body><office:spreadsheet>\
         <table:table table:name=\"S\">{rows}</table:table></office:spreadsheet></office:body></office:document-content>"
    );
    zipped(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        (
            "META-INF/manifest.xml",
            "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>",
        ),
        ("content.xml", &content),
    ])
}

/// An old workbook: one sheet that says it has `said` rows and has these cells.
fn xls(said: u32, cells: &[(u16, u16, &str)]) -> Vec<u8> {
    let size = [&0_u32.to_le_bytes()[..], &said.to_le_bytes(), &[0, 0, 2, 0, 0, 0]].concat();
    let cells = cells.iter().flat_map(|(row, column, text)| {
        let place = [row.to_le_bytes(), column.to_le_bytes(), [0, 0]].concat();
        match text.parse::<f64>() {
            Ok(number) => record(0x0203, &[&place[..], &number.to_le_bytes()].concat()),
            Err(_) => {
                let length = u16::try_from(text.len()).expect("texts are short").to_le_bytes();
                record(0x0204, &[&place[..], &length, &[0], text.as_bytes()].concat())
            }
        }
    });
    old_workbook(&[], &[record(0x0200, &size).into_iter().chain(cells).collect()])
}

/// An old workbook: what all sheets share, and the records of each sheet.
fn old_workbook(shared: &[u8], sheets: &[Vec<u8>]) -> Vec<u8> {
    let begin = |of: u16| record(0x0809, &[&[0, 6], &of.to_le_bytes()[..], &[0; 12]].concat());
    let end = record(0x000a, &[]);
    let name = |offset: usize, name: u8| {
        let offset = u32::try_from(offset).expect("it is short");
        record(0x0085, &[&offset.to_le_bytes()[..], &[0, 0, 1, 0, name]].concat())
    };
    let mut offset = begin(5).len() + sheets.len() * name(0, 0).len() + shared.len() + end.len();
    let (mut stream, mut bodies) = (begin(5), Vec::new());
    for (sheet, called) in sheets.iter().zip(b'S'..) {
        stream.extend(name(offset, called));
        let body = [&begin(0x10), sheet, &end].map(Vec::as_slice).concat();
        offset += body.len();
        bodies.extend(body);
    }
    stream.extend([shared, &end, &bodies].concat());
    compound_file("Workbook", stream)
}

fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("records are short");
    [&kind.to_le_bytes(), &length.to_le_bytes(), data].concat()
}

/// The stream in the container that old office files are: one sector of chains, one of names, then the stream.
fn compound_file(name: &str, mut stream: Vec<u8>) -> Vec<u8> {
    const SECTOR: usize = 512;
    const FREE: u32 = 0xffff_ffff;
    const LAST: u32 = 0xffff_fffe;
    const CHAINS: u32 = 0xffff_fffd;
    // Shorter streams would lie elsewhere.
    stream.resize(stream.len().max(4096).next_multiple_of(SECTOR), 0);
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    file.extend([0; 16]);
    file.extend([0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
    file.extend(words(&[0, 1, 1, 0, 4096, LAST, 0, LAST, 0, 0]));
    file.extend(words(&[FREE; 108]));
    let sectors = u32::try_from(stream.len() / SECTOR).expect("it is short");
    let mut chains = vec![CHAINS, LAST];
    chains.extend((0..sectors).map(|sector| if sector + 1 == sectors { LAST } else { sector + 3 }));
    chains.resize(SECTOR / 4, FREE);
    file.extend(words(&chains));
    let entry = |name: &str, kind: u8, child: u32, start: u32, size: usize| {
        let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = if name.is_empty() { 0 } else { entry.len() + 2 };
        entry.resize(64, 0);
        entry.extend([u8::try_from(length).expect("names are short"), 0, kind, 1]);
        entry.extend(words(&[FREE, FREE, child]));
        entry.extend([0; 36]);
        entry.extend(words(&[start, u32::try_from(size).expect("it is short"), 0]));
        entry
    };
    file.extend(entry("Root Entry", 5, 1, LAST, 0));
    file.extend(entry(name, 2, FREE, 2, stream.len()));
    file.extend(entry("", 0, FREE, 0, 0));
    file.extend(entry("", 0, FREE, 0, 0));
    file.extend(stream);
    file
}

#[tokio::test]
async fn sheets_of_every_kind_load_and_their_bad_rows_are_told_by_row() {
    let project =
        Project::new(&[(MODEL, &model("source='a.xlsx', sheet='Orders'", "id int, name text"))]).await;
    let put = |name: &str, bytes: Vec<u8>| {
        std::fs::write(project.root.join(name), bytes).expect("files can be written");
    };
    let table = [&["id", "name"][..], &["1", "Ann"], &["two", "Bo"], &["3", "Cy"]];
    put("a.xlsx", xlsx(&[table[0], table[1], table[3]]));
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "(1,Ann) (3,Cy)");
    // What is recorded is the file as it was delivered.
    let length = std::fs::metadata(project.root.join("a.xlsx")).expect("it is there").len();
    let recorded = "select bytes::text || ' ' || length(sha256) from elt.loads order by run_id desc limit 1";
    assert_eq!(project.value(recorded).await, format!("{length} 64"));
    put("a.xlsx", xlsx(&table));
    project.elt(&["run"]).expect(1).says("a.xlsx, row 3, column id: invalid input syntax");
    let words = "source='a.xlsx', sheet=2, bad_rows='quarantine', metadata=['_row']";
    project.write(MODEL, &model(words, "id int, name text"));
    project.good(&["run"]).says("1 bad row was put aside");
    assert_eq!(rows(&project).await, "(1,Ann,1) (3,Cy,3)");
    assert_eq!(project.value("select line || value from elt.bad_rows").await, "3two");

    project.write(MODEL, &model("source='a.ods'", "id int, name text"));
    let cell = |text: &str| {
        format!("<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell>")
    };
    let row = |words: &str, cells: &str| format!("<table:table-row{words}>{cells}</table:table-row>");
    let empty = "<table:table-cell table:number-columns-repeated=\"16382\"/>";
    let sheet = row("", &(cell("id") + &cell("name") + empty))
        + &row(" table:number-rows-repeated=\"2\"", &(cell("7") + &cell("twice")))
        + &row(
            " table:number-rows-repeated=\"1048573\"",
            "<table:table-cell table:number-columns-repeated=\"16384\"/>",
        );
    put("a.ods", ods(&sheet));
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "(7,twice) (7,twice)");

    project.write(MODEL, &model("source='a.xls', sheet='S'", "id int, name text"));
    let cells = [(0, 0, "id"), (0, 1, "name"), (1, 0, "5"), (1, 1, "old")];
    put("a.xls", xls(2, &cells));
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "(5,old)");
}

#[tokio::test]
async fn an_old_workbook_that_would_take_all_the_memory_is_refused() {
    let project = Project::new(&[(MODEL, &model("source='a.xls'", "id int"))]).await;
    for bytes in [
        xls(u32::MAX, &[(0, 0, "id"), (1, 0, "5")]),
        xls(2, &[(0, 0, "id"), (u16::MAX, u16::MAX, "5")]),
        compound_file("Other", vec![0; 4096]),
    ] {
        std::fs::write(project.root.join("a.xls"), bytes).expect("files can be written");
        project.elt(&["run"]).expect(1).says("error[source]: a.xls").says("save it anew as .xlsx");
    }
}

/// Its reader reads all sheets at once, and copies a shared text for each cell that has it.
#[tokio::test]
async fn texts_of_an_old_workbook_count_for_each_cell_that_has_them() {
    let project = Project::new(&[(MODEL, &model("source='a.xls', sheet='S'", "note text"))]).await;
    let (note, long) = (b"\x04\0\0note".to_vec(), "long ".repeat(1_000));
    let head = [&[0; 8][..], &note, &5_000_u16.to_le_bytes(), &[0], &long.as_bytes()[..4_000]].concat();
    // A text goes on in the next record, where it says again that its characters have one byte.
    let rest = [&[0], &long.as_bytes()[4_000..]].concat();
    let shared = [record(0x00fc, &head), record(0x003c, &rest)].concat();
    let cell = |row: u16, text: u8| {
        let [low, high] = row.to_le_bytes();
        record(0x00fd, &[low, high, 0, 0, 0, 0, text, 0, 0, 0])
    };
    let sheet =
        |rows: u16| [cell(0, 0)].into_iter().chain((1..=rows).map(|row| cell(row, 1))).flatten().collect();
    let book = old_workbook(&shared, &[sheet(2), sheet(3_000)]);
    assert!(book.len() < 70_000);
    std::fs::write(project.root.join("a.xls"), book).expect("files can be written");
    project.good(&["run"]);
    assert_eq!(project.value("select count(*) || ' ' || min(length(note)) from raw.r").await, "2 5000");
    project.write("profiles.yml", "fetch: {max_workbook_bytes: 10000000}\n");
    let ended = project.elt(&["run", "--full-refresh"]).expect(1);
    ended.says("a.xls is refused: its cells would take more than 10000000 bytes of memory");
}

#[tokio::test]
async fn a_short_file_whose_cells_would_take_all_the_memory_is_refused() {
    let project = Project::new(&[(MODEL, &model("source='a.ods'", "id int"))]).await;
    let put = |name: &str, bytes: &[u8]| {
        std::fs::write(project.root.join(name), bytes).expect("files can be written");
    };
    let row = |words: &str, cells: &str| format!("<table:table-row{words}>{cells}</table:table-row>");
    let number =
        |words: &str| format!("<table:table-cell office:value-type=\"float\" office:value=\"1\"{words}/>");
    let wide = number(" table:number-columns-repeated=\"16384\"");
    let mut told = std::collections::BTreeSet::new();
    let spaces = "<table:table-cell office:value-type=\"string\"><text:p><text:s text:c=\"9000000000\"/></text:p></table:table-cell>";
    for sheet in [
        row("", &wide).repeat(1000),
        row(" table:number-rows-repeated=\"1000000\"", &number(" table:number-columns-repeated=\"50\"")),
        row("", &number("")) + &row(" table:number-rows-repeated=\"900000\"", "") + &row("", &wide),
        row("", spaces),
        row(
            "",
            &format!(
                "<table:table-cell office:value-type=\"string\"><text:p>{}</text:p></table:table-cell>",
                "x".repeat(65 << 20)
            ),
        ),
    ] {
        let bytes = ods(&sheet);
        assert!(bytes.len() < 200_000, "{}", bytes.len());
        put("a.ods", &bytes);
        let ended = project.elt(&["-q", "run"]).expect(1);
        told.insert(ended.stderr);
    }
    let told: Vec<String> = told.into_iter().collect();
    insta::assert_snapshot!(told.join("\n"), @r"
error[source]: a.ods is refused: its cells would take more than 1073741824 bytes of memory
 --> models/raw/r.sql:1:11
  |
1 | {{ config(source='a.ods') }}
  |           ^^^^^^
  |
  = help: save the sheet as CSV, or raise fetch.max_workbook_bytes in profiles.yml
");
    // The limit is the profile's, for sheets of any kind.
    put("a.xlsx", &xlsx(&[&["id", "name"], &["1", &"long ".repeat(300)]]));
    project.write(MODEL, &model("source='a.xlsx', sheet='Orders'", ""));
    project.write("profiles.yml", "fetch: {max_workbook_bytes: 1000}\n");
    project.elt(&["run"]).expect(1).says("its cells would take more than 1000 bytes of memory");
    project.write("profiles.yml", "fetch: {max_workbook_bytes: 10000}\n");
    project.good(&["run"]);
}

#[tokio::test]
async fn errors_may_mean_null_and_a_gap_between_columns_is_none_itself() {
    let words = "source='a.xlsx', sheet='Orders'";
    let project = Project::new(&[(MODEL, &model(words, ""))]).await;
    let put = |rows: &[&[&str]]| {
        std::fs::write(project.root.join("a.xlsx"), xlsx(rows)).expect("files can be written");
    };
    put(&[&["id", "", "name", "note"], &["1", "", "#N/A", "-"], &["2", "", "Bo", "x"]]);
    project
        .elt(&["run"])
        .expect(1)
        .says("a.xlsx, row 2, column name: \"#N/A\": it is the error #N/A of a formula");
    project.write(MODEL, &model(&format!("{words}, null=['#N/A', '-']"), ""));
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "(1,,) (2,Bo,x)");
    project.write(MODEL, &model(&format!("{words}, bad_rows='quarantine'"), ""));
    project.good(&["run"]);
    assert_eq!(project.value("select column_name || '|' || raw from elt.bad_rows").await, "name|1\t#N/A\t-");
    // With a value in it, it is a column without a name.
    put(&[&["id", "", "name"], &["1", "", "Al"], &["2", "lost", "Bo"]]);
    project.elt(&["run"]).expect(1).says("column 2 has no name");
}
