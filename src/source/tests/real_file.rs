//! The real voucher history, where it lies beside the project.

use std::collections::BTreeMap;

use super::*;

#[test]
fn the_real_voucher_history_is_read_as_delivered() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/voucher_history_2018.parquet");
    if !path.exists() {
        eprintln!("left out: {} is not there", path.display());
        return;
    }
    let fetched = local(&path);
    let names = columns(&fetched, &ReadOptions::default()).unwrap().names;
    assert_eq!(
        names,
        ["timestamp", "country_code", "last_order_ts", "first_order_ts", "total_orders", "voucher_amount"]
    );
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut rows = open(&fetched, &ReadOptions::default(), &text_targets(&names)).unwrap();

    let bytes = read_all(&mut rows).unwrap();
    let (mut countries, mut empty_orders, mut no_voucher, mut at) = (BTreeMap::new(), 0, 0, 19);
    while let Some((fields, end)) = row(&bytes, at) {
        at = end;
        *countries.entry(fields[1].clone().expect("a country")).or_insert(0) += 1;
        empty_orders += usize::from(fields[4].as_deref() == Some(""));
        no_voucher += usize::from(fields[5].is_none());
        assert!(fields[5].as_deref().is_none_or(|amount| !amount.contains('.')), "{fields:?}");
    }
    assert_eq!(bytes[at..], [0xff, 0xff]);
    let counted: Vec<(&str, i32)> = countries.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(counted, [("Australia", 78_396), ("China", 99_738), ("Latvia", 62_516), ("Peru", 44_920)]);
    assert_eq!((empty_orders, no_voucher, rows.rows_read()), (22_845, 1_731, 285_570));
}

/// The text fields of the row at `at`, and where the next begins; `None` where no whole row is left.
fn row(bytes: &[u8], mut at: usize) -> Option<(Vec<Option<String>>, usize)> {
    let mut take = |count: usize| {
        let taken = bytes.get(at..at + count)?;
        at += count;
        Some(taken)
    };
    let count = i16::from_be_bytes(take(2)?.try_into().expect("two bytes"));
    let mut fields = Vec::new();
    for _ in 0..usize::try_from(count).ok()? {
        let length = i32::from_be_bytes(take(4)?.try_into().expect("four bytes"));
        fields.push(match usize::try_from(length) {
            Ok(length) => Some(String::from_utf8(take(length)?.to_vec()).expect("text")),
            Err(_) => None,
        });
    }
    Some((fields, at))
}
