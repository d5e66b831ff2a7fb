use std::collections::{BTreeMap, HashSet};
use std::io::Read;

use super::*;

fn table(query: &str) -> Vec<csv::StringRecord> {
    let mut text = String::new();
    let sample = from_query(query).unwrap();
    sample.csv_reader().read_to_string(&mut text).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(sample.row_count(), records.len() as u64, "{query}");
    records
}

/// Of 1,000.
fn share(records: &[csv::StringRecord], is: impl Fn(&csv::StringRecord) -> bool) -> usize {
    records.iter().filter(|record| is(record)).count() * 1000 / records.len()
}

#[test]
fn customers_have_the_shapes_that_were_asked_for() {
    let customers = table("rows=10000&seed=3");
    assert_eq!(customers.len(), 10_000);
    let different: HashSet<String> = customers.iter().map(|row| format!("{row:?}")).collect();
    let mobiles: HashSet<&str> = customers.iter().map(|row| &row[3]).collect();
    assert_eq!(different.len(), mobiles.len(), "rows with one mobile are the same row");
    assert!((9_400..9_600).contains(&mobiles.len()), "{}", mobiles.len());
    for row in &customers {
        let digits = row[3].strip_prefix("+91").unwrap();
        assert!(digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{row:?}");
        assert!(row[1].is_empty() || (18..=70).contains(&row[1].parse::<u32>().unwrap()), "{row:?}");
        assert!((150_000..=3_000_000).contains(&row[2].parse::<u32>().unwrap()), "{row:?}");
    }
    assert!((40..80).contains(&share(&customers, |row| row[1].is_empty())));
    // Another seed has other people.
    assert_ne!(customers[..50], table("rows=50&seed=4")[..]);
    // A longer file begins with the shorter one.
    assert_eq!(customers[..50], table("rows=50&seed=3")[..]);
}

#[test]
fn every_customer_has_a_history_with_its_defects() {
    let customers = table("rows=3000");
    let rows = table("table=purchase_history&rows=3000");
    let mobiles: HashSet<&str> = customers.iter().map(|row| &row[3]).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        *counts.entry(&row[0]).or_default() += 1;
        assert!(row[2].is_empty() || (100.0..=10_000.0).contains(&row[2].parse::<f64>().unwrap()), "{row:?}");
    }
    assert_eq!(counts.keys().copied().collect::<HashSet<_>>(), mobiles);
    assert!(counts.values().all(|count| (3..=13).contains(count)));
    assert!((80..120).contains(&share(&rows, |row| row[1].is_empty())));
    assert!((70..110).contains(&share(&rows, |row| row[1].get(2..3) == Some("-"))));
    assert!((35..65).contains(&share(&rows, |row| row[2].is_empty())));
    assert!((35..65).contains(&share(&rows, |row| row[3].is_empty())));
    let twice = rows.windows(2).filter(|two| two[0] == two[1]).count() * 1000 / rows.len();
    assert!((5..30).contains(&twice), "{twice}");
}

#[test]
fn a_mobile_is_answered_the_same_whoever_asks() {
    let rows = table("table=purchase_history&rows=100&seed=11");
    let mobile = &rows[0][0];
    let of_file: Vec<_> = rows.iter().filter(|row| &row[0] == mobile).collect();
    let of_api = history(11, mobile);
    assert_eq!(of_file.len(), of_api.len());
    for (row, purchase) in of_file.iter().zip(&of_api) {
        assert_eq!(&row[2], purchase.amount.as_deref().unwrap_or_default());
    }
    assert!(history(11, "+910000000000").len() >= 3, "also one that no file has");
    assert_ne!(history(11, mobile), history(12, mobile));
}

#[test]
fn what_is_asked_wrongly_is_named() {
    for (query, told) in [
        ("table=people", "they have customers, purchase_history"),
        ("rows=0", "from 1 to"),
        ("rows=many", "`rows` takes"),
        ("scale=5", "know no `scale`"),
    ] {
        assert!(from_query(query).err().is_some_and(|error| error.contains(told)), "{query}");
    }
}
