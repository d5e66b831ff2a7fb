//! Every flat type that Parquet has, written by the parquet crate and read into PostgreSQL.

use std::fs::File;
use std::sync::Arc;

use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
    Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use crate::support::Project;

enum Value {
    Int32(i32),
    Int64(i64),
    Int96(Int96),
    Bool(bool),
    Float(f32),
    Double(f64),
    Bytes(Vec<u8>),
    Fixed(Vec<u8>),
}

/// A file of one row of these, and one of NULLs; each column by its Parquet type.
fn write(project: &Project, path: &str, columns: &[(&str, &str, Value)]) {
    let fields: Vec<String> = columns
        .iter()
        .map(|(name, kind, _)| {
            let (physical, logical) = kind.split_once(' ').unwrap_or((kind, ""));
            format!("optional {physical} {name} {logical};")
        })
        .collect();
    let schema =
        parse_message_type(&format!("message m {{ {} }}", fields.join(" "))).expect("Parquet's own words");
    let file = File::create(project.root.join(path)).expect("a file can be made");
    let mut file = SerializedFileWriter::new(file, Arc::new(schema), Arc::default()).expect("it is good");
    let mut group = file.next_row_group().expect("a group");
    for (_, _, value) in columns {
        let mut column = group.next_column().expect("a column").expect("one for each value");
        write_value(&mut column, value);
        column.close().expect("it is written");
    }
    group.close().expect("it is written");
    file.close().expect("it is written");
}

fn write_value(column: &mut SerializedColumnWriter<'_>, value: &Value) {
    let levels = Some(&[1, 0][..]);
    let written = match value {
        Value::Int32(value) => column.typed::<Int32Type>().write_batch(&[*value], levels, None),
        Value::Int64(value) => column.typed::<Int64Type>().write_batch(&[*value], levels, None),
        Value::Int96(value) => column.typed::<Int96Type>().write_batch(&[*value], levels, None),
        Value::Bool(value) => column.typed::<BoolType>().write_batch(&[*value], levels, None),
        Value::Float(value) => column.typed::<FloatType>().write_batch(&[*value], levels, None),
        Value::Double(value) => column.typed::<DoubleType>().write_batch(&[*value], levels, None),
        Value::Bytes(value) => {
            column.typed::<ByteArrayType>().write_batch(&[ByteArray::from(value.clone())], levels, None)
        }
        Value::Fixed(value) => {
            let value = FixedLenByteArray::from(value.clone());
            column.typed::<FixedLenByteArrayType>().write_batch(&[value], levels, None)
        }
    };
    written.expect("it can be written");
}

fn interval(months: u32, days: u32, milliseconds: u32) -> Value {
    Value::Fixed(interval_bytes([months, days, milliseconds]))
}

/// Months, days and milliseconds, as Parquet has them.
fn interval_bytes(parts: [u32; 3]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.to_le_bytes()).collect()
}

/// Days since 1970 and nanoseconds of the day.
fn int96(days: i32, nanoseconds: u64) -> Value {
    let mut value = Int96::new();
    let day = u32::try_from(2_440_588 + days).expect("not so long ago");
    value.set_data(nanoseconds as u32, (nanoseconds >> 32) as u32, day);
    Value::Int96(value)
}

const MODEL: &str = "{{ config(source='t.parquet', infer=true) }}";

#[tokio::test]
async fn every_flat_type_has_its_own_and_loses_nothing() {
    let project = Project::new(&[("models/raw/t.sql", MODEL)]).await;
    let twelve = |bytes: usize| {
        let mut value = vec![0; bytes];
        value[bytes - 2..].copy_from_slice(&1234_i16.to_be_bytes());
        value
    };
    let text = |text: &str| Value::Bytes(text.as_bytes().to_vec());
    let columns = [
        ("boolean", "boolean", Value::Bool(true)),
        ("int8", "int32 (INTEGER(8,true))", Value::Int32(-128)),
        ("int16", "int32 (INTEGER(16,true))", Value::Int32(-32768)),
        ("int32", "int32 (INTEGER(32,true))", Value::Int32(i32::MIN)),
        ("int64", "int64 (INTEGER(64,true))", Value::Int64(i64::MIN)),
        ("uint8", "int32 (INTEGER(8,false))", Value::Int32(255)),
        ("uint16", "int32 (INTEGER(16,false))", Value::Int32(65535)),
        ("uint32", "int32 (INTEGER(32,false))", Value::Int32(-1)),
        ("uint64", "int64 (INTEGER(64,false))", Value::Int64(-1)),
        ("plain32", "int32", Value::Int32(7)),
        ("plain64", "int64", Value::Int64(7)),
        ("float16", "fixed_len_byte_array(2) (FLOAT16)", Value::Fixed(vec![0, 0x3e])),
        ("float", "float", Value::Float(0.1)),
        ("double", "double", Value::Double(0.1)),
        ("decimal32", "int32 (DECIMAL(9,2))", Value::Int32(1234)),
        ("decimal64", "int64 (DECIMAL(18,2))", Value::Int64(1234)),
        ("decimal_fixed", "fixed_len_byte_array(9) (DECIMAL(20,2))", Value::Fixed(twelve(9))),
        ("decimal_wide", "fixed_len_byte_array(20) (DECIMAL(45,2))", Value::Fixed(twelve(20))),
        ("decimal_bytes", "binary (DECIMAL(38,2))", Value::Bytes(twelve(3))),
        ("string", "binary (STRING)", text("é")),
        ("utf8", "binary (UTF8)", text("é")),
        ("enum", "binary (ENUM)", text("red")),
        ("json", "binary (JSON)", text("{\"a\": 1.10}")),
        ("bson", "binary (BSON)", Value::Bytes(vec![5, 0, 0, 0, 0])),
        ("bytes", "binary", Value::Bytes(vec![0, 255])),
        ("fixed", "fixed_len_byte_array(3)", Value::Fixed(vec![1, 2, 3])),
        ("uuid", "fixed_len_byte_array(16) (UUID)", Value::Fixed((0..16).collect())),
        ("date", "int32 (DATE)", Value::Int32(-719_163)),
        ("time_millis", "int32 (TIME(MILLIS,true))", Value::Int32(1_001)),
        ("time_micros", "int64 (TIME(MICROS,false))", Value::Int64(1_000_001)),
        ("time_nanos", "int64 (TIME(NANOS,false))", Value::Int64(1_000_001_000)),
        ("at_millis", "int64 (TIMESTAMP(MILLIS,true))", Value::Int64(1)),
        ("at_micros", "int64 (TIMESTAMP(MICROS,false))", Value::Int64(-1)),
        ("at_nanos", "int64 (TIMESTAMP(NANOS,true))", Value::Int64(1_000)),
        ("old_millis", "int64 (TIMESTAMP_MILLIS)", Value::Int64(1)),
        ("old_time", "int32 (TIME_MILLIS)", Value::Int32(1)),
        ("int96", "int96", int96(0, 3_600_000_000_000)),
        ("interval", "fixed_len_byte_array(12) (INTERVAL)", interval(14, 3, 93_784_005)),
        ("longest", "fixed_len_byte_array(12) (INTERVAL)", interval(0, 0, i32::MAX as u32)),
    ];
    write(&project, "t.parquet", &columns);
    project.good(&["run"]);
    let told = "select string_agg(format('%s %s %s', a.attname, format_type(a.atttypid, a.atttypmod), \
                  to_jsonb(t) ->> a.attname), E'\\n' order by a.attnum) \
                from raw.t t, pg_attribute a where a.attrelid = 'raw.t'::regclass and a.attnum > 0 and t.boolean";
    insta::assert_snapshot!(project.value(told).await, @r#"
boolean boolean true
int8 smallint -128
int16 smallint -32768
int32 integer -2147483648
int64 bigint -9223372036854775808
uint8 smallint 255
uint16 integer 65535
uint32 bigint 4294967295
uint64 numeric 18446744073709551615
plain32 integer 7
plain64 bigint 7
float16 real 1.5
float real 0.1
double double precision 0.1
decimal32 numeric(9,2) 12.34
decimal64 numeric(18,2) 12.34
decimal_fixed numeric(20,2) 12.34
decimal_wide numeric(45,2) 12.34
decimal_bytes numeric(38,2) 12.34
string text é
utf8 text é
enum text red
json text {"a": 1.10}
bson bytea \x0500000000
bytes bytea \x00ff
fixed bytea \x010203
uuid uuid 00010203-0405-0607-0809-0a0b0c0d0e0f
date date 0001-12-31 BC
time_millis time without time zone 00:00:01.001
time_micros time without time zone 00:00:01.000001
time_nanos time without time zone 00:00:01.000001
at_millis timestamp with time zone 1970-01-01T00:00:00.001+00:00
at_micros timestamp without time zone 1969-12-31T23:59:59.999999
at_nanos timestamp with time zone 1970-01-01T00:00:00.000001+00:00
old_millis timestamp with time zone 1970-01-01T00:00:00.001+00:00
old_time time without time zone 00:00:00.001
int96 timestamp without time zone 1970-01-01T01:00:00
interval interval 1 year 2 mons 3 days 26:03:04.005
longest interval 596:31:23.647
"#);
    let empty = "select string_agg(key, ' ') from raw.t t, jsonb_each(to_jsonb(t)) where t.boolean is null and value <> 'null'";
    assert_eq!(project.database.value(empty).await, None);

    // As text each is what PostgreSQL would write.
    let typed = "create table public.typed as select * from raw.t";
    project.database.run(typed).await;
    let names: Vec<String> = columns.iter().map(|(name, _, _)| format!("\"{name}\" text")).collect();
    project.remove("models/raw/t.columns.yml");
    project.write("models/raw/t.sql", &format!("{{{{ config(source='t.parquet') }}}}\n{}", names.join(", ")));
    project.good(&["run"]);
    let differ = "select string_agg(format('%s: %s, %s', key, x.value, y.value), ', ') from public.typed t, raw.t r, \
                  lateral jsonb_each_text((select to_jsonb(o) from (select (t).*) o)) x \
                  join lateral jsonb_each_text(to_jsonb(r)) y using (key) \
                  where t.boolean and r.boolean = 'true' \
                    and regexp_replace(x.value, '(\\d)T(\\d.*?)([+]00:00)?$', '\\1 \\2') <> regexp_replace(y.value, '[+]00$', '')";
    assert_eq!(project.database.value(differ).await, None);
}

#[tokio::test]
async fn intervals_in_lists_records_and_maps_are_their_texts() {
    let project = Project::new(&[("models/raw/t.sql", MODEL)]).await;
    let schema = "message m {
        optional group waits (LIST) { repeated group list { optional fixed_len_byte_array(12) element (INTERVAL); } }
        optional group one { optional fixed_len_byte_array(12) wait (INTERVAL); optional int32 n; }
        optional group by_name (MAP) { repeated group key_value {
            required binary key (STRING); optional fixed_len_byte_array(12) value (INTERVAL); } }
        optional fixed_len_byte_array(12) plain (INTERVAL);
    }";
    let schema = Arc::new(parse_message_type(schema).expect("Parquet's own words"));
    let file = File::create(project.root.join("t.parquet")).expect("a file can be made");
    let mut file = SerializedFileWriter::new(file, schema, Arc::default()).expect("it is good");
    let mut group = file.next_row_group().expect("a group");
    let mut column = |write: &dyn Fn(&mut SerializedColumnWriter<'_>) -> parquet::errors::Result<usize>| {
        let mut column = group.next_column().expect("a column").expect("one for each");
        write(&mut column).expect("it can be written");
        column.close().expect("it is written");
    };
    // Three rows: values, NULL in them, NULL. The numbers are Parquet's levels of definition and repetition.
    let two = [[14, 3, 1_500], [1, 0, 0]].map(|parts| FixedLenByteArray::from(interval_bytes(parts)));
    let lists = Some(&[0, 1, 0, 0][..]);
    column(&|waits| waits.typed::<FixedLenByteArrayType>().write_batch(&two, Some(&[3, 3, 2, 0]), lists));
    column(&|wait| wait.typed::<FixedLenByteArrayType>().write_batch(&two[..1], Some(&[2, 1, 0]), None));
    column(&|n| n.typed::<Int32Type>().write_batch(&[7], Some(&[2, 1, 0]), None));
    column(&|keys| {
        let names = ["a", "b", "c"].map(ByteArray::from);
        keys.typed::<ByteArrayType>().write_batch(&names, Some(&[2, 2, 2, 0]), lists)
    });
    column(&|values| values.typed::<FixedLenByteArrayType>().write_batch(&two, Some(&[3, 3, 2, 0]), lists));
    column(&|plain| plain.typed::<FixedLenByteArrayType>().write_batch(&two, Some(&[1, 1, 0]), None));
    group.close().expect("it is written");
    file.close().expect("it is written");
    project.good(&["run"]);
    let told = "select string_agg(to_jsonb(t)::text, E'\n') from raw.t";
    insta::assert_snapshot!(project.value(told).await, @r#"
{"one": {"n": 7, "wait": "1 year 2 mons 3 days 00:00:01.5"}, "plain": "1 year 2 mons 3 days 00:00:01.5", "waits": ["1 year 2 mons 3 days 00:00:01.5", "1 mon"], "by_name": {"a": "1 year 2 mons 3 days 00:00:01.5", "b": "1 mon"}}
{"one": {"n": null, "wait": null}, "plain": "1 mon", "waits": [null], "by_name": {"c": null}}
{"one": null, "plain": null, "waits": null, "by_name": null}
"#);
}

#[tokio::test]
async fn what_would_be_cut_or_is_read_in_two_ways_is_refused() {
    let project = Project::new(&[("models/raw/t.sql", MODEL)]).await;
    let cases = [
        ("int64 (TIMESTAMP(NANOS,false))", Value::Int64(1_500)),
        ("int64 (TIME(NANOS,true))", Value::Int64(1)),
        ("int96", int96(-106_752, 1_001)),
        ("fixed_len_byte_array(12) (INTERVAL)", interval(1, u32::MAX, 0)),
        ("fixed_len_byte_array(12) (INTERVAL)", interval(1, 0, 1 << 31)),
    ];
    let mut told = String::new();
    for (kind, value) in cases {
        write(&project, "t.parquet", &[("c", kind, value)]);
        told += &project.elt(&["-q", "run"]).expect(1).stderr;
        let _ = std::fs::remove_file(project.root.join("models/raw/t.columns.yml"));
    }
    insta::assert_snapshot!(told, @r#"
error[source]: row 1, column `c` of t.parquet: "1970-01-01 00:00:00.0000015" cannot be loaded: PostgreSQL holds six digits of a second
 --> models/raw/t.sql:1:11
  |
1 | {{ config(source='t.parquet', infer=true) }}
  |           ^^^^^^
  |
  = help: make the column text, or a wider type, and cast it in a stage model

error[source]: row 1, column `c` of t.parquet: "00:00:00.000000001" cannot be loaded: PostgreSQL holds six digits of a second
 --> models/raw/t.sql:1:11
  |
1 | {{ config(source='t.parquet', infer=true) }}
  |           ^^^^^^
  |
  = help: make the column text, or a wider type, and cast it in a stage model

error[source]: row 1, column `c` of t.parquet: "1677-09-21 00:00:00.000001001" cannot be loaded: PostgreSQL holds six digits of a second
 --> models/raw/t.sql:1:11
  |
1 | {{ config(source='t.parquet', infer=true) }}
  |           ^^^^^^
  |
  = help: make the column text, or a wider type, and cast it in a stage model

error[source]: row 1, column `c` of t.parquet: "1 months, -1 days, 0 ms" cannot be loaded: a part of it is negative, or beyond 2147483647
 --> models/raw/t.sql:1:11
  |
1 | {{ config(source='t.parquet', infer=true) }}
  |           ^^^^^^
  |
  = help: make the column text, or a wider type, and cast it in a stage model

error[source]: row 1, column `c` of t.parquet: "1 months, 0 days, -2147483648 ms" cannot be loaded: a part of it is negative, or beyond 2147483647
 --> models/raw/t.sql:1:11
  |
1 | {{ config(source='t.parquet', infer=true) }}
  |           ^^^^^^
  |
  = help: make the column text, or a wider type, and cast it in a stage model
"#);

    // As text it keeps its digits, also where nanoseconds since 1970 are more than 64 bits hold.
    write(&project, "t.parquet", &[("c", "int96", int96(2_932_896, 86_399_999_999_999))]);
    project.write("models/raw/t.sql", "{{ config(source='t.parquet') }}\nc text");
    project.good(&["run"]);
    assert_eq!(project.value("select min(c) from raw.t").await, "9999-12-31 23:59:59.999999999");
}

#[tokio::test]
async fn what_its_column_cannot_take_makes_a_row_a_bad_one_with_quarantine() {
    let words = "source='in/*.parquet', bad_rows='quarantine', metadata=['_row']";
    let body = "id int not null, at timestamp, name text check (name <> 'no'), spelled bigint, info jsonb, price numeric(4,2)";
    let model = format!("{{{{ config({words}) }}}}\n{body}");
    let project = Project::new(&[("models/raw/t.sql", &model)]).await;
    std::fs::create_dir(project.root.join("in")).expect("a folder can be made");
    let text = |text: &str| Value::Bytes(text.as_bytes().to_vec());
    // Each file has a second row that is NULL throughout.
    let put = |file: &str, id: i64, at: i64, name: &str, spelled: &str, price: f64| {
        let columns = [
            ("id", "int64", Value::Int64(id)),
            ("at", "int64 (TIMESTAMP(NANOS,false))", Value::Int64(at)),
            ("name", "binary (STRING)", text(name)),
            ("spelled", "binary (STRING)", text(spelled)),
            ("info", "binary (STRING)", text("{\"a\": 1}")),
            ("price", "double", Value::Double(price)),
        ];
        write(&project, file, &columns);
    };
    put("in/a.parquet", 1, 1_000, "a\tb\\", "17", 12.5);
    put("in/b.parquet", 1 << 40, 1_000, "big", "1", 1.0);
    put("in/c.parquet", 3, 1, "fine", "1", 1.0);
    put("in/d.parquet", 4, 1_000, "no", "1", 1.0);
    put("in/e.parquet", 5, 1_000, "odd", "seventeen", 1.0);
    put("in/f.parquet", 6, 1_000, "nul\0", "1", 1.0);
    put("in/g.parquet", 7, 1_000, "dear", "1", 1234.5);
    project.good(&["run"]).says("13 bad rows were put aside");
    let row = "select concat_ws('|', id, at, name, spelled, info, price, _row) from raw.t";
    assert_eq!(project.value(row).await, "1|1970-01-01 00:00:00.000001|a\tb\\|17|{\"a\": 1}|12.50|1");
    let bad = "select string_agg(concat_ws(' ', right(file, 9), line, column_name, left(reason, 24)), E'\\n' order by file, line) \
               from elt.bad_rows where line = 1";
    insta::assert_snapshot!(project.value(bad).await, @r#"
    b.parquet 1 id it is out of the range o
    c.parquet 1 at PostgreSQL holds six dig
    d.parquet 1 new row for relation "t"
    e.parquet 1 spelled invalid input syntax for
    f.parquet 1 name it holds a NUL character
    g.parquet 1 price numeric field overflow
    "#);
    assert_eq!(
        project.value("select count(*)::text from elt.bad_rows where line = 2 and column_name = 'id'").await,
        "7"
    );
    let recorded =
        "select (bytes > 1000)::text || length(sha256) from elt.loads order by run_id desc limit 1";
    assert_eq!(project.value(recorded).await, "true64");
    project.write("models/raw/t.sql", &model.replace("'quarantine'", "'quarantine', max_bad_rows='50%'"));
    project.elt(&["run"]).expect(1).says("13 of 14 rows are bad, and max_bad_rows is 50%");
    // What no row of a file can be is told of the file.
    project.write("models/raw/t.sql", &model.replace("id int not null", "id date"));
    project.elt(&["run"]).expect(1).says("`id` holds integers, which date cannot take");
}

#[tokio::test]
async fn files_of_different_types_meet_in_one_that_holds_them_all() {
    let project =
        Project::new(&[("models/raw/t.sql", "{{ config(source='in/*.parquet', infer=true) }}")]).await;
    std::fs::create_dir(project.root.join("in")).expect("a folder can be made");
    write(&project, "in/a.parquet", &[("n", "int32", Value::Int32(1)), ("f", "float", Value::Float(0.5))]);
    write(
        &project,
        "in/b.parquet",
        &[("n", "int64", Value::Int64(1 << 40)), ("f", "double", Value::Double(0.1))],
    );
    project.good(&["run"]).says("inferred n bigint, f double precision");
    assert_eq!(project.value("select sum(n)::text || ' ' || sum(f) from raw.t").await, "1099511627777 0.6");
}
