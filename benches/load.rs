//! Loading 500,000 rows of six columns, as text and typed, from CSV and Parquet, against `psql \copy` of the
//! same rows into the same table: the whole `elt load`, and the COPY alone. And memory with ten times the rows.

mod support;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Decimal128Builder, Int32Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use elt::database::{Session, catalog, deal};
use elt::name::{Ident, Relation};
use elt::source::{self, FetchOptions, Location, Progress, ReadOptions, Target};
use futures_util::future::try_join_all;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use support::rows::{COLUMNS, EPOCH_DAY, Row, TYPED, write_csv};
use support::{
    Database, Line, Server, Spent, asked_for, elt, folder, made_once, print, project, psql, spent,
};

const ROWS: u64 = 500_000;
const ROUNDS: usize = 5;
const TEXT: &str = "id text, name text, amount text, day text, at text, active text";

fn main() {
    let server = Server::open();
    let psql = psql();
    let csv = made_once(folder("rows").join(format!("{ROWS}.csv")), |path| write_csv(path, ROWS));
    let parquet = made_once(folder("rows").join(format!("{ROWS}.parquet")), |path| write_parquet(path, ROWS));
    let mut lines = Vec::new();
    let cases = [
        ("csv as text", &csv, TEXT, 1.0),
        ("csv typed", &csv, TYPED, 0.7),
        ("parquet typed", &parquet, TYPED, 0.45),
        ("parquet as text", &parquet, TEXT, 1.0),
    ];
    for (name, file, columns, bar) in cases {
        if asked_for(name) {
            lines.extend(pair(&server, psql.as_deref(), &csv, name, file, columns, bar));
        }
    }
    print("Loading 500,000 rows × 6, against psql \\copy", &lines);
    if asked_for("memory") {
        let fixed = fixed(&server);
        print("What `elt load` costs without rows, and its memory", &[fixed]);
        print("", &memory(&server));
    }
}

/// The whole `elt load` and the COPY alone, each in turn with `\copy`.
fn pair(
    server: &Server,
    psql: Option<&Path>,
    csv: &Path,
    name: &str,
    file: &Path,
    columns: &str,
    bar: f64,
) -> [Line; 2] {
    let database = server.database("bench_load");
    let root = loading_project("load", file, columns);
    server.sql(
        &database,
        &[&format!("create table floor ({columns})"), &format!("create table ours ({columns})")],
    );
    let copy = format!("\\copy floor from '{}' with (format csv, header true)", csv.display());
    let mut whole = Line::new(format!("{name}: elt load"), None);
    let mut alone = Line::new(format!("{name}: COPY alone"), Some(bar));
    for _ in 0..ROUNDS {
        server.settle();
        let load = &["--quiet", "load", "--full-refresh"];
        let load = || spent::run(&mut elt(&root, Some(&database), load), Some(server));
        whole.ours.push(load());
        server.sql(&database, &["truncate ours", "checkpoint"]);
        alone.ours.push(copy_alone(server, &database, file));
        if let Some(psql) = psql {
            server.sql(&database, &["truncate floor", "checkpoint"]);
            let spent = spent::run(&mut server.psql(psql, &database, &["-c", &copy]), Some(server));
            whole.floor.push(spent);
            alone.floor.push(spent);
        }
    }
    let counted = server.value(
        &database,
        "select concat_ws(' ', (select count(*) from ours), (select count(*) from raw.rows))",
    );
    assert_eq!(counted, format!("{ROWS} {ROWS}"), "every row arrived");
    server.drop(&database);
    [alone, whole]
}

/// From the open file to the end of the COPY, in this process, as a run does it: dealt to as many sessions, which are
/// opened meanwhile and set up as a run's are. These do not wait for the disk at the end of a load, as
/// `\copy` does: the publishing transaction waits, once for all loads, and that is part of the whole `elt load`.
fn copy_alone(server: &Server, database: &Database, file: &Path) -> Spent {
    struct Nobody;
    impl Progress for Nobody {
        fn bytes(&self, _: u64, _: Option<u64>) {}
    }
    server.block_on(async {
        let session = database.connector.connect().await.expect("the server answers");
        session.prepare_for_build(0).await.expect("the server answers");
        let location = Location::parse(&file.to_string_lossy(), Path::new("")).expect("a path is a location");
        let fetched =
            source::fetch(&location, &FetchOptions::default(), &Nobody).await.expect("the file is there");
        let name = |name: &str| Ident::new(name).expect("a good name");
        let relation = Relation::new(name("public"), name("ours"));
        let columns = catalog::columns(&session, &relation).await.expect("the table is there");
        let targets: Vec<Target> =
            columns.into_iter().map(|column| Target::new(column.name, column.type_oid)).collect();
        let (cpu, server_cpu, begun) = (spent::own_cpu(), server.cpu(), Instant::now());
        let mut rows = source::open(&fetched, &ReadOptions::default(), &targets).expect("the file fits");
        // As many as a run with the default number of threads would.
        let sessions = (fetched.bytes / (8 << 20)).clamp(1, 4);
        let opening = (1..sessions).map(|_| async {
            let session = database.connector.connect().await?;
            session.prepare_for_build(0).await.map(|()| session)
        });
        let spare = try_join_all(opening).await.expect("the server has room");
        let sessions: Vec<&Session> = std::iter::once(&session).chain(&spare).collect();
        let (statement, frame) = (format!("copy {relation} {}", rows.copy_clause(false)), rows.frame());
        let (sender, receiver) = tokio::sync::mpsc::channel(8);
        let reading = tokio::task::spawn_blocking(move || {
            while let Some(chunk) = rows.next_chunk().transpose() {
                if sender.blocking_send(chunk).is_err() {
                    break;
                }
            }
        });
        let copied = deal(&sessions, &statement, frame, receiver).await.expect("the server takes the rows");
        assert!(copied.is_ok_and(|rows| rows == ROWS), "every row arrived");
        let wall = begun.elapsed().as_secs_f64();
        reading.await.expect("reading does not panic");
        Spent { wall, cpu: spent::own_cpu() - cpu, server_cpu: server.cpu() - server_cpu, peak_mib: f64::NAN }
    })
}

fn fixed(server: &Server) -> Line {
    let database = server.database("bench_load");
    let file = made_once(folder("rows").join("1.csv"), |path| write_csv(path, 1));
    let root = loading_project("load_one", &file, TYPED);
    let mut line = Line::new("elt load of one row", None);
    line.ours = (0..ROUNDS)
        .map(|_| {
            let load = &["--quiet", "load", "--full-refresh"];
            spent::run(&mut elt(&root, Some(&database), load), Some(server))
        })
        .collect();
    server.drop(&database);
    line
}

fn memory(server: &Server) -> Vec<Line> {
    let more = 10 * ROWS;
    let mut lines = Vec::new();
    for rows in [ROWS, more] {
        let path = |ending: &str| folder("rows").join(format!("{rows}.{ending}"));
        let csv = made_once(path("csv"), |path| write_csv(path, rows));
        let parquet = made_once(path("parquet"), |path| write_parquet(path, rows));
        for (name, file, columns) in [("csv as text", csv, TEXT), ("parquet typed", parquet, TYPED)] {
            let database = server.database("bench_load");
            let root = loading_project("load_memory", &file, columns);
            let mut line = Line::new(format!("{name}, {rows} rows"), None);
            line.ours.push(spent::run(&mut elt(&root, Some(&database), &["--quiet", "load"]), Some(server)));
            lines.push(line);
            server.drop(&database);
        }
    }
    lines
}

fn loading_project(name: &str, file: &Path, columns: &str) -> PathBuf {
    let root = project(name);
    let sql = format!("{{{{ config(materialized='load', source='{}') }}}}\n{columns}\n", file.display());
    support::write(&root, "models/raw/bench/rows.sql", &sql);
    root
}

fn write_parquet(path: &Path, rows: u64) {
    let types = [
        DataType::Int32,
        DataType::Utf8,
        DataType::Decimal128(12, 2),
        DataType::Date32,
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Boolean,
    ];
    let fields: Vec<Field> =
        COLUMNS.iter().zip(types).map(|(name, of)| Field::new(*name, of, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(131_072))
        .build();
    let file = File::create(path).expect("the folder can be written");
    let mut writer =
        ArrowWriter::try_new(file, schema.clone(), Some(properties)).expect("the schema is good");
    for start in (0..rows).step_by(8_192) {
        let mut id = Int32Builder::new();
        let mut name = StringBuilder::new();
        let mut amount = Decimal128Builder::new().with_precision_and_scale(12, 2).expect("a good precision");
        let mut day = Date32Builder::new();
        let mut at = TimestampMicrosecondBuilder::new();
        let mut active = BooleanBuilder::new();
        for row in (start..rows.min(start + 8_192)).map(Row::new) {
            id.append_value(row.id);
            name.append_value(&row.name);
            amount.append_value(i128::from(row.cents));
            day.append_value(EPOCH_DAY + row.day);
            at.append_value((i64::from(EPOCH_DAY) * 86_400 + row.second) * 1_000_000);
            active.append_value(row.active);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(id.finish()),
            Arc::new(name.finish()),
            Arc::new(amount.finish()),
            Arc::new(day.finish()),
            Arc::new(at.finish()),
            Arc::new(active.finish()),
        ];
        let batch = RecordBatch::try_new(schema.clone(), columns).expect("the columns fit the schema");
        writer.write(&batch).expect("the disk has room");
    }
    writer.close().expect("the disk has room");
}
