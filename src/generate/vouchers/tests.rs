use std::collections::HashMap;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};

use super::draw::Draw;
use super::*;

fn sample(rows: u64, edition: Edition) -> VoucherSample {
    VoucherSample { rows, seed: 7, edition }
}

impl VoucherSample {
    /// The rows, in the order of the file.
    fn rows(&self) -> impl Iterator<Item = VoucherRow> + use<> {
        let mut draw = Draw::new(self.seed, self.edition);
        (0..self.rows).map(move |_| {
            let mut row = VoucherRow::default();
            draw.next(&mut row);
            row
        })
    }
}

fn csv(sample: &VoucherSample) -> String {
    let mut text = String::new();
    sample.csv_reader().read_to_string(&mut text).unwrap();
    text
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_every_machine() {
    let recorded = [
        (Edition::E2018, "c1022512f5d278411a6160f205a648e10d731ed9020dda284dd31010fdb3037b"),
        (Edition::E2020, "ae89834f0a12a81d93b71400a0d8538e5abbfa9db2c6baa7997cdbe9c4a9c394"),
    ];
    for (edition, expected) in recorded {
        assert_eq!(sha256(&csv(&sample(10_000, edition))), expected, "{edition:?}");
    }
    let other = VoucherSample { seed: 8, ..sample(10, Edition::E2018) };
    assert_ne!(csv(&other), csv(&sample(10, Edition::E2018)));
}

#[test]
fn a_longer_sample_begins_with_the_shorter_one() {
    assert!(csv(&sample(9_000, Edition::E2018)).starts_with(&csv(&sample(5_000, Edition::E2018))));
}

#[test]
fn both_editions_spell_dates_as_the_real_files_do() {
    let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "9");
    for (edition, timestamp, last, first) in [
        (Edition::E2018, "9999-99-99 99:99:99.999999", "9999-99-99", "9999-99-99 99:99:99"),
        (
            Edition::E2020,
            "9999-99-99 99:99:99.999999+99:99",
            "9999-99-99 99:99:99+99:99",
            "9999-99-99 99:99:99+99:99",
        ),
    ] {
        let text = csv(&sample(1_000, edition));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap(), COLUMNS.as_slice());
        for record in reader.records() {
            let record = record.unwrap();
            assert_eq!([shape(&record[0]), shape(&record[2]), shape(&record[3])], [timestamp, last, first]);
        }
    }
}

#[test]
fn the_defects_are_as_frequent_as_in_the_real_file() {
    let (mut blank, mut none, mut zero, mut odd, mut backwards, mut broken, mut dates) =
        (0, 0, 0, 0, 0, 0, 0);
    for row in sample(100_000, Edition::E2018).rows() {
        let orders = row.total_orders.trim();
        let mut first = String::new();
        push_date(&mut first, row.first_order_ms / (DAY / 1000));
        blank += u32::from(orders.is_empty());
        none += u32::from(row.voucher_amount.is_none());
        zero += u32::from(orders == "0.0");
        odd += u32::from(orders == "1.0" && first != row.last_order_ts);
        backwards += u32::from(row.last_order_ts < first);
        broken += u32::from(!orders.is_empty() && !orders.ends_with(".0"));
        dates += u32::from(row.last_order_ts.ends_with("-13-40"));
    }
    assert!((7_500..8_500).contains(&blank), "{blank}");
    assert!((450..800).contains(&none), "{none}");
    assert!((10_500..12_500).contains(&zero), "{zero}");
    assert!((4_300..5_500).contains(&odd), "{odd}");
    assert!((10..60).contains(&backwards), "{backwards}");
    assert!((1..10).contains(&broken), "{broken}");
    assert!((1..10).contains(&dates), "{dates}");
}

#[test]
fn each_country_has_its_share_and_peru_a_clear_winner() {
    let mut countries: HashMap<String, u32> = HashMap::new();
    let mut peru: HashMap<String, u32> = HashMap::new();
    for row in sample(50_000, Edition::E2020).rows() {
        let country = row.country_code.to_lowercase();
        if let (true, Some(amount)) = (country == "peru", row.voucher_amount) {
            *peru.entry(amount.to_string()).or_default() += 1;
        }
        *countries.entry(country).or_default() += 1;
    }
    let share = |country: &str| countries[country] / 500;
    assert_eq!(countries.len(), 4);
    for (country, percent) in [("china", 35), ("australia", 27), ("latvia", 22), ("peru", 16)] {
        assert!(share(country).abs_diff(percent) <= 1, "{country}: {} %", share(country));
    }
    assert!(2 * peru["2640"] > 3 * peru["3520"].max(peru["4400"]), "{peru:?}");
}

#[test]
fn parquet_holds_the_same_rows_with_the_real_types() {
    for edition in [Edition::E2018, Edition::E2020] {
        let sample = sample(150_000, edition);
        let (mut file, mut heard) = (Vec::new(), 0);
        sample.write(FileFormat::Parquet, &mut file, &mut |rows| heard = rows).unwrap();
        assert_eq!(heard, sample.rows);
        let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).unwrap();
        assert_eq!(builder.metadata().num_row_groups(), 2);
        let zoned = builder.schema().field(3).data_type().to_string();
        assert_eq!(zoned.contains("UTC"), edition == Edition::E2020, "{zoned}");

        let mut rows = sample.rows();
        for batch in builder.build().unwrap() {
            let batch = batch.unwrap();
            let text =
                |column: usize, row: usize| batch.column(column).as_string::<i32>().value(row).to_owned();
            let first = batch.column(3).as_primitive::<arrow_array::types::TimestampMillisecondType>();
            let amounts = batch.column(5).as_primitive::<arrow_array::types::Float64Type>();
            for index in 0..batch.num_rows() {
                let read = VoucherRow {
                    timestamp: text(0, index),
                    country_code: text(1, index),
                    last_order_ts: text(2, index),
                    first_order_ms: first.value(index),
                    total_orders: text(4, index),
                    voucher_amount: (!amounts.is_null(index)).then(|| amounts.value(index)),
                };
                assert_eq!(Some(read), rows.next());
            }
        }
        assert_eq!(rows.next(), None);
    }
}

#[test]
fn writing_and_reading_csv_give_the_same_bytes() {
    for rows in [0, 1, 4_096, 10_000] {
        let sample = sample(rows, Edition::E2020);
        let mut file = Vec::new();
        sample.write(FileFormat::Csv, &mut file, &mut |_| ()).unwrap();
        assert_eq!(String::from_utf8(file).unwrap(), csv(&sample));
    }
}

#[test]
fn a_query_is_read_and_its_mistakes_are_named() {
    assert_eq!(VoucherSample::from_query(""), Ok(VoucherSample::default()));
    let expected = VoucherSample { rows: 5, seed: 3, edition: Edition::E2020 };
    assert_eq!(VoucherSample::from_query("rows=5&edition=2020&seed=3"), Ok(expected));
    for (query, part) in
        [("row=5", "rows, seed, edition"), ("rows=-1", "`-1`"), ("edition=2019", "2018 or 2020")]
    {
        let message = VoucherSample::from_query(query).unwrap_err();
        assert!(message.contains(part), "{message}");
    }
}
