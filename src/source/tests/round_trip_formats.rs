//! What goes in comes out, in the other formats: made-up values written as CSV of any dialect, as JSON and as
//! Parquet, loaded by elt, and compared with what PostgreSQL makes of the values themselves.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::*;
use arrow_schema::{Field, Schema};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::round_trip::cases;
use super::*;
use crate::database::deal;
use crate::name::literal;

type Table = Vec<Vec<Option<String>>>;

impl Bench {
    fn run<T: std::fmt::Debug>(
        usual: u32,
        made: impl Strategy<Value = T>,
        judge: impl Fn(&Self, T) -> Result<(), TestCaseError>,
    ) {
        let bench = Self::new();
        let config = Config { cases: cases(usual), failure_persistence: None, ..Config::default() };
        let outcome = TestRunner::new(config).run(&made, |made| judge(&bench, made));
        outcome.unwrap_or_else(|error| panic!("{error}"));
    }

    fn rows(&self, sql: &str) -> Table {
        self.runtime.block_on(self.session.table(sql)).expect("it can be asked").rows
    }

    /// Loads a file into a new table of these types, and gives what `select` says of its columns `c0`, `c1`, ….
    fn load(
        &self,
        name: &str,
        bytes: &[u8],
        options: &ReadOptions,
        types: &[(&str, u32)],
        select: &str,
    ) -> Table {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("files can be written");
        let listed: Vec<String> =
            types.iter().enumerate().map(|(index, (kind, _))| format!("c{index} {kind}")).collect();
        let targets: Vec<Target> = types
            .iter()
            .enumerate()
            .map(|(index, (_, oid))| Target::new(format!("c{index}"), *oid))
            .collect();
        self.runtime.block_on(async {
            let make = format!("drop table if exists ours; create table ours ({})", listed.join(", "));
            self.session.run(&make).await.expect("it can be made");
            let fetching = super::options(self.folder.path());
            let fetched = fetch(&Location::File(path), &fetching, &()).await.expect("it is there");
            let mut rows = open(&fetched, options, &targets).expect("it opens");
            loop {
                let (frame, (sender, receiver)) = (rows.frame(), mpsc::channel(64));
                while let Some(chunk) = rows.next_chunk().expect("it reads") {
                    sender.try_send(Ok::<_, SourceError>(chunk)).expect("there is room");
                }
                drop(sender);
                let copy = format!("copy ours {}", rows.copy_clause(false));
                let copied = deal(&[&self.session], &copy, frame, receiver).await;
                copied.expect("the server takes it").expect("it reads");
                if !rows.next_copy() {
                    break;
                }
            }
        });
        self.rows(&format!("select {select} from ours order by ctid"))
    }
}

const TEXT: (&str, u32) = ("text", 25);

#[derive(Debug, Clone)]
struct Dialect {
    delimiter: char,
    quote: char,
    escape: char,
    null: &'static str,
    end: &'static str,
}

fn dialect() -> impl Strategy<Value = Dialect> {
    let null = prop::sample::select(vec!["", "NULL", "\\N", "é", "-"]);
    let end = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    let delimiter = prop::sample::select(vec![',', ';', '\t', '|', ' ']);
    (delimiter, prop::sample::select(vec!['"', '\'']), any::<bool>(), null, end).prop_map(
        |(delimiter, quote, own, null, end)| Dialect {
            delimiter,
            quote,
            escape: if own { '\\' } else { quote },
            null,
            end,
        },
    )
}

fn written(value: Option<&str>, dialect: &Dialect) -> String {
    let Dialect { delimiter, quote, escape, null, .. } = *dialect;
    let Some(text) = value else { return null.to_owned() };
    let odd = |c: char| c == delimiter || c == quote || c == escape || c == '\n' || c == '\r';
    if text != null && !text.is_empty() && !text.contains(odd) {
        return text.to_owned();
    }
    let mut field = String::from(quote);
    for c in text.chars() {
        if c == quote || c == escape {
            field.push(escape);
        }
        field.push(c);
    }
    field.push(quote);
    field
}

#[test]
fn a_csv_of_any_dialect_gives_the_values_that_it_was_written_from() {
    let value = prop::option::weighted(0.8, "[a-zé€你👍\"'\\\\,;|\t\r\n -]{0,8}|NULL|\\\\N|-|é");
    let rows = prop::collection::vec(prop::collection::vec(value, 3), 1..8);
    Bench::run(150, (dialect(), rows), |bench, (dialect, rows)| {
        let mut text = ["c0", "c1", "c2"].join(&dialect.delimiter.to_string());
        for row in &rows {
            let fields: Vec<String> = row.iter().map(|value| written(value.as_deref(), &dialect)).collect();
            let _ = write!(text, "{}{}", dialect.end, fields.join(&dialect.delimiter.to_string()));
        }
        let options = ReadOptions {
            delimiter: Some(dialect.delimiter),
            quote: Some(dialect.quote),
            escape: Some(dialect.escape),
            null: vec![dialect.null.to_owned()],
            ..ReadOptions::default()
        };
        prop_assert_eq!(bench.load("a.csv", text.as_bytes(), &options, &[TEXT; 3], "c0, c1, c2"), rows);
        Ok(())
    });
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from),
        "[ -~é€你👍\t\r\n\u{1}]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let name = "[a-z\"\\\\é ]{0,3}";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

#[test]
fn json_gives_the_values_that_it_was_written_from_and_null_where_a_key_lacks() {
    let rows = prop::collection::vec(prop::collection::vec(prop::option::of(json()), 2), 1..6);
    Bench::run(150, (rows, 0..3), |bench, (rows, form)| {
        let object = |row: &Vec<Option<Value>>| {
            let fields = row
                .iter()
                .zip(["c0", "c1"])
                .filter_map(|(value, name)| Some((name.to_owned(), value.clone()?)));
            Value::Object(fields.collect())
        };
        let objects: Vec<Value> = rows.iter().map(object).collect();
        let text = match form {
            0 => Value::from(objects).to_string(),
            1 => serde_json::to_string_pretty(&Value::from(objects)).expect("it is JSON"),
            _ => objects.iter().map(|object| format!("{object}\n")).collect(),
        };
        let options = ReadOptions::default();
        let ours =
            bench.load("a.json", text.as_bytes(), &options, &[("jsonb", 3802); 2], "c0::text, c1::text");
        let value = |value: &Option<Value>| match value {
            None | Some(Value::Null) => "null::text".to_owned(),
            Some(value) => format!("{}::jsonb::text", literal(&value.to_string())),
        };
        let theirs: Vec<String> =
            rows.iter().map(|row| format!("({}, {})", value(&row[0]), value(&row[1]))).collect();
        prop_assert_eq!(ours, bench.rows(&format!("select * from (values {}) as rows", theirs.join(", "))));
        Ok(())
    });
}

/// Columns with nasty values, all of `length` rows, and the type of PostgreSQL that holds each.
fn columns_of(seed: &[Option<i64>]) -> Vec<(ArrayRef, (&'static str, u32))> {
    let map = |of: fn(i64) -> i64| seed.iter().map(move |value| value.map(of));
    // Years that PostgreSQL has, in microseconds.
    let moment = |value: i64| value % 62_000_000_000_000_000;
    let decimals: Decimal128Array = map(|value| value).map(|value| value.map(i128::from)).collect();
    let words =
        |value: i64| format!("{}\\\t\n\"{}👍€", char::from(b'a' + value.rem_euclid(26) as u8), value % 7);
    vec![
        (Arc::new(map(|value| value).collect::<Int64Array>()), ("bigint", 20)),
        (
            Arc::new(
                map(|value| value % 40_000)
                    .map(|value| value.map(|value| value as i32))
                    .collect::<Int32Array>(),
            ),
            ("integer", 23),
        ),
        (
            Arc::new(
                seed.iter()
                    .map(|value| value.map(|value| f64::from_bits(value as u64)))
                    .collect::<Float64Array>(),
            ),
            ("double precision", 701),
        ),
        (
            Arc::new(
                seed.iter()
                    .map(|value| value.map(|value| f32::from_bits(value as u32)))
                    .collect::<Float32Array>(),
            ),
            ("real", 700),
        ),
        (
            Arc::new(seed.iter().map(|value| value.map(|value| value % 2 == 0)).collect::<BooleanArray>()),
            ("boolean", 16),
        ),
        (Arc::new(decimals.with_precision_and_scale(38, 5).expect("it fits")), ("numeric", 1700)),
        (
            Arc::new(
                map(|value| value % 700_000)
                    .map(|value| value.map(|value| value as i32))
                    .collect::<Date32Array>(),
            ),
            ("date", 1082),
        ),
        (
            Arc::new(seed.iter().map(|value| value.map(moment)).collect::<TimestampMicrosecondArray>()),
            ("timestamp", 1114),
        ),
        (
            Arc::new(
                seed.iter()
                    .map(|value| value.map(moment))
                    .collect::<TimestampMicrosecondArray>()
                    .with_timezone("UTC"),
            ),
            ("timestamptz", 1184),
        ),
        (
            Arc::new(map(|value| value.rem_euclid(86_400_000_000)).collect::<Time64MicrosecondArray>()),
            ("time", 1083),
        ),
        (Arc::new(seed.iter().map(|value| value.map(words)).collect::<StringArray>()), TEXT),
        (
            Arc::new(seed.iter().map(|value| value.map(i64::to_be_bytes)).collect::<BinaryArray>()),
            ("bytea", 17),
        ),
    ]
}

#[test]
fn parquet_gives_the_same_values_typed_and_as_text() {
    let value = prop_oneof![
        6 => any::<i64>(),
        2 => prop::sample::select(vec![0, 1, -1, i64::MIN, i64::MAX, f64::NAN.to_bits() as i64, f64::INFINITY.to_bits() as i64]),
        2 => -1000..1000_i64,
    ];
    Bench::run(60, prop::collection::vec(prop::option::weighted(0.9, value), 1..20), |bench, seed| {
        let columns = columns_of(&seed);
        let fields: Vec<Field> = columns
            .iter()
            .enumerate()
            .map(|(index, (array, _))| Field::new(format!("c{index}"), array.data_type().clone(), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let arrays = columns.iter().map(|(array, _)| array.clone()).collect();
        let batch = RecordBatch::try_new(schema.clone(), arrays).expect("all have the same length");
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).expect("it can be written");
        writer.write(&batch).expect("it can be written");
        writer.close().expect("it can be written");
        let types: Vec<(&str, u32)> = columns.iter().map(|(_, kind)| *kind).collect();
        let as_text: Vec<String> = (0..types.len()).map(|index| format!("c{index}::text")).collect();
        let read_again: Vec<String> =
            types.iter().enumerate().map(|(index, (kind, _))| format!("c{index}::{kind}::text")).collect();
        let options = ReadOptions::default();
        let typed = bench.load("a.parquet", &bytes, &options, &types, &as_text.join(", "));
        let texts = vec![TEXT; types.len()];
        prop_assert_eq!(&typed, &bench.load("a.parquet", &bytes, &options, &texts, &read_again.join(", ")));
        // The values themselves, of a column that nothing rounds.
        let wanted: Vec<Option<String>> =
            seed.iter().map(|value| value.map(|value| value.to_string())).collect();
        let came: Vec<Option<String>> = typed.into_iter().map(|mut row| row.swap_remove(0)).collect();
        prop_assert_eq!(came, wanted);
        Ok(())
    });
}
