//! Parquet written here with nasty values, read back from the bytes that COPY would get.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder};
use arrow_array::types::{Int32Type, TimestampNanosecondType};
use arrow_array::*;
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

use super::*;

type Value = Option<Vec<u8>>;

fn write(path: &Path, columns: &[(&str, ArrayRef)]) -> PathBuf {
    write_packed(path, columns, Compression::SNAPPY)
}

fn write_packed(path: &Path, columns: &[(&str, ArrayRef)], codec: Compression) -> PathBuf {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.iter().map(|(_, array)| array.clone()).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(codec)
        .set_max_row_group_row_count(Some(10_000))
        .set_data_page_row_count_limit(1_000)
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path.to_owned()
}

#[test]
fn every_codec_that_parquet_has_is_read() {
    let folder = TempDir::new().unwrap();
    let words: ArrayRef = Arc::new(StringArray::from_iter_values((0..500).map(|row| format!("word {row}"))));
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(Default::default()),
    ];
    for codec in codecs {
        let path = write_packed(&folder.path().join("x.parquet"), &[("word", words.clone())], codec);
        let mut rows = open(&local(&path), &ReadOptions::default(), &text_targets(&["word"])).unwrap();
        let read = decode(&read_all(&mut rows).unwrap());
        assert_eq!((read.len(), read[499][0].as_deref()), (500, Some(&b"word 499"[..])), "{codec:?}");
    }
}

/// Takes the bytes of COPY BINARY apart.
fn decode(bytes: &[u8]) -> Vec<Vec<Value>> {
    let (head, mut rest) = bytes.split_at(19);
    assert_eq!(head, b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at(count);
        rest = left;
        taken.to_vec()
    };
    let mut rows = Vec::new();
    loop {
        let fields = i16::from_be_bytes(take(2).try_into().unwrap());
        if fields == -1 {
            assert!(rest.is_empty(), "nothing follows the trailer");
            return rows;
        }
        rows.push(
            (0..fields)
                .map(|_| match i32::from_be_bytes(take(4).try_into().unwrap()) {
                    -1 => None,
                    length => Some(take(length as usize)),
                })
                .collect(),
        );
    }
}

fn load(path: &Path, oids: &[u32]) -> Result<Vec<Vec<Value>>, SourceError> {
    let fetched = local(path);
    let names = columns(&fetched, &ReadOptions::default())?.names;
    let targets: Vec<Target> =
        names.into_iter().zip(oids).map(|(name, oid)| Target::new(name, *oid)).collect();
    let mut rows = open(&fetched, &ReadOptions::default(), &targets)?;
    assert!(rows.copy_clause(false).ends_with("FROM STDIN WITH (FORMAT binary)"));
    let decoded = decode(&read_all(&mut rows)?);
    assert_eq!(rows.rows_read(), decoded.len() as u64);
    Ok(decoded)
}

/// One column loaded as `oid`.
fn column(array: impl Array + 'static, oid: u32) -> Result<Vec<Value>, SourceError> {
    let folder = TempDir::new().unwrap();
    let path = write(&folder.path().join("x.parquet"), &[("c", Arc::new(array) as ArrayRef)]);
    Ok(load(&path, &[oid])?.into_iter().map(|mut row| row.remove(0)).collect())
}

fn texts(array: impl Array + 'static) -> Vec<Option<String>> {
    let fields = column(array, 25).unwrap();
    fields.into_iter().map(|field| field.map(|bytes| String::from_utf8(bytes).unwrap())).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

fn refused(array: impl Array + 'static, oid: u32) -> String {
    column(array, oid).expect_err("it is refused").message
}

#[test]
fn an_empty_string_is_no_null() {
    let strings = vec![Some(""), None, Some("é\"\\\n\t,"), Some("NULL")];
    let expected = vec![Some(String::new()), None, Some("é\"\\\n\t,".to_owned()), Some("NULL".to_owned())];
    assert_eq!(texts(StringArray::from(strings.clone())), expected);
    assert_eq!(texts(LargeStringArray::from(strings.clone())), expected);
    assert_eq!(texts(StringViewArray::from(strings.clone())), expected);
    assert_eq!(texts(strings.into_iter().collect::<DictionaryArray<Int32Type>>()), expected);
    assert_eq!(texts(NullArray::new(2)), [None, None]);
}

#[test]
fn every_type_has_its_canonical_text() {
    assert_eq!(texts(Float64Array::from(vec![2640.0, 2640.5, f64::NAN])), some(&["2640", "2640.5", "NaN"]));
    assert_eq!(texts(Float32Array::from(vec![0.1, 1e6])), some(&["0.1", "1e+06"]));
    assert_eq!(texts(BooleanArray::from(vec![true, false])), some(&["true", "false"]));
    assert_eq!(texts(Int64Array::from(vec![i64::MIN, 0])), some(&["-9223372036854775808", "0"]));
    assert_eq!(texts(UInt64Array::from(vec![u64::MAX])), some(&["18446744073709551615"]));
    assert_eq!(texts(Int8Array::from(vec![-128])), some(&["-128"]));
    assert_eq!(texts(Date32Array::from(vec![17_641, -719_163])), some(&["2018-04-20", "0001-12-31 BC"]));
    assert_eq!(texts(BinaryArray::from(vec![&b"\0\xff"[..], b""])), some(&[r"\x00ff", r"\x"]));
    let decimals = Decimal128Array::from(vec![1250, -1]).with_precision_and_scale(38, 2).unwrap();
    assert_eq!(texts(decimals), some(&["12.50", "-0.01"]));
    assert_eq!(texts(Time64MicrosecondArray::from(vec![68_361_102_761])), some(&["18:59:21.102761"]));
    let lasting = DurationMillisecondArray::from(vec![93_600_500, -1, 0]);
    assert_eq!(texts(lasting), some(&["26:00:00.5", "-00:00:00.001", "00:00:00"]));
    assert_eq!(texts(DurationSecondArray::from(vec![59])), some(&["00:00:59"]));
    let interval = |microseconds: i64| [&microseconds.to_be_bytes()[..], &[0; 8]].concat();
    assert_eq!(column(DurationSecondArray::from(vec![-59]), 1186).unwrap(), [Some(interval(-59_000_000))]);
    assert_eq!(column(DurationNanosecondArray::from(vec![1_000]), 1186).unwrap(), [Some(interval(1))]);
    assert!(refused(DurationNanosecondArray::from(vec![1]), 1186).contains("six digits of a second"));
    assert!(refused(DurationSecondArray::from(vec![i64::MAX]), 1186).contains("range of interval"));
    let mut lists = ListBuilder::new(builder::Float64Builder::new());
    lists.append_value([Some(1.5), Some(f64::NAN), None, Some(f64::NEG_INFINITY)]);
    assert_eq!(texts(lists.finish()), some(&["[1.5,\"NaN\",null,\"-Infinity\"]"]));
}

#[test]
fn timestamps_are_written_with_a_zone_only_where_they_have_one() {
    let micros = vec![1_532_199_561_102_761, 0, -1];
    let plain = ["2018-07-21 18:59:21.102761", "1970-01-01 00:00:00", "1969-12-31 23:59:59.999999"];
    assert_eq!(texts(TimestampMicrosecondArray::from(micros.clone())), some(&plain));
    let zoned = TimestampMicrosecondArray::from(micros).with_timezone("UTC");
    assert_eq!(texts(zoned), some(&plain.map(|text| format!("{text}+00")).each_ref().map(String::as_str)));
    assert_eq!(texts(TimestampMillisecondArray::from(vec![1_500])), some(&["1970-01-01 00:00:01.5"]));
    assert_eq!(texts(TimestampNanosecondArray::from(vec![-1])), some(&["1969-12-31 23:59:59.999999999"]));
}

#[test]
fn typed_targets_get_their_own_binary_form() {
    let bytes = |field: &[u8]| vec![Some(field.to_vec())];
    assert_eq!(column(Int64Array::from(vec![-2]), 21).unwrap(), bytes(&(-2_i16).to_be_bytes()));
    assert_eq!(column(UInt32Array::from(vec![7]), 23).unwrap(), bytes(&7_i32.to_be_bytes()));
    assert_eq!(column(Float64Array::from(vec![2640.0]), 20).unwrap(), bytes(&2640_i64.to_be_bytes()));
    assert_eq!(column(Float32Array::from(vec![0.5]), 701).unwrap(), bytes(&0.5_f64.to_be_bytes()));
    assert_eq!(column(Int16Array::from(vec![3]), 700).unwrap(), bytes(&3_f32.to_be_bytes()));
    assert_eq!(column(BooleanArray::from(vec![true]), 16).unwrap(), bytes(&[1]));
    assert_eq!(column(Date32Array::from(vec![10_957]), 1082).unwrap(), bytes(&0_i32.to_be_bytes()));
    assert_eq!(column(BinaryArray::from(vec![&b"\0x"[..]]), 17).unwrap(), bytes(b"\0x"));
    let decimals = Decimal128Array::from(vec![-1250]).with_precision_and_scale(10, 2).unwrap();
    assert_eq!(column(decimals, 1700).unwrap(), bytes(&[0, 2, 0, 0, 0x40, 0, 0, 2, 0, 12, 0x13, 0x88]));
    let uuid = "123E4567-e89b-12d3-a456-426614174000";
    assert_eq!(column(StringArray::from(vec![uuid]), 2950).unwrap()[0].as_ref().unwrap()[..2], [0x12, 0x3e]);
    assert_eq!(column(StringArray::from(vec!["{}"]), 3802).unwrap(), bytes(b"\x01{}"));
}

#[test]
fn timestamps_become_microseconds_since_2000() {
    let second = 946_684_801;
    let expected = vec![Some(1_000_000_i64.to_be_bytes().to_vec())];
    for oid in [1114, 1184] {
        assert_eq!(column(TimestampSecondArray::from(vec![second]), oid).unwrap(), expected);
        let zoned = TimestampMillisecondArray::from(vec![second * 1_000]).with_timezone("+02:00");
        assert_eq!(column(zoned, oid).unwrap(), expected);
    }
    let fine = PrimitiveArray::<TimestampNanosecondType>::from(vec![second * 1_000_000_000 + 500]);
    assert!(refused(fine, 1114).contains("six digits of a second"));
    let midnight = TimestampMicrosecondArray::from(vec![946_684_800_000_000]);
    assert_eq!(column(midnight, 1082).unwrap(), [Some(0_i32.to_be_bytes().to_vec())]);
}

#[test]
fn what_does_not_fit_is_refused_with_its_row_and_value() {
    let error = column(Int64Array::from(vec![Some(1), None, Some(40_000)]), 21).unwrap_err();
    assert!(error.message.starts_with("row 3, column `c` of "), "{error}");
    assert!(
        error.message.ends_with(r#""40000" cannot be loaded: it is out of the range of smallint"#),
        "{error}"
    );
    let place = error.place.unwrap();
    assert_eq!((place.line, place.column.as_deref(), place.value.as_deref()), (3, Some("c"), Some("40000")));

    assert!(refused(Float64Array::from(vec![2.5]), 23).contains("whole numbers only"));
    assert!(refused(Float64Array::from(vec![1e300]), 20).contains("range of bigint"));
    assert!(refused(Float64Array::from(vec![f64::NAN]), 20).contains("whole numbers only"));
    assert!(refused(Float64Array::from(vec![1e300]), 700).contains("range of real"));
    assert!(refused(UInt64Array::from(vec![u64::MAX]), 20).contains("range of bigint"));
    assert!(refused(TimestampSecondArray::from(vec![i64::MAX / 2]), 1114).contains("range of timestamp"));
    assert!(refused(TimestampSecondArray::from(vec![1]), 1082).contains("no time of day"));
    assert!(refused(StringArray::from(vec!["12g"]), 2950).contains("no UUID"));
    assert!(refused(Float64Array::from(vec![f64::INFINITY]), 114).contains("JSON"));
    let decimals = Decimal128Array::from(vec![150]).with_precision_and_scale(10, 2).unwrap();
    assert!(refused(decimals, 23).contains(r#""1.50" cannot be loaded: it is no integer"#));
}

#[test]
fn what_can_never_fit_is_refused_before_the_load() {
    let folder = TempDir::new().unwrap();
    let columns: [(&str, ArrayRef); 2] =
        [("t", Arc::new(StringArray::from(vec!["1"]))), ("b", Arc::new(BooleanArray::from(vec![true])))];
    let path = write(&folder.path().join("x.parquet"), &columns);
    let error = load(&path, &[23, 3614]).unwrap_err();
    assert!(
        error.message.contains("`t` holds text, which integer cannot take; `b` has a type (oid 3614)"),
        "{error}"
    );
    assert!(error.hint.unwrap().contains("stage model"));
}

#[test]
fn a_nested_column_is_json_and_nothing_else() {
    let mut lists = ListBuilder::new(Int32Builder::new());
    lists.append_value([Some(1), None]);
    let lists = lists.finish();
    let message = refused(lists.clone(), 23);
    assert!(message.contains("`c` holds lists, which integer cannot take"), "{message}");
    let words: ArrayRef = Arc::new(StringArray::from(vec![Some("a\"\n")]));
    let fields = vec![
        (Arc::new(Field::new("l", lists.data_type().clone(), true)), Arc::new(lists) as ArrayRef),
        (Arc::new(Field::new("w", DataType::Utf8, true)), words),
    ];
    let folder = TempDir::new().unwrap();
    let path =
        write(&folder.path().join("x.parquet"), &[("c", Arc::new(StructArray::from(fields)) as ArrayRef)]);
    let rows = load(&path, &[3802]).unwrap();
    assert_eq!(rows[0][0].as_deref().unwrap(), b"\x01{\"l\":[1,null],\"w\":\"a\\\"\\n\"}");
}

#[test]
fn many_row_groups_and_chunks_keep_order_and_nulls() {
    let folder = TempDir::new().unwrap();
    let numbers: Int32Array = (0..50_000).map(|n| (n % 7 != 0).then_some(n)).collect();
    let words: StringArray = (0..50_000).map(|n| (n % 5 != 0).then(|| format!("word {n}"))).collect();
    let path = write(
        &folder.path().join("x.parquet"),
        &[("n", Arc::new(numbers) as ArrayRef), ("w", Arc::new(words) as ArrayRef)],
    );
    let rows = load(&path, &[23, 25]).unwrap();
    assert_eq!(rows.len(), 50_000);
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(row[0], (n % 7 != 0).then(|| (n as i32).to_be_bytes().to_vec()));
        assert_eq!(row[1], (n % 5 != 0).then(|| format!("word {n}").into_bytes()));
    }
}

#[test]
fn a_parquet_file_packed_as_a_whole_is_unpacked_once() {
    let folder = TempDir::new().unwrap();
    let path =
        write(&folder.path().join("x.parquet"), &[("c", Arc::new(Int32Array::from(vec![1])) as ArrayRef)]);
    let packed = folder.path().join("x.parquet.zst");
    std::fs::write(&packed, zstd::encode_all(File::open(&path).unwrap(), 3).unwrap()).unwrap();
    assert_eq!(load(&packed, &[25]).unwrap(), [[Some(b"1".to_vec())]]);
    let scratch = packed.with_extension("cache");
    assert_eq!(std::fs::read_dir(scratch).unwrap().count(), 0, "the unpacked file has no name");
}

#[test]
fn rows_are_wanted_unless_told_otherwise() {
    let message = refused(Int32Array::from(Vec::<i32>::new()), 23);
    assert!(message.contains("has columns but no rows"), "{message}");
}

#[test]
fn a_cut_or_damaged_file_is_an_error_and_never_a_panic() {
    let folder = TempDir::new().unwrap();
    let words: StringArray = (0..3_000).map(|n| Some(format!("word {}", n % 50))).collect();
    let numbers: Float64Array = (0..3_000).map(|n| (n % 3 != 0).then_some(f64::from(n) / 8.0)).collect();
    let columns: [(&str, ArrayRef); 2] = [("w", Arc::new(words)), ("n", Arc::new(numbers))];
    let whole = std::fs::read(write(&folder.path().join("x.parquet"), &columns)).unwrap();
    let path = folder.path().join("y.parquet");
    for kept in (5..whole.len()).step_by(whole.len() / 40) {
        std::fs::write(&path, &whole[..kept]).unwrap();
        let error = load(&path, &[25, 701]).unwrap_err();
        assert!(error.message.contains("is not a whole Parquet file"), "{kept}: {error}");
    }
    for at in (4..whole.len()).step_by(17) {
        let mut broken = whole.clone();
        broken[at] ^= 0xA5;
        std::fs::write(&path, &broken).unwrap();
        let read = std::panic::catch_unwind(|| load(&path, &[25, 701]).map(drop));
        assert!(read.is_ok(), "a panic with byte {at} changed");
    }
}

#[test]
fn int96_timestamps_of_far_years_do_not_wrap() {
    use parquet::data_type::{Int96, Int96Type};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.parquet");
    let schema = parse_message_type("message m { required int96 c; }").unwrap();
    let mut file =
        SerializedFileWriter::new(File::create(&path).unwrap(), Arc::new(schema), Arc::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut values = group.next_column().unwrap().unwrap();
    // 3018-07-03 12:00:00 by its Julian day, and nanoseconds of the day.
    let mut value = Int96::new();
    let nanoseconds = 43_200_000_000_000_u64;
    value.set_data(nanoseconds as u32, (nanoseconds >> 32) as u32, 2_440_588 + 382_957);
    values.typed::<Int96Type>().write_batch(&[value], None, None).unwrap();
    values.close().unwrap();
    group.close().unwrap();
    file.close().unwrap();
    assert_eq!(load(&path, &[25]).unwrap(), [[Some(b"3018-07-03 12:00:00".to_vec())]]);
}

#[test]
fn words_of_an_enumeration_stay_words_and_uuids_read_as_such() {
    use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.parquet");
    let schema = "message m { required binary e (ENUM); required fixed_len_byte_array(16) u (UUID); }";
    let schema = parse_message_type(schema).unwrap();
    let mut file =
        SerializedFileWriter::new(File::create(&path).unwrap(), Arc::new(schema), Arc::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut words = group.next_column().unwrap().unwrap();
    words.typed::<ByteArrayType>().write_batch(&[ByteArray::from("red")], None, None).unwrap();
    words.close().unwrap();
    let mut uuids = group.next_column().unwrap().unwrap();
    let uuid = FixedLenByteArray::from((0..16).collect::<Vec<u8>>());
    uuids.typed::<FixedLenByteArrayType>().write_batch(&[uuid], None, None).unwrap();
    uuids.close().unwrap();
    group.close().unwrap();
    file.close().unwrap();
    let text = b"00010203-0405-0607-0809-0a0b0c0d0e0f".to_vec();
    assert_eq!(load(&path, &[25, 25]).unwrap(), [[Some(b"red".to_vec()), Some(text)]]);
}
