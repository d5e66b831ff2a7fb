//! How bytes become rows, through the front door: dialects, encodings, JSON, workbooks, archives.

use std::io::Write;

use crate::support::Project;

const MODEL: &str = "models/raw/r.sql";

async fn project(config: &str, body: &str) -> Project {
    Project::new(&[(MODEL, &model(config, body))]).await
}

fn model(config: &str, body: &str) -> String {
    format!("{{{{ config({config}) }}}}\n{body}\n")
}

fn put(project: &Project, path: &str, bytes: &[u8]) {
    std::fs::write(project.root.join(path), bytes).expect("files can be written");
}

/// All rows as text, in the order of their first column.
async fn rows(project: &Project) -> String {
    project.value("select string_agg(r::text, ' ' order by r::text) from raw.r").await
}

#[tokio::test]
async fn a_csv_of_any_dialect_and_encoding_loads() {
    let project = project(
        "source='a.txt', delimiter=';', quote=\"'\", escape='\\\\', null=['', 'NA'], encoding='latin1', \
         comment='#', skip_lines=1, ragged='fill'",
        "id int, name text, note text",
    )
    .await;
    put(
        &project,
        "a.txt",
        b"made by a machine; 'with a quote\n\n# a comment\nName; ID ;note\nJos\xe9;1;'it\\'s'\n'';2\n# no row\nNA;3;'NA'\n",
    );
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "(1,José,it's) (2,\"\",) (3,,NA)");

    project.write(MODEL, &model("source='a.csv', header=false", "id int, name text"));
    let utf16: Vec<u8> =
        "\u{feff}1,é\r\n2,\"a\r\nb\"\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    put(&project, "a.csv", &utf16);
    project.good(&["run"]);
    assert_eq!(project.value("select string_agg(name, '|' order by id) from raw.r").await, "é|a\r\nb");

    project.write(MODEL, &model("source='a.csv'", ""));
    put(&project, "a.csv", b"i\0d\0,\0n\0\n\x001\0,\0x\0\n\0");
    project.elt(&["run"]).expect(1).says("is the file UTF-16? then say encoding='utf-16le'");
    project.write(MODEL, &model("source='a.csv', header=false", "id int, name text"));
    put(&project, "a.csv", b"1,ok\n2,\xe9\n");
    project
        .elt(&["run"])
        .expect(1)
        .says("a.csv, line 2, column name: \"\u{fffd}\": it is not UTF-8")
        .says("encoding='latin1'");
    put(&project, "a.csv", b"1,ok\n2,a,b\n");
    project.elt(&["run"]).expect(1).says("a.csv, line 2: it has 3 fields, and there are 2 columns");
    project.write(MODEL, &model("source='a.csv', header=false", "id int, name text, more text"));
    put(&project, "a.csv", b"1,ok\n");
    project.elt(&["run"]).expect(1).says("the file has 2 columns, and the table has 3 columns");
    put(&project, "a.csv", b"id;name\n1;ok\n");
    for config in ["source='a.csv'", "source='a.csv', infer=true"] {
        project.write(MODEL, &model(config, ""));
        project.elt(&["run"]).expect(1).says("a single column, `id;name`").says("delimiter=';'");
    }
    project.write(MODEL, &model("source='a.csv', delimiter=','", ""));
    project.good(&["run"]);
    project.write(MODEL, &model("source='a.csv', encoding='klingon'", "id int, name text"));
    project.elt(&["run"]).expect(1).says("the encoding `klingon` is not known");
}

#[tokio::test]
async fn values_in_spellings_that_only_postgresql_reads_load_all_the_same() {
    let body = "n int, f float8, d date, t timestamptz, b boolean, i inet, v varchar(3), x numeric(5,2)";
    let project = project("source='a.csv'", body).await;
    project.write("a.csv", "n,f,d,t,b,i,v,x\n1,1.5,2020-01-31,2020-01-31 10:00:00+02,true,10.0.0.1,abc,1.005\n 2 ,inf,31 Jan 2020,2020-01-31 10:00 Europe/Madrid,tru,::1,\"ab \",1e2\n");
    project.good(&["run"]);
    let utc = "select string_agg(concat_ws('|', n, f, d, extract(epoch from t), b, i, v, x), ' ' order by n) from raw.r";
    assert_eq!(
        project.value(utc).await,
        "1|1.5|2020-01-31|1580457600.000000|t|10.0.0.1|abc|1.01 2|Infinity|2020-01-31|1580461200.000000|t|::1|ab |100.00"
    );
    // The same without a column that only PostgreSQL reads: binary up to the odd row, text from there on.
    project.write(MODEL, &model("source='a.csv'", "n int, d date"));
    project.write("a.csv", "n,d\n1,2020-01-01\n2,\"2020-01-02\"\n3,3 Jan 2020\n4,2020-01-04\n");
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "(1,2020-01-01) (2,2020-01-02) (3,2020-01-03) (4,2020-01-04)");
    project.write("a.csv", "n,d\n1,2020-01-01\n\n3,3 Jan 2020\n4,2020-13-04\n");
    project.elt(&["run"]).expect(1).says("a.csv, line 5, column d: date/time field value out of range");
    project.write("a.csv", "n,d\n1,2020-01-01\n\"2\n\",2020-01-01\nx,2020-01-01\n");
    project
        .elt(&["run"])
        .expect(1)
        .says("a.csv, line 5, column n: invalid input syntax for type integer: \"x\"");
}

#[tokio::test]
async fn json_loads_by_name_with_its_digits() {
    let project = project("source='a.json', records='data.items'", "").await;
    project.write(
        "a.json",
        "{\"n\": 2, \"data\": {\"items\": [{\"id\": 1, \"amount\": 12345678901234567890.10},\n {\"tags\": [\"é\", 1.0], \"id\": 2}], \"x\": 1}}",
    );
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "(1,12345678901234567890.10,) (2,,\"[\"\"é\"\",1.0]\")");
    assert_eq!(project.value("select string_agg(attname, ',' order by attnum) from pg_attribute where attrelid = 'raw.r'::regclass and attnum > 0").await, "id,amount,tags");

    project.write(MODEL, &model("source='a.jsonl'", "id bigint, amount numeric, tags jsonb"));
    project.write(
        "a.jsonl",
        "{\"id\":9007199254740993,\"tags\":\"x\"}\n{\"amount\":0.10,\"id\":2,\"tags\":{\"a\":null}}\n",
    );
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "(2,0.10,\"{\"\"a\"\": null}\") (9007199254740993,,\"\"\"x\"\"\")");
    project.write("a.jsonl", "{\"id\":1,\"amount\":1,\"tags\":1}\n{\"id\":\"one\"}\n");
    project.elt(&["run"]).expect(1).says("a.jsonl, line 2, column id: invalid input syntax");
    project.write("a.jsonl", "{\"id\":1,\"amount\":1,\"tags\":1}\n{\"id\":");
    project.elt(&["run"]).expect(1).says("a.jsonl is not whole JSON: line 2, column 7: incomplete document");
    // What was appended is no less a part of the file.
    project.write("a.jsonl", "[{\"id\":1,\"amount\":1,\"tags\":1}]\n[{\"id\":2}, {\"id\":3}]\n");
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "(1,1,1) (2,,) (3,,)");
    project.write("a.jsonl", "[{\"id\":1}] {\"id\":2}");
    project.elt(&["run"]).expect(1).says("a.jsonl is not whole JSON");
    project.write(MODEL, &model("source='a.json', records='data.nothing'", ""));
    project.elt(&["run"]).expect(1).says("a.json holds no array of records at `data.nothing`");
}

#[tokio::test]
async fn a_member_of_a_zip_archive_loads_and_a_bomb_does_not() {
    let project = project("source='a.zip', member='*.csv'", "id int, name text").await;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [("deep/a.csv", "id,name\n1,Ann\n"), ("readme.txt", "hello")] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("a vector takes it");
        zip.write_all(text.as_bytes()).expect("a vector takes it");
    }
    let whole = zip.finish().expect("a vector takes it").into_inner();
    put(&project, "a.zip", &whole);
    project.good(&["run"]);
    assert_eq!(rows(&project).await, "(1,Ann)");

    project.write(MODEL, &model("source='a.zip'", ""));
    project.elt(&["run"]).expect(1).says("a.zip holds 2 files: `deep/a.csv` and `readme.txt`");
    put(&project, "a.zip", &whole[..whole.len() - 10]);
    project.elt(&["run"]).expect(1).says("a.zip is no whole zip archive");
    let mut damaged = whole.clone();
    let at = whole.windows(3).position(|bytes| bytes == b"csv").expect("the name stands there") + 6;
    damaged[at] ^= 0x55;
    put(&project, "a.zip", &damaged);
    project.write(MODEL, &model("source='a.zip', member='deep/a.csv'", ""));
    project.elt(&["run"]).expect(1);

    project.write(MODEL, &model("source='b.csv.gz'", ""));
    project.write("profiles.yml", "fetch: {max_unpacked_bytes: 1048576}\n");
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    bomb.write_all(b"id\n").expect("a vector takes it");
    bomb.write_all(&b"1\n".repeat(1 << 20)).expect("a vector takes it");
    put(&project, "b.csv.gz", &bomb.finish().expect("a vector takes it"));
    project.elt(&["run"]).expect(1).says("unpacks to more than 1048576 bytes");
}

#[tokio::test]
async fn an_empty_file_among_others_is_told_and_a_pipe_is_not_waited_for() {
    let project = project("source='in/*.csv'", "id int, name text").await;
    project.write("in/a.csv", "id,name\n1,a\n");
    project.write("in/b.csv", "");
    project.write("in/c.csv", "id,name\n");
    let ended = project.good(&["run"]).says("note: raw.r: without rows: in/b.csv and 1 more");
    assert!(!ended.stderr.contains("that no record has"), "{ended}");
    assert_eq!(rows(&project).await, "(1,a)");
    let made = std::process::Command::new("mkfifo").arg(project.root.join("in/d.csv")).status();
    assert!(made.expect("mkfifo is there").success());
    project.elt(&["run"]).expect(1).says("it is a pipe or a device, and no file");
}
