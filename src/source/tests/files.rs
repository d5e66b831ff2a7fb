//! Local files and samples: what is read, and what is said of those that cannot be.

use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;

const CSV: &str = "a,b\n1,2\n3,4\n";
const ROWS: &str = "1|2\n3|4\n";

fn file(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn refusal(path: &Path, options: &ReadOptions) -> SourceError {
    let opened = open(&local(path), options, &text_targets(&["a", "b"]));
    opened.and_then(|mut rows| read_all(&mut rows).map(|all| all.len())).expect_err("it is refused")
}

#[test]
fn a_csv_passes_through_with_its_clause_and_digest() {
    let folder = TempDir::new().unwrap();
    let fetched = local(&file(&folder, "x.csv", CSV));
    assert_eq!(columns(&fetched, &ReadOptions::default()).unwrap().names, ["a", "b"]);
    let mut rows = open(&fetched, &ReadOptions::default(), &text_targets(&["b", "a"])).unwrap();
    assert_eq!(rows.copy_clause(false), r#"("a", "b") FROM STDIN WITH (FORMAT binary)"#);
    assert_eq!(rows.sha256(), None);
    assert_eq!(decoded(&read_all(&mut rows).unwrap()), ROWS);
    assert_eq!(rows.sha256().map(str::to_owned), Some(fetched.digest().unwrap()));
    assert_eq!((rows.bytes_read(), rows.rows_read()), (12, 2));
    let place = rows.explain(r#"COPY t, line 2, column b: "4""#).unwrap();
    assert_eq!(place.to_string(), "line 3, column b");
}

#[test]
fn a_dialect_is_obeyed() {
    let folder = TempDir::new().unwrap();
    let fetched = local(&file(&folder, "y.tsv", "a\tb\nNA\t'it''s'\n'NA'\t\n"));
    let options = ReadOptions { null: vec!["NA".to_owned()], quote: Some('\''), ..ReadOptions::default() };
    let mut rows = open(&fetched, &options, &text_targets(&["a", "b"])).unwrap();
    assert_eq!(decoded(&read_all(&mut rows).unwrap()), "-|it's\nNA|\n");
}

#[test]
fn packed_files_are_unpacked_by_their_content() {
    let folder = TempDir::new().unwrap();
    let two_members = [gzip(b"a,b\n1,2\n"), gzip(b"3,4\n")].concat();
    let fetched = local(&file(&folder, "x", two_members));
    assert_eq!(csv_text(&fetched, &["a", "b"]), CSV);
    let zstd = zstd::encode_all(CSV.as_bytes(), 3).unwrap();
    let fetched = local(&file(&folder, "y.csv", zstd));
    let mut rows = open(&fetched, &ReadOptions::default(), &text_targets(&["a", "b"])).unwrap();
    assert_eq!(decoded(&read_all(&mut rows).unwrap()), ROWS);
    assert_eq!(rows.bytes_read(), fetched.bytes);
    assert_eq!(rows.sha256().map(str::to_owned), Some(fetched.digest().unwrap()));
}

#[test]
fn a_packed_file_that_is_cut_off_is_refused() {
    let folder = TempDir::new().unwrap();
    let text = format!("a,b\n{}", (0..50_000).map(|n| format!("{n},{}\n", n * 7)).collect::<String>());
    let mut checked = zstd::Encoder::new(Vec::new(), 3).unwrap();
    checked.include_checksum(true).unwrap();
    checked.write_all(text.as_bytes()).unwrap();
    for packed in [gzip(text.as_bytes()), checked.finish().unwrap()] {
        for kept in [packed.len() - 1, packed.len() - 9, packed.len() / 2] {
            let error = refusal(&file(&folder, "x", &packed[..kept]), &ReadOptions::default());
            assert!(error.message.contains("is cut off"), "{error}");
        }
        let mut broken = packed.clone();
        broken[packed.len() / 2] ^= 0x55;
        // By its checksum, or earlier by what came out of it.
        refusal(&file(&folder, "x", &broken), &ReadOptions::default());
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let folder = TempDir::new().unwrap();
    let text = format!("a,b\n{}", "0,0\n".repeat(1_000_000));
    let options = ReadOptions { max_uncompressed_bytes: 1 << 20, ..ReadOptions::default() };
    for packed in [gzip(text.as_bytes()), zstd::encode_all(text.as_bytes(), 3).unwrap()] {
        let error = refusal(&file(&folder, "x", packed), &options);
        assert!(error.message.contains("unpacks to more than 1048576 bytes"), "{error}");
    }
}

/// A workbook of one sheet with these cells, as XML.
fn workbook(cells: &str) -> Vec<u8> {
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let parts = [
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>".to_owned(),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r0\" Type=\"{relations}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{relations}\"><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r1\" Type=\"{relations}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!("<worksheet xmlns=\"{main}\"><sheetData>{cells}</sheetData></worksheet>"),
        ),
    ];
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn cell(place: &str, text: &str) -> String {
    format!("<c r=\"{place}\" t=\"str\"><v>{text}</v></c>")
}

#[test]
fn a_workbook_with_a_cell_far_out_costs_what_it_holds() {
    let folder = TempDir::new().unwrap();
    let row = |number: u32, cells: &str| format!("<row r=\"{number}\">{cells}</row>");
    let table = row(2, &(cell("B2", "a") + &cell("C2", "b")))
        + &row(3, &(cell("B3", "1") + &cell("C3", "2")))
        + &row(5, &cell("C5", "4"));
    let path = file(&folder, "a.xlsx", workbook(&table));
    let mut rows = open(&local(&path), &ReadOptions::default(), &text_targets(&["a", "b"])).unwrap();
    assert_eq!(decoded(&read_all(&mut rows).unwrap()), "1|2\n-|4\n");
    // As a square it would have 17 thousand million cells.
    let far = table + &row(1_048_576, &cell("XFD1048576", "x"));
    let error = refusal(&file(&folder, "b.xlsx", workbook(&far)), &ReadOptions::default());
    assert!(error.message.contains("b.xlsx, row 1048576: it has a value in column 16383"), "{error}");
}

#[test]
fn bombs_in_archives_and_workbooks_stop_at_the_limit() {
    let folder = TempDir::new().unwrap();
    let options = ReadOptions { max_uncompressed_bytes: 1 << 20, ..ReadOptions::default() };
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("a.csv", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(format!("a,b\n{}", "0,0\n".repeat(1_000_000)).as_bytes()).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    let blanks = workbook(&" ".repeat(4 << 20));
    assert!(zip.len() < 100_000 && blanks.len() < 100_000, "little comes, much goes out");
    for (name, bytes) in [("a.zip", zip), ("b.xlsx", blanks)] {
        let error = refusal(&file(&folder, name, bytes), &options);
        assert!(error.message.contains("unpacks to more than 1048576 bytes"), "{error}");
    }
}

#[test]
fn what_is_no_table_is_named() {
    let folder = TempDir::new().unwrap();
    let said =
        |name: &str, content: &[u8]| refusal(&file(&folder, name, content), &ReadOptions::default()).message;
    assert!(said("x.csv", b"").ends_with("x.csv is empty"));
    assert!(said("x.csv", b"a,b\r\n").contains("has columns but no rows"));
    assert!(said("x.csv", b"a,a\n1,2\n").contains("columns 1 and 2 are both called `a`"));
    assert!(said("x.csv", b"a,\n1,2\n").contains("column 2 has no name"));
    assert!(said("x.csv", b"a,c\n1,2\n").contains("the file has `c` that the table lacks"));
    assert!(said("x.csv", b"PK\x03\x04\0\0").contains("no whole zip archive"));
    assert!(said("x.csv", b"<html><body>").contains("a web page"));
    assert!(said("x.csv", &gzip(b"%PDF")).contains("a PDF document"));
    assert!(said("x.parquet", b"a,b\n1,2\n").contains("is not a whole Parquet file"));
    let empty = ReadOptions { allow_empty: true, ..ReadOptions::default() };
    assert!(open(&local(&file(&folder, "x.csv", "a,b")), &empty, &text_targets(&["a", "b"])).is_ok());
}

#[test]
fn a_file_that_changes_while_it_is_read_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "x.csv", CSV);
    let fetched = local(&path);
    let mut rows = open(&fetched, &ReadOptions::default(), &text_targets(&["a", "b"])).unwrap();
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"5,6\n").unwrap();
    let error = read_all(&mut rows).unwrap_err();
    assert!(error.message.contains("was changed while it was read"), "{error}");
}

#[tokio::test]
async fn a_missing_file_names_its_neighbour() {
    let folder = TempDir::new().unwrap();
    file(&folder, "vouchers.csv", CSV);
    let location = Location::parse("voucher.csv", folder.path()).unwrap();
    let error = fetch(&location, &options(folder.path()), &()).await.unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("`vouchers.csv` is in the same folder"));
    let error =
        fetch(&Location::File(folder.path().to_owned()), &options(folder.path()), &()).await.unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("name one file in it"));
}

#[tokio::test]
async fn a_sample_streams_and_is_the_same_each_time() {
    let location = Location::parse("sample://vouchers?rows=2000&seed=7", Path::new("/")).unwrap();
    let fetched = fetch(&location, &FetchOptions::default(), &()).await.unwrap();
    let names = columns(&fetched, &ReadOptions::default()).unwrap().names;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(names.contains(&"country_code"), "{names:?}");
    let text = csv_text(&fetched, &names);
    assert_eq!(text.lines().count(), 2001);
    assert_eq!(csv_text(&fetched, &names), text);
}

#[test]
fn locations_are_told_apart() {
    let root = Path::new("/project");
    let parsed = |text: &str| Location::parse(text, root);
    assert_eq!(parsed("data/a b.csv"), Ok(Location::File("/project/data/a b.csv".into())));
    assert_eq!(parsed("/data/a.csv"), Ok(Location::File("/data/a.csv".into())));
    assert_eq!(parsed("file:///data/a%20b.csv"), Ok(Location::File("/data/a b.csv".into())));
    assert!(matches!(parsed("HTTPS://example.org/a.csv?x=ü"), Ok(Location::Http(_))));
    assert!(matches!(parsed("https://drive.google.com/open?id=abc"), Ok(Location::GoogleDrive { .. })));
    assert!(parsed("file://data/a.csv").is_err());
    assert!(parsed(" ").is_err());
    let error = parsed("ftp://example.org/a.csv").unwrap_err();
    assert!(error.hint.unwrap().contains("sample://vouchers"));
    assert!(parsed("htps://example.org").unwrap_err().hint.unwrap().contains("was `https://` meant"));
    assert!(parsed("sample://voucher?rows=1").unwrap_err().hint.unwrap().contains("sample://vouchers"));
    assert!(parsed("sample://vouchers?rows=many").is_err());
    let error = parsed("https://user:s3cret@host:notaport/x").unwrap_err();
    assert!(!format!("{error:?}").contains("s3cret"));
}

#[test]
fn secrets_in_an_address_are_not_shown() {
    let url = "https://me:s3cret@example.org/a.csv?X-Amz-Signature=s3cret&X-Amz-Credential=s3cret&sig=s3cret\
               &Access%54oken=s3cret&code=s3cret&country_code=Peru&day=2020-01-01&flag#s3cret";
    let shown = Location::parse(url, Path::new("/")).unwrap().to_string();
    assert_eq!(
        shown,
        "https://example.org/a.csv?X-Amz-Signature=***&X-Amz-Credential=***&sig=***&Access%54oken=***\
         &code=***&country_code=Peru&day=2020-01-01&flag"
    );
}
